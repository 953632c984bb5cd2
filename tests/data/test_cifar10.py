import numpy as np
import pytest

from lowres.data.cifar10 import Cifar10Binary
from lowres.data.images import decode_rgb
from lowres.data.pack import pack_split
from lowres.data.shards import ShardReader
from lowres.data.sources import Category, check_same_categories
from lowres.data.truth import class_names, load_truth

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]


def record(label, pixels):
    """A record byte by byte, as the data set's page describes it."""
    planes = [pixels[row, column, channel] for channel in range(3) for row in range(32) for column in range(32)]
    return bytes([label, *planes])


@pytest.fixture
def folder(tmp_path, picture):
    """Five batches of 10 records and a test batch of 4; record k of a batch has label k."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number, name in enumerate(TRAIN):
        records = [record(label, picture(32, 32, seed=10 * number + label)) for label in range(10)]
        (folder / name).write_bytes(b"".join(records))
    test = [record(label, picture(32, 32, seed=100 + label)) for label in (3, 8, 8, 0)]
    (folder / "test_batch.bin").write_bytes(b"".join(test))
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")  # the official file ends in an empty line
    return folder


def source(root, split="train", *, num_val=0, seed=0):
    return Cifar10Binary(root, split=split, num_val=num_val, seed=seed)


def test_images_and_labels_arrive_as_written(folder, picture):
    images = list(source(folder))
    assert len(images) == len(source(folder)) == 50
    image = images[23]  # record 3 of the third batch
    assert (image.image_id, image.file_name, image.stated_wh_px) == (24, "data_batch_3/00003.png", (32, 32))
    assert image.boxes_xyxy_px.tolist() == [[0, 0, 32, 32]]
    assert (image.category_ids.tolist(), image.iscrowd.tolist(), image.area_px.tolist()) == ([3], [False], [1024])
    assert (decode_rgb(image.read()) == picture(32, 32, seed=23)).all()


def test_categories_are_the_official_labels(folder):
    assert source(folder).categories == [Category(label, name) for label, name in enumerate(NAMES)]


def test_parent_folder_is_as_good_as_the_folder(folder):
    assert [image.image_id for image in source(folder.parent, "test")] == [1, 2, 3, 4]
    assert [image.category_ids.tolist() for image in source(folder, "test")] == [[3], [8], [8], [0]]


def test_val_is_held_out_of_train_evenly(folder):
    train, val = (list(source(folder, split, num_val=20, seed=7)) for split in ("train", "val"))
    assert sorted(image.image_id for image in train + val) == list(range(1, 51))
    assert np.bincount([int(image.category_ids[0]) for image in val]).tolist() == [2] * 10


def test_splits_have_the_same_categories(folder):
    check_same_categories({split: source(folder, split, num_val=10) for split in ("train", "val", "test")})


def test_packed_split_has_every_image_and_label(folder, picture, tmp_path):
    val = source(folder, "val", num_val=10)
    report = pack_split(val, tmp_path / "out", shard_bytes=20_000, max_bad_fraction=0, min_side_px=8)
    truth = load_truth(tmp_path / "out")
    assert (report["read"], report["boxes"]["kept"], report["boxes"]["clipped"]) == (10, 10, 0)
    assert sorted(image.labels.tolist() for image in truth) == [[label] for label in range(10)]
    assert all(image.boxes_xyxy_px.tolist() == [[0, 0, 32, 32]] for image in truth)
    assert class_names(tmp_path / "out") == NAMES
    reader = ShardReader(tmp_path / "out")
    for position, image in enumerate(truth):
        assert (decode_rgb(reader[position]) == picture(32, 32, seed=image.image_id - 1)).all()


def cut_off(folder):
    path = folder / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])


def relabel(folder):
    path = folder / "data_batch_4.bin"
    content = bytearray(path.read_bytes())
    content[3073 * 6] = 10
    path.write_bytes(content)


def remove_all(folder):
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (cut_off, r"data_batch_2\.bin: 30729 bytes are no whole number of records of 3073 bytes"),
        (lambda f: (f / "data_batch_1.bin").write_bytes(b""), r"data_batch_1\.bin: 0 bytes are no whole number"),
        (relabel, r"data_batch_4\.bin: record 6 \(from 0\) has label 10; labels are 0 to 9 \(1 of 10 are not\)"),
        (lambda f: (f / "data_batch_5.bin").unlink(), r"data_batch_5\.bin: no such file; unpack"),
        (lambda f: (f / "batches.meta.txt").unlink(), r"batches\.meta\.txt: no such file of class names"),
        (lambda f: (f / "batches.meta.txt").write_text("cat\ncat\n"), r"meta\.txt: 2 class names, 1 of them different"),
        (lambda f: (f / "batches.meta.txt").write_bytes(b"\x80\xff"), r"meta\.txt: is no text"),
        (remove_all, r"cifar-10-batches-bin: no data_batch_1\.bin or any other .*the pickled 'python version' is not"),
    ],
)
def test_faulty_folder_is_one_clear_line(folder, fault, message):
    fault(folder)
    with pytest.raises(ValueError, match=message) as caught:
        source(folder)
    assert "\n" not in str(caught.value)


def test_missing_train_batch_does_not_matter_to_test(folder):
    (folder / "data_batch_5.bin").unlink()
    assert len(source(folder, "test")) == 4


def test_val_without_held_out_images_is_refused(folder):
    with pytest.raises(ValueError, match="bin:val: num_val is 0, which leaves split 'val' empty"):
        source(folder, "val")
