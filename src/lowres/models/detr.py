"""Any object detector of `transformers` behind one call: pixels in [0, 1] and a mask in, boxes in pixels out.

The wrapper owns what the library leaves to image processors and what differs between families: normalisation, the
frame that box fractions refer to, denoising queries in the outputs, and features of the backbone (C3 to C5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lowres.models.proposal_loss import proposal_loss
from lowres.ops.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from lowres.ops.distributed_count import global_count_factor

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Box fractions refer to the content of the canvas where the family scales reference points by valid ratios,
# and to the whole canvas where it ignores the mask.
_CONTENT_FRAME = {"detr", "conditional_detr", "dab_detr", "deformable_detr", "lw_detr", "rf_detr"}
_SOFTMAX_SCORES = {"detr"}


@dataclass
class DetectorOutput:
    """Predictions of one batch; queries are in the model's order, without denoising queries."""

    logits: Float[Tensor, "b q c"]
    boxes_xyxy_px: Float[Tensor, "b q 4"]  # pixels of the canvas that the detector was given
    features: tuple[Float[Tensor, "b _ _ _"], ...] = ()  # backbone maps, finest first
    loss: Float[Tensor, ""] | None = None


class DetrDetector(nn.Module):
    """A detector of `transformers` with normalisation inside.

    `mean` and `std` are per channel, for pixels in [0, 1]. The number of classes is the model's `num_labels`.
    """

    def __init__(
        self,
        hf: "PreTrainedModel",
        *,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        super().__init__()
        self.hf = hf
        self.family: str = hf.config.model_type
        self.frame: Literal["content", "canvas"] = "content" if self.family in _CONTENT_FRAME else "canvas"
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1), persistent=False)

    mean: Tensor
    std: Tensor

    @property
    def num_classes(self) -> int:
        """Number of object classes."""
        return int(self.hf.config.num_labels or 0)

    @property
    def backbone(self) -> nn.Module:
        """The image backbone inside the library's model."""
        from transformers.backbone_utils import BackboneMixin

        for module in self.hf.modules():
            if isinstance(module, BackboneMixin):
                return module
        raise ValueError(f"model.family: {self.family!r} has no backbone of its own; use another family")

    def forward(
        self,
        pixels: Float[Tensor, "b c h w"],
        mask: Bool[Tensor, "b h w"],
        *,
        boxes_xyxy_px: list[Float[Tensor, "_ 4"]] | None = None,
        labels: list[Int[Tensor, " _"]] | None = None,
        with_features: bool = False,
    ) -> DetectorOutput:
        """Detect; with boxes and labels given, the family's own training loss comes along.

        The loss is scaled so that its mean over ranks equals the loss of one process with all the images.
        """
        content_wh = torch.stack([mask.any(1).sum(1), mask.any(2).sum(1)], dim=1).to(pixels.dtype)
        # new_full, unlike new_tensor, keeps the size symbolic when the graph is exported.
        canvas_wh = torch.cat([pixels.new_full((1, 1), pixels.shape[3]), pixels.new_full((1, 1), pixels.shape[2])], 1)
        frame_wh = content_wh if self.frame == "content" else canvas_wh
        scale = torch.cat([frame_wh, frame_wh], dim=1)
        targets = None
        if boxes_xyxy_px is not None and labels is not None:
            per_image = scale.expand(len(labels), 4)
            targets = [
                {"class_labels": names, "boxes": xyxy_to_cxcywh(boxes) / size}
                for boxes, names, size in zip(boxes_xyxy_px, labels, per_image, strict=True)
            ]
        captured: list[tuple[Tensor, ...]] = []
        hook = self.backbone.register_forward_hook(_capture(captured)) if with_features else None
        try:
            out = self.hf(pixel_values=self.normalise(pixels, mask), pixel_mask=mask.long(), labels=targets)
        except RuntimeError as error:
            height, width = pixels.shape[2:]
            if "Sizes of tensors must match" in str(error):
                # A pyramid halves and doubles its maps, and joins those that should be alike.
                raise ValueError(
                    f"an input of {width} x {height} px is no multiple of the detector's largest stride; set "
                    "data.input.canvas_multiple_px to that stride times downsampler.ratio, or a multiple of it"
                ) from error
            if "selected index k out of range" not in str(error):
                raise
            # Two-stage detectors take their queries from the positions of the feature maps.
            raise ValueError(
                f"an input of {width} x {height} px has fewer positions than the detector has queries; raise "
                "data.input.canvas_multiple_px or lower num_queries in model.config"
            ) from error
        finally:
            if hook is not None:
                hook.remove()
        logits, fractions = _without_denoising(out)
        loss = None
        if targets is not None:
            # The library divides by this rank's number of objects; DDP averages over ranks.
            own = sum(len(names) for names in labels or ())
            proposals = proposal_loss(self.hf, out, targets)
            loss = (out.loss if proposals is None else out.loss + proposals) * global_count_factor(own)
        return DetectorOutput(
            logits=logits,
            boxes_xyxy_px=cxcywh_to_xyxy(fractions) * scale[:, None],
            features=captured[0] if captured else (),
            loss=loss,
        )

    def features(self, pixels: Float[Tensor, "b c h w"], mask: Bool[Tensor, "b h w"]) -> tuple[Tensor, ...]:
        """Maps of the backbone alone, finest first: what feature distillation needs of a teacher."""
        return tuple(self.backbone(self.normalise(pixels, mask)).feature_maps)

    def normalise(self, pixels: Float[Tensor, "b c h w"], mask: Bool[Tensor, "b h w"]) -> Float[Tensor, "b c h w"]:
        """Zero mean and unit deviation per channel, zero where padded."""
        return (pixels - self.mean) / self.std * mask[:, None]

    def scores(self, logits: Float[Tensor, "b q c"]) -> Float[Tensor, "b q k"]:
        """Class probabilities in [0, 1]: sigmoid, or softmax without its last, empty class for plain DETR."""
        return logits.softmax(-1)[..., :-1] if self.family in _SOFTMAX_SCORES else logits.sigmoid()


def _capture(store: list[tuple[Tensor, ...]]):
    def hook(module: nn.Module, args: object, output: object) -> None:
        store.append(tuple(output.feature_maps))  # pyright: ignore[reportAttributeAccessIssue]

    return hook


def _without_denoising(out) -> tuple[Tensor, Tensor]:
    # In training, RT-DETR and its kin put denoising queries in front of the object queries.
    meta = getattr(out, "denoising_meta_values", None)
    if meta is None:
        return out.logits, out.pred_boxes
    kept = meta["dn_num_split"][1]
    return out.logits[:, -kept:], out.pred_boxes[:, -kept:]
