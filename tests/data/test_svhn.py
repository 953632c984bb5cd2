import numpy as np
import pytest
from scipy.io import savemat

from lowres.data.images import decode_rgb
from lowres.data.pack import pack_split
from lowres.data.sources import Category
from lowres.data.svhn import SvhnCropped
from lowres.data.truth import class_names, load_truth

LABELS = [10, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 2  # as in the files: 10 is digit 0


def write(folder, labels, picture, *, part="train", **arrays):
    images = np.stack([picture(32, 32, seed=seed) for seed in range(len(labels))], axis=-1)
    content = {"X": images, "y": np.array(labels, np.uint8)[:, None]} | arrays
    content = {name: array for name, array in content.items() if array is not None}
    savemat(folder / f"{part}_32x32.mat", content, do_compression=True)


def source(root, split="train", *, num_val=0, seed=0):
    return SvhnCropped(root, split=split, num_val=num_val, seed=seed)


def test_images_and_digits_arrive_as_written(tmp_path, picture):
    write(tmp_path, LABELS, picture)
    images = list(source(tmp_path))
    assert len(images) == len(source(tmp_path)) == 20
    assert [int(image.category_ids[0]) for image in images] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 2
    image = images[12]
    assert (image.image_id, image.file_name, image.stated_wh_px) == (13, "train_32x32/000013.png", (32, 32))
    assert image.boxes_xyxy_px.tolist() == [[0, 0, 32, 32]]
    assert (image.iscrowd.tolist(), image.area_px.tolist()) == ([False], [1024])
    assert (decode_rgb(image.read()) == picture(32, 32, seed=12)).all()


def test_category_of_a_digit_is_the_digit(tmp_path, picture):
    write(tmp_path, [10], picture, part="test")
    assert source(tmp_path, "test").categories == [Category(digit, str(digit)) for digit in range(10)]


def test_val_is_held_out_of_train_evenly(tmp_path, picture):
    write(tmp_path, LABELS, picture)
    train, val = (list(source(tmp_path, split, num_val=10, seed=2)) for split in ("train", "val"))
    assert sorted(image.image_id for image in train + val) == list(range(1, 21))
    assert np.bincount([int(image.category_ids[0]) for image in val]).tolist() == [1] * 10


def test_packed_split_has_every_image_and_label(tmp_path, picture):
    write(tmp_path, [10, 9, 3], picture, part="test")
    test = source(tmp_path, "test")
    report = pack_split(test, tmp_path / "out", shard_bytes=1 << 20, max_bad_fraction=0, min_side_px=8)
    assert (report["read"], report["boxes"]["kept"]) == (3, 3)
    assert [image.labels.tolist() for image in load_truth(tmp_path / "out")] == [[0], [9], [3]]
    assert class_names(tmp_path / "out") == list("0123456789")


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("labels", "arrays", "message"),
    [
        ([1, 11], {}, r"y\[1\] \(from 0\) is 11; labels are 1 to 10, of which 10 is digit 0 \(1 of 2 are not\)"),
        ([0, 1], {}, r"y\[0\] \(from 0\) is 0"),
        ([1, 2], {"y": None}, "has no array 'y' but X"),
        ([1, 2], {"X": None}, "has no array 'X' but y"),
        ([1, 2], {"X": np.zeros((2, 32, 32, 3), np.uint8)}, r"X is uint8 \[2, 32, 32, 3\]; it must be uint8 \[32, 32"),
        ([1, 2], {"X": np.zeros((32, 32, 3, 2))}, r"X is double \[32, 32, 3, 2\]"),
        ([1, 2], {"X": np.zeros((32, 32, 3, 5), np.uint8)}, r"y is \[2, 1\], X has 5 images; y must be \[5, 1\]"),
    ],
)
def test_faulty_array_is_one_clear_line(tmp_path, picture, labels, arrays, message):
    write(tmp_path, labels, picture, **arrays)
    with pytest.raises(ValueError, match=r"train_32x32\.mat: " + message) as caught:
        source(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"MAT", b"x" * 60, b"x" * 1000, b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\0" * 400],
)
def test_file_of_another_kind_is_one_clear_line(tmp_path, content):
    (tmp_path / "train_32x32.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"train_32x32\.mat: cannot be read as a MATLAB file") as caught:
        source(tmp_path)
    assert "\n" not in str(caught.value)


def test_file_cut_off_anywhere_is_one_clear_line(tmp_path, picture):
    write(tmp_path, [1, 2], picture)
    path = tmp_path / "train_32x32.mat"
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"train_32x32\.mat: ") as caught:
            source(tmp_path)
        assert "\n" not in str(caught.value)


def test_damaged_pixels_are_found_when_they_are_read(tmp_path, picture):
    write(tmp_path, [1, 2], picture)
    path = tmp_path / "train_32x32.mat"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train_32x32\.mat: cannot be read as a MATLAB file"):
        list(source(tmp_path))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"test_32x32\.mat: no such file; download it"):
        source(tmp_path, "test")


def test_val_without_held_out_images_is_refused(tmp_path, picture):
    write(tmp_path, LABELS, picture)
    with pytest.raises(ValueError, match=":val: num_val is 0, which leaves split 'val' empty"):
        source(tmp_path, "val")
