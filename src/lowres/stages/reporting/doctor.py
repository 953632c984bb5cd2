"""From an examination to its page: which pictures are shown, and what stands in the tables."""

from collections import Counter

import cv2
import numpy as np

from lowres.data.doctor.box_checks import box_fault
from lowres.data.doctor.examine import Examination, frame_of, size_shares
from lowres.data.doctor.findings import KINDS, Severity, counted, worst
from lowres.data.doctor.leaks import Place
from lowres.data.doctor.summary import three_fixes, verdict
from lowres.data.images import decode_rgb, decode_upright
from lowres.data.object_sizes import SHRINK_RATIOS, SIZE_LIMITS_PX
from lowres.report.costs import KeyFigure
from lowres.report.doctor_page import DataSetFacts, FaultGroup, Shown, render_doctor_page

_MOST_PLACES = 20
_MOST_EXAMPLES, _MOST_PER_KIND = 12, 2
_MOST_PAIRS = 6
_SHRUNK = 2
_LONG_SIDE_PX = 640


def doctor_html(examination: Examination) -> str:
    """The page about a data set."""
    layout = examination.layout
    objects = sum(len(image.objects) for split in layout.splits for image in split.images)
    told = f"{sum(len(split.images) for split in layout.splits)} images"
    told += f" with {objects} objects in {len(layout.splits)} splits" if layout.detection else ""
    facts = DataSetFacts(
        title=layout.root.resolve().name,
        summary=f"{layout.kind}: {told}. Found: {verdict(examination)}.",
        key_figures=_key_figures(examination),
        fixes=three_fixes(examination),
        faults=[
            FaultGroup(
                severity=KINDS[kind].severity.name.lower(),
                sentence=KINDS[kind].sentence,
                number=len(found),
                remedy=KINDS[kind].remedy,
                repaired=KINDS[kind].repaired,
                places=[(finding.split, finding.place, finding.detail) for finding in found[:_MOST_PLACES]],
            )
            for kind, found in counted(examination.findings)
        ],
        splits=[
            {
                "name": split.name,
                "images": str(len(split.images)),
                "objects": str(sum(len(image.objects) for image in split.images)) if layout.detection else "",
                "annotations": split.origin,
            }
            for split in layout.splits
        ],
        sizes_px=examination.sizes_px,
        ratios=SHRINK_RATIOS,
        limits_px=SIZE_LIMITS_PX,
        shares=_share_lines(examination),
        class_counts=examination.classes,
        examples=_examples(examination),
        pairs=_pairs(examination),
        shrunk=_shrunk(examination),
        provenance={
            "data": str(layout.root),
            "recognised by": layout.why,
            "images read": f"{examination.num_read} in {examination.seconds:.1f} s" if examination.num_read else "none",
        },
    )
    return render_doctor_page(facts)


def _key_figures(examination: Examination) -> list[KeyFigure]:
    numbers = Counter(KINDS[finding.kind].severity for finding in examination.findings)
    level = worst(examination.findings)
    figures = [
        KeyFigure(str(numbers[Severity.ERROR]), "errors", "refused, dropped, or untrue", _tone(level, Severity.ERROR)),
        KeyFigure(str(numbers[Severity.WARNING]), "warnings", "it trains, but look", "even"),
    ]
    sizes = np.concatenate(list(examination.sizes_px.values())) if examination.sizes_px else np.zeros(0)
    for ratio in SHRINK_RATIOS[1:] if len(sizes) else ():
        share = f"{100 * float((sizes / ratio < SIZE_LIMITS_PX[0]).mean()):.0f} %"
        figures.append(KeyFigure(share, f"below {SIZE_LIMITS_PX[0]} px", f"on images {ratio} times smaller", "even"))
    return figures


def _tone(level: Severity | None, bad: Severity) -> str:
    return "bad" if level is bad else "good"


def _share_lines(examination: Examination) -> list[list[str]]:
    lines = []
    for split, by_ratio in size_shares(examination).items():
        for ratio, told in by_ratio.items():
            below = told["share_below_px"]
            if below:
                cells = [f"{100 * below[str(limit)]:.1f} %" for limit in SIZE_LIMITS_PX]
                lines.append([split, "as they are" if ratio == "1x" else f"{ratio} smaller", *cells])
    return lines


def _examples(examination: Examination) -> list[Shown]:
    """One or two images of each kind of finding that has an image to show."""
    positions = {split.name: number for number, split in enumerate(examination.layout.splits)}
    shown: list[Shown] = []
    for kind, found in counted(examination.findings):
        if kind.startswith(("duplicate", "near_duplicate")):
            continue
        places = dict.fromkeys(
            (positions[finding.split], finding.image) for finding in found if finding.image is not None
        )
        whole = [place for place in places if _is_whole(examination, place)]
        shown += [_show(examination, place, KINDS[kind].sentence) for place in whole[:_MOST_PER_KIND]]
        if len(shown) >= _MOST_EXAMPLES:
            break
    return shown[:_MOST_EXAMPLES]


def _pairs(examination: Examination) -> list[tuple[Shown, Shown]]:
    exact = [(goes, stays) for goes, (stays, kind) in examination.duplicates.dropped.items() if kind[0] == "d"]
    across = [pair for pair in examination.duplicates.near if pair[0][0] != pair[1][0]]
    within = [pair for pair in examination.duplicates.near if pair[0][0] == pair[1][0]]
    chosen = [*across[:_MOST_PAIRS], *exact[:_MOST_PAIRS], *within[:_MOST_PAIRS]][:_MOST_PAIRS]
    return [tuple(_show(examination, place, "", boxes=False) for place in pair) for pair in chosen]  # pyright: ignore[reportReturnType]


def _shrunk(examination: Examination) -> list[list[Shown]]:
    """Images as they are and smaller, drawn at the same size."""
    layout = examination.layout
    having = [
        (number, index)
        for number, split in enumerate(layout.splits)
        for index, image in enumerate(split.images)
        if image.objects and layout.detection and _is_whole(examination, (number, index))
    ]
    rows = []
    for place in having[:: max(1, len(having) // _SHRUNK)][:_SHRUNK]:
        image = _show(examination, place, "", boxes=False)
        row = []
        for ratio in SHRINK_RATIOS:
            small = cv2.resize(image.pixels, None, fx=1 / ratio, fy=1 / ratio, interpolation=cv2.INTER_AREA)
            large = small.repeat(ratio, axis=0).repeat(ratio, axis=1)
            title = "As it is" if ratio == 1 else f"{ratio}x smaller"
            row.append(Shown(title, f"{small.shape[1]} × {small.shape[0]} px", large, np.zeros((0, 4)), [], []))
        rows.append(row)
    return rows


def _is_whole(examination: Examination, place: Place) -> bool:
    fact = examination.facts[place[0]][place[1]]
    return fact is not None and fact.whole


def _show(examination: Examination, place: Place, title: str, *, boxes: bool = True) -> Shown:
    """An image, made smaller where it is large, with those of its boxes that can be drawn."""
    split = examination.layout.splits[place[0]]
    image = split.images[place[1]]
    assert split.files is not None
    assert image.key is not None
    decode = decode_upright if examination.layout.labelled else decode_rgb
    pixels = decode(split.files.read(image.key))
    factor = min(1.0, _LONG_SIDE_PX / max(pixels.shape[:2]))
    if factor < 1:
        pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    frame = frame_of(image, examination.facts[place[0]][place[1]])
    drawn = [entry for entry in image.objects if boxes and entry.box_xyxy_px and np.isfinite(entry.box_xyxy_px).all()]
    corners = np.array([entry.box_xyxy_px for entry in drawn], np.float64).reshape(-1, 4)
    names = [split.categories[entry.category] if entry.category is not None else None for entry in drawn]
    return Shown(
        title=title or split.name,
        caption=f"{split.name}: {image.place}" if title else image.place,
        pixels=pixels,
        boxes_xyxy_px=np.sort(corners.reshape(-1, 2, 2), axis=1).reshape(-1, 4).clip(-1e6, 1e6) * factor,
        names=[name or "?" for name in names],
        outcomes=["false" if box_fault(entry, frame) else "truth" for entry in drawn],
    )
