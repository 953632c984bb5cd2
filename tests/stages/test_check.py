import copy
import functools
import re

import pytest
from ruamel.yaml import YAML
from tests.stages.commands import lowres, refused
from tests.stages.small import ROOT, small_params, write_params

from lowres.config.params import parse_params
from lowres.stages import check

MOMENT = {"weight": 1.0, "deviation_weight": 0.1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher.train.optimiser.groups": [{"match": "bakcbone", "lr_factor": 0.1}]}, "matches no trainable"),
        ({"teacher.train.accumulate": 3}, "accumulate 3 does not divide"),
        ({"teacher.train.augment.scale_jitter": [2.0, 1.0]}, "scale_jitter"),
        ({"data.input.long_side_px": 64}, "long_side_px 64 is under short_side_px 128"),
        ({"teacher.train.ema.decay": 1.0}, "ema.decay: Input should be less than 1"),
        ({"teacher.train.optimiser.lr": float("inf")}, "optimiser.lr: Input should be a finite number"),
        (
            {"distill.train_downsampler": False},
            r"distill: parameter group '\\bdownsampler\\b' matches no trainable parameter: what it names (model.downs",
        ),  # the preset has a group for it
        ({"data.input.canvas_multiple_px": 4}, "no multiple of the detector's largest stride"),
        ({"teacher.model.backbone_weights": "/nosuch"}, "model.backbone_weights: '/nosuch' is no local folder"),
        ({"teacher.model.backbone_weights": "./weights"}, "model.backbone_weights: './weights' is no local folder"),
        ({"distill.init": "./nowhere"}, "nowhere: no trained model here"),
        (
            {
                "distill.terms": {"moment": MOMENT},
                "distill.train_downsampler": False,
                "distill.train.optimiser.groups": [],
            },
            "none depends on anything that learns",
        ),
        (
            {"teacher.model.config.num_queries": 0},
            "teacher: cannot be built, or take a step: RuntimeError: cannot reshape",
        ),
        ({"teacher.model.config.encoder_attention_heads": 0}, "teacher: cannot be built, or take a step: ZeroDivision"),
        ({"teacher.model.config.activation_function": "nope"}, "teacher: cannot be built, or take a step: KeyError"),
        ({"downsampler.options.lyers": 2}, "downsampler.options.lyers: unknown key; did you mean layers?"),
        ({"downsampler.options.skip": "foo"}, "downsampler.options.skip: Input should be 'none', 'bicubic'"),
    ],
)
def test_what_would_fail_later_fails_here(change, message):
    values = small_params()
    for key, value in change.items():
        *path, last = key.split(".")
        functools.reduce(dict.__getitem__, path, values)[last] = value
    with pytest.raises(ValueError, match=re.escape(message)):
        check.run(parse_params(values))


def test_a_student_that_torch_refuses_is_one_line_that_names_its_section(tmp_path):
    values = small_params()
    values["distill"]["model"] = copy.deepcopy(values["teacher"]["model"])
    values["distill"]["model"]["config"]["num_queries"] = 0
    write_params(tmp_path / "params.yaml", values)
    refused(lowres(tmp_path, "check", check=False), "distill: cannot be built, or take a step: RuntimeError: cannot")


@pytest.mark.parametrize("source", ["microsoft/resnet-50", "resnet"])
def test_weights_that_the_hub_may_have_are_not_read(source, caplog):
    values = small_params()
    values["teacher"]["model"]["backbone_weights"] = source
    with caplog.at_level("INFO"):
        check.run(parse_params(values))
    assert f"backbone_weights {source} is not read in a dry run" in caplog.text


def classifier_params(family, *, side_px=32, ratio=4, restore="none"):
    values = YAML(typ="safe").load((ROOT / "presets/dfd-demo.yaml").read_text())
    values["data"]["input"] |= {"short_side_px": side_px, "long_side_px": side_px, "canvas_multiple_px": side_px}
    values["teacher"]["model"] |= {"family": family, "width": 0.125}
    values["downsampler"]["ratio"] = ratio
    values["distill"]["restore"] = restore
    return values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "alexnet"}, "distill.restore: none gives alexnet thumbnails of 8 px, and it reads 13 px and more"),
        ({"family": "vgg16"}, "distill.restore: none gives vgg16 thumbnails of 8 px, and it reads 16 px and more"),
        ({"family": "vgg16", "side_px": 8, "restore": "bicubic"}, "data.input.short_side_px: 8, but vgg16 reads 16 px"),
    ],
)
def test_a_classifier_of_which_too_small_an_image_leaves_nothing_is_refused(tmp_path, change, message):
    write_params(tmp_path / "params.yaml", classifier_params(**change))
    refused(lowres(tmp_path, "check", check=False), message)


@pytest.mark.parametrize(
    "change",
    [{"family": "resnet18"}, {"family": "alexnet", "ratio": 2}, {"family": "vgg16", "restore": "bicubic"}],
)
def test_a_classifier_of_large_enough_images_builds_and_takes_a_step(change):
    assert check.run(parse_params(classifier_params(**change)))["distill"]["recognition"] > 0
