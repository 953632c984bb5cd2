"""Figures of a data set: object sizes as they are and on smaller images, objects by class."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np

from lowres.report import svg
from lowres.report.marks import clipped, identifier

_COLOURS = (svg.TEACHER, svg.STUDENT, svg.OTHER1, svg.BICUBIC, svg.OTHER2, svg.OTHER3)
_DASHES = ((0, ()), (0, (5, 2)), (0, (1.2, 1.6)))
_MOST_CLASSES = 40


@mpl.rc_context(svg.STYLE)
def object_sizes(split: str, sizes_px: np.ndarray, ratios: Sequence[int], limits_px: Sequence[int]) -> str | None:
    """Share of a split's objects that are smaller than a size: one line for each ratio by which images shrink."""
    if not len(sizes_px):
        return None
    figure = svg.new_figure(380, 250)
    axes = figure.add_subplot()
    share = np.arange(1, len(sizes_px) + 1) / len(sizes_px)
    chosen = np.unique(np.linspace(0, len(sizes_px) - 1, 300).astype(int))
    ordered = np.maximum(np.sort(sizes_px), 0.25)
    for ratio, colour, dashes in zip(ratios, _COLOURS, _DASHES, strict=False):
        label = "as it is" if ratio == 1 else f"{ratio}x smaller"
        axes.plot(ordered[chosen] / ratio, share[chosen], color=colour, linestyle=dashes, label=label)
    for limit in limits_px:
        axes.axvline(limit, color=svg.MUTED, linewidth=0.8)
        axes.annotate(f"{limit} px", (limit, 1.02), xytext=(2, 0), textcoords="offset points", fontsize=9)
    axes.set_xscale("log", base=2)
    ticks = [size for size in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if size <= 2 * ordered[-1]]
    axes.set_xticks(ticks, [str(size) for size in ticks])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set(xlim=(0.5, max(16.0, float(ordered[-1]))), ylim=(0, 1.08), xlabel="object size, px (root of its area)")
    axes.legend(frameon=False, fontsize=9, loc="best")
    axes.set_title(f"Objects smaller than a size, {clipped(split, 20)}")
    described = f"Share of the objects of {split} below each size, as they are and on images 2 and 4 times smaller."
    return svg.inline_svg(figure, name=f"sizes-{identifier(split)}", description=described)


@mpl.rc_context(svg.STYLE)
def class_balance(counts: Mapping[str, Mapping[str, int]]) -> str | None:
    """Each class's share of its split's objects, most frequent first; one bar for each split."""
    totals: dict[str, int] = {}
    for by_class in counts.values():
        for name, number in by_class.items():
            totals[name] = totals.get(name, 0) + number
    names = sorted(totals, key=lambda name: -totals[name])[:_MOST_CLASSES]
    splits = [split for split in counts if any(counts[split].values())]
    if not names or not splits:
        return None
    figure = svg.new_figure(380, max(130, 60 + 13 * len(names) + 6 * len(splits)))
    axes = figure.add_subplot()
    height = 0.8 / len(splits)
    for position, split in enumerate(splits):
        whole = sum(counts[split].values())
        shares = [100 * counts[split][name] / whole for name in names]
        places = [index + (position - (len(splits) - 1) / 2) * height for index in range(len(names))]
        colour = _COLOURS[position % len(_COLOURS)]
        axes.barh(places, shares, height=height * 0.9, color=colour, label=clipped(split, 20))
    axes.set_yticks(range(len(names)), [clipped(name, 18) for name in names], fontsize=9)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="share of the split's objects, %")
    axes.grid(visible=False, axis="y")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    more = len(totals) - len(names)
    axes.set_title("Objects by class" + (f", the first {len(names)} of {len(totals)}" if more else ""))
    return svg.inline_svg(figure, name="classes", description="Share of each class among the objects of each split.")
