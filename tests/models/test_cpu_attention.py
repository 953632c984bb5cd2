import pytest
import torch
from tests.models.tiny import FAMILIES
from torch.nn import functional as F

from lowres.models.assemble import hf_config
from lowres.models.build import build_detector
from lowres.models.cpu_attention import NAME


def detector_of(family):
    torch.manual_seed(0)
    return build_detector(**FAMILIES[family], class_names=["a", "b", "c"])


def batch():
    boxes = [torch.tensor([[4.0, 8.0, 40.0, 60.0], [20.0, 10.0, 60.0, 50.0]])] * 2
    labels = [torch.tensor([0, 2])] * 2
    return torch.rand(2, 3, 64, 64), torch.ones(2, 64, 64, dtype=torch.bool), boxes, labels


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_trains_in_float32_under_bfloat16(family, monkeypatch):
    seen = []
    kernel = F.scaled_dot_product_attention

    def watched(query, *arguments, **options):
        seen.append(query.dtype)
        return kernel(query, *arguments, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    detector = detector_of(family).train()
    pixels, mask, boxes, labels = batch()
    with torch.autocast("cpu", torch.bfloat16):
        detector(pixels, mask, boxes_xyxy_px=boxes, labels=labels).loss.backward()
    assert seen
    assert set(seen) == {torch.float32}


def test_without_gradients_nothing_changes(monkeypatch):
    ours = detector_of("rt_detr_v2").eval()
    monkeypatch.setattr("lowres.models.build.install_cpu_attention", lambda hf: None)
    stock = detector_of("rt_detr_v2").eval()
    assert stock.hf.config._attn_implementation == "sdpa"
    pixels, mask, _, _ = batch()
    for enabled in (False, True):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            assert torch.equal(ours(pixels, mask).logits, stock(pixels, mask).logits)


def test_the_name_stays_out_of_saved_configurations():
    assert NAME not in str(hf_config(detector_of("rt_detr_v2")))
