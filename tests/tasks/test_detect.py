import numpy as np
import torch
from tests.tasks.test_distillation import batch, detector

from lowres.models.downsamplers import build_downsampler
from lowres.models.thumbnail import ThumbnailDetector
from lowres.tasks.detect import detect_batches, to_stored_pixels


def test_boxes_go_back_to_the_stored_image_and_are_clipped_to_it():
    data = batch(count=1, height=128, width=256)
    data.sizes_wh_px = torch.tensor([[200, 100]])
    data.original_wh_px = torch.tensor([[400, 200]])
    boxes = torch.tensor([[[10.0, 20.0, 50.0, 60.0], [-5.0, 90.0, 500.0, 500.0]]])
    assert to_stored_pixels(boxes, data)[0].tolist() == [[20.0, 40.0, 100.0, 120.0], [0.0, 180.0, 400.0, 200.0]]


def test_every_image_gets_its_detections_best_first():
    model = ThumbnailDetector(build_downsampler(kind="area", ratio=4), detector()).eval()
    found = detect_batches(model, [batch(count=2), batch(count=1)], max_detections=7)
    assert [image.image_id for image in found] == [0, 1, 0]
    for image in found:
        assert len(image.scores) <= 7
        assert (np.diff(image.scores) <= 0).all()
        assert (image.boxes_xyxy_px[:, 2:] > image.boxes_xyxy_px[:, :2]).all()


def test_stops_between_batches_when_asked():
    model = ThumbnailDetector(build_downsampler(kind="area", ratio=4), detector()).eval()
    asked = iter([False, True])
    assert len(detect_batches(model, [batch(), batch()], max_detections=3, stop=lambda: next(asked))) == 2
