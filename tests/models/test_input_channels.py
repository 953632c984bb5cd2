import pytest
import torch
from tests.models.tiny import FAMILIES

from lowres.models.build import build_detector
from lowres.models.classifiers import build_classifier
from lowres.models.downsamplers import build_downsampler
from lowres.models.input_channels import channels_of, fitted_state, widen_input
from lowres.models.thumbnail import ThumbnailDetector
from lowres.models.thumbnail_classifier import ThumbnailClassifier

NAMES = ["a", "b"]
MASK = torch.ones(2, 64, 96, dtype=torch.bool)


def detector_of(family, **changes):
    torch.manual_seed(0)
    return build_detector(**FAMILIES[family], class_names=NAMES, **changes).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_widened_detector_computes_what_it_did_whatever_the_new_channels_hold(family):
    narrow, wide = detector_of(family), detector_of(family)
    widen_input(wide, 7)
    pixels = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected, found = narrow(pixels, MASK), wide(torch.cat([pixels, torch.randn(2, 4, 64, 96)], dim=1), MASK)
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.boxes_xyxy_px, expected.boxes_xyxy_px)


def test_a_teachers_state_fits_a_student_that_reads_more_channels():
    narrow, wide = detector_of("rt_detr_v2"), detector_of("rt_detr_v2", input_channels=12)
    before = narrow.state_dict()
    fitted = fitted_state(before, wide)
    wide.load_state_dict(fitted)
    changed = [name for name in before if before[name].shape != fitted[name].shape]
    assert [fitted[name].shape[1] for name in changed] == [12]
    assert torch.equal(fitted[changed[0]][:, :3], before[changed[0]])
    assert not fitted[changed[0]][:, 3:].any()
    assert fitted_state(before, narrow) == before


def test_with_a_skip_a_new_module_and_a_teachers_weights_start_as_plain_thumbnails_and_all_of_it_learns():
    torch.manual_seed(0)
    module = build_downsampler(kind="learned", ratio=4, skip="bicubic", final_relu=False, channels=6)
    plain = build_downsampler(kind="bicubic", ratio=4)
    detector = detector_of("rt_detr_v2", input_channels=channels_of(module))
    pixels, mask = torch.rand(2, 3, 256, 384), torch.ones(2, 256, 384, dtype=torch.bool)
    torch.testing.assert_close(module(pixels)[:, :3], plain(pixels))
    student = ThumbnailDetector(module, detector)
    with torch.no_grad():
        expected = ThumbnailDetector(plain, detector_of("rt_detr_v2"))(pixels, mask)
        torch.testing.assert_close(student(pixels, mask).logits, expected.logits)
    # One step opens the stem for the new channels, the next reaches what makes them.
    optimiser = torch.optim.SGD(student.parameters(), lr=1e-6)
    for _ in range(2):
        optimiser.zero_grad()
        student(pixels, mask).logits.square().mean().backward()
        optimiser.step()
    gradient = dict(module.named_parameters())["layers.2.weight"].grad
    assert gradient is not None
    assert gradient.flatten(1).abs().amax(1).gt(0).all()


def test_a_first_convolution_that_the_library_freezes_learns_the_new_channels():
    values = {**FAMILIES["deformable_detr"], "train_backbone_norm": False}
    frozen = build_detector(**values, class_names=NAMES)
    assert not next(frozen.backbone.parameters()).requires_grad
    wide = build_detector(**values, class_names=NAMES, input_channels=5)
    assert next(wide.backbone.parameters()).requires_grad


@pytest.mark.parametrize("channels", [0, 2])
def test_fewer_than_three_channels_are_refused(channels):
    with pytest.raises(ValueError, match="at least 3"):
        build_downsampler(kind="learned", ratio=4, channels=channels)
    with pytest.raises(ValueError, match="at least 3"):
        widen_input(detector_of("rt_detr_v2"), channels)


def test_a_classifier_reads_colours_only():
    module = build_downsampler(kind="learned", ratio=4, channels=4)
    network = build_classifier(family="alexnet", num_classes=2, mean=[0.5] * 3, std=[0.5] * 3, width=0.1)
    with pytest.raises(ValueError, match=r"downsampler\.options\.channels"):
        ThumbnailClassifier(module, network, restore="bicubic")
