"""Against pycocotools' own reading of the same two files."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tests.evaluation.raw_documents import evaluated_documents, random_documents, summarised

from lowres.data.coco_instances import CocoInstances, truth_of
from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.coco_results import read_coco_results
from lowres.evaluation.coco_scoring import score_coco

NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    rng = np.random.default_rng(0)
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 200, "height": 150} for i in range(1, 31)]
    categories = [{"id": number, "name": f"class {number}"} for number in (2, 4, 9)]
    annotations, results = [], []
    for image in images:
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 90, 2), *rng.uniform(5, 60, 2)))
            category = int(rng.choice([2, 4, 9]))
            entry = {"id": len(annotations) + 1, "image_id": image["id"], "category_id": category}
            entry |= {"bbox": [x, y, w, h], "area": w * h * 0.8, "iscrowd": int(rng.random() < 0.1)}
            annotations.append(entry)
            if rng.random() < 0.8:
                dx, dy, dw, dh = rng.normal(0, 4, 4)
                box = [x + dx, y + dy, max(1.0, w + dw), max(1.0, h + dh)]
                results.append({"image_id": image["id"], "category_id": category, "bbox": box, "score": rng.random()})
    folder = tmp_path_factory.mktemp("coco")
    truth = {"images": images, "annotations": annotations, "categories": categories}
    paths = folder / "instances.json", folder / "results.json"
    for path, document in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(document))
    return paths


def scored(files, **options):
    instances = CocoInstances(files[0])
    truth = truth_of(instances)
    labels = {category.id: label for label, category in enumerate(instances.categories)}
    found = read_coco_results(files[1], labels=labels, image_ids=[image.image_id for image in truth])
    names = [category.name for category in instances.categories]
    return score_coco(truth, found, class_names=names, **{"max_detections": 100, "engine": "pycocotools", **options})


def test_the_numbers_are_those_of_pycocotools(files):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(files[0]))
        evaluation = COCOeval(truth, truth.loadRes(str(files[1])), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    metrics = scored(files).metrics
    ours = [getattr(metrics, name) for name in NAMES]
    stats = [None if value == -1 else value for value in evaluation.stats[:9]]
    assert [value is None for value in ours] == [value is None for value in stats]
    np.testing.assert_allclose([v for v in ours if v is not None], [v for v in stats if v is not None], atol=1e-12)


@pytest.mark.parametrize("engine", ["pycocotools", "hotcoco"])
def test_fractional_coordinates_on_thresholds_and_limits_change_nothing(tmp_path, engine):
    if engine == "hotcoco":
        pytest.importorskip("hotcoco", reason="the extra `fast` is not installed: pip install 'lowres[fast]'")
    told = 0
    for seed in range(200):
        documents = random_documents(seed)
        truth, detections = documents.records(tmp_path)
        names = [category["name"] for category in documents.instances["categories"]]
        ours = evaluate_detections(truth, detections, class_names=names, engine=engine)
        expected = summarised(evaluated_documents(documents))
        assert [getattr(ours, name) for name in NAMES] == pytest.approx(expected, abs=1e-12), seed
        told += expected[0] is not None and 0 < expected[0] < 1
    assert told > 150


def test_the_table_says_engine_interval_and_what_was_left_aside(files):
    result = scored(files)
    text = result.as_text()
    assert "by pycocotools" in text
    assert "95 % interval" in text
    assert result.metrics.ap is not None
    assert result.intervals["ap"] is not None
    low, high = result.intervals["ap"]
    assert low < result.metrics.ap < high
    assert f"{result.images_without_results} images without results" in text
    assert result.as_dict()["ap_interval"] == (low, high)
    for name in NAMES:  # every headline number of the table
        assert f"{name}_interval" in result.as_dict()
    assert text.count("95 % interval") == sum(getattr(result.metrics, name) is not None for name in NAMES)


@pytest.mark.parametrize("engine", ["pycocotools", "hotcoco"])
def test_ap_by_size_is_of_the_thumbnail(files, engine):
    if engine == "hotcoco":
        pytest.importorskip("hotcoco", reason="the extra `fast` is not installed: pip install 'lowres[fast]'")
    at_4, at_1 = (scored(files, engine=engine, thumbnail_ratio=ratio) for ratio in (4.0, 1.0))
    sides = [
        max(entry["bbox"][2:]) for entry in json.loads(files[0].read_text())["annotations"] if not entry["iscrowd"]
    ]
    edges = [0, 2, 4, 8, 16, np.inf]
    for result, ratio in ((at_4, 4), (at_1, 1)):
        counts = np.histogram(np.array(sides) / ratio, edges)[0].tolist()
        assert [row.num_objects for row in result.metrics.by_thumbnail_size] == counts
    assert at_4.metrics.ap == at_1.metrics.ap
    rows = [
        line for line in at_4.as_text().splitlines() if line.startswith(("4 to 8 px", "8 to 16 px", "by long side"))
    ]
    assert rows[0].split() == ["by", "long", "side,", "images", "shrunk", "4", "times", "AP", "AP50", "AR", "objects"]
    for line, row in zip(rows[1:], at_4.metrics.by_thumbnail_size[2:4], strict=True):
        assert line.split()[-4:] == [f"{row.ap:.4f}", f"{row.ap50:.4f}", f"{row.ar:.4f}", str(row.num_objects)]


def test_fewer_detections_per_image_are_stated(files):
    few, many = scored(files, max_detections=1).metrics, scored(files).metrics
    assert few.max_detections == 1
    assert few.ap is not None
    assert many.ap is not None
    assert few.ap < many.ap
