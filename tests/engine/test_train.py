import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_task import TinyTask, digest, evaluate_tiny, make_batch, train_tiny
from torch import nn

from lowres.engine.checkpoint import list_checkpoints, read_checkpoint
from lowres.engine.ema import Ema
from lowres.engine.optimiser import build_optimiser

TIMINGS = ("seconds", "images_per_second", "data_wait_fraction")


class Killed(Exception):
    pass


def without_timings(path: Path) -> list[dict]:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in record.items() if key not in TIMINGS} for record in records]


def killed_after(step: int, *, accumulate: int = 2):
    """A stream that raises where a process would die: while it fetches for the step after `step`."""

    def batches(first: int):
        for index in range(first, 1_000):
            if index == step * accumulate + 1:
                raise Killed
            yield make_batch(index)

    return batches


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return train_tiny(folder), folder


@pytest.mark.parametrize("step", range(12))
def test_resume_from_any_step_is_bitwise_equal(tmp_path, undisturbed, step):
    expected, folder = undisturbed
    with pytest.raises(Killed):
        train_tiny(tmp_path, batches=killed_after(step), checkpoint_minutes=0.0)
    result = train_tiny(tmp_path, checkpoint_minutes=0.0)
    assert digest(result.last_state) == digest(expected.last_state)
    assert digest(result.best_state) == digest(expected.best_state)
    assert result.best_step == expected.best_step
    assert without_timings(tmp_path / "history.jsonl") == without_timings(folder / "history.jsonl")


def test_resume_from_an_older_checkpoint_repeats_the_steps_between(tmp_path, undisturbed):
    expected, folder = undisturbed
    with pytest.raises(Killed):
        train_tiny(tmp_path, batches=killed_after(9))  # the newest checkpoint is that of the evaluation at step 5
    assert list_checkpoints(tmp_path)[-1].name == "checkpoint-000000005.pt"
    result = train_tiny(tmp_path)
    assert digest(result.last_state) == digest(expected.last_state)
    assert without_timings(tmp_path / "history.jsonl") == without_timings(folder / "history.jsonl")


def test_kill_during_an_evaluation_resumes_at_that_evaluation(tmp_path, undisturbed):
    expected, folder = undisturbed
    calls = []

    def dies_at_second(model):
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        return evaluate_tiny(model)

    with pytest.raises(Killed):
        train_tiny(tmp_path, evaluate=dies_at_second)
    newest = list_checkpoints(tmp_path)[-1]
    assert newest.name == "checkpoint-000000010-unevaluated.pt"
    result = train_tiny(tmp_path)
    assert digest(result.best_state) == digest(expected.best_state)
    assert without_timings(tmp_path / "history.jsonl") == without_timings(folder / "history.jsonl")


def test_a_finished_run_returns_the_same_without_a_step(tmp_path, undisturbed):
    first = train_tiny(tmp_path)

    def no_more(model):
        raise AssertionError("evaluated again")

    again = train_tiny(tmp_path, evaluate=no_more)
    assert digest(again.best_state) == digest(first.best_state)
    assert again.best_metrics == first.best_metrics


def test_a_finished_run_keeps_two_checkpoints_and_a_verified_best_model(tmp_path, undisturbed):
    result, folder = undisturbed
    assert [path.name for path in list_checkpoints(folder)] == [
        "checkpoint-000000012-unevaluated.pt",
        "checkpoint-000000012.pt",
    ]
    assert digest(load_file(result.best_path)) == digest(result.best_state)
    assert not list(folder.glob("*.tmp"))


def test_frozen_teacher_is_neither_changed_nor_stored(tmp_path):
    torch.manual_seed(0)
    task = TinyTask()
    before = digest(task.teacher.state_dict())
    train_tiny(tmp_path, task=task, total_steps=2, evaluate=None)
    assert digest(task.teacher.state_dict()) == before
    stored = read_checkpoint(list_checkpoints(tmp_path)[-1])["task"]
    assert not [key for key in stored if key.startswith("teacher")]
    assert {"adapter.weight", "model.head.weight", "model.backbone.1.running_var"} <= stored.keys()


def test_everything_that_should_learn_learns(tmp_path):
    torch.manual_seed(0)
    task = TinyTask()
    before = {key: value.clone() for key, value in task.named_parameters()}
    train_tiny(tmp_path, task=task, total_steps=2, evaluate=None)
    changed = {key for key, value in task.named_parameters() if not torch.equal(value, before[key])}
    assert changed == {key for key in before if not key.startswith("teacher")}


def test_without_evaluation_the_best_is_the_last(tmp_path):
    result = train_tiny(tmp_path, evaluate=None, total_steps=3)
    assert result.best_step == 3
    assert result.best_metrics == {}
    assert digest(result.best_state) == digest(result.last_state)


def test_best_is_the_highest_and_of_equals_the_earlier(tmp_path):
    values = iter([0.2, 0.5, 0.5, 0.1])
    result = train_tiny(tmp_path, evaluate=lambda model: {"ap": next(values)}, evaluate_every=1, total_steps=4)
    assert result.best_step == 2
    assert result.best_metrics == {"ap": 0.5}


def test_accumulating_two_batches_equals_one_batch_of_both(tmp_path):
    def make_task():
        torch.manual_seed(1)
        task = TinyTask()
        task.model.backbone[1] = nn.Identity()  # batch norm and dropout depend on the batch's size
        task.model.drop = nn.Identity()
        return task

    def joined(first):
        for index in range(first, 100):
            a, b = make_batch(2 * index), make_batch(2 * index + 1)
            a.pixels = torch.cat([a.pixels, b.pixels])
            yield a

    two = train_tiny(tmp_path / "two", task=make_task(), evaluate=None, total_steps=4)
    one = train_tiny(tmp_path / "one", task=make_task(), evaluate=None, total_steps=4, accumulate=1, batches=joined)
    for key, value in two.last_state.items():
        torch.testing.assert_close(value, one.last_state[key], atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_not_finite_names_step_and_terms(tmp_path):
    def poisoned(first):
        for index in range(first, 100):
            batch = make_batch(index)
            if index == 5:
                batch.pixels[0] = float("nan")
            yield batch

    with pytest.raises(ValueError, match=r"loss is not finite in step 3: fit nan, imitate nan"):
        train_tiny(tmp_path, batches=poisoned)


def test_a_misspelt_weight_names_the_nearest_term(tmp_path):
    with pytest.raises(ValueError, match=r"'imitat' belongs to no term.*nearest: 'imitate'"):
        train_tiny(tmp_path, weights={"fit": 1.0, "imitat": 0.5})


def test_a_term_without_weight_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'imitate' has no weight"):
        train_tiny(tmp_path, weights={"fit": 1.0})


def test_an_unknown_selection_metric_names_what_there_is(tmp_path):
    with pytest.raises(ValueError, match=r"gave ap_50 = None.*it gave ap"):
        train_tiny(tmp_path, select_by="ap_50", total_steps=2)


def test_another_fingerprint_is_refused(tmp_path):
    train_tiny(tmp_path, total_steps=2, evaluate=None)
    with pytest.raises(
        ValueError, match=r"checkpoint-000000002.pt belongs to fingerprint 'tiny', this run's is 'other'"
    ):
        train_tiny(tmp_path, total_steps=2, evaluate=None, fingerprint="other")


def test_an_optimiser_that_misses_parameters_is_a_bug(tmp_path):
    task = TinyTask()
    with pytest.raises(AssertionError, match="exactly what requires a gradient"):
        train_tiny(tmp_path, task=task, optimiser=build_optimiser(task.model, name="sgd", lr=1.0, weight_decay=0.0))


def test_bfloat16_autocast_and_channels_last_train_and_resume_exactly(tmp_path):
    options = {"precision": "bfloat16", "channels_last": True, "total_steps": 4, "checkpoint_minutes": 0.0}
    expected = train_tiny(tmp_path / "a", **options)
    with pytest.raises(Killed):
        train_tiny(tmp_path / "b", **options, batches=killed_after(2))
    assert digest(train_tiny(tmp_path / "b", **options).last_state) == digest(expected.last_state)


def test_dvclive_holds_every_step_once_after_a_resume(tmp_path):
    live = tmp_path / "live"
    with pytest.raises(Killed):
        train_tiny(tmp_path / "run", batches=killed_after(8), dvclive_folder=live)
    train_tiny(tmp_path / "run", dvclive_folder=live)
    rows = (live / "plots" / "metrics" / "train" / "loss.tsv").read_text().splitlines()
    assert [int(row.split("\t")[0]) for row in rows[1:]] == list(range(1, 13))


def test_ema_follows_the_formula():
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    ema = Ema(model, decay=0.5, warmup_steps=0)
    for value in (3.0, 5.0):
        model.weight.data.fill_(value)
        ema.update(model, 1)
    assert float(ema.average.weight) == 3.5  # 1 -> (1 + 3) / 2 = 2 -> (2 + 5) / 2


def test_ema_decay_is_warmed_up():
    ema = Ema(nn.Linear(1, 1), decay=0.9999, warmup_steps=2000)
    assert ema.decay_at(2000) == pytest.approx(0.9999 * (1 - 0.36787944))
    assert ema.decay_at(1) == pytest.approx(0.9999 * 0.00049987502)


def test_ema_averages_batch_statistics_and_copies_other_buffers():
    model = nn.BatchNorm1d(1)
    model.register_buffer("anchors", torch.tensor([float("inf")]))
    ema = Ema(model, decay=0.75, warmup_steps=0)
    model.running_mean.fill_(4.0)
    model.num_batches_tracked.fill_(9)
    ema.update(model, 1)
    assert float(ema.average.running_mean) == 1.0
    assert int(ema.average.num_batches_tracked) == 9
    assert float(ema.average.anchors) == float("inf")
