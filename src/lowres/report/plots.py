"""Figures of accuracy: precision over recall, AP by size and by class, confusions.

Each takes plain facts and returns one `<svg>` element, or None where there is nothing to draw. Rows are told apart by
colour, dash and marker (`marks`); the page shows one legend for all figures.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np

from lowres.report import svg
from lowres.report.contents import Row
from lowres.report.marks import clipped, head_room, identifier, row_styles
from lowres.report.wording import count, finite

_MOST_CLASSES = 30


@mpl.rc_context(svg.STYLE)
def precision_recall(
    name: str, title: str, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], keys: Sequence[str]
) -> str | None:
    """Precision over recall, one line per row; `curves` {row key: (recall, precision)}."""
    styles = row_styles(keys)
    figure = svg.new_figure(205, 190)
    axes = figure.add_subplot()
    drawn = []
    for key, (recall, precision) in curves.items():
        points = np.array(
            [[x, y] for x, y in zip(recall, precision, strict=True) if finite(x) is not None and finite(y) is not None]
        )
        if len(points):
            style = styles[key]
            axes.plot(points[:, 0], points[:, 1], color=style.colour, linestyle=style.linestyle, linewidth=1.8)
            drawn.append(key)
    if not drawn:
        return None
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_title(title)
    described = f"Precision against recall at IoU 0.5, {title}: {', '.join(drawn)}."
    return svg.inline_svg(figure, name=f"pr-{identifier(name)}", description=described)


@mpl.rc_context(svg.STYLE)
def ap_by_thumbnail_size(rows: Sequence[Row]) -> str | None:
    """Grouped bars: AP in each bin of object size on the thumbnail."""
    bins = next((list(row.metrics["by_thumbnail_size"]) for row in rows if row.metrics.get("by_thumbnail_size")), [])
    if not bins:
        return None
    styles = row_styles([row.key for row in rows])
    figure = svg.new_figure(380, 250)
    axes = figure.add_subplot()
    share = 0.82 / len(rows)
    top = 0.05
    for position, row in enumerate(rows):
        by_bin = {(b["low_px"], b["high_px"]): finite(b.get("ap")) for b in row.metrics.get("by_thumbnail_size") or []}
        for index, size in enumerate(bins):
            value = by_bin.get((size["low_px"], size["high_px"]))
            x = index + (position - (len(rows) - 1) / 2) * share
            if value is not None:
                axes.bar(x, value, width=share * 0.92, color=styles[row.key].colour)
                top = max(top, value)
            text = "–" if value is None else f"{value:.2f}".removeprefix("0") if len(rows) <= 3 else ""
            axes.annotate(text, (x, value or 0), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=9)
    labels = [f"{_short_bin(b['low_px'], b['high_px'])}\n{count(b.get('num_objects'))} objects" for b in bins]
    axes.set_xticks(range(len(bins)), labels, fontsize=9)
    axes.set(xlim=(-0.6, len(bins) - 0.4), ylim=(0, head_room(top)), xlabel="long side of the object on the thumbnail")
    axes.grid(visible=False, axis="x")
    axes.set_title("AP by size on the thumbnail")
    described = "Average precision in bins of object size on the thumbnail; the numbers are in the table below."
    return svg.inline_svg(figure, name="ap-thumbnail-size", description=described)


@mpl.rc_context(svg.STYLE)
def ap_by_class(rows: Sequence[Row], class_names: Sequence[str]) -> str | None:
    """One line per class with all rows' APs; on top the class that is hardest for the student, or for the last row."""
    table = {
        name: {row.key: finite(((row.metrics.get("per_class") or {}).get(name) or {}).get("ap")) for row in rows}
        for name in class_names
    }
    known = {name: values for name, values in table.items() if any(v is not None for v in values.values())}
    if not known:
        return None
    order = sorted(known, key=lambda name: _value_of_student(known[name]))
    shown = order if len(order) <= _MOST_CLASSES else [*order[: _MOST_CLASSES // 2], *order[-_MOST_CLASSES // 2 :]]
    styles = row_styles([row.key for row in rows])
    figure = svg.new_figure(370, 76 + 22 * len(shown))
    axes = figure.add_subplot()
    for y, name in enumerate(shown):
        values = [value for value in known[name].values() if value is not None]
        axes.plot([min(values), max(values)], [y, y], color=svg.GRID, linewidth=4, zorder=1)
        for key, value in known[name].items():
            if value is not None:
                style = styles[key]
                axes.plot(
                    value,
                    y,
                    style.marker,
                    color=style.colour,
                    markersize=8,
                    markeredgecolor=svg.CARD,
                    zorder=2,
                    clip_on=False,
                )
    if len(shown) < len(order):
        axes.axhline(_MOST_CLASSES // 2 - 0.5, color=svg.MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.set_yticks(range(len(shown)), [clipped(name, 24) for name in shown])
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.4, -0.6), xlabel="AP")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    half = _MOST_CLASSES // 2
    axes.set_title(
        "AP by class" + (f": {half} lowest, {half} highest of {len(order)}" if len(shown) < len(order) else "")
    )
    described = "Average precision of each class; the numbers are in the table below."
    return svg.inline_svg(figure, name="ap-class", description=described)


@mpl.rc_context(svg.STYLE)
def confusion_heat_map(name: str, title: str, counts: np.ndarray, class_names: Sequence[str]) -> str | None:
    """Shares of each true class (row); blue on the diagonal, orange off it. Counts are written where there is room."""
    if not counts.size or not counts.sum():
        return None
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(counts)
    colours = np.zeros((size, size, 4))
    colours[..., :3] = np.array([213, 94, 0]) / 255
    colours[np.arange(size), np.arange(size), :3] = np.array([0, 114, 178]) / 255
    colours[..., 3] = 0.72 * np.sqrt(shares)
    roomy = size <= 21
    figure = svg.new_figure(*((150 + 34 * size, 130 + 30 * size) if roomy else (620, 620)))
    axes = figure.add_subplot()
    axes.imshow(colours, interpolation="none", aspect="auto")
    rows, columns = [*class_names, "no object"], [*class_names, "missed"]
    if roomy:
        for i, j in np.argwhere(counts > 0):
            axes.text(j, i, count(counts[i, j]), ha="center", va="center", fontsize=9.5)
    step = 1 if size <= 45 else 1 + size // 45
    ticks = [*range(0, size - 1, step), size - 1]
    small = 10 if roomy else 7.5
    axes.set_xticks(
        ticks, [clipped(columns[i], 18) for i in ticks], rotation=55 if roomy else 90, fontsize=small, color=svg.INK
    )
    if roomy:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, [clipped(rows[i], 18) for i in ticks], fontsize=small, color=svg.INK)
    axes.set(xlabel="predicted", ylabel="true")
    axes.axhline(size - 1.5, color=svg.MUTED, linewidth=0.8)
    axes.axvline(size - 1.5, color=svg.MUTED, linewidth=0.8)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(title)
    right, objects = int(np.trace(counts)), int(counts[:-1].sum())
    described = f"Confusion matrix, {title}: {right} of {objects} objects found with their class."
    return svg.inline_svg(figure, name=f"confusion-{identifier(name)}", description=described)


def _value_of_student(values: Mapping[str, float | None]) -> float:
    student = values.get("student")
    return student if student is not None else [value for value in values.values() if value is not None][-1]


def _short_bin(low_px: float, high_px: float | None) -> str:
    return f"≥ {low_px:g} px" if high_px is None else f"{low_px:g}–{high_px:g} px"
