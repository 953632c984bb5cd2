"""What the image sets for every pod."""

from pathlib import Path

TEXT = (Path(__file__).parents[2] / "deploy/Dockerfile").read_text()


def instructions():
    """The Dockerfile's lines without comments, continued lines joined."""
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def test_a_pod_that_asks_for_no_gpu_sees_none():
    set_there = " ".join(line for line in instructions() if line.startswith("ENV "))
    assert "LOWRES_COMMIT=" in set_there  # it was found
    assert "NVIDIA_VISIBLE_DEVICES" not in set_there
