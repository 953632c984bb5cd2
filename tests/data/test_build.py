"""From the section `data.source` of params.yaml to splits, through the schema."""

import json
import shutil
from contextlib import contextmanager

import pytest
from pydantic import TypeAdapter

from lowres.config.data import Data
from lowres.data.build import build_splits
from lowres.data.sources import remarks_of
from lowres.tt100k_classes import CLASSES_45

SOURCE = TypeAdapter(Data.model_fields["source"].rebuild_annotation())


@contextmanager
def quietly(label, total):
    yield lambda *done: None


def build(source, tmp_path, said=None):
    settings = SOURCE.validate_python(source).model_dump()
    return build_splits(settings, scratch=tmp_path / "scratch", counting=quietly, say=(said or []).append)


def sizes(splits):
    return {split: len(source) for split, source in splits.items()}


@pytest.fixture
def yolo(tmp_path, picture, png):
    """Ten images of 20 x 20 in two scenes, train alone; nine have a cat, one a dog."""
    root = tmp_path / "set"
    for number in range(10):
        for folder, content in (
            ("images", png(picture(20, 20, seed=number))),
            ("labels", f"{int(number == 4)} .5 .5 .3 .3".encode()),
        ):
            path = root / folder / ("ab"[number % 2]) / f"{number}.{'png' if folder == 'images' else 'txt'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    (root / "data.yaml").write_text("names: [cat, dog]\ntrain: images\n")
    return {"kind": "yolo", "root": str(root), "file": "data.yaml"}


def divided(of, **by):
    return {"kind": "divided", "of": of, "by": {"kind": "share", "val": 0.2, "test": None, "seed": 0} | by}


def test_auto_says_what_it_recognised_and_builds_the_same(yolo, tmp_path):
    said = [""]
    auto = build(divided({"kind": "auto", "root": yolo["root"]}), tmp_path, said)
    byhand = build(divided(yolo), tmp_path)
    assert "recognised yolo: data.yaml has names, train" in said[1]
    names = [{split: [image.file_name for image in part] for split, part in s.items()} for s in (auto, byhand)]
    assert names[0] == names[1]


def test_val_stands_in_for_a_test_that_there_is_not(yolo, tmp_path):
    splits = build(divided(yolo), tmp_path)
    assert sizes(splits) == {"train": 8, "val": 2, "test": 2}
    assert splits["test"] is splits["val"]
    assert sizes(build(divided(yolo, test=0.1), tmp_path)) == {"train": 7, "val": 2, "test": 1}


def test_groups_and_lists_divide_too(yolo, tmp_path):
    (tmp_path / "val.txt").write_text("3\n4\n")
    by_list = {"kind": "list", "val": str(tmp_path / "val.txt"), "test": None}
    assert sizes(build({"kind": "divided", "of": yolo, "by": by_list}, tmp_path))["val"] == 2
    splits = build(divided(yolo, kind="group", pattern="(.*)/", val=0.5), tmp_path)
    assert len({image.file_name.split("/")[1] for image in splits["val"]}) == 1


def test_sources_nest_in_the_order_of_their_steps(yolo, tmp_path):
    chosen = {"kind": "chosen", "of": yolo, "classes": ["dog"], "rename": {"dog": "wolf"}, "keep_emptied": True}
    tiled = {"kind": "tiled", "of": divided(chosen), "splits": ["train"], "tile_px": 12, "overlap_px": 4}
    tiled |= {"min_visibility": 0.5, "empty_fraction": 1.0, "jpeg_quality": None}
    splits = build(tiled, tmp_path)
    assert [category.name for category in splits["train"].categories] == ["wolf"]
    assert sizes(splits) == {"train": 32, "val": 2, "test": 2}
    assert remarks_of(splits["train"])["objects of classes that were not chosen (before dividing)"] == 9


@pytest.fixture(params=["", "train"])
def classes(request, tmp_path, picture, png):
    """Ten images of each of two classes, in a root without splits, or with train alone."""
    for name in ("cat", "dog"):
        for number in range(10):
            path = tmp_path / "classes" / request.param / name / f"{number // 2}_{number % 2}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(picture(20, 20, seed=number)))
    return tmp_path / "classes"


@pytest.mark.parametrize("kind", ["class_folders", "auto"])
def test_class_folders_without_val_are_divided(classes, kind, tmp_path):
    source = {"kind": kind, "root": str(classes)}
    with pytest.raises(ValueError, match="has no split 'val', only train; kind: divided takes splits out of train"):
        build(source, tmp_path)
    splits = build(divided(source, val=0.25, test=0.1), tmp_path)
    assert sizes(splits) == {"train": 13, "val": 5, "test": 2}
    assert {image.labelled for part in splits.values() for image in part} == {True}
    assert [category.name for category in splits["val"].categories] == ["cat", "dog"]
    (tmp_path / "val.txt").write_text("cat/0_0.png\ndog/0_0.png\n")
    by_list = {"kind": "list", "val": str(tmp_path / "val.txt"), "test": None}
    assert sizes(build({"kind": "divided", "of": source, "by": by_list}, tmp_path))["train"] == 18
    splits = build(divided(source, kind="group", pattern=r"(.*)_\d\.png", val=0.2), tmp_path)
    groups = [{image.file_name.split("_")[0] for image in splits[split]} for split in ("train", "val")]
    assert [len(part) for part in groups] == [8, 2]
    assert not groups[0] & groups[1]


def test_a_split_of_classes_that_train_has_lost_is_refused(classes, tmp_path):
    source = {"kind": "class_folders", "root": str(classes)}
    message = r"no class of 'val' has an image left in train; .*'\(\.\*\)/' keeps classes together"
    with pytest.raises(ValueError, match=message):
        build(divided(source, kind="group", pattern="(.*)/", val=0.4), tmp_path)
    (tmp_path / "val.txt").write_text("".join(f"cat/{n // 2}_{n % 2}.png\n" for n in range(10)))
    with pytest.raises(ValueError, match="no class of 'val' has an image left in train"):
        build(
            {"kind": "divided", "of": source, "by": {"kind": "list", "val": str(tmp_path / "val.txt"), "test": None}},
            tmp_path,
        )


def test_some_classes_of_class_folders_are_chosen_and_divided(classes, tmp_path):
    chosen = {"kind": "chosen", "of": {"kind": "class_folders", "root": str(classes)}, "classes": ["dog"]}
    splits = build(divided({**chosen, "rename": {"dog": "wolf"}, "keep_emptied": False}), tmp_path)
    assert sizes(splits) == {"train": 8, "val": 2, "test": 2}
    assert [category.name for category in splits["val"].categories] == ["wolf"]


@pytest.fixture
def tt100k(tmp_path, picture, png):
    """Four images, each with an object of a class that is measured and one that is not."""
    corners = {"xmin": 1, "ymin": 1, "xmax": 5, "ymax": 6}
    objects = [{"category": category, "bbox": corners} for category in ("pl5", "rare")]
    images = {str(i): {"path": f"train/{i}.png", "id": i, "objects": objects} for i in range(4)}
    root = tmp_path / "tt100k"
    (root / "train").mkdir(parents=True)
    for number, image in enumerate(images.values()):
        (root / image["path"]).write_bytes(png(picture(16, 12, seed=number)))
    (root / "annotations.json").write_text(json.dumps({"types": [*CLASSES_45, "rare"], "imgs": images}))
    settings = {"kind": "tt100k", "root": str(root), "annotations": "annotations.json", "train_classes": "all"}
    train = {"folders": ["train"], "ids": None}
    return settings | {"measured_classes": 45, "train": train, "val": None, "test": None}


@pytest.mark.parametrize(
    ("rename", "left"), [(None, {"pl5"}), ({"pl5": "slow"}, {"slow"}), ({"pl5": "sign", "rare": "sign"}, {"sign"})]
)
def test_splits_divided_out_of_train_keep_measured_classes_alone(tt100k, rename, left, tmp_path):
    chosen = {"kind": "chosen", "of": tt100k, "classes": None, "rename": rename, "keep_emptied": False}
    once = divided(tt100k if rename is None else chosen, val=0.25)
    splits = build(divided(once, val=None, test=0.34), tmp_path)
    names = {category.id: category.name for category in splits["train"].categories}
    seen = {split: [names[i] for image in part for i in image.category_ids.tolist()] for split, part in splits.items()}
    assert set(seen["val"]) == set(seen["test"]) == left
    assert len(seen["train"]) == 4
    assert splits["val"].categories == splits["train"].categories
    if "rare" in names.values():
        assert remarks_of(splits["val"])["objects of classes that are not measured, left out"] == 1


def test_balanced_adds_to_train_alone(yolo, tmp_path):
    balanced = {"kind": "balanced", "of": divided(yolo), "instances_per_class": 5, "crops_per_object": 20}
    balanced |= {"crop_px": [8, 16], "min_visibility": 0.5, "jpeg_quality": 90, "seed": 0}
    balanced |= {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.0}
    splits = build(balanced, tmp_path)
    assert sizes(splits) == {"train": 12, "val": 2, "test": 2}
    assert all(image.read() for image in splits["train"])


def test_source_without_val_is_told_how_to_get_one(yolo, tmp_path):
    with pytest.raises(ValueError, match="has no split 'val', only train; kind: divided takes splits out of train"):
        build(yolo, tmp_path)


def test_split_that_exists_is_not_made_again(yolo, tmp_path):
    with pytest.raises(ValueError, match=r"data\.source\.by\.val: the source has this split already; write null"):
        build(divided(divided(yolo)), tmp_path)


def test_missing_root_inside_another_source_is_named(yolo, tmp_path):
    with pytest.raises(ValueError, match="'nowhere' does not exist"):
        build(divided({**yolo, "root": "nowhere"}), tmp_path)


def test_signs_may_be_divided_no_further_but_chosen(tmp_path):
    signs = {"kind": "signs", "seed": 0, "num_train": 2, "num_val": 1, "num_test": 1, "image_size_px": 64}
    (tmp_path / "scratch").mkdir()
    chosen = {"kind": "chosen", "of": signs, "classes": None, "rename": {"stop": "halt"}, "keep_emptied": True}
    assert "halt" in [category.name for category in build(chosen, tmp_path)["test"].categories]


def read_all(splits):
    return {
        split: [(image.file_name, image.read(), image.boxes_xyxy_px.tolist()) for image in part]
        for split, part in splits.items()
    }


def archives(root):
    shutil.make_archive(str(root), "tar", root.parent, root.name)
    shutil.make_archive(str(root), "zip", root)
    return [root.with_suffix(".tar"), root.with_suffix(".zip")]


def test_coco_packed_whole_is_the_same_as_in_a_folder(new_coco, picture, tmp_path):
    coco = new_coco("set")
    for number in range(3):
        coco.add(picture(20, 16, seed=number), [(1, 2, 5, 6)])
    coco.source()
    part = {"images": "images", "annotations": "instances.json"}
    settings = {"kind": "coco", "root": str(tmp_path / "set"), "train": part, "val": part, "test": None}
    there = read_all(build(settings, tmp_path))
    for archive in archives(tmp_path / "set"):
        assert read_all(build(settings | {"root": str(archive)}, tmp_path)) == there
        auto = divided({"kind": "auto", "root": str(archive)}, val=0.4)
        assert sizes(build(auto, tmp_path)) == {"train": 2, "val": 1, "test": 1}


def test_tt100k_packed_whole_is_the_same_as_in_a_folder(tmp_path, picture, png):
    root = tmp_path / "set"
    imgs = {}
    for number, split in enumerate(("train", "train", "val")):
        (root / split).mkdir(parents=True, exist_ok=True)
        (root / f"{split}/{number}.png").write_bytes(png(picture(20, 16, seed=number)))
        box = {"xmin": 1, "ymin": 1, "xmax": 9, "ymax": 9}
        objects = [{"category": "pn", "bbox": box}]
        imgs[str(number)] = {"path": f"{split}/{number}.png", "id": number, "objects": objects}
    (root / "annotations.json").write_text(json.dumps({"types": ["pn"], "imgs": imgs}))
    there = read_all(build({"kind": "auto", "root": str(root)}, tmp_path))
    assert [len(part) for part in there.values()] == [2, 1, 1]
    for archive in archives(root):
        assert read_all(build({"kind": "auto", "root": str(archive)}, tmp_path)) == there
