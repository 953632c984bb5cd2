import pytest
import torch
from tests.models.library_models import build as library_model
from tests.models.tiny import FAMILIES, RT_DETR_V2
from transformers import AutoModelForObjectDetection

from lowres.models.build import build_detector
from lowres.models.detr import DetrDetector
from lowres.models.downsamplers import IdentityDownsampler, build_downsampler
from lowres.models.strides import drop_early_strides
from lowres.models.thumbnail import ThumbnailDetector

NAMES = ["a", "b", "c"]


def detector_of(family, **changes):
    torch.manual_seed(0)
    return build_detector(**FAMILIES[family], class_names=NAMES, **changes)


def batch(height, width, count=2):
    boxes = [torch.tensor([[4.0, 8.0, 40.0, 60.0], [20.0, 10.0, 60.0, 50.0]]) for _ in range(count)]
    labels = [torch.tensor([0, 2]) for _ in range(count)]
    return torch.rand(count, 3, height, width), torch.ones(count, height, width, dtype=torch.bool), boxes, labels


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 128)])
def test_every_family_detects_on_square_and_non_square_input(family, height, width):
    detector = detector_of(family).eval()
    pixels, mask, _, _ = batch(height, width)
    with torch.no_grad():
        out = detector(pixels, mask, with_features=True)
    assert out.logits.shape == (2, 20, 3)
    assert out.boxes_xyxy_px.shape == (2, 20, 4)
    centres = (out.boxes_xyxy_px[..., :2] + out.boxes_xyxy_px[..., 2:]) / 2
    assert (centres[..., 0] <= width).all()
    assert (centres[..., 1] <= height).all()
    assert [tuple(maps.shape[2:]) for maps in out.features] == [
        (height // stride, width // stride) for stride in (8, 16, 32)
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_training_reaches_every_parameter_with_a_gradient(family):
    detector = detector_of(family).train()
    pixels, mask, boxes, labels = batch(64, 64)
    out = detector(pixels, mask, boxes_xyxy_px=boxes, labels=labels)
    assert out.logits.shape == (2, 20, 3)  # without denoising queries
    out.loss.backward()
    # Among them the proposal heads of a two-stage Deformable-DETR, which the library's own loss leaves out.
    assert [name for name, p in detector.named_parameters() if p.requires_grad and p.grad is None] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_without_objects_gives_a_finite_loss(family):
    detector = detector_of(family).train()
    pixels, mask, _, _ = batch(64, 64)
    none = [torch.zeros(0, 4), torch.zeros(0, 4)]
    no_labels = [torch.zeros(0, dtype=torch.int64)] * 2
    assert torch.isfinite(detector(pixels, mask, boxes_xyxy_px=none, labels=no_labels).loss)


def test_loss_is_the_librarys_own_for_normalised_boxes():
    detector = detector_of("deformable_detr").eval()
    pixels, mask, boxes, labels = batch(64, 128)
    ours = detector(pixels, mask, boxes_xyxy_px=boxes, labels=labels).loss
    scale = torch.tensor([128.0, 64.0, 128.0, 64.0])
    targets = []
    for xyxy, names in zip(boxes, labels, strict=True):
        centre, size = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
        targets.append({"class_labels": names, "boxes": torch.cat([centre, size], 1) / scale})
    theirs = detector.hf(
        pixel_values=(pixels - detector.mean) / detector.std, pixel_mask=mask.long(), labels=targets
    ).loss
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("family", ["rt_detr_v2", "deformable_detr"])
def test_boxes_are_in_canvas_pixels_whatever_the_padding(family):
    # Content that fills 64 x 64 of a 64 x 128 canvas: the families' fractions refer to one or the other.
    detector = detector_of(family).eval()
    pixels, mask, _, _ = batch(64, 128)
    mask[:, :, 64:] = False
    out = detector(pixels, mask)
    frame = 64 if family == "deformable_detr" else 128
    raw = detector.hf(pixel_values=detector.normalise(pixels, mask), pixel_mask=mask.long())
    torch.testing.assert_close(
        out.boxes_xyxy_px[..., 0], (raw.pred_boxes[..., 0] - raw.pred_boxes[..., 2] / 2) * frame, rtol=1e-4, atol=1e-3
    )


def test_padding_is_zero_after_normalisation():
    detector = detector_of("rt_detr_v2")
    pixels, mask, _, _ = batch(32, 32)
    mask[:, 16:] = False
    assert not detector.normalise(pixels, mask)[:, :, 16:].any()


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_stride_shift_doubles_the_maps_and_keeps_the_weights(shift):
    plain, shifted = detector_of("rt_detr_v2"), detector_of("rt_detr_v2", stride_shift=shift)
    shifted.load_state_dict(plain.state_dict())
    pixels, mask, _, _ = batch(64, 64)
    sides = [maps.shape[-1] for maps in shifted.eval().features(pixels, mask)]
    assert sides == [64 * 2**shift // stride for stride in (8, 16, 32)]


def test_another_stride_shift_is_refused():
    with pytest.raises(ValueError, match="stride_shift: 3 is not allowed"):
        detector_of("rt_detr_v2", stride_shift=3)


def test_a_backbone_without_early_strides_detects_and_cannot_drop_any():
    hf = library_model("lw_detr")
    drop_early_strides(DetrDetector(hf).backbone, 0)
    with pytest.raises(ValueError, match="has no two early strides to drop; use 0"):
        drop_early_strides(DetrDetector(hf).backbone, 1)


def test_a_deformable_detr_on_a_library_resnet_learns_its_later_stages():
    values = {**FAMILIES["deformable_detr"], "train_backbone_norm": False}
    detector = build_detector(**values, class_names=NAMES)
    learning = {name for name, parameter in detector.backbone.named_parameters() if parameter.requires_grad}
    assert learning
    assert all(".stages.0." not in f".{name}" and "embedder" not in name for name in learning)
    assert {name.split("stages.")[1][0] for name in learning} == {"1", "2", "3"}


def test_the_first_loss_of_every_family_is_of_one_magnitude():
    losses = {}
    for family in FAMILIES:
        detector = build_detector(**FAMILIES[family], class_names=[str(i) for i in range(80)]).train()
        pixels, mask, boxes, labels = batch(64, 64)
        losses[family] = detector(pixels, mask, boxes_xyxy_px=boxes, labels=labels).loss.item()
    # Without the authors' prior of 0.01 for each class it is in the hundreds and thousands.
    assert max(losses.values()) < 100, losses


def test_an_index_from_the_end_may_be_negative():
    values = {**FAMILIES["d_fine"], "config": {**FAMILIES["d_fine"]["config"], "eval_idx": -1}}
    build_detector(**values, class_names=NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_querys": 7}, "model.config.num_querys: unknown key of rt_detr_v2; did you mean num_queries?"),
        ({"num_queries": -3}, "model.config.num_queries: -3; it must be 0 or more"),
        ({"num_queries": "many"}, "model.config: .*num_queries"),
        ({"backbone_config": {}}, "model_type: None is no model of transformers"),
        ({"backbone_config": {"model_type": "rt_detr_resnet", "depht": [1]}}, "backbone_config.depht: unknown key"),
    ],
)
def test_bad_model_configuration_is_named(change, message):
    values = {**RT_DETR_V2, "config": {**RT_DETR_V2["config"], **change}}
    with pytest.raises(ValueError, match=message):
        build_detector(**values, class_names=NAMES)


def test_an_input_with_fewer_positions_than_queries_is_refused():
    values = {**RT_DETR_V2, "config": {**RT_DETR_V2["config"], "num_queries": 25}}
    detector = build_detector(**values, class_names=NAMES).eval()
    with torch.no_grad():
        detector(*batch(32, 64)[:2])  # 32 + 8 + 2 positions
        with pytest.raises(ValueError, match="an input of 32 x 32 px has fewer positions"):
            detector(*batch(32, 32)[:2])  # 16 + 4 + 1


def test_fused_attention_changes_nothing_but_rounding():
    fused, stock = detector_of("rt_detr_v2").eval(), detector_of("rt_detr_v2", fused_attention=False).eval()
    stock.load_state_dict(fused.state_dict())
    pixels, mask, _, _ = batch(64, 128)
    with torch.no_grad():
        torch.testing.assert_close(fused(pixels, mask).logits, stock(pixels, mask).logits, rtol=1e-4, atol=1e-4)


def test_random_weights_let_signals_through():
    # The library draws norm scales around 0 (deviation 0.01); a detector like that answers the same to every image.
    detector = detector_of("rt_detr_v2")
    norms = [m for m in detector.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert all((m.weight == 1).all() for m in norms)


def test_pretrained_folder_keeps_weights_and_remakes_the_class_head(tmp_path, caplog):
    source = detector_of("rt_detr_v2")
    source.hf.save_pretrained(tmp_path)
    loaded = build_detector(
        family=None, config={}, pretrained=str(tmp_path), class_names=["x", "y"], fused_attention=False
    )
    assert loaded.num_classes == 2
    name = "model.backbone.model.embedder.embedder.0.convolution.weight"
    assert torch.equal(loaded.hf.state_dict()[name], source.hf.state_dict()[name])
    assert "class heads start anew" in caplog.text
    for head in ("model.enc_score_head.weight", "model.decoder.class_embed.0.weight"):
        assert loaded.hf.state_dict()[head].shape[0] == 2
    assert isinstance(loaded.hf, type(AutoModelForObjectDetection.from_pretrained(tmp_path)))


def test_other_classes_of_the_same_number_get_new_heads(tmp_path, caplog):
    source = detector_of("rt_detr_v2")
    source.hf.save_pretrained(tmp_path)
    other = build_detector(family=None, config={}, pretrained=str(tmp_path), class_names=["x", "y", "z"])
    same = build_detector(family=None, config={}, pretrained=str(tmp_path), class_names=NAMES)
    for name, weights in source.hf.state_dict().items():
        if name.endswith("class_embed.0.weight") or name.endswith("score_head.weight"):
            assert not torch.equal(other.hf.state_dict()[name], weights), name
        assert torch.equal(same.hf.state_dict()[name], weights), name


def test_a_configuration_that_does_not_fit_pretrained_weights_is_refused(tmp_path):
    detector_of("rt_detr_v2").hf.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="do not fit the weights"):
        build_detector(family=None, config={"decoder_ffn_dim": 64}, pretrained=str(tmp_path), class_names=NAMES)


def test_missing_weights_are_named():
    with pytest.raises(ValueError, match=r"model.pretrained: 'no/such-folder'"):
        build_detector(family=None, config={}, pretrained="no/such-folder", class_names=NAMES)


def test_unknown_family_is_named():
    with pytest.raises(ValueError, match=r"model.family: 'detrr'"):
        build_detector(family="detrr", config={}, class_names=NAMES)


def test_thumbnail_detector_gives_boxes_of_the_full_canvas():
    detector = detector_of("rt_detr_v2").eval()
    model = ThumbnailDetector(build_downsampler(kind="area", ratio=4), detector)
    pixels, mask, _, _ = batch(256, 128)
    with torch.no_grad():
        small = torch.nn.functional.avg_pool2d(pixels, 4)
        inner = detector(small, mask[:, ::4, ::4])
        out = model(pixels, mask)
        # Averages by convolution and by pooling round differently, and which way depends on the processor.
        torch.testing.assert_close(out.boxes_xyxy_px, inner.boxes_xyxy_px * 4, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(out.logits, inner.logits)


def test_identity_thumbnail_detector_is_the_detector():
    detector = build_detector(**RT_DETR_V2, class_names=NAMES).eval()
    pixels, mask, _, _ = batch(64, 64)
    with torch.no_grad():
        assert torch.equal(
            ThumbnailDetector(IdentityDownsampler(), detector)(pixels, mask).logits, detector(pixels, mask).logits
        )
