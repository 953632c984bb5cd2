"""Evaluating a prepared split equals pycocotools on its annotations, if boxes are read back as they stand there."""

import json

import numpy as np

from lowres.data.truth import load_truth


def test_widths_and_heights_are_those_of_the_annotations(coco, picture, tmp_path):
    boxes = np.random.default_rng(0).uniform(0.5, 60, (2000, 4)).round(2)
    coco.add(picture(90, 90), [tuple(box) for box in boxes.tolist()])
    coco.pack(tmp_path / "out")
    stored = json.loads((tmp_path / "out/annotations.json").read_text())["annotations"]
    (image,) = load_truth(tmp_path / "out")
    assert image.boxes_xywh_px.tolist() == [entry["bbox"] for entry in stored]
    assert (image.boxes_xywh_px[:, 2:] != boxes[:, 2:]).any()  # preparing rounds: (x + w) - x, and clips
