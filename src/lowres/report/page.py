"""The report as one HTML file: facts in, page out. It fetches nothing, and a security policy in its head says so."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lowres.report import plots, plots_cost, plots_training, svg, tables, wording
from lowres.report.contents import ReportData, Row
from lowres.report.draw import OUTCOME_COLOURS
from lowres.report.marks import row_styles
from lowres.report.pictures import Picture, example_pictures, thumbnail_pairs
from lowres.report.wording import DASH


def render_page(data: ReportData) -> str:
    """The whole page as HTML; images are inside as JPEG and PNG, figures as SVG. Under 6 MB whatever is handed over.

    What `data` lacks is left out and named under the notes. Raises `ValueError` if there is no row, if two rows share a
    key, and if a confusion matrix does not fit the class names.
    """
    keys = [row.key for row in data.rows]
    if not keys:
        raise ValueError("rows: empty, so there is nothing to report; give at least one evaluated model")
    if len(set(keys)) != len(keys):
        raise ValueError(f"rows: the keys {keys} repeat; each row needs its own")
    figures = _figures(data, keys)
    pictures = example_pictures(data)
    context = {
        "data": data,
        "summary": wording.summary(data.rows, data.drop_rate),
        "key_figures": wording.key_figures(data.rows, data.drop_rate),
        "rows": _legend(data.rows),
        "evaluated_on": tables.evaluated_on(data.rows),
        "accuracy": tables.accuracy_lines(data),
        "cost": tables.cost_lines(data.rows),
        "threads": sorted(
            {f"{t:.0f}" for row in data.rows if (t := wording.finite(row.cost.get("threads"))) is not None}
        ),
        "frontier": tables.frontier_table(data),
        "sizes": tables.size_table(data.rows),
        "classes": tables.class_table(data),
        "figures": {name: [Markup(drawing) for drawing in drawings] for name, drawings in figures.items()},
        "confusions": tables.frequent_confusions(data),
        "pairs": thumbnail_pairs(data),
        "pictures": pictures,
        "outcome_colours": {name: "rgb({}, {}, {})".format(*colour) for name, colour in OUTCOME_COLOURS.items()},
        "threshold": f"{data.score_threshold:g}",
        "provenance": list(tables.flat(data.provenance)),
        "notes": [*data.notes, *_absent(data, figures, pictures)],
        "dash": DASH,
    }
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(context)


def _figures(data: ReportData, keys: Sequence[str]) -> dict[str, list[str]]:
    """Drawings by place on the page; a place without one is an empty list."""
    matrices = []
    for key, counts in data.confusion.items():
        matrix = np.asarray(counts)
        side = len(data.class_names) + 1
        if matrix.size and matrix.shape != (side, side):
            raise ValueError(f"confusion[{key!r}]: {list(matrix.shape)} for {side - 1} classes; give [{side}, {side}]")
        title = next((row.title for row in data.rows if row.key == key), key)
        matrices.append(plots.confusion_heat_map(key, title, matrix, data.class_names))
    drawings = {
        "cost": [
            plots_cost.accuracy_against_cost(data.frontier, keys, quantity="multiply_adds"),
            plots_cost.accuracy_against_cost(data.frontier, keys, quantity="latency_ms"),
        ],
        "time": [plots_cost.latency_parts(data.rows)],
        "sizes": [plots.ap_by_thumbnail_size(data.rows), plots.ap_by_class(data.rows, data.class_names)],
        "recall": _curves_by_size(data.pr_curves, on_thumbnail=False),
        "recall_on_thumbnail": _curves_by_size(data.pr_curves, on_thumbnail=True),
        "confusion": matrices,
        "training": [
            plots_training.ap_over_steps(data.histories),
            *(plots_training.loss_curves(stage, records) for stage, records in data.histories.items()),
        ],
    }
    return {place: [drawing for drawing in found if drawing] for place, found in drawings.items()}


def _curves_by_size(pr_curves: Mapping[str, Mapping[str, Any]], *, on_thumbnail: bool) -> list[str | None]:
    """Precision over recall at IoU 0.5: all objects and those of each area, or by size on the thumbnail."""
    found: dict[tuple[str, str], dict[str, tuple[Sequence[float], Sequence[float]]]] = {}
    for key, curves in pr_curves.items():
        if on_thumbnail:
            parts = [
                (f"thumbnail-{size['low_px']}", wording.bin_title(size["low_px"], size["high_px"]), size["curve"])
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


def _legend(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Each row's title, input and look, for the legends and the heads of the tables."""
    styles = row_styles([row.key for row in rows])
    return [
        {
            "title": row.title,
            "input": wording.pixels(row.input_px),
            "colour": svg.css_variable(styles[row.key].colour),
            "dash": " ".join(f"{2 * length:g}" for length in styles[row.key].dashes),
            "marker": styles[row.key].outline,
        }
        for row in rows
    ]


def _absent(data: ReportData, figures: Mapping[str, list[str]], pictures: Sequence[Picture]) -> Iterator[str]:
    """One line for each part of the page that there was nothing for."""
    parts = {
        "training curves": figures["training"],
        "precision and recall": figures["recall"],
        "accuracy against cost": figures["cost"],
        "confusion matrix": figures["confusion"],
        "example images": pictures,
        "configuration": data.params_yaml,
        "provenance": data.provenance,
    }
    missing = [name for name, content in parts.items() if not content]
    if missing:
        yield f"Not in this report, because nothing was given for it: {', '.join(missing)}."
    sizes = ("small", "medium", "large")
    empty = [size for size in sizes if all(wording.finite(row.metrics.get(f"ap_{size}")) is None for row in data.rows)]
    if empty:
        yield f"No model has an AP for {' or '.join(empty)} objects: there are none, or it was not measured."
