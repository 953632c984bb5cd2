"""Pack a source into a split folder: shards, `index.json`, `annotations.json`; every image and box is accounted for.

An image is read whole or refused with a reason. A box is kept, clipped to the frame, or dropped with a reason.
Both are counted in the report; nothing disappears.
"""

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.box_faults import CLIPPED, described, inside_frame
from lowres.data.doctor.box_conventions import misread
from lowres.data.doctor.findings import KINDS
from lowres.data.doctor.packed_duplicates import Seen, seen
from lowres.data.images import FORMATS, MAX_DECODING_BYTES, BadImageError, checked_image, memory_to_decode
from lowres.data.in_order import map_in_order
from lowres.data.left_out import LeftOut
from lowres.data.memory_budget import MemoryBudget
from lowres.data.shards import ShardWriter, write_atomically
from lowres.data.sources import Source, SourceImage

MAX_PIXELS = 64e6
GREY = "grey images read as RGB"


def pack_split(
    source: Source,
    folder: Path,
    *,
    shard_bytes: int,
    max_bad_fraction: float,
    min_side_px: int,
    max_pixels: float = MAX_PIXELS,
    threads: int = 2,
    looked: list[Seen] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Pack every readable image of `source` into `folder`, which must be empty or new, and report.

    The report holds `images`, `read`, `refused` (a list of file and reason), `refused_by_reason`,
    `images_without_boxes`, `boxes` (`kept`, of these `clipped` and `crowd`; `dropped` and `dropped_by_reason` as of
    images; the number `of_refused_images`), `shards`, `bytes`, and `remarks` where images of one class each were grey,
    with their number.
    The result does not depend on `threads`. `looked`, where given, gets what is needed to find duplicates among the
    packed images, in their order. `on_progress` gets images done and images in all.

    Raises:
        ValueError: an empty source, a folder in use, or more than `max_bad_fraction` of the images refused, or of the
            boxes of the others dropped or not read; all of either whatever is allowed. Tiles count as parts of their
            image, crops that were added not at all. Boxes that seem misread as a whole.
    """
    if not 0 <= max_bad_fraction <= 1:
        raise ValueError(f"max_bad_fraction is {max_bad_fraction}; it is a share of images and of boxes, from 0 to 1")
    if len(source) == 0:
        raise ValueError(f"{source.name}: the split has no images; a split needs at least one")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"{folder}: the folder to pack into is not empty; remove it first")

    refused, dropped = LeftOut("images"), LeftOut("boxes")
    boxes: Counter[str] = Counter()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    without_boxes = grey = 0
    images_kept, boxes_kept = Fraction(0), 0  # as they count for the shares
    budget = MemoryBudget(MAX_DECODING_BYTES)
    stated: list[np.ndarray] = []  # boxes as they come, and the sizes of their images

    def check(image: SourceImage) -> _Checked | BadImageError:
        try:
            encoded = image.read()
        except BadImageError as error:
            return error
        except (ValueError, OSError) as error:
            return BadImageError("cannot be read", str(error))
        with budget.taken(memory_to_decode(encoded) or 0):
            try:
                found = checked_image(
                    encoded,
                    expected_wh_px=image.stated_wh_px,
                    min_side_px=min_side_px,
                    max_pixels=max_pixels,
                    upright=image.labelled,
                )
            except BadImageError as error:
                return error
            look = None if looked is None else seen(image.file_name, found.pixels)
        return _Checked(encoded, FORMATS[found.kind], *found.stored_wh_px, found.grey, look)

    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(threads) as pool,
        ShardWriter(folder, shard_bytes=shard_bytes) as writer,
    ):
        warnings.filterwarnings("ignore", module="PIL")  # remarks on metadata; sizes are ours to judge
        for done, (image, checked) in enumerate(map_in_order(pool, check, source, ahead=4 * threads), start=1):
            for fault in image.faults:
                dropped.add(*fault)
            if isinstance(checked, BadImageError):
                refused.add(image.file_name, checked.reason, str(checked), weight=image.share_of_image)
                boxes["of_refused_images"] += len(image.boxes_xyxy_px)
            else:
                size = {"width": checked.width, "height": checked.height}
                writer.add(
                    checked.encoded, image_id=image.image_id, file_name=image.file_name, suffix=checked.suffix, **size
                )
                if looked is not None and checked.look is not None:
                    looked.append(checked.look)
                images.append({"id": image.image_id, "file_name": image.file_name, **size})
                grey += image.labelled and checked.grey
                objects = _objects(image, checked, first_id=len(annotations) + 1, boxes=boxes, dropped=dropped)
                annotations += objects
                without_boxes += not objects
                images_kept += image.share_of_image
                boxes_kept += len(objects) if image.share_of_image else 0
                frame = np.broadcast_to([checked.width, checked.height], (len(image.boxes_xyxy_px), 2))
                stated.append(np.concatenate([image.boxes_xyxy_px, frame], axis=1))
            on_progress(done, len(source))
        _refuse_misread(stated, source.name)
        refused.check(kept=images_kept, allowed=max_bad_fraction, name=source.name)
        dropped.check(kept=boxes_kept, allowed=max_bad_fraction, name=source.name)
        document = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": category.id, "name": category.name} for category in source.categories],
        }
        data = json.dumps(document, allow_nan=False).encode()
        write_atomically(folder / "annotations.json", data)
        writer.finish(hashlib.sha256(data).hexdigest())
    return {
        "images": len(source),
        "read": len(images),
        "refused": refused.listed,
        "refused_by_reason": dict(sorted(refused.by_reason.items())),
        "images_without_boxes": without_boxes,
        "boxes": {
            "kept": len(annotations),
            "clipped": boxes["clipped"],
            "crowd": boxes["crowd"],
            "dropped": dropped.listed,
            "dropped_by_reason": dict(sorted(dropped.by_reason.items())),
            "of_refused_images": boxes["of_refused_images"],
        },
        "shards": len(writer.shards),
        "bytes": sum(shard["bytes"] for shard in writer.shards),
        **({"remarks": {GREY: grey}} if grey else {}),
    }


def _refuse_misread(stated: list[np.ndarray], name: str) -> None:
    rows = np.concatenate(stated) if stated else np.zeros((0, 6))
    rows = rows[np.isfinite(rows).all(axis=1)]
    found = misread(rows[:, :4], rows[:, 4:])
    if found is not None:
        kind = KINDS[found[0]]
        raise ValueError(f"{name}: {kind.sentence}: {found[1]}; {kind.remedy}")


@dataclass(frozen=True)
class _Checked:
    encoded: bytes
    suffix: str
    width: int
    height: int
    grey: bool
    look: Seen | None


def _objects(
    image: SourceImage, checked: _Checked, *, first_id: int, boxes: Counter[str], dropped: LeftOut
) -> list[dict[str, Any]]:
    """The image's boxes as COCO annotations, clipped to the frame; what is lost is counted."""
    objects = []
    for box, category_id, crowd, area in zip(
        image.boxes_xyxy_px, image.category_ids, image.iscrowd, image.area_px, strict=True
    ):
        inside, fault = inside_frame(box, width_px=checked.width, height_px=checked.height)
        if inside is None:
            dropped.add(image.file_name, fault, described(box, fault))
            continue
        x, y, width, height = (float(v) for v in (*inside[:2], *(inside[2:] - inside[:2])))
        boxes["clipped"] += fault == CLIPPED
        boxes["crowd"] += bool(crowd)
        known = np.isfinite(area) and area > 0
        objects.append(
            {
                "id": first_id + len(objects),
                "image_id": image.image_id,
                "category_id": int(category_id),
                "bbox": [x, y, width, height],
                "area": min(float(area), width * height) if known else width * height,
                "iscrowd": int(crowd),
            }
        )
    return objects
