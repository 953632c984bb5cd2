import os
import signal
from pathlib import Path

import pytest
from processes import exit_code, start, start_tiny, wait_for_a_step
from tiny_task import digest, evaluate_tiny, make_batch, run_tiny, train_tiny

from lowres.engine.checkpoint import list_checkpoints
from lowres.engine.signals import stop_requested


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_exits_with_its_code_within_ten_seconds(tmp_path, number, code):
    process = start_tiny(tmp_path, workers=2, steps=100_000, checkpoint_minutes=1e9)
    wait_for_a_step(process, tmp_path)
    assert process.pid is not None
    os.kill(process.pid, number)
    assert exit_code(process, within_seconds=10.0) == code
    assert list_checkpoints(tmp_path)


def as_group_leader(folder: Path, **options) -> None:
    os.setsid()
    run_tiny(folder, **options)


def test_a_signal_to_the_whole_process_group_still_saves(tmp_path):
    options = {"workers": 2, "steps": 100_000, "checkpoint_minutes": 1e9, "pause": 0.01}
    process = start(as_group_leader, tmp_path, **options)
    wait_for_a_step(process, tmp_path)
    assert process.pid is not None
    os.killpg(process.pid, signal.SIGTERM)
    assert exit_code(process) == 143
    assert list_checkpoints(tmp_path)


def with_signal_at(batch_index: int):
    def batches(first: int):
        for index in range(first, 1_000):
            if index == batch_index:
                os.kill(os.getpid(), signal.SIGTERM)
            yield make_batch(index)

    return batches


@pytest.mark.parametrize("batch_index", [6, 7])  # the first and the second of the two batches of step 3
def test_a_stopped_run_goes_on_to_the_same_result(tmp_path, batch_index):
    expected = train_tiny(tmp_path / "undisturbed")
    with pytest.raises(SystemExit) as stopped:
        train_tiny(tmp_path / "run", batches=with_signal_at(batch_index))
    assert stopped.value.code == 143
    finished = 4 if batch_index == 7 else 3  # half a step is not kept
    assert list_checkpoints(tmp_path / "run")[-1].name == f"checkpoint-{finished:09d}.pt"
    result = train_tiny(tmp_path / "run")
    assert digest(result.last_state) == digest(expected.last_state)
    assert digest(result.best_state) == digest(expected.best_state)


def test_a_stop_during_an_evaluation_drops_its_partial_result(tmp_path):
    expected = train_tiny(tmp_path / "undisturbed")

    def stopped_half_way(model):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop_requested()
        return {"ap": 1.0}

    with pytest.raises(SystemExit) as stopped:
        train_tiny(tmp_path / "run", evaluate=stopped_half_way)
    assert stopped.value.code == 143
    result = train_tiny(tmp_path / "run", evaluate=evaluate_tiny)
    assert result.best_metrics == expected.best_metrics
    assert digest(result.best_state) == digest(expected.best_state)


def test_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    train_tiny(tmp_path, total_steps=2)
    assert signal.getsignal(signal.SIGTERM) is before
    assert not stop_requested()


def test_a_second_training_in_the_same_folder_is_refused_until_the_first_is_killed(tmp_path):
    process = start_tiny(tmp_path, workers=0, steps=100_000)
    wait_for_a_step(process, tmp_path)
    with pytest.raises(ValueError, match=rf"in use by process {process.pid} "):
        train_tiny(tmp_path)
    process.kill()
    assert exit_code(process) == -signal.SIGKILL
    train_tiny(tmp_path, total_steps=2)
