import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lowres.data import signs
from lowres.data.signs import CLASS_NAMES, render_signs, scene
from lowres.data.signs_glyphs import NUM_VARIANTS, PLATE_NAMES, glyph
from lowres.data.signs_mount import Plate, paint_plate, sample_pose
from lowres.data.signs_scene import _annotate
from lowres.data.signs_view import sample_view

NUM_TRAIN = 160
IPP_BEFORE = cv2.ipp.useIPP()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signs")
    render_signs(folder, seed=3, num_train=NUM_TRAIN, num_val=4, num_test=3)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def annotations(folder: Path, split: str) -> dict:
    return json.loads((folder / "annotations" / f"instances_{split}.json").read_text())


def test_same_seed_gives_the_same_bytes_and_more_images_leave_earlier_ones_unchanged(folder: Path, tmp_path: Path):
    few, again = tmp_path / "few", tmp_path / "again"
    for target in (few, again):
        render_signs(target, seed=3, num_train=5, num_val=2, num_test=0)
    assert digests(few) == digests(again)
    assert len(digests(few)) == 5 + 2 + 3
    many = digests(folder)
    for name, digest in digests(few).items():
        if name.endswith(".jpg"):
            assert many[name] == digest, name
    more = [a for a in annotations(folder, "train")["annotations"] if a["image_id"] <= 5]
    assert annotations(few, "train")["annotations"] == more


def test_seeds_and_splits_share_no_scene(folder: Path, tmp_path: Path):
    render_signs(tmp_path, seed=4, num_train=4, num_val=4, num_test=3)
    pictures = [
        digest for root in (folder, tmp_path) for name, digest in digests(root).items() if name.endswith(".jpg")
    ]
    assert len(pictures) == NUM_TRAIN + 4 + 3 + 4 + 4 + 3
    assert len(set(pictures)) == len(pictures)


def test_scenes_do_not_depend_on_threads_or_process():
    def digest() -> str:
        return hashlib.sha256(b"".join(scene(9, "val", k).image.tobytes() for k in range(6))).hexdigest()

    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = digest()
        cv2.setNumThreads(4)
        assert digest() == one
    finally:
        cv2.setNumThreads(threads)
    code = (
        "import hashlib; from lowres.data.signs import scene;"
        "print(hashlib.sha256(b''.join(scene(9, 'val', k).image.tobytes() for k in range(6))).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == one


@pytest.mark.skipif("AVX2" not in cv2.getCPUFeaturesLine(), reason="OpenCV rounds otherwise without AVX2")
def test_bytes_are_those_of_other_processors():
    # With Intel's primitives the last three differ between AVX2 and AVX-512.
    digest = hashlib.sha256()
    for index in (0, 1, 2, 205, 239, 321):
        digest.update(scene(0, "train", index).image.tobytes())
    assert digest.hexdigest() == "60beaff8f913ec57756c9130f9960879b1ecaab66d0ea4540f4a4e51e4eed7d4"
    assert cv2.ipp.useIPP() == IPP_BEFORE


def test_several_processes_render_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, images_a_process in (("one", 100), ("two", 2)):
        monkeypatch.setattr(signs, "IMAGES_WORTH_A_PROCESS", images_a_process)
        signs.render_signs(tmp_path / name, seed=3, num_train=5, num_val=1, num_test=0, image_size_px=64)
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert len(one) == 6 + 3
    assert one == two


def test_boxes_lie_in_the_frame_with_positive_sides_and_ids_count_from_one(folder: Path):
    for split, count in (("train", NUM_TRAIN), ("val", 4), ("test", 3)):
        document = annotations(folder, split)
        assert [image["id"] for image in document["images"]] == list(range(1, count + 1))
        assert [a["id"] for a in document["annotations"]] == list(range(1, len(document["annotations"]) + 1))
        assert [(c["id"], c["name"]) for c in document["categories"]] == list(enumerate(CLASS_NAMES, 1))
        for image in document["images"]:
            picture = cv2.imread(str(folder / "images" / split / image["file_name"]))
            assert picture is not None
            assert picture.shape == (image["height"], image["width"], 3) == (256, 256, 3)
        for a in document["annotations"]:
            x, y, width, height = a["bbox"]
            assert width > 0
            assert height > 0
            assert x >= 0
            assert y >= 0
            assert x + width <= 256 + 1e-3
            assert y + height <= 256 + 1e-3
            assert a["area"] == pytest.approx(width * height, abs=1e-2)
            assert a["iscrowd"] == 0


def test_long_sides_are_log_uniform_from_8_to_60_px(folder: Path):
    sides = np.sort([max(a["bbox"][2:]) for a in annotations(folder, "train")["annotations"]])
    assert len(sides) > 300
    assert np.mean(sides < 7.99) < 0.01  # only where the frame cuts a sign
    assert sides[-1] <= 60.01
    expected = np.log(sides / 8) / np.log(60 / 8)
    distance = np.abs(expected - (np.arange(len(sides)) + 0.5) / len(sides)).max()
    assert distance < 1.63 / np.sqrt(len(sides))  # Kolmogorov-Smirnov at 1%


def test_images_hold_none_to_six_signs_of_every_class(folder: Path):
    found = annotations(folder, "train")["annotations"]
    per_image = np.bincount([a["image_id"] for a in found], minlength=NUM_TRAIN + 1)[1:]
    assert set(per_image.tolist()) == set(range(7))
    per_class = np.bincount([a["category_id"] for a in found], minlength=len(CLASS_NAMES) + 1)[1:]
    assert per_class.min() > 0.5 * per_class.mean()
    assert per_class.max() < 1.6 * per_class.mean()


def test_pycocotools_gives_the_ground_truth_itself_an_ap_of_one(folder: Path):
    truth = COCO(str(folder / "annotations" / "instances_train.json"))
    keys = ("image_id", "category_id", "bbox")
    found = truth.loadRes([{**{key: a[key] for key in keys}, "score": 1.0} for a in truth.dataset["annotations"]])
    evaluation = COCOeval(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_a_box_is_tight_about_the_painted_sign(name: str):
    rng = np.random.default_rng(5)
    for long_side in (17.3, 40.6, 118.2):
        view = sample_view(rng, 256)
        canvas = np.zeros((512, 512, 4), np.uint8)
        plate = Plate(sample_pose(name, rng), long_side, 250.4, 201.7, 10.0, owner=7)
        paint_plate(canvas, view, rng, plate, shine=0.0)
        rows, columns = np.nonzero(canvas[..., 3] == 7)
        painted = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        box = np.array(plate.box_xyxy)
        assert max(box[2:] - box[:2]) == pytest.approx(long_side, abs=1e-6)
        np.testing.assert_allclose(painted, box, atol=1.0)


def test_a_sign_more_than_half_hidden_is_not_annotated():
    rng = np.random.default_rng(6)
    view = sample_view(rng, 256)
    for hidden_share, kept in ((0.0, True), (0.4, True), (0.6, False)):
        canvas = np.zeros((512, 512, 4), np.uint8)
        plate = Plate(sample_pose("crossing", rng), 80.0, 256.0, 256.0, 10.0, owner=2)
        paint_plate(canvas, view, rng, plate, shine=0.0)
        x0, _, x1, _ = plate.box_xyxy
        canvas[:, : int(x0 + hidden_share * (x1 - x0)), 3] = 0
        sign = _annotate(plate, canvas)
        assert (sign is not None) == kept
        if sign is not None:
            assert sign.box_xyxy_px == pytest.approx([value / 2 for value in plate.box_xyxy])
            assert sign.visible_share == pytest.approx(1 - hidden_share, abs=0.07)


def test_a_sign_beyond_the_frame_is_clipped_to_it():
    rng = np.random.default_rng(8)
    view = sample_view(rng, 256)
    canvas = np.zeros((512, 512, 4), np.uint8)
    plate = Plate(sample_pose("crossing", rng), 80.0, 490.0, 30.0, 10.0, owner=1)
    paint_plate(canvas, view, rng, plate, shine=0.0)
    sign = _annotate(plate, canvas)
    assert sign is not None
    assert sign.box_xyxy_px[2] == 256.0
    assert sign.box_xyxy_px[1] == 0.0


def test_glyphs_differ_between_classes_and_from_look_alikes():
    names = CLASS_NAMES + PLATE_NAMES
    for variant in range(NUM_VARIANTS):
        pictures = [glyph(name, variant).texture.astype(np.float64) for name in names]
        for i in range(len(names)):
            for j in range(i):
                assert np.abs(pictures[i] - pictures[j]).mean() > 1.0, (names[i], names[j])


def test_sizes_follow_the_image_size():
    sides = [
        max(sign.box_xyxy_px[2] - sign.box_xyxy_px[0], sign.box_xyxy_px[3] - sign.box_xyxy_px[1])
        for k in range(12)
        for sign in scene(2, "train", k, 128).signs
    ]
    assert min(sides) >= 3.99
    assert max(sides) <= 30.01
    assert scene(2, "train", 0, 128).image.shape == (128, 128, 3)


def test_progress_counts_every_image_and_an_empty_split_is_an_empty_document(tmp_path: Path):
    calls: list[tuple[int, int]] = []
    render_signs(
        tmp_path,
        seed=0,
        num_train=2,
        num_val=0,
        num_test=1,
        image_size_px=64,
        on_progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert annotations(tmp_path, "val")["images"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_val": -1}, "num_val: got -1"),
        ({"seed": -3}, "seed: got -3"),
        ({"image_size_px": 32}, "image_size_px: got 32"),
    ],
)
def test_impossible_values_are_refused_by_name(tmp_path: Path, change: dict, message: str):
    wanted = {"seed": 0, "num_train": 1, "num_val": 1, "num_test": 1, "image_size_px": 64}
    with pytest.raises(ValueError, match=message):
        render_signs(tmp_path, **(wanted | change))
    assert list(tmp_path.iterdir()) == []


def test_a_scene_takes_few_milliseconds():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        scene(1, "train", 0)
        start = time.process_time()
        for k in range(20):
            scene(1, "train", k)
        elapsed = time.process_time() - start
    finally:
        cv2.setNumThreads(threads)
    assert elapsed / 20 < 0.05  # about 0.006 s on a quiet core
