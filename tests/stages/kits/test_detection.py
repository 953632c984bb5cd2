import json

import cv2
import numpy as np
import pytest
import torch
from tests.stages.small import small_params

from lowres.config.params import parse_params
from lowres.data.coco import CocoSource
from lowres.data.pack import pack_split
from lowres.stages.kits.detection import DetectionKit


def test_a_validation_split_without_objects_is_refused_before_training(tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((64, 64, 3), np.uint8))
    document = {
        "images": [{"id": 1, "file_name": "one.png", "width": 64, "height": 64}],
        "annotations": [],
        "categories": [{"id": 1, "name": "sign"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    source = CocoSource(tmp_path, tmp_path / "instances.json")
    pack_split(source, tmp_path / "val", shard_bytes=10**6, max_bad_fraction=0.0, min_side_px=1)
    sizing = parse_params(small_params()).data.input
    with pytest.raises(ValueError, match="val: no image has an object"):
        DetectionKit().validator(tmp_path / "val", sizing, device=torch.device("cpu"))
