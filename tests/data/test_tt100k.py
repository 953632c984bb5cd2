import json

import numpy as np
import pytest

from lowres.data.pack import pack_split
from lowres.data.sources import Category
from lowres.data.tt100k import Tt100kAnnotations, Tt100kSource
from lowres.tt100k_classes import CLASSES_45


def sign(category, *corners):
    return {"category": category, "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), corners))}


@pytest.fixture
def document():
    images = [
        ("train", 9, [sign("pl5", 1, 2, 5.5, 6), sign("rare", 0, 0, 3, 3)]),
        ("train", 10, []),
        ("test", 2, [sign("rare", 0, 0, 3, 3)]),
        ("other", 4, [sign("pn", 0, 0, 3, 3)]),
    ]
    return {
        "types": ["pl5", "pn", "rare"],
        "imgs": {str(i): {"path": f"{part}/{i}.png", "id": i, "objects": objects} for part, i, objects in images},
    }


@pytest.fixture
def root(tmp_path, document, picture, png):
    for image in document["imgs"].values():
        path = tmp_path / image["path"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(picture(16, 12)))
    return tmp_path


def annotations(root, document, name="annotations.json"):
    (root / name).write_text(json.dumps(document))
    return Tt100kAnnotations(root / name)


def test_splits_are_the_folders_of_the_paths(root, document):
    source = Tt100kSource(root, annotations(root, document), folders=["train"])
    first, second = source
    assert source.categories == [Category(1, "pl5"), Category(2, "pn"), Category(3, "rare")]
    assert (first.image_id, first.file_name, first.stated_wh_px) == (9, "train/9.png", (16, 12))
    assert first.boxes_xyxy_px.tolist() == [[1, 2, 5.5, 6], [0, 0, 3, 3]]
    assert first.category_ids.tolist() == [1, 3]
    assert first.read() == (root / "train/9.png").read_bytes()
    assert (second.image_id, len(second.category_ids)) == (10, 0)
    both = Tt100kSource(root, annotations(root, document), folders=["train", "other"])
    assert [image.image_id for image in both] == [4, 9, 10]


def test_list_of_ids_narrows_a_split(root, document):
    (root / "train" / "ids.txt").write_text("10\n\n")
    source = Tt100kSource(root, annotations(root, document), folders=["train"], ids="train/ids.txt")
    assert [image.image_id for image in source] == [10]


def test_layout_of_2021_has_more_keys_and_another_name(root, document):
    for image in document["imgs"].values():
        for entry in image["objects"]:
            entry |= {"ellipse_org": [[1, 2]], "polygon": [[0, 0], [1, 1], [1, 0]]}
    source = Tt100kSource(root, annotations(root, document, "annotations_all.json"), folders=["test"])
    assert [image.image_id for image in source] == [2]


def test_all_are_trained_and_few_measured_with_the_same_labels(root, document):
    parsed = annotations(root, document)
    train = Tt100kSource(root, parsed, folders=["train"])
    test = Tt100kSource(root, parsed, folders=["test"], measured=["pl5", "pn"])
    assert train.categories == test.categories
    assert [len(image.category_ids) for image in test] == [0]
    assert test.remarks() == {"objects of classes that are not measured, left out": 1}
    assert train.remarks() == {}


def test_few_classes_keep_their_ids(root, document):
    source = Tt100kSource(root, annotations(root, document), folders=["train"], classes=["rare", "pn"])
    assert source.categories == [Category(2, "pn"), Category(3, "rare")]
    assert next(iter(source)).category_ids.tolist() == [3]


def test_there_are_45_classes_that_papers_measure():
    assert len(set(CLASSES_45)) == 45
    assert "ph4.5" in CLASSES_45


def test_absent_images_are_refused_by_packing_with_their_names(root, document, tmp_path):
    (root / "train/9.png").unlink()
    source = Tt100kSource(root, annotations(root, document), folders=["train"])
    report = pack_split(source, tmp_path / "out", shard_bytes=1 << 20, max_bad_fraction=0.5, min_side_px=1)
    assert [entry["file"] for entry in report["refused"]] == ["train/9.png"]


def test_box_without_numbers_becomes_nan(root, document):
    document["imgs"]["9"]["objects"] = [
        {"category": "pn"},
        sign("pn", "1", None, 10**400, True),
        sign("pn", 1, 2, 3, 4),
    ]
    boxes = next(iter(Tt100kSource(root, annotations(root, document), folders=["train"]))).boxes_xyxy_px
    assert np.isnan(boxes[:2]).all()
    assert boxes[2].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda d: d.pop("types"), "'types' is missing or empty"),
        (lambda d: d.update(types={"a": 1}), "'types' is dict"),
        (lambda d: d["types"].append(3), r"types\[3\] is 3"),
        (lambda d: d["types"].append("pn"), "'types' has 'pn' twice"),
        (lambda d: d.pop("imgs"), "'imgs' is missing"),
        (lambda d: d.update(imgs=[]), "'imgs' is a list of no use"),
        (lambda d: d["imgs"].update(x={}), r"imgs\.x: the key is no id"),
        (lambda d: d["imgs"].update({"-1": {}}), r"imgs\.-1: the key is no id"),
        (lambda d: d["imgs"].update({"9": 4}), r"imgs\.9 is a int; it must be an object"),
        (lambda d: d["imgs"]["9"].update(id=8), r"imgs\.9\.id is 8; it must be that of its key"),
        (lambda d: d["imgs"]["9"].update(path="9.jpg"), r"imgs\.9\.path is '9\.jpg'; it must be FOLDER/NAME"),
        (lambda d: d["imgs"]["9"].update(path=None), r"imgs\.9\.path is None"),
        (lambda d: d["imgs"]["9"].pop("objects"), r"imgs\.9\.objects is None; it must be a list"),
        (lambda d: d["imgs"]["9"]["objects"].append("x"), r"objects\[2\] is 'x'"),
    ],
)
def test_faulty_annotations_are_one_clear_line(root, document, fault, message):
    fault(document)
    with pytest.raises(ValueError, match=message) as caught:
        annotations(root, document)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(root / "annotations.json"))


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ("pl55", "category is 'pl55', not in 'types'; did you mean 'pl5'?"),
        ([], "category is [], not in 'types'; known"),
    ],
)
def test_object_of_a_class_that_is_not_in_types_is_left_to_packing(root, document, category, message):
    document["imgs"]["9"]["objects"][0]["category"] = category
    source = Tt100kSource(root, annotations(root, document), folders=["train"])
    first, second = source
    assert first.category_ids.tolist() == [3]
    ((place, reason, told),) = first.faults
    assert (place, reason) == ("imgs.9.objects[0]", "unknown category")
    assert told.startswith(message)
    assert second.faults == ()
    assert source.remarks() == {}


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("9\n4\n", r"ids\.txt:2: '4' is no id of an image in these folders"),
        ("nine", r"ids\.txt:1: 'nine' is no id"),
        ("9\n9", r"ids\.txt:2: id 9 is listed twice"),
        ("", r"ids\.txt: the list is empty"),
        (None, r"ids\.txt: the list of ids cannot be read: no such file"),
    ],
)
def test_faulty_list_of_ids_is_named(root, document, ids, message):
    if ids is not None:
        (root / "ids.txt").write_text(ids)
    with pytest.raises(ValueError, match=message):
        Tt100kSource(root, annotations(root, document), folders=["train"], ids="ids.txt")


def test_impossible_split_or_class_is_refused(root, document):
    parsed = annotations(root, document)
    with pytest.raises(ValueError, match="no image lies in trian; paths begin with other, test, train"):
        Tt100kSource(root, parsed, folders=["trian"])
    with pytest.raises(ValueError, match="class 'pl55' is not in 'types'; did you mean 'pl5'"):
        Tt100kSource(root, parsed, folders=["train"], classes=["pl55"])
    with pytest.raises(ValueError, match="class 'rare' is to be measured but not trained"):
        Tt100kSource(root, parsed, folders=["train"], classes=["pn"], measured=["pn", "rare"])
