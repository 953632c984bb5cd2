import json

import numpy as np
import pytest

from lowres.data.profile import profile_split


def test_profile_counts_what_is_there(coco, tmp_path):
    red = np.zeros((20, 40, 3), np.uint8)
    red[..., 0] = 255
    coco.add(red, [(0, 0, 16, 4), (0, 0, 10, 10)], category_id=3)  # sizes 8 and 10 px
    coco.add(np.zeros_like(red), [(0, 0, 6, 6)], category_id=7)  # 6 px
    coco.add(np.zeros_like(red), [(0, 0, 40, 20)], category_id=7, iscrowd=1)
    coco.add(np.zeros((20, 20, 3), np.uint8))
    coco.pack(tmp_path / "out")
    profile = profile_split(tmp_path / "out")
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile
    assert (profile["images"], profile["boxes"], profile["crowd_regions"]) == (4, 3, 1)
    assert profile["images_without_boxes"] == 1
    assert profile["class_counts"] == {"cat": 2, "dog": 1}
    assert profile["commonest_image_sizes"] == {"40x20": 3, "20x20": 1}
    sizes = profile["object_size_px"]
    assert sizes["1x"]["quantiles"]["q50"] == 8
    assert sizes["1x"]["share_below_px"] == {"8": pytest.approx(1 / 3, abs=1e-4), "4": 0, "2": 0}
    assert sizes["4x"]["share_below_px"] == {"8": 1, "4": 1, "2": pytest.approx(1 / 3, abs=1e-4)}
    # red: one image of 800 px among 2,800
    share = 800 / 2800
    assert profile["pixels"]["mean"] == pytest.approx([share, 0, 0], abs=1e-4)
    assert profile["pixels"]["std"] == pytest.approx([(share * (1 - share)) ** 0.5, 0, 0], abs=1e-4)


def test_object_sizes_are_those_in_the_models_input(coco, picture, tmp_path):
    coco.add(picture(20, 40), [(0, 0, 16, 4)])  # height, width; size 8 px
    coco.add(picture(20, 20), [(0, 0, 10, 10)])  # 10 px
    coco.pack(tmp_path / "out")
    profile = profile_split(tmp_path / "out", input_scale=lambda width, height: (20 / width, 20 / height))
    # the first image is squeezed to half its width: 8 / sqrt(2)
    assert profile["object_size_px"]["1x"]["quantiles"]["q0"] == pytest.approx(8 / 2**0.5, abs=1e-3)
    assert profile["object_size_px"]["1x"]["quantiles"]["q100"] == 10


def test_profile_of_a_split_without_boxes_is_complete(coco, picture, tmp_path):
    coco.add(picture(8, 8))
    coco.pack(tmp_path / "out")
    profile = profile_split(tmp_path / "out")
    assert profile["boxes"] == 0
    assert profile["object_size_px"]["2x"] == {"quantiles": {}, "share_below_px": {}}
