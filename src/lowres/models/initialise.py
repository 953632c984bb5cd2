"""Initial weights for training from scratch.

Models of transformers are mostly fine-tuned, and some families' random weights are not made to be trained: RT-DETR,
RT-DETRv2 and D-FINE draw the scales of batch norms from a normal distribution around 0 with deviation 0.01 (5.23), so
that next to nothing passes a convolution. The papers' repositories start norms at 1 and linear layers of the
transformer with Xavier's uniform distribution; so do we. Measured in CHANGELOG.md.
"""

import torch
from torch import nn


@torch.no_grad()
def initialise_for_training(model: nn.Module) -> None:
    """Norm scales 1, convolutions by He (arXiv:1502.01852), linear layers by Xavier's uniform; in place.

    What the library starts at zero on purpose (sampling offsets, attention weights, the last layer of box heads),
    biases and embeddings stay as they are.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm) and module.weight is not None:
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear) and module.weight.any():
            nn.init.xavier_uniform_(module.weight)
