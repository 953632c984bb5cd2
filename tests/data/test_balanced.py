from collections import Counter

import numpy as np
import pytest

from lowres.data.balanced import BalancedClasses
from lowres.data.images import decode_rgb
from lowres.data.pack import pack_split
from lowres.data.transforms import Colour

PLAIN = Colour(brightness=0, contrast=0, saturation=0, hue=0)
OPTIONS = {
    "instances_per_class": 10,
    "crops_per_object": 100,
    "crop_px": (16, 24),
    "min_visibility": 0.5,
    "colour": PLAIN,
    "jpeg_quality": None,
    "seed": 3,
}


def balanced(source, **changes):
    return BalancedClasses(source, **(OPTIONS | changes))


@pytest.fixture
def source(coco, picture):
    """Twelve cats far from two dogs."""
    coco.add(picture(64, 48), [(1 + 5 * number, 1, 4, 4) for number in range(12)], category_id=3)
    coco.add(picture(64, 48, seed=1), [(30, 20, 5, 5), (50, 40, 14, 8)], category_id=7)
    return coco.source()


def test_rare_class_reaches_the_aim_and_the_common_one_is_left_alone(source):
    grown = balanced(source)
    counts = Counter(label for image in grown for label in image.category_ids.tolist())
    assert counts[3] == 12
    assert 10 <= counts[7] <= 11  # a crop may show both dogs
    assert len(list(grown)) == len(grown) == 2 + grown.remarks()["crops added for rare classes"]


def test_originals_come_unchanged_each_before_its_crops(source):
    images = list(balanced(source))
    assert [image.file_name for image in images[:4]] == ["10.png", "20.png", "20-crop1.png", "20-crop2.png"]
    assert [image.image_id for image in images[:4]] == [10, 20, 21, 22]
    assert len({image.image_id for image in images}) == len(images)


def test_crop_shows_the_pixels_and_the_whole_object(source, picture):
    pixels = picture(64, 48, seed=1)
    whole = {(5.0, 5.0), (14.0, 8.0)}
    for image in list(balanced(source))[2:]:
        width, height = image.stated_wh_px
        assert 16 <= width <= 24
        assert width == height
        sides = {tuple(side) for side in (image.boxes_xyxy_px[:, 2:] - image.boxes_xyxy_px[:, :2]).tolist()}
        assert sides & whole
        crop = decode_rgb(image.read())
        places = np.argwhere((pixels[: 49 - height, : 65 - width] == crop[0, 0]).all(axis=2))
        assert any((pixels[y : y + height, x : x + width] == crop).all() for y, x in places)


def test_no_object_gives_more_than_its_crops_and_short_classes_are_counted(source):
    grown = balanced(source, instances_per_class=1000, crops_per_object=3)
    assert grown.remarks() == {
        "crops added for rare classes": 3 * 14,
        "classes with too few objects to reach the aim": 2,
    }


def test_all_is_a_function_of_the_seed(source):
    def content(seed, brightness=0.5):
        colour = Colour(brightness=brightness, contrast=0, saturation=0, hue=0)
        return [(i.file_name, i.boxes_xyxy_px.tolist(), i.read()) for i in balanced(source, seed=seed, colour=colour)]

    assert content(3) == content(3)
    assert content(3) != content(4)
    assert content(3)[2:] != content(3, brightness=0)[2:]
    assert content(3)[:2] == content(4)[:2]


def test_object_larger_than_the_crop_is_whole_and_an_image_smaller_than_it_too(coco, picture):
    coco.add(picture(12, 40), [(0, 2, 12, 30)])
    for image in list(balanced(coco.source(), crop_px=(20, 20)))[1:]:
        assert image.stated_wh_px == (12, 30)
        assert image.boxes_xyxy_px.tolist() == [[0, 0, 12, 30]]


def test_crowds_and_boxes_that_are_none_are_not_grown(coco, picture):
    coco.add(picture(32, 32), [(1, 1, 5, 5)], category_id=3, iscrowd=1)
    coco.add(picture(32, 32), [(1, 1, 0, 5), (float("nan"), 1, 1, 1), (40, 40, 3, 3)])
    coco.add(b"no image", [(1, 1, 5, 5)])
    assert balanced(coco.source()).remarks() == {}


def pack(source, folder, max_bad_fraction):
    return pack_split(source, folder, shard_bytes=1 << 20, min_side_px=1, max_bad_fraction=max_bad_fraction)


def test_a_missing_image_counts_as_one_of_the_originals_however_many_crops_there_are(coco, picture, tmp_path):
    for seed in range(2):
        coco.add(picture(64, 48, seed=seed), [(30, 20, 5, 5)])
    (coco.images / "10.png").unlink()
    del coco.document["images"][0]["width"]
    grown = balanced(coco.source())
    assert pack(grown, tmp_path / "allowed", 0.5)["read"] == 10
    with pytest.raises(ValueError, match="1 of 2 images refused"):
        pack(grown, tmp_path / "refused", 0.49)


def test_a_faulty_box_counts_among_those_of_the_originals(coco, picture, tmp_path):
    coco.add(picture(64, 48), [(30, 20, 5, 5), (5, 5, 4, 0)])
    grown = balanced(coco.source())
    assert pack(grown, tmp_path / "allowed", 0.5)["boxes"]["kept"] == 10
    with pytest.raises(ValueError, match="1 of 2 boxes refused"):
        pack(grown, tmp_path / "refused", 0.49)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instances_per_class": 0}, "are 0, 100 and 3; give at least 1, 1 and 0"),
        ({"crop_px": (9, 3)}, r"crop_px is \[9, 3\]"),
        ({"min_visibility": 2}, "min_visibility is 2"),
    ],
)
def test_number_out_of_range_is_refused(source, change, message):
    with pytest.raises(ValueError, match=message):
        balanced(source, **change)
