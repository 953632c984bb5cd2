"""The figure of a sweep: what each down-sampler reaches, seed by seed."""

from collections.abc import Mapping

import matplotlib as mpl

from lowres.report import svg
from lowres.report.marks import clipped, row_styles


@mpl.rc_context(svg.STYLE)
def accuracy_by_kind(found: Mapping[str, Mapping[int, float]], *, name: str) -> str | None:
    """Accuracy in percent by kind: a dot for each seed, thin lines along a seed, a bar for the mean; None for nothing.

    `found` holds fractions by kind and seed; `name` is the measure's.
    """
    if not any(found.values()):
        return None
    styles = row_styles(list(found))
    figure = svg.new_figure(370, 280)
    axes = figure.add_subplot()
    for seed in sorted({seed for seeds in found.values() for seed in seeds}):
        along = [(place, 100 * seeds[seed]) for place, seeds in enumerate(found.values()) if seed in seeds]
        axes.plot(*zip(*along, strict=True), color=svg.MUTED, linewidth=0.8, alpha=0.6, zorder=1)
    for place, (kind, seeds) in enumerate(found.items()):
        values = [100 * value for value in seeds.values()]
        if not values:
            continue
        mean = sum(values) / len(values)
        axes.hlines(mean, place - 0.18, place + 0.18, color=styles[kind].colour, linewidth=3)
        axes.plot(
            [place] * len(values),
            values,
            linestyle="none",
            marker=styles[kind].marker,
            color=styles[kind].colour,
            markersize=7,
            markeredgecolor=svg.CARD,
        )
    axes.set_xticks(range(len(found)), [clipped(kind, 16) for kind in found])
    axes.set(xlim=(-0.5, len(found) - 0.5), ylabel=f"{name} in percent")
    axes.grid(visible=False, axis="x")
    axes.set_title("A dot for each seed, bars are means")
    described = f"{name} in percent by down-sampler and seed; the numbers are in the table of variants."
    return svg.inline_svg(figure, name="sweep", description=described)
