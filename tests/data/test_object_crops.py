import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from lowres.data import windows
from lowres.data.coco import CocoSource
from lowres.data.images import decode_rgb
from lowres.data.object_crops import ObjectCrops, Square, cut_square, square_around
from lowres.data.pack import pack_split
from lowres.data.signs import CLASS_NAMES, render_signs
from lowres.data.sources import Category
from lowres.data.truth import class_names, load_truth


def crops(source, *, min_side_px=4, margin_fraction=0.0, side_px=8):
    return ObjectCrops(source, min_side_px=min_side_px, margin_fraction=margin_fraction, side_px=side_px)


def around(*box, margin_fraction=0.0, wh=(40, 30)):
    box_xyxy_px = np.array(box, np.float64)
    return square_around(box_xyxy_px, margin_fraction=margin_fraction, image_width_px=wh[0], image_height_px=wh[1])


def test_square_is_centred_on_the_box_and_as_long_as_its_long_side():
    assert around(10, 10, 20, 14) == Square(left=10, top=7, side=10)  # centre (15, 12)


def test_margin_is_a_share_of_the_long_side_on_either_side():
    assert around(10, 10, 20, 14, margin_fraction=0.2) == Square(left=8, top=5, side=14)


def test_square_is_moved_into_the_image():
    assert around(0, 0, 10, 2) == Square(left=0, top=0, side=10)  # centred it would begin at top -4
    assert around(36, 20, 40, 30) == Square(left=30, top=20, side=10)  # and here end at 43


def test_square_larger_than_the_image_contains_it():
    # Long side 36 in an image 40 x 30: it fits in x; in y it covers rows -3 to 33, or less far down.
    assert around(2, 10, 38, 20) == Square(left=2, top=-3, side=36)
    assert around(2, 0, 38, 4) == Square(left=2, top=-6, side=36)


def test_box_that_reaches_out_of_the_image_counts_as_far_as_it_is_inside():
    assert around(-50, 10, 10, 14) == around(0, 10, 10, 14)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((math.nan, 0, 5, 5), "is not four finite numbers"),
        ((5, 5, 5, 20), "has no area inside its image of 40x30 px"),
        ((45, 5, 60, 20), "has no area inside its image of 40x30 px"),
    ],
)
def test_box_without_pixels_is_refused(box, message):
    with pytest.raises(ValueError, match=message):
        around(*box)


def test_pixels_outside_of_the_image_repeat_its_edge(picture):
    pixels = picture(6, 3)
    expected = cv2.copyMakeBorder(pixels, 2, 1, 0, 0, cv2.BORDER_REPLICATE)
    assert (cut_square(pixels, Square(left=0, top=-2, side=6)) == expected).all()


def test_each_large_object_becomes_an_image_of_its_class(coco, picture):
    pixels = picture(40, 30)
    coco.add(pixels, [(10, 4, 8, 6), (1, 1, 3, 3)], category_id=3, name="street.png")
    coco.add(picture(40, 30, seed=1))
    coco.add(picture(40, 30, seed=2), [(0, 0, 4, 4)])
    source = crops(coco.source())
    first, second = source
    assert len(source) == 2
    assert source.categories == [Category(3, "cat"), Category(7, "dog")]
    assert (first.image_id, first.file_name, first.stated_wh_px) == (1, "street-1.png", (8, 8))
    assert (second.image_id, second.file_name, second.category_ids.tolist()) == (2, "30-1.png", [7])
    assert first.boxes_xyxy_px.tolist() == [[0, 0, 8, 8]]
    assert (first.category_ids.tolist(), first.iscrowd.tolist(), first.area_px.tolist()) == ([3], [False], [64])
    assert (decode_rgb(first.read()) == pixels[3:11, 10:18]).all()


def test_object_of_the_least_side_is_kept_and_crowd_is_not(coco, picture):
    coco.add(picture(40, 30), [(5, 5, 4, 2), (5, 5, 3.9, 2)])
    coco.add(picture(40, 30), [(5, 5, 20, 20)], iscrowd=1)
    assert [image.file_name for image in crops(coco.source())] == ["10-1.png"]


def test_shrinking_averages_areas_and_enlarging_is_cubic(coco, picture):
    pixels = picture(40, 30)
    coco.add(pixels, [(8, 8, 16, 16), (8, 8, 4, 4)])
    large, small = (decode_rgb(image.read()) for image in crops(coco.source()))
    means = pixels[8:24, 8:24].reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
    assert np.abs(large - means).max() <= 0.5
    assert (small == cv2.resize(pixels[8:12, 8:12], (8, 8), interpolation=cv2.INTER_CUBIC)).all()


def test_image_is_decoded_once_for_all_its_objects_and_threads(coco, picture, monkeypatch):
    decoded = []
    original = windows.decode_rgb
    monkeypatch.setattr(windows, "decode_rgb", lambda encoded: decoded.append(len(encoded)) or original(encoded))
    for seed in range(2):
        coco.add(picture(40, 30, seed=seed), [(5 + left, 5, 8, 8) for left in range(6)])
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(lambda image: image.read(), crops(coco.source())))) == 12
    assert len(decoded) == 2


def test_what_cannot_be_cropped_is_refused_and_counted(coco, picture, tmp_path):
    coco.add(picture(40, 30), [(5, 5, 8, 8), (math.nan, 5, 8, 8), (50, 5, 8, 8), (5, 5, 0, 8)], name="good.png")
    coco.add(picture(40, 30), [(5, 5, 8, 8)], name="gone.png")
    coco.add(picture(40, 30), [(5, 5, 8, 8)], name="cut.png")
    coco.add(picture(40, 30), [(5, 5, 8, 8)], name="turned.png", size=(30, 40))
    (coco.images / "gone.png").unlink()
    (coco.images / "cut.png").write_bytes((coco.images / "cut.png").read_bytes()[:900])
    source = crops(coco.source())
    report = pack_split(source, tmp_path / "out", shard_bytes=1 << 20, max_bad_fraction=0.9, min_side_px=1)
    assert (report["images"], report["read"]) == (7, 1)
    assert report["refused_by_reason"] == {"cannot be read": 4, "size differs": 1, "truncated or damaged": 1}
    assert [(entry["file"], entry["reason"].split("[")[0][:20]) for entry in report["refused"]] == [
        ("good-2.png", "cannot be read: box "),
        ("good-3.png", "cannot be read: box "),
        ("good-4.png", "cannot be read: box "),
        ("gone-1.png", "cannot be read: no s"),
        ("cut-1.png", "truncated or damaged"),
        ("turned-1.png", "size differs: annota"),
    ]


def test_crops_of_signs_pack_with_every_label(tmp_path):
    render_signs(tmp_path / "signs", seed=3, num_train=4, num_val=0, num_test=0, image_size_px=128)
    annotations = tmp_path / "signs/annotations/instances_train.json"
    source = crops(CocoSource(tmp_path / "signs/images/train", annotations), margin_fraction=0.1, side_px=16)
    report = pack_split(source, tmp_path / "out", shard_bytes=1 << 20, max_bad_fraction=0, min_side_px=8)
    truth = load_truth(tmp_path / "out")
    assert report["read"] == report["boxes"]["kept"] == len(source) == len(truth) > 4
    assert class_names(tmp_path / "out") == list(CLASS_NAMES)
    assert [image.labels.tolist() for image in truth] == [[int(crop.category_ids[0]) - 1] for crop in source]
    assert all(image.boxes_xyxy_px.tolist() == [[0, 0, 16, 16]] for image in truth)


def test_source_without_a_large_object_is_refused(coco, picture):
    coco.add(picture(40, 30), [(5, 5, 3, 3)])
    with pytest.raises(ValueError, match=r"crops of .*: no object has a long side of 4 px or more; lower min_side_px"):
        crops(coco.source())


@pytest.mark.parametrize(
    ("option", "value"), [("min_side_px", 0), ("side_px", 0), ("margin_fraction", -0.1), ("margin_fraction", math.nan)]
)
def test_impossible_option_is_named(coco, picture, option, value):
    coco.add(picture(40, 30), [(5, 5, 8, 8)])
    with pytest.raises(ValueError, match=f"{option} is {value}; it "):
        crops(coco.source(), **{option: value})
