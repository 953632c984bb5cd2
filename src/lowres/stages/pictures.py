"""Thumbnails as pictures for people."""

import numpy as np
from torch import Tensor


def to_image(thumbnail: Tensor) -> np.ndarray:
    """The colours of a thumbnail [c, h, w] near [0, 1] as uint8 [h, w, 3] RGB; what lies outside [0, 1] is cut."""
    return (thumbnail[:3].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
