"""All boxes of a split together: none at all, shares of the image in place of pixels, corners in place of sides.

Each box may pass for itself; that most of them look so is what gives it away.
"""

from collections.abc import Iterable

import numpy as np

from lowres.data.doctor.findings import Finding
from lowres.data.doctor.loose import Layout, LooseSplit

MISREAD = frozenset(("boxes_normalised", "boxes_in_pixels", "boxes_as_corners"))
"""Kinds after which no box can be trusted, so that clipping one would only hide it."""

_CORNER_PX = 2.0  # boxes in shares end here at the latest, also where they are corners read as sides
_TINY_PX = 32  # a box in the corner of a smaller image may well be one
_MANY_OUT, _FEW_ODD = 0.25, 0.05


def convention_findings(
    layout: Layout, split: LooseSplit, frames_wh_px: Iterable[tuple[int, int] | None]
) -> list[Finding]:
    """What is wrong with the split's boxes as a whole; the frames are those of its images, None where not known."""
    if not layout.detection or not split.images:
        return []
    if not any(not entry.iscrowd for image in split.images for entry in image.objects):
        crowds = ", with crowds alone" if any(image.objects for image in split.images) else ""
        return [Finding("no_object_in_split", split.name, split.origin, f"{len(split.images)} images{crowds}")]
    rows = np.array(
        [
            (*entry.box_xyxy_px, *(frame or (np.nan, np.nan)))
            for image, frame in zip(split.images, frames_wh_px, strict=True)
            for entry in image.objects
            if entry.box_xyxy_px is not None
        ],
        np.float64,
    ).reshape(-1, 6)
    rows = rows[np.isfinite(rows).all(axis=1)]
    found = misread(rows[:, :4], rows[:, 4:])
    return [] if found is None else [Finding(found[0], split.name, split.origin, found[1])]


def misread(boxes_xyxy_px: np.ndarray, frames_wh_px: np.ndarray) -> tuple[str, str] | None:
    """Kind and detail, where most boxes [n, 4] look misread; frames [n, 2] are the sizes of their images, NaN where not
    known.
    """
    near, far, frame = boxes_xyxy_px[:, :2], boxes_xyxy_px[:, 2:], frames_wh_px
    total = len(boxes_xyxy_px)
    in_corner = int(((near >= -1) & (far <= _CORNER_PX) & ~(frame < _TINY_PX)).all(axis=1).sum())
    if 2 * in_corner > total:
        return "boxes_normalised", f"{in_corner} of {total} boxes lie within {_CORNER_PX:g} px of the image's corner"
    out = int((far > frame + 1).any(axis=1).sum())
    sides = far - near
    odd = int((~((sides > near) & (sides <= frame + 1)).all(axis=1)).sum())
    if out > _MANY_OUT * total and odd <= _FEW_ODD * total:
        detail = f"{out} of {total} boxes reach out of their image, {odd} if read as corners x1, y1, x2, y2"
        return "boxes_as_corners", detail
    return None
