import pytest
from tests.data.doctor.corpus import ARCHIVES, BOXES, CONTENTS, COPIES, FAULTS, FILES, IMAGES, Planted

from lowres.data.coco import CocoSource
from lowres.data.doctor.examine import examine
from lowres.data.doctor.findings import KINDS, Severity, worst
from lowres.data.doctor.layouts import find_layout
from lowres.data.doctor.repair import write_repaired
from lowres.data.pack import pack_split

UNREPAIRABLE = {"class_not_in_train"}


def examined(root):
    return examine(find_layout(root), threads=2)


def told(examination):
    return [(finding.kind, f"{finding.place} {finding.detail}") for finding in examination.findings]


def test_at_least_forty_faults_are_planted():
    assert len(FAULTS) >= 40


def test_a_sound_data_set_is_clean(tmp_path):
    assert told(examined(Planted(tmp_path).write())) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_named_and_gone_from_the_repaired_copy(fault, tmp_path):
    data = Planted(tmp_path / "data")
    kind, place = FAULTS[fault](data)
    examination = examined(data.write())
    assert any(kind == got and place in where for got, where in told(examination)), told(examination)
    if fault in FILES or kind == "unreadable_archive":
        return  # all of train is missing then: see the next test
    changes = write_repaired(examination, tmp_path / "copy")
    assert bool(changes) == bool(KINDS[kind].repaired)
    again = examined(tmp_path / "copy")
    left = [finding for finding in again.findings if KINDS[finding.kind].severity > Severity.NOTE]
    assert [finding.kind for finding in left] == ([kind] if not KINDS[kind].repaired and worst(left) else [])


@pytest.mark.parametrize("fault", [*FILES, *ARCHIVES])
def test_of_files_and_archives_with_faults_what_can_be_read_is_copied_and_nothing_else(fault, tmp_path):
    data = Planted(tmp_path / "data")
    kind, _ = (FILES | ARCHIVES)[fault](data)
    examination = examined(data.write())
    before = sorted(tmp_path.rglob("*"))
    changes = write_repaired(examination, tmp_path / "copy")
    copied = sorted(path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*.*"))
    train = [f"images/train/train{number}.png" for number in range(1, 7)]
    if kind == "unreadable_archive":
        assert {"split": "train", "change": "left out: no image is left"} in [
            {key: change[key] for key in ("split", "change")} for change in changes
        ]
        train = []
    elif fault in FILES:
        train = [name for name in copied if name in train]
    annotations = [f"annotations/instances_{split}.json" for split in (["train"] if train else []) + ["val"]]
    val = [f"images/val/val{number}.png" for number in range(1, 5)]
    assert copied == [*annotations, "changes.json", *train, *val]
    assert [path for path in sorted(tmp_path.rglob("*")) if tmp_path / "copy" not in (path, *path.parents)] == before


def plant_all(data, planters):
    return {plant(data)[0] for plant in planters}


def plant_contents(data):
    kinds = set()
    for number, (kind, name, make) in enumerate(CONTENTS.values()):
        data.add(content=make(), name=f"{number}-{name}")
        kinds.add(kind)
    return kinds


def test_all_faults_of_a_folder_at_once_are_named_and_repaired(tmp_path):
    data = Planted(tmp_path / "data")
    others = [plant for name, plant in IMAGES.items() if name not in CONTENTS]
    copies = [COPIES["same file in train and val"], COPIES["same file twice in val"], COPIES["recompressed in val"]]
    kinds = plant_contents(data) | plant_all(data, [*others, *copies, *BOXES.values()])
    examination = examined(data.write())
    assert kinds <= {finding.kind for finding in examination.findings}
    write_repaired(examination, tmp_path / "copy")
    again = examined(tmp_path / "copy")
    assert worst(again.findings) in (None, Severity.NOTE), told(again)


def packed(data, folder):
    source = CocoSource(data.root / "images/train", data.root / "annotations/instances_train.json")
    return pack_split(source, folder, shard_bytes=1 << 20, max_bad_fraction=1.0, min_side_px=1)


def test_the_files_that_packing_refuses_are_those_with_errors(tmp_path):
    data = Planted(tmp_path / "data")
    plant_contents(data)
    plant_all(data, [IMAGES[name] for name in ("another size", "swapped size", "missing file", "file over 100 MB")])
    examination = examined(data.write())
    errors = {f.place.split(" ")[0] for f in examination.findings if KINDS[f.kind].severity is Severity.ERROR}
    assert {refusal["file"] for refusal in packed(data, tmp_path / "packed")["refused"]} == errors


def test_the_boxes_that_packing_drops_are_errors_and_those_it_clips_warnings(tmp_path):
    data = Planted(tmp_path / "data")
    kinds = plant_all(data, [plant for name, plant in BOXES.items() if name != "list for an annotation"])
    assert len(kinds) > 10
    found = [finding.kind for finding in examined(data.write()).findings]
    boxes = packed(data, tmp_path / "packed")["boxes"]
    dropped = ("no_box", "box_not_finite", "box_negative", "box_empty", "box_outside")
    dropped += ("unknown_image", "unknown_category")
    assert sum(boxes["dropped_by_reason"].values()) == sum(kind in dropped for kind in found) > 0
    assert boxes["clipped"] == found.count("box_out_of_frame") > 0
