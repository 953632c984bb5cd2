"""The loss on the proposals of a two-stage Deformable-DETR, which transformers (5.23) leaves out.

In two-stage mode the encoder proposes the boxes that the decoder refines (arXiv:2010.04159, section 4). Its authors
train those proposals like a detector of one class, "object". The library returns them but never passes them to its
loss, so that the heads that choose the queries keep their random weights.
"""

import copy
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def proposal_loss(hf: "PreTrainedModel", out: Any, targets: list[dict[str, Tensor]]) -> Tensor | None:
    """The detection loss of the encoder's proposals, every object being of class 0; None where there are none.

    `targets` as the library takes them: boxes cxcywh in fractions, class labels.
    """
    if hf.config.model_type != "deformable_detr" or out.enc_outputs_class is None:
        return None
    config = copy.copy(hf.config)
    config.auxiliary_loss = False
    objects = [
        {**target, "class_labels": target["class_labels"].new_zeros(len(target["class_labels"]))} for target in targets
    ]
    loss, _, _ = hf.loss_function(
        out.enc_outputs_class, objects, out.enc_outputs_class.device, out.enc_outputs_coord_logits.sigmoid(), config
    )
    return loss
