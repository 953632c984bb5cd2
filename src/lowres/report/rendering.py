"""From what a task's page is made of to HTML: what every page has is put together here; the templates say the rest."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lowres.report import cells, plots_cost
from lowres.report.costs import KeyFigure
from lowres.report.marks import Measure
from lowres.report.numbers import DASH
from lowres.report.plots_cost import CostPoint
from lowres.report.rows import EvaluatedRow, legend

Drawings = Mapping[str, Sequence[str | None]]


def render(
    template: str,
    *,
    title: str,
    summary: str,
    key_figures: Sequence[KeyFigure],
    rows: Sequence[EvaluatedRow],
    figures: Drawings,
    sections: Mapping[str, tuple[str, object]],
    params_yaml: str,
    provenance: Mapping[str, Any],
    notes: Sequence[str],
    **own: Any,
) -> str:
    """The page of one task from its template, which extends `base.html`.

    `sections` {id: (name, content)} are the task's own, in order; a section without content is left out of the list of
    contents. `figures` hold drawings by place; what is None is left out. `own` is what the template reads beyond.
    """
    drawn = {place: [Markup(drawing) for drawing in found if drawing] for place, found in figures.items()}
    flat = list(cells.flat(provenance))
    closing = {
        "training": ("Training", drawn["training"]),
        "configuration": ("Configuration", params_yaml),
        "provenance": ("Provenance", flat),
        "notes": ("Notes", notes),
    }
    return environment().get_template(template).render(
        title=title,
        summary=summary,
        key_figures=key_figures,
        rows=legend(rows),
        threads=cells.threads(rows),
        figures=drawn,
        contents=[(place, name) for place, (name, content) in {**sections, **closing}.items() if content],
        params_yaml=params_yaml,
        provenance=flat,
        notes=notes,
        dash=DASH,
        **own,
    )  # fmt: skip


def cost_drawings(
    rows: Sequence[EvaluatedRow], points: Sequence[CostPoint], *, measure: Measure, way: str
) -> dict[str, list[str]]:
    """The figures of cost, by place; `way` is what the time per image covers."""
    keys = [row.key for row in rows]
    against = [
        plots_cost.accuracy_against_cost(points, keys, quantity=quantity, measure=measure, way=way)
        for quantity in ("multiply_adds", "latency_ms")
    ]
    return {
        "cost": [drawing for drawing in against if drawing],
        "time": [*filter(None, [plots_cost.latency_parts(rows)])],
    }


def absent_parts(parts: Mapping[str, object]) -> Iterator[str]:
    """One line that names the parts without content, if there are any."""
    missing = [name for name, content in parts.items() if not content]
    if missing:
        yield f"Not in this report, because nothing was given for it: {', '.join(missing)}."


def environment() -> Environment:
    """Where the templates of all pages are found; what a template misses is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
