import json

import cv2
import numpy as np
import pytest
import torch

from lowres.evaluation.latency import end_to_end_cost, measure_latency, using_threads


class FakeClock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def test_percentiles_are_nearest_rank_and_warmup_is_not_counted():
    clock = FakeClock()
    durations_ms = iter([900.0, 800.0, *range(100, 0, -1)])  # two warm-up calls, then 100 ms down to 1 ms
    latency = measure_latency(lambda: clock.sleep(next(durations_ms) / 1000), warmup=2, repeats=100, clock=clock)
    assert latency["p50_ms"] == pytest.approx(50, abs=1e-6)
    assert latency["p99_ms"] == pytest.approx(99, abs=1e-6)
    assert latency["mean_ms"] == pytest.approx(50.5, abs=1e-6)
    assert latency["repeats"] == 100
    assert next(durations_ms, None) is None


def test_with_few_repeats_p99_is_the_slowest():
    clock = FakeClock()
    durations_s = iter([0.003, 0.001, 0.002])
    latency = measure_latency(lambda: clock.sleep(next(durations_s)), warmup=0, repeats=3, clock=clock)
    assert (latency["p50_ms"], latency["p99_ms"]) == (pytest.approx(2, abs=1e-9), pytest.approx(3, abs=1e-9))


@pytest.mark.parametrize(("warmup", "repeats"), [(-1, 5), (0, 0)])
def test_impossible_counts_are_refused(warmup, repeats):
    with pytest.raises(ValueError, match=r"warmup .*, repeats .*: give"):
        measure_latency(lambda: None, warmup=warmup, repeats=repeats)


def step_by_step(clock, seconds, seen):
    def step(name):
        def call(value, *rest):
            clock.sleep(seconds[name])
            seen.append((name, value, *rest))
            return f"{name}({value})"

        return call

    return {name: step(name) for name in seconds}


def test_every_step_gets_its_own_time_and_the_whole_the_sum():
    clock, seen = FakeClock(), []
    steps = step_by_step(clock, {"decode": 0.002, "resize": 0.001, "model": 0.010, "postprocess": 0.0005}, seen)
    cost = end_to_end_cost([b"x", b"y"], **steps, warmup=1, repeats=3, clock=clock)
    for name, expected_ms in {"decode": 2, "resize": 1, "model": 10, "postprocess": 0.5, "total": 13.5}.items():
        for key in ("p50_ms", "p99_ms", "mean_ms"):
            assert cost[name][key] == pytest.approx(expected_ms, abs=1e-6)
        assert cost[name]["repeats"] == 3
    assert (cost["batch_size"], cost["images"], cost["device"]) == (1, 2, "cpu")
    assert [entry[1] for entry in seen if entry[0] == "decode"] == [b"x", b"x", b"y", b"x"]  # warm-up, then in turn
    assert seen[3] == ("postprocess", "model(resize(decode(b'x')))", "decode(b'x')")


def test_from_jpeg_bytes_to_numbers_without_gradients():
    encoded = cv2.imencode(".jpg", np.zeros((32, 48, 3), dtype=np.uint8))[1].tobytes()
    conv = torch.nn.Conv2d(3, 4, 3)
    outputs = []
    cost = end_to_end_cost(
        [encoded],
        decode=lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR),
        resize=lambda image: torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255,
        model=conv,
        postprocess=lambda output, image: outputs.append((output, image.shape)),
        warmup=1,
        repeats=4,
        threads=1,
    )
    assert len(outputs) == 5
    assert not outputs[0][0].requires_grad
    assert outputs[0][1] == (32, 48, 3)
    assert cost["threads"] == 1
    steps = [cost[name]["mean_ms"] for name in ("decode", "resize", "model", "postprocess")]
    assert cost["total"]["mean_ms"] == pytest.approx(sum(steps), rel=1e-9)
    assert json.loads(json.dumps(cost, allow_nan=False)) == cost


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="encoded_images: there is none"):
        end_to_end_cost([], **step_by_step(FakeClock(), dict.fromkeys(("decode", "resize", "model", "postprocess"), 0), []), warmup=0, repeats=1)  # fmt: skip


def test_threads_are_set_for_the_time_and_restored():
    before = torch.get_num_threads(), cv2.getNumThreads()
    with using_threads(2):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (2, 2)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before
    with pytest.raises(KeyError), using_threads(2):
        raise KeyError
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before
    with pytest.raises(ValueError, match="threads: 0 is under 1"), using_threads(0):
        pass
