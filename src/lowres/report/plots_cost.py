"""Figures of cost: accuracy against multiply-adds and against time, and where the time goes."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lowres.report import svg
from lowres.report.draw import Rect, overlap
from lowres.report.marks import Measure, Style, clipped, head_room, row_styles
from lowres.report.numbers import count, finite, latency_ms
from lowres.report.rows import EvaluatedRow

_NEUTRAL = Style(svg.MUTED, (), "o", "")  # models that are no row of this run


@dataclass(frozen=True)
class CostPoint:
    """One model in the plane of accuracy against cost; with a `key`, it takes that row's colour."""

    title: str
    accuracy: float | None
    multiply_adds: float | None
    latency_ms: float | None  # p50 of the whole way
    key: str | None = None


@mpl.rc_context(svg.STYLE)
def accuracy_against_cost(
    points: Sequence[CostPoint], keys: Sequence[str], *, quantity: str, measure: Measure, way: str
) -> str | None:
    """Accuracy over `multiply_adds` or `latency_ms`, logarithmic; the steps join what nothing cheaper reaches.

    `way` is what the time per image covers.
    """
    known = [
        (cost, accuracy, point)
        for point in points
        if (cost := finite(getattr(point, quantity))) and cost > 0 and (accuracy := finite(point.accuracy)) is not None
    ]
    if not known:
        return None
    styles = row_styles(keys)
    figure = svg.new_figure(370, 280)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    costs = [cost for cost, _, _ in known]
    spread = max(costs) / min(costs)
    # Wide enough for two round numbers on the axis, where all cost about the same.
    margin = max(spread**0.12, 1.3, (5 / spread) ** 0.5)
    axes.set(
        xlim=(min(costs) / margin, max(costs) * margin), ylim=(0, head_room(max(accuracy for _, accuracy, _ in known)))
    )
    front, best = [], -1.0
    for cost, accuracy, _ in sorted(known, key=lambda item: (item[0], -item[1])):
        if accuracy > best:
            front.append((cost, accuracy))
            best = accuracy
    axes.step(*zip(*front), where="post", color=svg.MUTED, linewidth=1, linestyle=(0, (3, 3)))
    for cost, accuracy, point in known:
        style = styles.get(point.key or "", _NEUTRAL)
        axes.plot(
            cost,
            accuracy,
            style.marker,
            color=style.colour,
            markersize=10 if point.key else 6,
            markeredgecolor=svg.CARD,
        )
    against, unit = {
        "multiply_adds": ("multiply-adds", "multiply-adds of one image"),
        "latency_ms": ("time", f"milliseconds from {way} (p50)"),
    }[quantity]
    title = f"{measure.title} against {against}"
    axes.set(xlabel=unit, ylabel=measure.name)
    measure.mark(axes.yaxis)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(title)
    rows_first = sorted(known, key=lambda item: (item[2].key is None, -item[1]))
    _place_labels(axes, [(c, a, p.title, styles.get(p.key or "", _NEUTRAL).colour) for c, a, p in rows_first])
    described = f"{title}: " + "; ".join(f"{p.title} {measure.write(a)} at {count(c)}" for c, a, p in known)
    return svg.inline_svg(figure, name=f"frontier-{quantity.replace('_', '-')}", description=described)


@mpl.rc_context(svg.STYLE)
def latency_parts(rows: Sequence[EvaluatedRow]) -> str | None:
    """Where the time goes: decode, resize and model as one bar per row (p50), the whole way's p99 as a line."""
    known = [row for row in rows if any(latency_ms(row.cost, part) for part in ("decode", "resize", "model"))]
    if not known:
        return None
    styles = row_styles([row.key for row in rows])
    figure = svg.new_figure(370, 70 + 46 * len(known))
    axes = figure.add_subplot()
    longest = 0.0
    for y, row in enumerate(known):
        left = 0.0
        for part, opacity in (("decode", 0.35), ("resize", 0.6), ("model", 1.0)):
            value = latency_ms(row.cost, part) or 0.0
            axes.barh(y, value, left=left, height=0.46, color=styles[row.key].colour, alpha=opacity)
            left += value
        total, slow = latency_ms(row.cost, "total") or left, latency_ms(row.cost, "total", "p99_ms")
        if slow is not None:
            axes.plot([total, slow], [y, y], color=svg.INK, linewidth=1)
            axes.plot([slow, slow], [y - 0.12, y + 0.12], color=svg.INK, linewidth=1)
        end = max(left, total, slow or 0.0)
        longest = max(longest, end)
        axes.annotate(
            f" {total:.3g} ms", (end, y), xytext=(3, 0), textcoords="offset points", va="center", fontweight="bold"
        )
        axes.annotate(row.title, (0, y - 0.26), xytext=(0, 3), textcoords="offset points", fontsize=10)
    axes.set(xlim=(0, longest * 1.22 or 1), ylim=(len(known) - 0.5, -0.75), yticks=[], xlabel="milliseconds per image")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_title("Where the time goes")
    described = "Milliseconds per image for decoding, resizing and the model; the numbers are in the table of results."
    return svg.inline_svg(figure, name="latency", description=described)


def _tick(value: float) -> str:
    """1e9 as 1 G, 0.5 as 0.5: a round number of an axis."""
    return count(value).replace(".00", "").replace(".0", "") if value >= 1000 else f"{value:g}"


def _place_labels(axes: Axes, labels: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each point's title where it covers no point and no title before it; without such a place, leave it out."""
    axes.figure.canvas.draw()
    frame = axes.get_window_extent()
    dots = [axes.transData.transform((x, y)) for x, y, _, _ in labels]
    taken: list[Rect] = [(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    for (x, y), (cost, accuracy, title, colour) in zip(dots, labels, strict=True):
        text = clipped(title, 34)
        width, height = 5.7 * len(text), 12.0
        left, middle, right = -9 - width, -width / 2, 9
        best: tuple[float, Rect] | None = None
        for dx, dy in (
            (right, -5), (left, -5), (middle, 9), (middle, -21), (right, 6), (right, -17), (left, 6), (left, -17),
        ):  # fmt: skip
            rect = (x + dx, y + dy, x + dx + width, y + dy + height)
            inside = overlap(rect, (frame.x0, frame.y0, frame.x1, frame.y1))
            cost_of_place = 4 * (width * height - inside) + sum(overlap(rect, other) for other in taken)
            if best is None or cost_of_place < best[0] - 1e-6:
                best = (cost_of_place, rect)
        if best is None or best[0] > 0.1 * width * height:
            continue
        taken.append(best[1])
        offset = best[1][0] - x, best[1][1] - y
        axes.annotate(
            text, (cost, accuracy), xytext=offset, textcoords="offset points", fontsize=10, color=colour, gid="halo"
        )
