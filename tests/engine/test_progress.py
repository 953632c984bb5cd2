import pytest

from lowres.engine import progress as module
from lowres.engine.progress import Progress, format_seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "00:00"), (200.4, "03:20"), (3_800.0, "1:03:20"), (90_000.0, "25:00:00")]
)
def test_time_left_is_shown_in_minutes_and_hours(seconds, text):
    assert format_seconds(seconds) == text


def test_a_line_names_step_time_left_speed_and_terms(capsys):
    progress = Progress(label="teacher", total_steps=600, step=119, shown=True)
    progress.advance(0.5, 0.05, 8, loss=12.5, terms={"boxes": 3.25}, lr=2e-4)
    line = capsys.readouterr().err
    assert line == (
        "teacher  step 120/600  eta 04:00  16 img/s  data 10%  loss 12.5  boxes 3.25  lr 0.0002\n"  # 480 steps of 0.5 s
    )


def test_lines_come_every_ten_seconds_and_at_the_end(capsys, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    progress = Progress(label="x", total_steps=25, step=0, shown=True)
    for _ in range(25):
        now += 1.0
        progress.advance(1.0, 0.0, 1, loss=0.0, terms={}, lr=0.0)
    shown = [line.split("step ")[1].split("/")[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["1", "11", "21", "25"]


def test_the_speed_is_that_of_the_last_fifty_steps():
    progress = Progress(label="x", total_steps=1000, step=0, shown=False)
    for seconds in [9.0] * 30 + [0.5] * 50:
        progress.advance(seconds, 0.1, 2, loss=0.0, terms={}, lr=0.0)
    assert progress.images_per_second == 4.0
    assert progress.data_wait_fraction == pytest.approx(0.2)


def test_other_ranks_say_nothing(capsys):
    progress = Progress(label="x", total_steps=2, step=0, shown=False)
    progress.advance(1.0, 0.0, 1, loss=0.0, terms={}, lr=0.0)
    progress.say("hello")
    assert capsys.readouterr().err == ""
