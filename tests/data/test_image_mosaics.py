import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from lowres.data import image_mosaics
from lowres.data.image_mosaics import ImageMosaics
from lowres.data.images import decode_rgb
from lowres.data.pack import pack_split
from lowres.data.sources import Category
from lowres.data.truth import load_truth

CIFAR10 = Path(__file__).parents[3] / "shared" / "data" / "cifar10"
TILES = {"train_00": 12, "train_01": 6, "test_00": 3}  # of 4 x 4 px, three in a row


def mosaic(tiles):
    rows = [np.concatenate(tiles[first : first + 3], axis=1) for first in range(0, len(tiles), 3)]
    return np.concatenate(rows)


@pytest.fixture
def folder(tmp_path, picture):
    """Eighteen train tiles over two mosaics, three test tiles; tile k of a part is `picture(4, 4, seed=k)`."""
    first = 0
    for name, count in TILES.items():
        first = 0 if name.endswith("_00") else first
        pixels = mosaic([picture(4, 4, seed=first + number) for number in range(count)])
        first += count
        assert cv2.imwrite(str(tmp_path / f"{name}.webp"), pixels[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])
    document = {"classes": ["cat", "dog", "ox"], "tile": 4, "columns": 3, "train": [0, 1, 2] * 6, "test": [2, 2, 0]}
    (tmp_path / "labels.json").write_text(json.dumps(document))
    return tmp_path


def source(root, split="train", *, num_val=0, seed=0):
    return ImageMosaics(root, split=split, num_val=num_val, seed=seed)


def edit(folder, **changes):
    path = folder / "labels.json"
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not ...}))


def test_tiles_arrive_row_by_row_and_mosaic_after_mosaic(folder, picture):
    images = list(source(folder))
    assert len(images) == len(source(folder)) == 18
    for position, image in enumerate(images):
        assert (decode_rgb(image.read()) == picture(4, 4, seed=position)).all()
    image = images[16]  # the fifth tile of the second mosaic
    assert (image.image_id, image.file_name, image.stated_wh_px) == (17, "train_01/0004.png", (4, 4))
    assert image.boxes_xyxy_px.tolist() == [[0, 0, 4, 4]]
    assert (image.category_ids.tolist(), image.iscrowd.tolist(), image.area_px.tolist()) == ([1], [False], [16])


def test_categories_are_the_labels_of_the_file(folder):
    assert source(folder, "test").categories == [Category(0, "cat"), Category(1, "dog"), Category(2, "ox")]
    assert [image.category_ids.tolist() for image in source(folder, "test")] == [[2], [2], [0]]


def test_val_is_held_out_of_train_evenly(folder):
    train, val = (list(source(folder, split, num_val=6, seed=1)) for split in ("train", "val"))
    assert sorted(image.image_id for image in train + val) == list(range(1, 19))
    assert np.bincount([int(image.category_ids[0]) for image in val]).tolist() == [2, 2, 2]


def test_each_mosaic_is_decoded_once_for_all_threads(folder, picture, monkeypatch):
    decoded = []
    original = image_mosaics.decode_rgb
    monkeypatch.setattr(image_mosaics, "decode_rgb", lambda encoded: decoded.append(len(encoded)) or original(encoded))
    images = list(source(folder))
    assert decoded == []
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda image: decode_rgb(image.read()), images))
    assert all((pixels == picture(4, 4, seed=position)).all() for position, pixels in enumerate(read))
    assert len(decoded) == 2


def test_packed_split_has_every_image_and_label(folder, tmp_path):
    val = source(folder, "val", num_val=3)
    report = pack_split(val, tmp_path / "out", shard_bytes=1 << 20, max_bad_fraction=0, min_side_px=1, threads=4)
    assert (report["read"], report["boxes"]["kept"]) == (3, 3)
    assert [image.image_id for image in load_truth(tmp_path / "out")] == [image.image_id for image in val]
    assert sorted(image.labels.tolist() for image in load_truth(tmp_path / "out")) == [[0], [1], [2]]


def cut_off(folder):
    path = folder / "train_01.webp"
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda f: (f / "labels.json").unlink(), r"labels\.json: no such file; a folder of mosaics"),
        (lambda f: (f / "labels.json").write_text('{"tile": '), r"labels\.json: malformed JSON"),
        (lambda f: (f / "labels.json").write_text("[]"), r"labels\.json: holds a JSON list"),
        (lambda f: edit(f, tile=0), "'tile' is 0; it must be a whole number from 1"),
        (lambda f: edit(f, columns=...), "'columns' is None"),
        (lambda f: edit(f, classes=["a", 3]), r"'classes' is \['a', 3\]; it must be a list of names"),
        (lambda f: edit(f, classes=["a", "a", "b"]), "'classes' has 3 names, 2 of them different"),
        (lambda f: edit(f, train=...), "'train' is None; it must be the list of its labels"),
        (lambda f: edit(f, train=[0, 1, 3] * 6), r"train\[2\] is 3; labels are 0 to 2"),
        (lambda f: edit(f, train=[0, True] * 9), r"train\[1\] is True; labels are 0 to 2"),
        (lambda f: edit(f, train=[0] * 17), r"'train' has 17 labels, the mosaics train_\*\.webp have 18 tiles"),
        (lambda f: (f / "train_00.webp").unlink(), r"train_00\.webp: no such mosaic; they are numbered from 00"),
        (lambda f: (f / "train_01.webp").unlink(), "'train' has 18 labels, .* have 12 tiles.*: is a mosaic missing"),
        (lambda f: edit(f, columns=4), r"train_00\.webp: is 12x16, but labels\.json says 4 columns of 4 px"),
        (cut_off, r"train_01\.webp: not an image: .*; was the file cut off"),
    ],
)
def test_faulty_folder_is_one_clear_line(folder, fault, message):
    fault(folder)
    with pytest.raises(ValueError, match=message) as caught:
        source(folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder))


def test_val_without_held_out_images_is_refused(folder):
    with pytest.raises(ValueError, match=":val: num_val is 0, which leaves split 'val' empty"):
        source(folder, "val")


@pytest.mark.skipif(not CIFAR10.is_dir(), reason="needs ../shared/data/cifar10")
def test_real_cifar10_has_as_many_images_of_each_class_and_tiles_that_decode():
    real = source(CIFAR10, "test")
    images = list(real)
    assert np.bincount([int(image.category_ids[0]) for image in images]).tolist() == [1000] * 10
    assert [category.name for category in real.categories][6:9] == ["frog", "horse", "ship"]
    reference = cv2.imread(str(CIFAR10 / "test_00.webp"))[..., ::-1]
    for row, column in ((0, 0), (0, 49), (1, 0), (49, 49)):
        tile = reference[32 * row : 32 * (row + 1), 32 * column : 32 * (column + 1)]
        assert (decode_rgb(images[50 * row + column].read()) == tile).all()
