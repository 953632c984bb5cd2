"""Training a detector on labelled images."""

from torch import Tensor, nn

from lowres.models.thumbnail import ThumbnailDetector
from lowres.records import Batch


class DetectionTask(nn.Module):
    """One term, `detection`: the family's own loss, with its own weights inside."""

    def __init__(self, model: ThumbnailDetector) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw terms of one batch."""
        out = self.model(batch.pixels, batch.mask, boxes_xyxy_px=batch.boxes_xyxy_px, labels=batch.labels)
        return {"detection": out.loss}
