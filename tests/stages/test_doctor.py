import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from tests.data.doctor.corpus import BOXES, COPIES, IMAGES, Planted, encoded, picture, png_claiming
from tests.data.odd_images import png_claiming_chunk, tiff_with_tile

from lowres.data.images import MAX_DECODING_BYTES, memory_to_decode
from lowres.stages import doctor

PEAK = """
import sys
from pathlib import Path
def resident(key):
    # Not ru_maxrss: a child begins with its parent's.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) // 1024
root = Path(sys.argv[1])
"""
MEASURED = {
    "doctor": PEAK + """
from lowres.data.doctor.examine import examine
from lowres.data.doctor.layouts import find_layout
before = resident("VmRSS")
whole = sum(fact.whole for split in examine(find_layout(root), threads=8).facts for fact in split)
print(whole, before, resident("VmHWM"))
""",
    "prepare": PEAK + """
from lowres.data.coco import CocoSource
from lowres.data.pack import pack_split
before = resident("VmRSS")
source = CocoSource(root / "images/train", root / "annotations/instances_train.json")
report = pack_split(source, root / "packed", shard_bytes=10**9, max_bad_fraction=1, min_side_px=1, looked=[])
print(report["read"], before, resident("VmHWM"))
""",
}  # fmt: skip


def flat(kind, mode="RGB", number=1, **options):
    """How to write a picture of one colour, as large as one likes."""

    def write(side):
        several = {"save_all": True, "append_images": [Image.new(mode, (side, side))]} if number > 1 else {}
        return encoded(Image.new(mode, (side, side), (90, 80, 70, 60)[: len(mode)]), kind, **several, **options)

    return write


LARGEST = {
    "png": (7990, lambda side: png_claiming(side, side, 8, 2, bytes(side * (3 * side + 1)))),
    "png with alpha": (7990, flat("PNG", "RGBA")),
    "png animated": (5740, flat("PNG", number=2)),
    "jpg": (7990, flat("JPEG")),
    "jpg progressive": (6320, flat("JPEG", progressive=True, subsampling=0)),
    "jpg progressive, four inks": (5760, flat("JPEG", "CMYK", progressive=True)),
    "webp": (4980, flat("WEBP", method=0)),
    "webp without loss": (4980, flat("WEBP", lossless=True, method=0, quality=0)),
    "webp animated": (4980, flat("WEBP", number=2, lossless=True, method=0, quality=0)),
    "tif": (7990, flat("TIFF", compression="tiff_lzw")),
    "tif in one strip": (7060, flat("TIFF", compression="tiff_lzw", strip_size=1 << 30)),
    "tif turned": (7060, flat("TIFF", compression="tiff_lzw", tiffinfo={274: 6})),
}


def run(data, tmp_path, **outputs):
    defaults = {"json_file": None, "html_file": None, "fix_folder": None}
    return doctor.run(data.write(), **(defaults | outputs))


@pytest.mark.parametrize(
    ("fault", "code"), [(None, 0), (IMAGES["no objects"], 0), (BOXES["out of frame"], 1), (BOXES["nan"], 3)]
)
def test_exit_code_is_that_of_the_worst_finding(fault, code, tmp_path):
    data = Planted(tmp_path)
    if fault:
        fault(data)
    assert run(data, tmp_path)[1] == code


def test_three_fixes_are_named_errors_first(tmp_path):
    data = Planted(tmp_path)
    for fault in (BOXES["out of frame"], BOXES["nan"], BOXES["zero height"], COPIES["same file in train and val"]):
        fault(data)
    text, _ = run(data, tmp_path)
    fixes = re.findall(r"^  [123]\. .*", text, re.MULTILINE)
    assert len(fixes) == 3
    assert "out of its image" not in " ".join(fixes)
    assert text.splitlines()[-1].startswith("3 errors, ")


def test_json_page_and_repaired_copy_are_written(tmp_path):
    data = Planted(tmp_path / "data")
    for fault in (BOXES["nan"], BOXES["negative width"], IMAGES["cmyk"], *COPIES.values()):
        fault(data)
    outputs = {"json_file": tmp_path / "a/out.json", "html_file": tmp_path / "b/out.html", "fix_folder": tmp_path / "c"}
    text, code = run(data, tmp_path, **outputs)
    told = json.loads(outputs["json_file"].read_text())
    assert told["exit_code"] == code == 3
    assert told["counts"]["box_not_finite"] == 1
    assert told["splits"]["val"]["object_size_px"]["4x"]["share_below_px"] == {"8": 1.0, "4": 0.0, "2": 0.0}
    page = outputs["html_file"].read_text()
    assert page.count("data:image/") >= 6
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "examined again: " in text
    assert "error" not in text.splitlines()[-1].partition("examined again")[2]
    assert (tmp_path / "c/changes.json").is_file()


def test_the_page_of_pictures_without_boxes_has_no_column_of_objects(tmp_path):
    for folder in ("train", "trainannot"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number in range(2):
        (tmp_path / f"data/train/{number}.jpg").write_bytes(encoded(picture(number), "JPEG"))
        (tmp_path / f"data/trainannot/{number}.png").write_bytes(
            encoded((picture(number)[..., 0] > 99).astype("uint8"))
        )
    doctor.run(tmp_path / "data", json_file=None, html_file=tmp_path / "out.html", fix_folder=None)
    page = (tmp_path / "out.html").read_text()
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', page) == ["split", "images", "place"]


def two_files_of_train(root):
    """a/instances_train.json with six images, the last box empty, and b/instances_train.json with three of their names."""
    for folder, number in (("a", 6), ("b", 3)):
        (root / folder / "images").mkdir(parents=True)
        document = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
        for place in range(1, number + 1):
            (root / folder / f"images/{place}.png").write_bytes(encoded(picture(10 * number + place)))
            document["images"].append({"id": place, "file_name": f"{place}.png", "width": 64, "height": 48})
            entry = {"id": place, "image_id": place, "category_id": 1, "bbox": [5, 5, 9, 9 if place < 6 else 0]}
            document["annotations"].append(entry | {"area": 81, "iscrowd": 0})
        (root / folder / "instances_train.json").write_text(json.dumps(document))


def test_two_splits_of_one_name_are_told_apart_on_the_page_in_json_and_in_the_copy(tmp_path):
    two_files_of_train(tmp_path / "data")
    outputs = {"json_file": tmp_path / "out.json", "html_file": tmp_path / "out.html", "fix_folder": tmp_path / "copy"}
    doctor.run(tmp_path / "data", **outputs)
    told = json.loads(outputs["json_file"].read_text())
    assert {name: split["images"] for name, split in told["splits"].items()} == {"train": 6, "b-train": 3}
    assert told["counts"] == {"not_recognised": 1, "box_empty": 1, "bad_area": 1}
    assert "train: 6.png (id 6)" in outputs["html_file"].read_text()
    copied = {}
    for split in ("train", "b-train"):
        document = json.loads((tmp_path / f"copy/annotations/instances_{split}.json").read_text())
        copied[split] = (len(document["images"]), len(document["annotations"]))
        for image in document["images"]:
            there = tmp_path / "data" / ("b" if split[0] == "b" else "a") / "images" / image["file_name"]
            assert (tmp_path / "copy/images" / split / image["file_name"]).read_bytes() == there.read_bytes()
    assert copied == {"train": (6, 5), "b-train": (3, 3)}


def test_boxes_that_are_all_misread_are_not_clipped_into_a_copy(tmp_path):
    data = Planted(tmp_path / "data")
    for document in data.documents.values():
        for entry in document["annotations"]:
            entry["bbox"] = [30, 25, 50, 45]  # corners of a box of 20 x 20, in 64 x 48
    text, code = run(data, tmp_path, fix_folder=tmp_path / "copy")
    assert code == 3
    assert text.splitlines()[-1].endswith("subtract x1 from x2 and y1 from y2")
    assert "no repaired copy" in text.splitlines()[-1]
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("target", ["data/copy", "data", "full"])
def test_a_repaired_copy_goes_into_a_new_folder_outside(target, tmp_path):
    data = Planted(tmp_path / "data")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept.txt").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="--fix"):
        run(data, tmp_path, fix_folder=tmp_path / target)
    assert [path for path in sorted(tmp_path.rglob("*")) if path.suffix != ".json"] == before


@pytest.mark.parametrize("option", ["json_file", "html_file"])
def test_no_file_of_the_data_set_is_overwritten(option, tmp_path):
    data = Planted(tmp_path / "data")
    annotations = data.write() / "annotations/instances_train.json"
    before = annotations.read_bytes()
    defaults = {"json_file": None, "html_file": None, "fix_folder": None}
    for path in (data.root, annotations):
        with pytest.raises(ValueError, match=r"exists already inside .*; give a new name, or one outside"):
            doctor.run(path, **(defaults | {option: annotations}))
    assert annotations.read_bytes() == before


@pytest.mark.parametrize("option", ["json_file", "html_file"])
def test_a_folder_in_place_of_an_output_is_named_and_nothing_is_left_behind(option, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=f"--{option[:4]} .*folder: is a folder; give the name of a file"):
        run(Planted(tmp_path / "data"), tmp_path, **{option: tmp_path / "folder"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "folder"]


def test_the_page_does_not_replace_the_json(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=r"--html .*out: is the file of --json too; give each its own name"):
        run(Planted(tmp_path / "data"), tmp_path, json_file=out, html_file=out)
    assert not out.exists()


def test_a_file_name_that_is_no_utf_8_is_told_with_a_question_mark(tmp_path):
    data = Planted(tmp_path / "data")
    (data.root / "images/train" / os.fsdecode(b"\xff.png")).write_bytes(encoded(picture(99)))
    outputs = {"json_file": tmp_path / "out.json", "html_file": tmp_path / "out.html", "fix_folder": tmp_path / "copy"}
    text, code = run(data, tmp_path, **outputs)
    assert code == 1
    assert "  ?.png" in text
    assert "?.png" in outputs["html_file"].read_text()
    assert json.loads(outputs["json_file"].read_text())["counts"] == {"unlisted_image": 1}


def add_bombs(data):
    for number in range(3):
        data.add(content=png_claiming(60000, 60000), name=f"claims{number}.png", size=(60000, 60000))
        body = bytes(9000 * 1126)
        data.add(content=png_claiming(9000, 9000, 1, 0, body), name=f"bomb{number}.png", size=(9000, 9000))
        data.add(content=png_claiming_chunk(encoded(picture(number)), (1 << 31) - 1), name=f"chunk{number}.png")
        data.add(content=tiff_with_tile(64, 64, 17400), name=f"tile{number}.tif", size=(64, 64))


def add_the_largest(data):
    """Two of each format, as large as `MAX_DECODING_BYTES` allows; two would be too much at a time."""
    for name, (side, write) in LARGEST.items():
        content = write(side)
        needed = memory_to_decode(content)
        assert 0.97 * MAX_DECODING_BYTES < needed <= MAX_DECODING_BYTES, f"{name}: {needed}"
        for number in range(2):
            data.add(content=content, name=f"{name}{number}.{name.split()[0]}", size=(side, side))
    data.add(content=tiff_with_tile(64, 9990), name="tile.tif", size=(64, 64))  # OpenCV refuses it, Pillow does not


@pytest.mark.parametrize("stage", ["doctor", "prepare"])
def test_memory_stays_under_500_mb_on_bombs_and_the_largest_allowed_images(stage, tmp_path):
    """The largest allowed images take minutes: `make test-doctor` has them, the suite the bombs.

    Images may take as much in `prepare` as in `doctor`, beside 240 MB of torch, which `doctor` does without.
    """
    data = Planted(tmp_path)
    sound = 10 if stage == "doctor" else 6
    add_bombs(data)
    if os.environ.get("LOWRES_LARGE_IMAGES"):
        add_the_largest(data)
        sound += 2 * len(LARGEST)
    command = [sys.executable, "-c", MEASURED[stage], str(data.write())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    whole, before, peak = (int(word) for word in done.stdout.split())
    assert whole == sound
    assert peak - before < 440
    if stage == "doctor":
        assert peak < 500
