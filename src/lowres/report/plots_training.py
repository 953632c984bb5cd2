"""Figures of training: the loss and its terms, the learning rate, accuracy at each evaluation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lowres.report import svg
from lowres.report.marks import Measure, clipped, head_room, identifier
from lowres.report.numbers import finite

_STAGE_COLOURS = {"teacher": svg.TEACHER, "distill": svg.STUDENT}


def stage_colour(stage: str) -> str:
    """Colour of a training stage: that of the model that it makes."""
    return _STAGE_COLOURS.get(stage, svg.OTHER1)


@mpl.rc_context(svg.STYLE)
def loss_curves(stage: str, records: Sequence[Mapping[str, Any]]) -> str | None:
    """Total loss over steps, raw and smoothed; below it each term by itself, and the learning rate."""
    train = [record for record in records if record.get("kind", "train") == "train"]
    whole, rate = f"{stage}: total loss", f"{stage}: learning rate"
    panels = {whole: _series(train, lambda record: record.get("loss"))}
    names = list(dict.fromkeys(name for record in train for name in record.get("terms") or {}))
    terms = {name: _series(train, lambda record, name=name: (record.get("terms") or {}).get(name)) for name in names}
    rates = {rate: _series(train, lambda record: record.get("lr"))}
    panels, small = _not_empty(panels), _not_empty(terms if len(terms) > 1 or not len(panels[whole][0]) else {})
    rates = _not_empty(rates)
    if not panels and not small:
        return None
    wide = [*panels.items(), *rates.items()]
    pairs = [list(small.items())[i : i + 2] for i in range(0, len(small), 2)]
    heights = [150.0] * len(panels) + [92.0] * len(pairs) + [70.0] * len(rates)
    figure = svg.new_figure(370, sum(heights) + 24)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    for index, (name, (steps, values)) in enumerate(wide):
        position = index if index < len(panels) else len(heights) - 1
        axes = figure.add_subplot(grid[position, :])
        _loss_panel(axes, name, steps, values, stage_colour(stage), smooth=name != rate, wide=True)
        if position == len(heights) - 1 or not rates:
            axes.set_xlabel("step")
    for line, pair in enumerate(pairs):
        for column, (name, (steps, values)) in enumerate(pair):
            axes = figure.add_subplot(grid[len(panels) + line, column])
            _loss_panel(axes, name, steps, values, stage_colour(stage), smooth=True, wide=False)
    described = f"Training loss of the stage {stage} over its steps, with {len(small) or 'no'} separate terms."
    return svg.inline_svg(figure, name=f"loss-{identifier(stage)}", description=described)


@mpl.rc_context(svg.STYLE)
def accuracy_over_steps(
    histories: Mapping[str, Sequence[Mapping[str, Any]]], *, metric: str, measure: Measure
) -> str | None:
    """Validation accuracy at each evaluation, one line per stage; the best is marked. `metric` is its key there."""
    series = {}
    for stage, records in histories.items():
        evaluations = [record for record in records if record.get("kind") == "evaluation"]
        steps, values = _series(evaluations, lambda record: (record.get("metrics") or {}).get(metric))
        if len(steps):
            series[stage] = (steps, values)
    if not series:
        return None
    figure = svg.new_figure(370, 250)
    axes = figure.add_subplot()
    for stage, (steps, values) in series.items():
        colour = stage_colour(stage)
        axes.plot(steps, values, color=colour, marker="o", markersize=4)
        best = int(np.argmax(values))
        axes.plot(steps[best], values[best], "o", markersize=9, markerfacecolor="none", markeredgecolor=colour)
        axes.annotate(
            f"{stage} {measure.write(values[best])}", (steps[best], values[best]), xytext=(0, 8),
            textcoords="offset points", color=colour, fontweight="bold",
            ha="right" if best > len(steps) / 2 else "left", gid="halo",
        )  # fmt: skip
    axes.set(xlabel="step of the stage", xlim=(0, None), ylim=(0, head_room(max(v.max() for _, v in series.values()))))
    measure.mark(axes.yaxis)
    axes.set_title(f"{measure.title} on the validation images")
    told = ", ".join(f"{stage} best {measure.write(values.max())}" for stage, (_, values) in series.items())
    described = f"Validation {measure.name} over steps: {told}"
    return svg.inline_svg(figure, name=f"{identifier(metric)}-steps", description=described)


def _loss_panel(
    axes: Axes, name: str, steps: np.ndarray, values: np.ndarray, colour: str, *, smooth: bool, wide: bool
) -> None:
    raw_steps, raw = _thinned(steps, values)
    if smooth:
        axes.plot(raw_steps, raw, color=colour, alpha=0.28, linewidth=0.9)
        axes.plot(*_thinned(steps, _smoothed(values)), color=colour)
    else:
        axes.plot(raw_steps, raw, color=svg.MUTED, linewidth=1.4)
    if smooth and raw.min() > 0 and raw.max() > 12 * np.median(raw):
        axes.set_yscale("log")
    elif raw.min() >= 0:
        axes.set_ylim(0, None)
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(4 if wide else 3))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(6 if wide else 3, integer=True))
    axes.set_xlim(0, max(float(steps[-1]), 1.0))
    if wide:
        axes.set_title(clipped(name, 40))
    else:
        axes.set_title(clipped(name, 22), fontsize=10, fontweight="normal", color=svg.MUTED)


def _series(
    records: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], object]
) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(finite(record.get("step")), finite(read(record))) for record in records]
    kept = [(step, value) for step, value in pairs if step is not None and value is not None]
    return np.array([step for step, _ in kept]), np.array([value for _, value in kept])


def _not_empty(series: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: pair for name, pair in series.items() if len(pair[0])}


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Exponential moving average over a twentieth of the run, without the pull of its start."""
    decay = 1 - 1 / max(1.0, len(values) / 20)
    averages, average, weight = [], 0.0, 0.0
    for value in values.tolist():
        average, weight = decay * average + (1 - decay) * value, decay * weight + (1 - decay)
        averages.append(average / weight)
    return np.array(averages)


def _thinned(steps: np.ndarray, values: np.ndarray, most: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` points: every k-th, and the last."""
    stride = -(-len(steps) // most)
    kept = sorted({*range(0, len(steps), stride), len(steps) - 1})
    return steps[kept], values[kept]
