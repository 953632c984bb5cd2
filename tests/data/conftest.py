"""Tiny COCO sets, made by hand in a temporary folder."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from lowres.data.coco import CocoSource
from lowres.data.pack import pack_split

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]  # official ids, neither sorted nor from 1


def encode_png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class Coco:
    """A COCO document under construction and its image folder."""

    def __init__(self, root: Path) -> None:
        self.images = root / "images"
        self.annotations = root / "instances.json"
        self.images.mkdir(parents=True)
        self.document: dict[str, Any] = {"images": [], "annotations": [], "categories": CATEGORIES}

    def add(
        self,
        picture: np.ndarray | bytes,
        boxes: Sequence[tuple[float, float, float, float]] = (),
        *,
        name: str | None = None,
        category_id: int = 7,
        size: tuple[int, int] | None = None,
        **extra: Any,
    ) -> int:
        """Add an image with its boxes (x, y, width, height); pixels are written as PNG."""
        image_id = 10 * (len(self.document["images"]) + 1)
        name = name or f"{image_id}.png"
        encoded = picture if isinstance(picture, bytes) else encode_png(picture)
        if isinstance(picture, np.ndarray):
            size = size or (picture.shape[1], picture.shape[0])
        (self.images / name).write_bytes(encoded)
        entry = {"id": image_id, "file_name": name}
        self.document["images"].append(entry | ({"width": size[0], "height": size[1]} if size else {}))
        self.document["annotations"] += [
            {"id": 0, "image_id": image_id, "category_id": category_id, "bbox": list(box), **extra} for box in boxes
        ]
        return image_id

    def source(self) -> CocoSource:
        self.annotations.write_text(json.dumps(self.document))
        return CocoSource(self.images, self.annotations)

    def pack(self, folder: Path, **options: Any) -> dict[str, Any]:
        defaults = {"shard_bytes": 1 << 20, "max_bad_fraction": 0.0, "min_side_px": 1}
        return pack_split(self.source(), folder, **(defaults | options))


@pytest.fixture
def new_coco(tmp_path: Path) -> Callable[[str], Coco]:
    return lambda name="set": Coco(tmp_path / name)


@pytest.fixture
def coco(new_coco: Callable[[str], Coco]) -> Coco:
    return new_coco("set")


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    return noise


@pytest.fixture
def packed(coco: Coco, tmp_path: Path) -> Path:
    """Eleven images of several shapes with 0 to 3 boxes each, over several shards."""
    rng = np.random.default_rng(5)
    for i in range(11):
        width, height = (int(side) for side in rng.integers(24, 64, 2))
        corners = rng.uniform(0, 10, (i % 4, 2))
        coco.add(noise(width, height, seed=i), [(x, y, 8.5, 6.25) for x, y in corners.tolist()], category_id=3)
    coco.pack(tmp_path / "packed", shard_bytes=30_000)
    return tmp_path / "packed"


@pytest.fixture
def turned() -> Callable[..., bytes]:
    """A PNG of some pixels (20 x 10 of noise without them) that viewers show turned a quarter clockwise."""

    def encoded(pixels: np.ndarray | None = None) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = 6
        buffer = io.BytesIO()
        Image.fromarray(noise(20, 10) if pixels is None else pixels).save(buffer, "PNG", exif=exif)
        return buffer.getvalue()

    return encoded


@pytest.fixture
def png() -> Callable[[np.ndarray], bytes]:
    return encode_png
