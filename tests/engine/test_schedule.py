import pytest

from lowres.engine.schedule import build_schedule


def test_warmup_is_linear_and_ends_at_the_base_rate():
    factor = build_schedule(kind="flat", total_steps=10, warmup_steps=4)
    assert [factor(step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_cosine_falls_from_the_end_of_warmup_to_the_final_factor():
    factor = build_schedule(kind="cosine", total_steps=10, warmup_steps=2, final_factor=0.2)
    assert factor(2) == 1.0
    assert factor(6) == pytest.approx(0.6)  # half way: the mean of 1 and 0.2
    assert factor(4) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + 2**-0.5))  # a quarter: cos(pi / 4)
    assert factor(10) == pytest.approx(0.2)


def test_flat_cosine_holds_and_then_falls():
    factor = build_schedule(kind="flat_cosine", total_steps=20, warmup_steps=1, flat_until=10)
    assert [factor(step) for step in (0, 5, 10)] == [1.0, 1.0, 1.0]
    assert factor(15) == pytest.approx(0.5)


def test_step_drops_once_for_each_milestone():
    factor = build_schedule(kind="step", total_steps=50, warmup_steps=0, drop_at=[40, 45], drop_factor=0.1)
    assert [factor(step) for step in (0, 39, 40, 44)] == [1.0, 1.0, 0.1, 0.1]
    assert factor(45) == pytest.approx(0.01)


def test_warmup_multiplies_what_the_kind_gives():
    factor = build_schedule(kind="step", total_steps=10, warmup_steps=4, drop_at=[2], drop_factor=0.5)
    assert [factor(step) for step in range(5)] == [0.25, 0.5, 0.375, 0.5, 0.5]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"kind": "linear"}, "'linear'"),
        ({"warmup_steps": 11}, "warmup_steps is 11"),
        ({"kind": "flat_cosine", "flat_until": 10}, "flat_until is 10"),
        ({"kind": "step"}, r"drop_at is \[\]"),
        ({"kind": "step", "drop_at": [10]}, r"drop_at is \[10\]"),
        ({"final_factor": 1.5}, "final_factor is 1.5"),
    ],
)
def test_a_wrong_value_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        build_schedule(**({"kind": "cosine", "total_steps": 10, "warmup_steps": 0} | wrong))
