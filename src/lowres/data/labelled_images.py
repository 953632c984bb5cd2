"""Images of one class each, told in the language of detection: one box that covers the whole image.

So classification goes through the same packing, check report and profile as detection, and no stage asks which it is.
The box is that of the image as stored; what a classifier sees is the image as its EXIF data turn it.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8

from lowres.data.sources import SourceImage


def labelled_image(
    *,
    image_id: int,
    file_name: str,
    read: Callable[[], bytes],
    wh_px: tuple[int, int] | None,
    category_id: int,
) -> SourceImage:
    """An image with one box [0, 0, width, height] of its class, no crowd, and the image's area.

    `wh_px` is None where the file cannot be read: the box is then NaN, and packing refuses the image with its reason.
    """
    width, height = (np.nan, np.nan) if wh_px is None else wh_px
    return SourceImage(
        image_id=image_id,
        file_name=file_name,
        read=read,
        stated_wh_px=wh_px,
        boxes_xyxy_px=np.array([[0, 0, width, height]], np.float64),
        category_ids=np.array([category_id], np.int64),
        iscrowd=np.array([False]),
        area_px=np.array([width * height], np.float64),
        labelled=True,
    )


def encode_png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """RGB pixels as a PNG, without loss."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert done
    return encoded.tobytes()
