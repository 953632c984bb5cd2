"""The report of a classifier as one HTML file: facts in, page out; it fetches nothing, as a detector's (`page.py`)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lowres.report import cells, class_tables, class_wording, plots_classes, plots_training
from lowres.report.class_contents import ClassReportData
from lowres.report.class_pictures import ClassPicture, class_pictures
from lowres.report.class_wording import WAY
from lowres.report.marks import TOP1, row_styles
from lowres.report.numbers import DASH, latency_ms
from lowres.report.plots_cost import CostPoint
from lowres.report.plots_reliability import reliability_diagram
from lowres.report.rendering import absent_parts, cost_drawings, render
from lowres.report.rows import checked_keys, title_of


def render_class_page(data: ClassReportData) -> str:
    """The whole page as HTML; images are inside as JPEG and PNG, figures as SVG. Under 6 MB whatever is handed over.

    What `data` lacks is left out and named under the notes. Raises `ValueError` if there is no row, if two rows share a
    key, and if a confusion matrix does not fit the class names.
    """
    keys = checked_keys(data.rows)
    points = [
        CostPoint(
            row.title,
            row.metrics.get("top1"),
            row.cost.get("multiply_adds"),
            latency_ms(row.cost, "total"),
            row.key,
        )
        for row in data.rows
    ]
    figures = _figures(data, keys) | cost_drawings(data.rows, points, measure=TOP1, way=WAY)
    pictures, confusions = class_pictures(data), class_tables.told_confusions(data)
    return render(
        "class_page.html",
        title=data.title,
        summary=class_wording.summary(data.rows),
        key_figures=class_wording.key_figures(data.rows, data.drop_rate),
        rows=data.rows,
        figures=figures,
        sections={
            "results": ("Results", data.rows),
            "cost": ("Cost", figures["cost"] or figures["time"]),
            "examples": ("Examples", pictures),
            "classes": ("Classes", figures["classes"]),
            "confusions": ("Confusions", confusions),
            "calibration": ("Calibration", figures["reliability"]),
        },
        params_yaml=data.params_yaml,
        provenance=data.provenance,
        notes=[*data.notes, *_absent(data, figures, pictures)],
        evaluated_on=class_tables.evaluated_on(data),
        small_numbers="Under top-1 stands its 95 % interval over the images: it says how much the result depends on "
        "which images were tested, not on the seed of the training. Under the costs stands the ratio to the teacher's.",
        foot=f"{DASH} : not defined (no image of that class) or not measured.",
        accuracy=class_tables.accuracy_lines(data),
        accuracy_name=TOP1.name,
        cost=cells.cost_lines(data.rows, network="classifier", way=WAY),
        frontier=cells.frontier_lines([p for p in points if p.multiply_adds or p.latency_ms], measure=TOP1),
        classes=class_tables.class_table(data),
        confusions=confusions,
        pictures=pictures,
    )


def _figures(data: ClassReportData, keys: Sequence[str]) -> dict[str, list[str]]:
    """Drawings by place on the page; a place without one is an empty list."""
    styles, side = row_styles(keys), len(data.class_names)
    matrices = []
    for key, counts in data.confusion.items():
        matrix = np.asarray(counts)
        if matrix.size and matrix.shape != (side, side):
            raise ValueError(f"confusion[{key!r}]: {list(matrix.shape)} for {side} classes; give [{side}, {side}]")
        matrices.append(
            plots_classes.confusion_heat_map(
                matrix,
                name=key,
                title=title_of(data.rows, key),
                rows=data.class_names,
                columns=data.class_names,
                background=False,
                counted="images recognised",
            )
        )
    drawings = {
        "classes": [plots_classes.accuracy_by_class(class_tables.accuracy_of_classes(data), keys, measure=TOP1)],
        "confusion": matrices,
        "reliability": [reliability_diagram(row, styles[row.key]) for row in data.rows],
        "training": [
            plots_training.accuracy_over_steps(data.histories, metric="top1", measure=TOP1),
            *(plots_training.loss_curves(stage, records) for stage, records in data.histories.items()),
        ],
    }
    return {place: [drawing for drawing in found if drawing] for place, found in drawings.items()}


def _absent(data: ClassReportData, figures: Mapping[str, list[str]], pictures: Sequence[ClassPicture]) -> Iterator[str]:
    """One line for each part of the page that there was nothing for."""
    yield from absent_parts(
        {
            "training curves": figures["training"],
            "accuracy against cost": figures["cost"],
            "accuracy per class": figures["classes"],
            "confusion matrix": figures["confusion"],
            "reliability diagrams": figures["reliability"],
            "example images": pictures,
            "configuration": data.params_yaml,
            "provenance": data.provenance,
        }
    )
    if not class_tables.has_top5(data.rows):
        few = len(data.class_names) < 6
        yield "Top-5 is left out: " + (
            "with fewer than six classes it says nothing." if few else "it was not measured."
        )
