from collections import Counter

import pytest

from lowres.data.divided import divide_by_lists, divide_by_share


@pytest.fixture
def source(coco, picture):
    """Three scenes of 4, 4 and 12 images."""
    for scene, count in (("a", 4), ("b", 4), ("c", 12)):
        (coco.images / scene).mkdir()
        for number in range(count):
            coco.add(picture(2, 2), name=f"{scene}/{number:02d}.png")
    return coco.source()


def names(part):
    return [image.file_name for image in part]


def share(source, pattern=None, seed=0, **shares):
    return divide_by_share(source, shares=shares, pattern=pattern, seed=seed)


def test_every_image_is_in_one_part(source):
    parts = share(source, val=0.2, test=0.1)
    assert {split: len(part) for split, part in parts.items()} == {"val": 4, "test": 2, "train": 14}
    assert Counter(name for part in parts.values() for name in names(part)) == Counter(names(source))
    assert names(parts["train"]) == [name for name in names(source) if name in names(parts["train"])]


def test_division_is_a_function_of_the_seed(source):
    assert names(share(source, val=0.3)["val"]) == names(share(source, val=0.3)["val"])
    assert names(share(source, val=0.3)["val"]) != names(share(source, val=0.3, seed=1)["val"])


def test_more_images_move_none_from_train_to_val(coco, picture, source):
    before = set(names(share(source, val=0.2)["train"]))
    coco.add(picture(2, 2), name="a/99.png")
    assert not before & set(names(share(coco.source(), val=0.2)["val"])) - {"a/99.png"}


def test_groups_stay_together(source):
    parts = share(source, pattern="(.*)/", val=0.2)
    assert {name[0] for name in names(parts["val"])} in ({"a"}, {"b"})
    assert not {name[0] for name in names(parts["val"])} & {name[0] for name in names(parts["train"])}


def test_group_is_what_the_parentheses_or_the_whole_pattern_find(source):
    whole = share(source, pattern="^[ab]|c", val=0.4)
    assert {name[0] for name in names(whole["val"])} == {"a", "b"}  # 8 of 20


@pytest.mark.parametrize(
    ("pattern", "shares", "message"),
    [
        (None, {"val": 0}, "val is 0; it is a share"),
        (None, {"val": 0.6, "test": 0.4}, "val and test are 1 together; leave some images to train"),
        ("(", {"val": 0.2}, r"pattern '\(' is no regular expression"),
        ("^[ab]", {"val": 0.2}, r"pattern '\^\[ab\]' finds nothing in 'c/00\.png'; each image needs a group"),
        ("png", {"val": 0.2}, "20 images in 1 groups, the largest of 20, leave 'val' empty"),
        ("(.*)/", {"val": 0.2, "test": 0.05}, "20 images in 3 groups, the largest of 12, leave 'test' empty"),
    ],
)
def test_impossible_division_is_one_clear_line(source, pattern, shares, message):
    with pytest.raises(ValueError, match=message):
        share(source, pattern, **shares)


def test_too_few_images_are_refused(coco, picture):
    coco.add(picture(2, 2))
    with pytest.raises(ValueError, match="1 images in 1 images leave 'train' empty"):
        share(coco.source(), val=0.5)


def lists(source, tmp_path, text, split="val"):
    (tmp_path / "list.txt").write_text(text)
    return divide_by_lists(source, lists={split: tmp_path / "list.txt"})


@pytest.mark.parametrize("line", ["c/11.png", "11.png", "11", "200"])
def test_list_names_images_by_path_name_stem_or_id(source, tmp_path, line):
    parts = lists(source, tmp_path, f"{line}\n\n")
    assert names(parts["val"]) == ["c/11.png"]
    assert len(parts["train"]) == 19


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"list\.txt: the list of 'val' is empty"),
        ("c/11.png\nc/12.png", r"list\.txt:2: 'c/12\.png' is no image of .*; did you mean 'c/1.\.png'\?"),
        ("00.png", r"list\.txt:1: '00\.png' names 3 images of .*; write whole file names"),
        ("c/11.png\nc/11.png", r"list\.txt:2: 'c/11\.png' is already at .*list\.txt:1; an image is in one split"),
    ],
)
def test_faulty_list_is_one_clear_line(source, tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        lists(source, tmp_path, text)


def test_missing_list_is_named(source, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.txt: the list of 'test' cannot be read: No such file"):
        divide_by_lists(source, lists={"test": tmp_path / "nowhere.txt"})


def test_lists_that_leave_nothing_to_train_are_refused(source, tmp_path):
    with pytest.raises(ValueError, match="the lists name all 20 images; leave some to train"):
        lists(source, tmp_path, "\n".join(names(source)))


def test_list_is_read_in_one_way_throughout(source, tmp_path):
    # 10 and 11 are the stems of c/10.png and c/11.png; only as ids are all lines images.
    assert names(lists(source, tmp_path, "10\n110\n")["val"]) == ["a/00.png", "c/02.png"]
    assert names(lists(source, tmp_path, "10\n11\n")["val"]) == ["c/10.png", "c/11.png"]
    with pytest.raises(ValueError, match=r"list\.txt:2: '11' is no image"):
        lists(source, tmp_path, "c/10.png\n11\n")
