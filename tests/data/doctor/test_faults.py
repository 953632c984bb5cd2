import pytest
from tests.data.doctor.corpus import BOXES, CATEGORIES, CONTENTS, COPIES, FAULTS, IMAGES, Planted

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
def test_every_planted_fault_is_named(fault, tmp_path):
    data = Planted(tmp_path)
    kind, place = FAULTS[fault](data)
    found = told(examined(data.write()))
    assert any(kind == got and place in where for got, where in found), found


@pytest.mark.parametrize("fault", BOXES | IMAGES | COPIES | CATEGORIES)
def test_the_repaired_copy_is_clean(fault, tmp_path):
    data = Planted(tmp_path / "data")
    kind, _ = FAULTS[fault](data)
    examination = examined(data.write())
    changes = write_repaired(examination, tmp_path / "copy")
    assert bool(changes) == bool(KINDS[kind].repaired)
    again = examined(tmp_path / "copy")
    left = [finding for finding in again.findings if finding.kind not in UNREPAIRABLE]
    assert worst(left) in (None, Severity.NOTE), told(again)


def test_all_faults_of_a_folder_at_once_are_named_and_repaired(tmp_path):
    data = Planted(tmp_path / "data")
    kinds = set()
    for name in CONTENTS:
        kind, file, make = CONTENTS[name]
        data.add(content=make(), name=f"{len(kinds)}-{name.replace(' ', '-')}-{file}")
        kinds.add(kind)
    kinds |= {
        plant(data)[0]
        for name, plant in (IMAGES | COPIES).items()
        if name not in CONTENTS and name != "same pixels as bmp"
    }
    kinds |= {plant(data)[0] for plant in BOXES.values()}
    examination = examined(data.write())
    assert kinds <= {finding.kind for finding in examination.findings}
    write_repaired(examination, tmp_path / "copy")
    again = examined(tmp_path / "copy")
    assert worst(again.findings) in (None, Severity.NOTE), told(again)


@pytest.mark.parametrize("fault", [name for name in BOXES | IMAGES | COPIES])
def test_what_packing_refuses_or_drops_is_an_error_and_what_it_clips_a_warning(fault, tmp_path):
    data = Planted(tmp_path / "data")
    FAULTS[fault](data)
    examination = examined(data.write())
    errors = {f.place.split(" ")[0] for f in examination.findings if KINDS[f.kind].severity is Severity.ERROR}
    try:
        source = CocoSource(data.root / "images/train", data.root / "annotations/instances_train.json")
        report = pack_split(source, tmp_path / "packed", shard_bytes=1 << 20, max_bad_fraction=1.0, min_side_px=1)
    except (ValueError, TypeError):
        assert errors
        return
    assert {refusal["file"] for refusal in report["refused"]} <= errors
    dropped = sum(report["boxes"]["dropped_by_reason"].values())
    kinds = [finding.kind for finding in examination.findings]
    assert dropped == sum(
        kind in ("no_box", "box_not_finite", "box_negative", "box_empty", "box_outside") for kind in kinds
    )
    assert report["boxes"]["clipped"] == kinds.count("box_out_of_frame")
