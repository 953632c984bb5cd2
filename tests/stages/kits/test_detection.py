import copy
import json

import cv2
import numpy as np
import pytest
import torch
from tests.models.tiny import FAMILIES
from tests.stages.small import small_params

from lowres.config.params import parse_params
from lowres.data.coco import CocoSource
from lowres.data.pack import pack_split
from lowres.models.artifact import ModelSpec
from lowres.models.downsamplers import bicubic_of
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


@pytest.mark.parametrize(("init", "freezes"), [("scratch", False), ("teacher", True)])
def test_a_student_from_random_weights_freezes_nothing_of_its_backbone(init, freezes):
    """A teacher with ImageNet weights freezes norms and first stages; random ones there would stay random."""
    values = small_params()
    values["teacher"]["model"] = {
        "family": "deformable_detr",
        "config": copy.deepcopy(FAMILIES["deformable_detr"]["config"]),
        "pretrained": None,
        "backbone_weights": None,
        "train_backbone_norm": False,
        "fused_attention": True,
    }
    values["distill"]["init"] = init
    params = parse_params(values)
    kit = DetectionKit()
    teacher, network = kit.build_teacher(params.teacher.model, class_names=["sign"], sizing=params.data.input)
    assert not all(parameter.requires_grad for parameter in teacher.network.backbone.parameters())
    spec = ModelSpec("detection", network, ["sign"], [1], {"kind": "identity", "ratio": 1}, {})
    student, _ = kit.build_student(params.distill, teacher=spec, downsampler=bicubic_of(4), sizing=params.data.input)
    backbone = student.network.backbone
    frozen = [name for name, module in backbone.named_modules() if "Frozen" in type(module).__name__]
    still = [name for name, parameter in backbone.named_parameters() if not parameter.requires_grad]
    assert (bool(frozen), bool(still)) == (freezes, freezes)
