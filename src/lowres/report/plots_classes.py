"""Figures of classes: accuracy of each, and what is taken for what; for every task."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np

from lowres.report import svg
from lowres.report.marks import Measure, clipped, identifier, row_styles
from lowres.report.numbers import count

_MOST_CLASSES = 30


@mpl.rc_context(svg.STYLE)
def accuracy_by_class(
    table: Mapping[str, Mapping[str, float | None]], keys: Sequence[str], *, measure: Measure
) -> str | None:
    """One line per class with all rows' values; on top the class that is hardest for the student, or for the last row.

    `table` {class name: {row key: fraction in [0, 1], or None}}.
    """
    known = {name: values for name, values in table.items() if any(v is not None for v in values.values())}
    if not known:
        return None
    order = sorted(known, key=lambda name: _value_of_student(known[name]))
    shown = order if len(order) <= _MOST_CLASSES else [*order[: _MOST_CLASSES // 2], *order[-_MOST_CLASSES // 2 :]]
    styles = row_styles(keys)
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
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.4, -0.6), xlabel=measure.name)
    measure.mark(axes.xaxis)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    half = _MOST_CLASSES // 2
    axes.set_title(
        f"{measure.title} by class"
        + (f": {half} lowest, {half} highest of {len(order)}" if len(shown) < len(order) else "")
    )
    described = f"{measure.title} of each class; the numbers are in the table below."
    return svg.inline_svg(figure, name=f"{identifier(measure.name)}-class", description=described)


@mpl.rc_context(svg.STYLE)
def confusion_heat_map(
    counts: np.ndarray,
    *,
    name: str,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    background: bool,
    counted: str,
) -> str | None:
    """Shares of each true class (row); blue on the diagonal, orange off it. Counts are written where there is room.

    `rows` and `columns` name what is true and predicted; with `background`, the last of each is no class and is set
    apart by a line. `counted` says what the diagonal counts, as in "objects found with their class".
    """
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
    if background:
        axes.axhline(size - 1.5, color=svg.MUTED, linewidth=0.8)
        axes.axvline(size - 1.5, color=svg.MUTED, linewidth=0.8)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(title)
    right, all_true = int(np.trace(counts)), int(counts[: size - background].sum())
    described = f"Confusion matrix, {title}: {right} of {all_true} {counted}."
    return svg.inline_svg(figure, name=f"confusion-{identifier(name)}", description=described)


def _value_of_student(values: Mapping[str, float | None]) -> float:
    student = values.get("student")
    return student if student is not None else [value for value in values.values() if value is not None][-1]
