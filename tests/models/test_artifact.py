import pytest
import torch
from tests.models.tiny import FAMILIES

from lowres.models.artifact import ModelSpec, build_from_spec, load_model, save_model
from lowres.models.assemble import describe_detector
from lowres.models.build import build_detector
from lowres.models.downsamplers import build_downsampler
from lowres.models.thumbnail import ThumbnailDetector


def saved(folder, family="rt_detr_v2", shift=1):
    torch.manual_seed(0)
    detector = build_detector(**FAMILIES[family], class_names=["a", "b"], stride_shift=shift)
    downsampler = {"kind": "learned", "ratio": 4, "layers": 2, "final_relu": False, "skip": "bicubic"}
    model = ThumbnailDetector(build_downsampler(**downsampler), detector).eval()
    spec = ModelSpec(
        task="detection",
        network=describe_detector(
            detector, stride_shift=shift, input_channels=3, train_backbone_norm=True, fused_attention=True
        ),
        class_names=["a", "b"],
        category_ids=[3, 7],
        downsampler=downsampler,
        input={"short_side_px": 256, "long_side_px": 256, "stretch": False, "canvas_multiple_px": 128},
    )
    save_model(folder, model, spec)
    return model, spec


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_detector_comes_back_with_the_same_answers(tmp_path, family):
    model, spec = saved(tmp_path, family)
    again, spec_again = load_model(tmp_path)
    pixels, mask = torch.rand(1, 3, 128, 256), torch.ones(1, 128, 256, dtype=torch.bool)
    with torch.no_grad():
        assert torch.equal(model(pixels, mask).logits, again(pixels, mask).logits)
    assert spec_again == spec


def test_a_flipped_bit_is_found(tmp_path):
    saved(tmp_path)
    path = tmp_path / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="the file is damaged"):
        load_model(tmp_path)


def test_a_changed_configuration_is_found(tmp_path):
    saved(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"num_queries": ', '"num_queries": 1'))
    with pytest.raises(ValueError, match=r"config\.json: its sha256 is not the one in config\.json\.sha256"):
        load_model(tmp_path)
    (tmp_path / "config.json.sha256").unlink()  # as earlier versions saved it
    assert load_model(tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ValueError, match="no trained model here"):
        load_model(tmp_path / "nothing")


def test_building_from_a_specification_needs_no_weights(tmp_path):
    _, spec = saved(tmp_path)
    assert build_from_spec(spec).num_classes == 2
