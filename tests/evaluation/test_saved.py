from dataclasses import replace

import numpy as np
import pytest

from lowres.evaluation.saved import read_detections, read_truth, save_detections, save_truth


def same(one, other):
    return type(one) is type(other) and all(
        np.array_equal(value, getattr(other, name))
        and np.asarray(value).dtype == np.asarray(getattr(other, name)).dtype
        for name, value in vars(one).items()
    )


def test_what_is_read_is_what_was_written_bit_for_bit(random_scene, tmp_path):
    check_round_trip(*random_scene(0), tmp_path)


def test_stated_sides_are_kept(random_scene, tmp_path):
    truth, detections = random_scene(0)
    check_round_trip(
        *([replace(x, sides_wh_px=x.boxes_xywh_px[:, 2:]) for x in part] for part in (truth, detections)), tmp_path
    )


def check_round_trip(truth, detections, tmp_path):
    save_truth(tmp_path / "truth.npz", truth)
    save_detections(tmp_path / "detections/student.npz", detections)
    read = read_truth(tmp_path / "truth.npz"), read_detections(tmp_path / "detections/student.npz")
    for written, found in zip((truth, detections), read, strict=True):
        assert len(written) == len(found)
        assert all(same(*pair) for pair in zip(written, found, strict=True))


def test_no_images_are_read_as_no_images(tmp_path):
    save_truth(tmp_path / "t.npz", [])
    save_detections(tmp_path / "d.npz", [])
    assert (read_truth(tmp_path / "t.npz"), read_detections(tmp_path / "d.npz")) == ([], [])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"truth\.npz: missing; run the evaluate stage again"):
        read_truth(tmp_path / "truth.npz")


@pytest.mark.parametrize("keep", [0, 100, -30])
def test_a_damaged_file_is_named(random_scene, tmp_path, keep):
    path = tmp_path / "d.npz"
    save_detections(path, random_scene(0)[1])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"d\.npz: damaged"):
        read_detections(path)


def test_truth_is_not_read_as_detections(random_scene, tmp_path):
    save_detections(tmp_path / "d.npz", random_scene(0)[1])
    with pytest.raises(ValueError, match="damaged"):
        read_truth(tmp_path / "d.npz")
