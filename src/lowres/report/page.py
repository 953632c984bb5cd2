"""The report of a detector as one HTML file: facts in, page out. It fetches nothing, and a security policy says so."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lowres.report import cells, plots, plots_classes, plots_training, tables, wording
from lowres.report.contents import ReportData
from lowres.report.draw import OUTCOME_COLOURS
from lowres.report.marks import AP
from lowres.report.numbers import DASH, bin_title, finite
from lowres.report.pictures import Picture, example_pictures, thumbnail_pairs
from lowres.report.plots_cost import CostPoint
from lowres.report.rendering import absent_parts, cost_drawings, render
from lowres.report.rows import checked_keys, title_of
from lowres.report.wording import WAY


def render_page(data: ReportData) -> str:
    """The whole page as HTML; images are inside as JPEG and PNG, figures as SVG. Under 6 MB whatever is handed over.

    What `data` lacks is left out and named under the notes. Raises `ValueError` if there is no row, if two rows share a
    key, and if a confusion matrix does not fit the class names.
    """
    keys = checked_keys(data.rows)
    points = [CostPoint(p.title, p.ap, p.multiply_adds, p.latency_ms, p.key) for p in data.frontier]
    figures = _figures(data, keys) | cost_drawings(data.rows, points, measure=AP, way=WAY)
    pictures, pairs, confusions = example_pictures(data), thumbnail_pairs(data), tables.told_confusions(data)
    return render(
        "page.html",
        title=data.title,
        summary=wording.summary(data.rows, data.drop_rate),
        key_figures=wording.key_figures(data.rows, data.drop_rate),
        rows=data.rows,
        figures=figures,
        sections={
            "results": ("Results", data.rows),
            "thumbnails": ("Thumbnails", pairs),
            "cost": ("Cost", figures["cost"] or figures["time"]),
            "examples": ("Examples", pictures),
            "sizes": ("Sizes and classes", figures["sizes"] or figures["recall"]),
            "confusions": ("Confusions", confusions),
        },
        params_yaml=data.params_yaml,
        provenance=data.provenance,
        notes=[*data.notes, *_absent(data, figures, pictures)],
        evaluated_on=tables.evaluated_on(data.rows),
        small_numbers="The small numbers compare with the teacher.",
        foot=f"{DASH} : not defined (no object of that size or class) or not measured.",
        accuracy=tables.accuracy_lines(data),
        accuracy_name="AP",
        cost=cells.cost_lines(data.rows, network="detector", way=WAY),
        frontier=cells.frontier_lines(points, measure=AP),
        sizes=tables.size_table(data.rows),
        classes=tables.class_table(data),
        confusions=confusions,
        pairs=pairs,
        thumbnail_channels=data.thumbnail_channels,
        pictures=pictures,
        outcome_colours={name: "rgb({}, {}, {})".format(*colour) for name, colour in OUTCOME_COLOURS.items()},
        threshold=f"{data.score_threshold:g}",
    )


def _figures(data: ReportData, keys: Sequence[str]) -> dict[str, list[str]]:
    """Drawings by place on the page; a place without one is an empty list."""
    matrices = []
    for key, counts in data.confusion.items():
        matrix = np.asarray(counts)
        side = len(data.class_names) + 1
        if matrix.size and matrix.shape != (side, side):
            raise ValueError(f"confusion[{key!r}]: {list(matrix.shape)} for {side - 1} classes; give [{side}, {side}]")
        matrices.append(
            plots_classes.confusion_heat_map(
                matrix,
                name=key,
                title=title_of(data.rows, key),
                rows=[*data.class_names, "no object"],
                columns=[*data.class_names, "missed"],
                background=True,
                counted="objects found with their class",
            )
        )
    drawings = {
        "sizes": [plots.ap_by_thumbnail_size(data.rows), _by_class(data, keys)],
        "recall": _curves_by_size(data.pr_curves, on_thumbnail=False),
        "recall_on_thumbnail": _curves_by_size(data.pr_curves, on_thumbnail=True),
        "confusion": matrices,
        "training": [
            plots_training.accuracy_over_steps(data.histories, metric="ap", measure=AP),
            *(plots_training.loss_curves(stage, records) for stage, records in data.histories.items()),
        ],
    }
    return {place: [drawing for drawing in found if drawing] for place, found in drawings.items()}


def _by_class(data: ReportData, keys: Sequence[str]) -> str | None:
    table = {
        name: {row.key: finite(((row.metrics.get("per_class") or {}).get(name) or {}).get("ap")) for row in data.rows}
        for name in data.class_names
    }
    return plots_classes.accuracy_by_class(table, keys, measure=AP)


def _curves_by_size(pr_curves: Mapping[str, Mapping[str, Any]], *, on_thumbnail: bool) -> list[str | None]:
    """Precision over recall at IoU 0.5: all objects and those of each area, or by size on the thumbnail."""
    found: dict[tuple[str, str], dict[str, tuple[Sequence[float], Sequence[float]]]] = {}
    for key, curves in pr_curves.items():
        if on_thumbnail:
            parts = [
                (f"thumbnail-{size['low_px']}", bin_title(size["low_px"], size["high_px"]), size["curve"])
                for size in curves.get("by_thumbnail_size") or []
            ]
        else:
            by_area = (curves.get("by_area") or {}).items()
            parts = [("all", "all", curves.get("overall")), *((size, size, curve) for size, curve in by_area)]
        for name, title, curve in parts:
            lines = found.setdefault((name, title[0].upper() + title[1:]), {})
            if curve:
                lines[key] = (curves["recall"], curve["iou_50"])
    keys = list(pr_curves)
    return [plots.precision_recall(name, title, lines, keys) for (name, title), lines in found.items()]


def _absent(data: ReportData, figures: Mapping[str, list[str]], pictures: Sequence[Picture]) -> Iterator[str]:
    """One line for each part of the page that there was nothing for."""
    yield from absent_parts(
        {
            "training curves": figures["training"],
            "precision and recall": figures["recall"],
            "accuracy against cost": figures["cost"],
            "confusion matrix": figures["confusion"],
            "example images": pictures,
            "configuration": data.params_yaml,
            "provenance": data.provenance,
        }
    )
    sizes = ("small", "medium", "large")
    empty = [size for size in sizes if all(finite(row.metrics.get(f"ap_{size}")) is None for row in data.rows)]
    if empty:
        yield f"No model has an AP for {' or '.join(empty)} objects: there are none, or it was not measured."
