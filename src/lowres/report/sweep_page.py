"""The page of a sweep: the same student behind other down-samplers, with other seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from statistics import median

from markupsafe import Markup

from lowres.report.marks import AP, TOP1, Measure
from lowres.report.numbers import count, finite
from lowres.report.plots_sweep import accuracy_by_kind
from lowres.report.rendering import environment
from lowres.seed_interval import interval, said

_MEASURES = {"ap": AP, "top1": TOP1}


@dataclass(frozen=True)
class Variant:
    """One student: the kind of its down-sampler, its seed, its accuracy (a fraction; None if undefined), its cost."""

    kind: str
    seed: int
    accuracy: float | None
    multiply_adds: float
    latency_ms: float


@dataclass(frozen=True)
class _Group:
    """All seeds of one kind; `gains` are over the first kind, within a seed."""

    kind: str
    accuracies: list[float]
    gains: list[float]
    multiply_adds: float
    latency_ms: float


def sweep_page(variants: Sequence[Variant], *, metric: str, split: str, teacher: float | None) -> str:
    """The whole as HTML, in one file that fetches nothing."""
    measure = _MEASURES[metric]
    drawing = accuracy_by_kind(_by_kind(variants), name=measure.name)
    head, *lines = _table(variants, measure)
    return environment().get_template("sweep.html").render(
        title="Down-samplers side by side",
        summary=_summary(variants, measure, split=split),
        contents=[("results", "Results"), ("seeds", "Every variant")],
        key_figures=[],
        figures={"training": []},
        params_yaml="",
        provenance=[],
        notes=[],
        drawings=[Markup(drawing)] if drawing else [],
        head=head,
        lines=lines,
        told=_told(measure, split, teacher),
        seeds=[
            [v.kind, str(v.seed), said(_known([v.accuracy])), count(v.multiply_adds), f"{v.latency_ms:.3g} ms"]
            for v in variants
        ],
        metric=measure.name,
    )  # fmt: skip


def sweep_markdown(variants: Sequence[Variant], *, metric: str, split: str, teacher: float | None) -> str:
    """Summary and table, as the Kubeflow UI shows them beside the run."""
    measure = _MEASURES[metric]
    head, *lines = _table(variants, measure)
    table = [head, ["---"] * len(head), *lines]
    rows = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table)
    return f"{_summary(variants, measure, split=split)}\n\n{rows}\n\n{_told(measure, split, teacher)}\n"


def sweep_scalars(variants: Sequence[Variant]) -> dict[str, dict[str, float]]:
    """By kind: mean accuracy over seeds, and the mean gain over the first kind within a seed."""
    groups = _groups(variants)
    told = {}
    for place, group in enumerate(groups):
        told[group.kind] = {"seeds": float(len(group.accuracies))}
        if group.accuracies:
            told[group.kind]["mean"] = interval(group.accuracies)[0]
        if place and group.gains:
            told[group.kind]["gain"] = interval(group.gains)[0]
    return told


def _known(values: Sequence[float | None]) -> list[float]:
    return [number for value in values if (number := finite(value)) is not None]


def _by_kind(variants: Sequence[Variant]) -> dict[str, dict[int, float]]:
    return {
        kind: {v.seed: accuracy for v in variants if v.kind == kind and (accuracy := finite(v.accuracy)) is not None}
        for kind in dict.fromkeys(variant.kind for variant in variants)
    }


def _groups(variants: Sequence[Variant]) -> list[_Group]:
    by_kind = _by_kind(variants)
    first = next(iter(by_kind.values()))
    groups = []
    for kind, found in by_kind.items():
        ours = [v for v in variants if v.kind == kind]
        gains = [found[seed] - first[seed] for seed in found if seed in first]
        groups.append(
            _Group(kind, list(found.values()), gains, ours[0].multiply_adds, median(v.latency_ms for v in ours))
        )
    return groups


def _table(variants: Sequence[Variant], measure: Measure) -> list[list[str]]:
    groups = _groups(variants)
    gain = f"gain over {groups[0].kind}"
    table = [["down-sampler", "seeds", measure.name, gain, "multiply-adds", "time"]]
    for place, group in enumerate(groups):
        cost = [count(group.multiply_adds), f"{group.latency_ms:.3g} ms"]
        gains = said(group.gains, signed=True) if place else ""
        table.append([group.kind, str(len(group.accuracies)), said(group.accuracies), gains, *cost])
    return table


def _summary(variants: Sequence[Variant], measure: Measure, *, split: str) -> str:
    """A verdict for each kind beside the first, the best first; an interval that holds for all of them together."""
    first, *others = _groups(variants)
    if not others:
        alone = f"{measure.name} {said(first.accuracies)} on the {split} split"
        return f"{first.kind}: {alone}; there is nothing beside it."
    ranked = sorted(others, key=lambda group: -interval(group.gains)[0] if group.gains else float("inf"))
    verdicts = [_verdict(group, level=1 - 0.05 / len(others)) for group in ranked]
    return f"{measure.name} on the {split} split, against {first.kind}: {'; '.join(verdicts)}."


def _verdict(group: _Group, *, level: float) -> str:
    if not group.gains:
        return f"{group.kind} has no seed in common with it"
    mean, half = interval(group.gains, level=level)
    told = f"{group.kind} {said(group.gains, signed=True)}"
    if isnan(half):
        return f"{told} with one seed, which says nothing of the spread"
    return f"{told}, {'better' if mean - half > 0 else 'worse' if mean + half < 0 else 'no clear difference'}"


def _told(measure: Measure, split: str, teacher: float | None) -> str:
    return (
        f"{measure.name} in percent on the {split} split, where a sweep may choose: mean and 95 % interval of the "
        "mean over seeds (Student's t). Gains are within a seed, all under one teacher; a verdict holds for all kinds "
        "together (Bonferroni). Weights were chosen on the same split. Times are medians over seeds, each of one image "
        f"on the machine that measured it. The teacher has {said(_known([teacher]))}."
    )
