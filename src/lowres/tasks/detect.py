"""Running a detector over batches: from images to detections in pixels of the stored images."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from lowres.models.thumbnail import ThumbnailDetector
from lowres.ops.detections import top_detections
from lowres.records import Batch, ImageDetections


def detect_batches(
    model: ThumbnailDetector,
    batches: Iterable[Batch],
    *,
    max_detections: int,
    device: torch.device | str = "cpu",
    channels_last: bool = False,
    on_images: Callable[[int], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[ImageDetections]:
    """The `max_detections` best detections of each image, best first, in pixels of the stored image.

    `stop` is asked between batches; once it says yes, what has been found so far is returned. The model is used as it
    is; put it into eval mode first.
    """
    found: list[ImageDetections] = []
    with torch.inference_mode():
        for batch in batches:
            if stop():
                break
            found += detect_batch(model, batch.to(device, channels_last=channels_last), max_detections=max_detections)
            on_images(len(found))
    return found


def detect_batch(model: ThumbnailDetector, batch: Batch, *, max_detections: int) -> list[ImageDetections]:
    """Detections of one batch."""
    out = model(batch.pixels, batch.mask)
    scores, labels, boxes = top_detections(model.scores(out.logits), out.boxes_xyxy_px, count=max_detections)
    boxes = to_stored_pixels(boxes, batch)
    return [
        ImageDetections(
            image_id=int(image_id),
            boxes_xyxy_px=image_boxes.double().cpu().numpy(),
            scores=image_scores.double().cpu().numpy(),
            labels=image_labels.cpu().numpy(),
        ).with_positive_sides()
        for image_id, image_boxes, image_scores, image_labels in zip(
            batch.image_ids, boxes, scores, labels, strict=True
        )
    ]


def to_stored_pixels(boxes_xyxy_px: Tensor, batch: Batch) -> Tensor:
    """Boxes [b, k, 4] on the canvas to pixels of the stored images, clipped to their frames."""
    stored = batch.original_wh_px.to(boxes_xyxy_px)
    scale = stored / batch.sizes_wh_px.to(boxes_xyxy_px)
    boxes = boxes_xyxy_px * scale.repeat(1, 2)[:, None]
    return torch.minimum(boxes.clamp(min=0), stored.repeat(1, 2)[:, None])
