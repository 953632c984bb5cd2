import errno
import hashlib
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tiny_task import digest, train_tiny

from lowres.engine.checkpoint import list_checkpoints, newest_intact, read_checkpoint, save_checkpoint


@contextmanager
def files_limited_to(size: int):
    """A full disk for whoever writes more than `size` bytes to a file, root included (EFBIG)."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_payload_comes_back_as_it_was(tmp_path):
    tensor = torch.tensor([1.5, float("inf")], dtype=torch.bfloat16)
    path = save_checkpoint(tmp_path, "checkpoint-000000001", {"a": tensor, "b": {"c": [1, 2.5, "x", None]}})
    back = read_checkpoint(path)
    assert torch.equal(back["a"], tensor)
    assert back["b"] == {"c": [1, 2.5, "x", None]}


def test_the_digest_is_that_of_the_file(tmp_path):
    path = save_checkpoint(tmp_path, "checkpoint-000000001", {"a": torch.zeros(1000)})
    recorded = path.with_name(path.name + ".sha256").read_text()
    assert recorded == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def test_the_last_two_are_kept_with_their_digests(tmp_path):
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, f"checkpoint-{step:09d}", {"step": step})
    kept = ["checkpoint-000000002.pt", "checkpoint-000000010.pt"]
    assert names(tmp_path) == sorted([*kept, *(f"{name}.sha256" for name in kept)])


def test_an_evaluated_checkpoint_is_newer_than_the_unevaluated_one_of_its_step(tmp_path):
    for name in ("checkpoint-000000005", "checkpoint-000000005-unevaluated"):
        save_checkpoint(tmp_path, name, {})
    assert newest_intact(tmp_path) == tmp_path / "checkpoint-000000005.pt"


def test_a_flipped_bit_is_reported_and_the_one_before_is_used(tmp_path, caplog):
    for step in (1, 2):
        save_checkpoint(tmp_path, f"checkpoint-{step:09d}", {"weights": torch.ones(5000) * step})
    flip_bit(tmp_path / "checkpoint-000000002.pt")
    found = newest_intact(tmp_path)
    assert found == tmp_path / "checkpoint-000000001.pt"
    assert "checkpoint-000000002.pt is damaged (its sha256 differs" in caplog.text
    assert (tmp_path / "checkpoint-000000002.pt.damaged").exists()


def test_a_missing_digest_is_damage(tmp_path, caplog):
    for step in (1, 2):
        save_checkpoint(tmp_path, f"checkpoint-{step:09d}", {})
    (tmp_path / "checkpoint-000000002.pt.sha256").unlink()
    assert newest_intact(tmp_path) == tmp_path / "checkpoint-000000001.pt"
    assert "checkpoint-000000002.pt.sha256 is missing" in caplog.text


def test_all_damaged_is_an_error_each_time(tmp_path):
    for step in (1, 2):
        flip_bit(save_checkpoint(tmp_path, f"checkpoint-{step:09d}", {"weights": torch.ones(5000)}))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"000000002.pt, checkpoint-000000001.pt do not match.*delete them"):
            newest_intact(tmp_path)


def test_what_a_kill_leaves_behind_is_cleaned(tmp_path):
    save_checkpoint(tmp_path, "checkpoint-000000001", {})
    (tmp_path / "checkpoint-000000002.pt.tmp").write_bytes(b"half")
    (tmp_path / "checkpoint-000000002.pt.sha256").write_text("digest without its file")
    assert newest_intact(tmp_path) == tmp_path / "checkpoint-000000001.pt"
    assert names(tmp_path) == ["checkpoint-000000001.pt", "checkpoint-000000001.pt.sha256"]


def test_a_full_disk_leaves_the_old_checkpoint_and_no_temporary_file(tmp_path):
    save_checkpoint(tmp_path, "checkpoint-000000001", {"weights": torch.ones(10)})
    before = names(tmp_path)
    with files_limited_to(20_000), pytest.raises(OSError, match=r"cannot write checkpoint .*000000002.pt.*") as caught:
        save_checkpoint(tmp_path, "checkpoint-000000002", {"weights": torch.ones(100_000)})
    assert caught.value.errno == errno.EFBIG
    assert "the last checkpoint: checkpoint-000000001.pt is intact. Free space" in str(caught.value)
    assert names(tmp_path) == before
    assert newest_intact(tmp_path) is not None


def test_no_space_for_the_digest_leaves_the_old_checkpoint(tmp_path):
    save_checkpoint(tmp_path, "checkpoint-000000001", {})
    before = names(tmp_path)
    with files_limited_to(10), pytest.raises(OSError, match="cannot write checkpoint"):
        save_checkpoint(tmp_path, "checkpoint-000000002", {})
    assert names(tmp_path) == before


def test_a_folder_that_cannot_be_written_to_is_one_clear_error(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(OSError, match=r"cannot write to .*make it writable or choose another folder"):
        train_tiny(in_the_way, total_steps=2)


def test_a_run_whose_disk_was_full_goes_on_to_the_same_result(tmp_path):
    expected = train_tiny(tmp_path / "undisturbed", schedule=lambda step: 1.0)
    half = list_checkpoints(tmp_path / "undisturbed")[-1].stat().st_size // 2

    def fills_the_disk(step):
        if step == 6:
            resource.setrlimit(resource.RLIMIT_FSIZE, (half, resource.RLIM_INFINITY))
        return 1.0

    disk = tmp_path / "disk"
    with files_limited_to(resource.RLIM_INFINITY), pytest.raises(OSError, match=r"000000006.pt is intact"):
        train_tiny(disk, schedule=fills_the_disk, checkpoint_minutes=0.0)
    result = train_tiny(disk, schedule=lambda step: 1.0, checkpoint_minutes=0.0)
    assert digest(result.last_state) == digest(expected.last_state)
    assert digest(result.best_state) == digest(expected.best_state)


def test_a_run_with_a_flipped_bit_goes_on_to_the_same_result(tmp_path, caplog):
    expected = train_tiny(tmp_path / "undisturbed")
    train_tiny(tmp_path / "run")
    flip_bit(list_checkpoints(tmp_path / "run")[-1])
    result = train_tiny(tmp_path / "run")
    assert "is damaged" in caplog.text
    assert digest(result.best_state) == digest(expected.best_state)
    assert digest(result.last_state) == digest(expected.last_state)
