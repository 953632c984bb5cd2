"""Reliability diagrams: does a classifier that is 80 % sure hit four times in five (arXiv:1706.04599, fig. 1)."""

import matplotlib as mpl

from lowres.report import svg
from lowres.report.class_contents import ClassRow
from lowres.report.marks import Style, clipped, identifier
from lowres.report.numbers import finite, percent


@mpl.rc_context(svg.STYLE)
def reliability_diagram(row: ClassRow, style: Style) -> str | None:
    """Accuracy of each bin of confidence as a bar, its mean confidence as a mark; below, the bins' shares of images.

    Bars under their marks are overconfident. None where the row has no bin with an image.
    """
    bins = [part for part in row.metrics.get("reliability") or [] if finite(part.get("accuracy")) is not None]
    if not bins:
        return None
    figure = svg.new_figure(205, 272)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    images = sum(part["num_images"] for part in bins)
    for part in bins:
        middle, width = (part["low"] + part["high"]) / 2, part["high"] - part["low"]
        upper.bar(middle, part["accuracy"], width=0.86 * width, color=style.colour, alpha=0.75)
        confidence = finite(part.get("mean_confidence"))
        if confidence is not None:
            ends = [middle - 0.43 * width, middle + 0.43 * width]
            upper.plot(ends, [confidence, confidence], color=svg.INK, linewidth=1.6, solid_capstyle="butt")
        lower.bar(middle, part["num_images"] / images, width=0.86 * width, color=svg.MUTED)
    upper.plot([0, 1], [0, 1], color=svg.MUTED, linewidth=1, linestyle=(0, (3, 3)))
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    upper.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    upper.tick_params(axis="x", length=0)
    most = max(part["num_images"] for part in bins) / images
    lower.set(ylim=(0, most), xlabel="confidence", ylabel="images")
    lower.set_yticks([0, most], ["0", percent(most)])
    lower.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "50 %", "", "100 %"])
    error = percent(row.metrics.get("expected_calibration_error"), 1)
    figure.suptitle(clipped(row.title, 32), x=0.01, ha="left", fontsize=10, fontweight="bold")
    upper.set_title(f"ECE {error}", fontsize=10, fontweight="normal", color=svg.MUTED)
    sure = sum((finite(part.get("mean_confidence")) or 0.0) * part["num_images"] for part in bins) / images
    right = sum(part["accuracy"] * part["num_images"] for part in bins) / images
    described = (
        f"Reliability, {row.title}: mean confidence {percent(sure, 1)}, accuracy {percent(right, 1)}, "
        f"expected calibration error {error}."
    )
    return svg.inline_svg(figure, name=f"reliability-{identifier(row.key)}", description=described)
