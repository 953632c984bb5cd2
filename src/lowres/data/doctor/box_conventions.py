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
_MANY_OUT, _FEW_ODD = 0.25, 0.05


def convention_findings(
    layout: Layout, split: LooseSplit, frames_wh_px: Iterable[tuple[int, int] | None]
) -> list[Finding]:
    """What is wrong with the split's boxes as a whole; the frames are those of its images, None where not known."""
    if not layout.detection or not split.images:
        return []
    if not any(image.objects for image in split.images):
        return [Finding("no_object_in_split", split.name, split.origin, f"{len(split.images)} images")]
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
    near, far, frame = rows[:, :2], rows[:, 2:4], rows[:, 4:]
    in_corner = int(((near >= -1) & (far <= _CORNER_PX)).all(axis=1).sum())
    if 2 * in_corner > len(rows):
        detail = f"{in_corner} of {len(rows)} boxes lie within {_CORNER_PX:g} px of the image's corner"
        return [Finding("boxes_normalised", split.name, split.origin, detail)]
    out = int((far > frame + 1).any(axis=1).sum())
    sides = far - near
    odd = int((~((sides > near) & (sides <= frame + 1)).all(axis=1)).sum())
    if "COCO" in layout.kind and out > _MANY_OUT * len(rows) and odd <= _FEW_ODD * len(rows):
        detail = f"{out} of {len(rows)} boxes reach out of their image, {odd} if read as corners x1, y1, x2, y2"
        return [Finding("boxes_as_corners", split.name, split.origin, detail)]
    return []
