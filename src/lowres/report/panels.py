"""Images of the page: data URIs within a limit of bytes, with the words under them."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

TOTAL_BYTES = 3_600_000  # of all images before base64, which makes them a third larger; the page stays under 6 MB
_PNG_SIDE_PX = 160  # single pixels matter in an image this small


@dataclass(frozen=True)
class Panel:
    """One image on the page with the words under it."""

    source: str  # data URI
    width_px: int
    height_px: int
    title: str
    caption: str
    alternative: str


def panel(image: np.ndarray, title: str, caption: str, alternative: str, limit: int) -> Panel:
    """An RGB image, in at most `limit` bytes where quality can be given up: up to 160 px as PNG, if that fits."""
    kind, encoded = "jpeg", b""
    if max(image.shape[:2]) <= _PNG_SIDE_PX:
        kind, encoded = "png", cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    if not encoded or len(encoded) > limit:
        kind, encoded = "jpeg", jpeg(image, limit)
    source = f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"
    return Panel(source, image.shape[1], image.shape[0], title, caption, alternative)


def jpeg(image: np.ndarray, limit_bytes: int) -> bytes:
    """The image as JPEG, of the best quality that fits the limit; made smaller, by halves, if none does."""
    while True:
        encoded = np.zeros(0, dtype=np.uint8)
        for quality in (90, 82, 70, 55):
            _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            if len(encoded) <= limit_bytes:
                return encoded.tobytes()
        if min(image.shape[:2]) < 32:
            return encoded.tobytes()
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
