import os
import signal
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from detector_ranks import STEPS, kept_by_teacher, run_detector_rank, train_detector
from processes import exit_code, start, wait_for_a_step
from tiny_ranks import run_rank

from lowres.engine.checkpoint import list_checkpoints


def start_ranks(target: Callable[..., None], folder: Path, *, world: int, **options: int | str) -> list[BaseProcess]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(world)}
    environments = [shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(world)]
    return [start(target, folder, environment=environment, **options) for environment in environments]


def run_ranks(target: Callable[..., None], folder: Path, *, world: int, **options: int | str) -> dict:
    processes = start_ranks(target, folder, world=world, **options)
    assert [exit_code(process) for process in processes] == [0] * world
    return torch.load(folder / "result.pt")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_ranks_give_the_losses_and_weights_of_one_process(tmp_path, accumulate):
    one = run_ranks(run_rank, tmp_path / "one", world=1, accumulate=accumulate, steps=8)
    two = run_ranks(run_rank, tmp_path / "two", world=2, accumulate=accumulate, steps=8)
    assert len(one["history"]) == 10  # eight steps, two evaluations
    for expected, found in zip(one["history"], two["history"], strict=True):
        name = "terms" if expected["kind"] == "train" else "metrics"
        assert found[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-7)
    assert any(record["terms"]["boxes"] > 0.01 for record in one["history"] if record["kind"] == "train")
    for key, value in one["last"].items():
        torch.testing.assert_close(two["last"][key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["detection", "distillation"])
def test_two_ranks_train_a_detector_as_one_process_does(tmp_path, name):
    """Every term of every step to 1e-4 of itself, every weight to 1e-6; a rank or all of them may have no box."""
    one = train_detector(tmp_path / "one", name)
    two = run_ranks(run_detector_rank, tmp_path / "two", world=2, name=name)
    assert len(one.history) == STEPS
    for expected, found in zip(one.history, two["history"], strict=True):
        assert found["terms"] == pytest.approx(expected["terms"], rel=1e-4, abs=1e-7), expected["step"]
    for key, value in one.last_state.items():
        torch.testing.assert_close(two["last"][key], value, rtol=1e-5, atol=1e-6)


def test_ranks_distil_from_different_numbers_of_queries_and_one_from_none():
    kept = kept_by_teacher()
    assert any(0 < first != second > 0 for first, second in kept)
    assert any((first == 0) != (second == 0) for first, second in kept)


def test_a_signal_to_one_rank_stops_both_with_a_checkpoint(tmp_path):
    processes = start_ranks(run_rank, tmp_path / "run", world=2, accumulate=1, steps=2_000)
    wait_for_a_step(processes[0], tmp_path / "run")
    assert processes[1].pid is not None
    os.kill(processes[1].pid, signal.SIGTERM)
    assert [exit_code(process) for process in processes] == [143, 143]
    stopped_at = list_checkpoints(tmp_path / "run")[-1]
    assert 0 < int(stopped_at.stem[-9:]) < 2_000
