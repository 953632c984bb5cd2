import pytest

from lowres.data.chosen_classes import ChosenClasses
from lowres.data.sources import Category


@pytest.fixture
def source(coco, picture):
    """A dog and a cat; a cat; nothing."""
    first = coco.add(picture(8, 8), [(0, 0, 1, 1)], category_id=7, area=0.5, iscrowd=1)
    coco.document["annotations"].append({"image_id": first, "category_id": 3, "bbox": [2, 2, 3, 3]})
    coco.add(picture(8, 8), [(1, 1, 2, 2)], category_id=3)
    coco.add(picture(8, 8))
    return coco.source()


def chosen(source, classes=None, rename=None, *, keep_emptied=True):
    return ChosenClasses(source, classes=classes, rename=rename or {}, keep_emptied=keep_emptied)


def test_only_chosen_objects_stay_with_all_that_is_known_of_them(source):
    part = chosen(source, ["dog"])
    assert part.categories == [Category(7, "dog")]
    assert [image.category_ids.tolist() for image in part] == [[7], [], []]
    first = next(iter(part))
    assert (first.boxes_xyxy_px.tolist(), first.iscrowd.tolist(), first.area_px.tolist()) == (
        [[0, 0, 1, 1]],
        [True],
        [0.5],
    )
    assert part.remarks() == {"objects of classes that were not chosen": 2}


def test_images_that_lost_all_may_be_left_out_but_never_those_that_had_none(source):
    part = chosen(source, ["dog"], keep_emptied=False)
    assert [image.image_id for image in part] == [10, 30]
    assert len(part) == 2
    assert part.remarks()["images that lost all their objects, left out"] == 1


def test_what_could_not_be_read_is_counted_also_where_its_image_is_left_out(coco, picture):
    first = coco.add(picture(8, 8), [(1, 1, 2, 2)], category_id=3)
    coco.document["annotations"].append({"image_id": first, "category_id": 99, "bbox": [2, 2, 3, 3]})
    coco.add(picture(8, 8), [(0, 0, 1, 1)], category_id=7)
    part = chosen(coco.source(), ["dog"], keep_emptied=False)
    for _ in range(2):  # the same each time
        (image,) = part
        assert [fault.reason for fault in image.faults] == ["unknown category"]


def test_rename_keeps_the_id(source):
    assert chosen(source, None, {"dog": "wolf"}).categories == [Category(3, "cat"), Category(7, "wolf")]


def test_one_name_for_two_classes_makes_one_class_under_the_lowest_id(source):
    part = chosen(source, None, {"dog": "animal", "cat": "animal"})
    assert part.categories == [Category(3, "animal")]
    assert [image.category_ids.tolist() for image in part] == [[3, 3], [3], []]
    assert chosen(source, None, {"dog": "cat"}).categories == [Category(3, "cat")]


def test_remarks_of_the_inner_source_are_passed_on(source):
    assert chosen(chosen(source, ["dog"]), None).remarks() == {"objects of classes that were not chosen": 2}


@pytest.mark.parametrize(
    ("classes", "rename", "message"),
    [
        ([], {}, "classes is empty; choose at least one"),
        (["dog", "dog"], {}, "classes has 'dog' twice"),
        (["dgo"], {}, "classes: the source has no class 'dgo'; did you mean 'dog'?"),
        (["zebra"], {}, "classes: the source has no class 'zebra'; known: cat, dog"),
        (None, {"cta": "x"}, "rename: the source has no class 'cta'; did you mean 'cat'?"),
        (["dog"], {"cat": "x"}, "rename: 'cat' is not among the chosen classes"),
        (None, {"cat": " "}, "rename: 'cat' becomes ' '; give it a name"),
    ],
)
def test_impossible_choice_is_one_clear_line(source, classes, rename, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        chosen(source, classes, rename)
