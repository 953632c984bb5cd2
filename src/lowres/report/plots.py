"""Figures of a detector's accuracy: precision over recall, AP by size.

Each takes plain facts and returns one `<svg>` element, or None where there is nothing to draw. Rows are told apart by
colour, dash and marker (`marks`); the page shows one legend for all figures.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np

from lowres.report import svg
from lowres.report.contents import Row
from lowres.report.marks import head_room, identifier, row_styles
from lowres.report.numbers import count, finite


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


def _short_bin(low_px: float, high_px: float | None) -> str:
    return f"≥ {low_px:g} px" if high_px is None else f"{low_px:g}–{high_px:g} px"
