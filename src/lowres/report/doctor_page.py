"""The page about a data set as one HTML file: facts in, page out. It fetches nothing, as the pages of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from lowres.report.costs import KeyFigure
from lowres.report.draw import OUTCOME_COLOURS, draw_boxes, drawing_scale
from lowres.report.panels import TOTAL_BYTES, Panel, panel
from lowres.report.plots_doctor import class_balance, object_sizes
from lowres.report.rendering import environment


@dataclass(frozen=True)
class Shown:
    """One picture with its boxes; `outcomes` are keys of `OUTCOME_COLOURS`: truth for sound boxes, false for others."""

    title: str
    caption: str
    pixels: np.ndarray
    boxes_xyxy_px: np.ndarray
    names: Sequence[str]
    outcomes: Sequence[str]


@dataclass(frozen=True)
class FaultGroup:
    """All findings of one kind: how bad, in words, where (some of them), what to do."""

    severity: str
    sentence: str
    number: int
    remedy: str
    repaired: str
    places: Sequence[tuple[str, str, str]]  # split, place, detail


@dataclass(frozen=True)
class DataSetFacts:
    """What the page tells. `shares` has lines of split, ratio in words, and the shares below each limit in percent."""

    title: str
    summary: str
    key_figures: Sequence[KeyFigure]
    fixes: Sequence[str]
    faults: Sequence[FaultGroup]
    splits: Sequence[Mapping[str, str]]
    sizes_px: Mapping[str, np.ndarray]
    ratios: Sequence[int]
    limits_px: Sequence[int]
    shares: Sequence[Sequence[str]]
    class_counts: Mapping[str, Mapping[str, int]]
    examples: Sequence[Shown] = ()
    pairs: Sequence[tuple[Shown, Shown]] = ()
    shrunk: Sequence[Sequence[Shown]] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)


def render_doctor_page(facts: DataSetFacts) -> str:
    """The whole page as HTML, under 6 MB; what there is nothing for is left out."""
    number = len(facts.examples) + 2 * len(facts.pairs) + 3 * len(facts.shrunk)
    limit = int(TOTAL_BYTES * 0.9) // max(1, number)
    sizes = [object_sizes(split, sizes, facts.ratios, facts.limits_px) for split, sizes in facts.sizes_px.items()]
    figures = {
        "sizes": [Markup(drawing) for drawing in sizes if drawing],
        "classes": [Markup(drawing) for drawing in [class_balance(facts.class_counts)] if drawing],
        "training": [],
    }
    sections = {
        "fixes": ("First", facts.fixes),
        "findings": ("Findings", True),
        "sizes": ("Object sizes", figures["sizes"]),
        "classes": ("Classes", figures["classes"]),
        "examples": ("Examples", facts.examples),
        "pairs": ("Duplicates", facts.pairs),
        "provenance": ("Provenance", facts.provenance),
    }
    return environment().get_template("doctor.html").render(
        title=facts.title,
        summary=facts.summary,
        key_figures=facts.key_figures,
        contents=[(place, name) for place, (name, content) in sections.items() if content],
        figures=figures,
        fixes=facts.fixes,
        faults=facts.faults,
        splits=facts.splits,
        limits=facts.limits_px,
        shares=facts.shares,
        examples=[_drawn(shown, limit) for shown in facts.examples],
        pairs=[(_drawn(one, limit), _drawn(two, limit)) for one, two in facts.pairs],
        shrunk=[[_drawn(shown, limit) for shown in group] for group in facts.shrunk],
        colours={name: "rgb({}, {}, {})".format(*colour) for name, colour in OUTCOME_COLOURS.items()},
        params_yaml="",
        provenance=list(facts.provenance.items()),
        notes=[],
    )  # fmt: skip


def _drawn(shown: Shown, limit: int) -> Panel:
    image = shown.pixels
    if len(shown.boxes_xyxy_px):
        names = list(dict.fromkeys(shown.names))
        labels = [names.index(name) for name in shown.names]
        scale = drawing_scale(*image.shape[:2], at_least_px=320)
        image = draw_boxes(
            image, shown.boxes_xyxy_px, labels, names, colour_by="outcome", outcomes=shown.outcomes, scale=scale
        )
    return panel(image, shown.title, shown.caption, f"{shown.title}: {shown.caption}", limit)
