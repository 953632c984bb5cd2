"""What Kubeflow's pages show of a run on this machine, gathered from its artifacts: scalars, matrix, verdict, metadata.

    python -m pipelines.shown outputs/pipeline/RUN shown.html

It is no picture of Kubeflow: the contents are the artifacts' own, their looks are ours. `report.page` is a page itself.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render_shown(run: Path) -> str:
    """HTML of what the artifacts of a finished run hold, which fetches nothing.

    ValueError if the folder has none: it is no run of `lowres pipeline run --local`.
    """
    steps: dict[str, dict[str, Any]] = {}
    for path in sorted(run.glob("*/executor_output.json"), key=lambda path: path.stat().st_mtime):
        artifacts = json.loads(path.read_text()).get("artifacts", {})
        steps[path.parent.name] = {name: listed["artifacts"][0] for name, listed in artifacts.items()}
    if not steps:
        raise ValueError(f"{run}: has no */executor_output.json, so it is no run")
    found = [
        (step, name, artifact.get("metadata", {})) for step, made in steps.items() for name, artifact in made.items()
    ]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("shown.html").render(
        name=run.name,
        scalars={step: _numbers(metadata) for step, name, metadata in found if name == "metrics" and metadata},
        matrices={f"{step}.{name}": _matrix(told) for step, name, told in found if "confusionMatrix" in told},
        verdicts={f"{step}.{name}": (run / step / name).read_text() for step, name, _ in found if name == "verdict"},
        origins=[
            (f"{step}.{name}", {key: value for key, value in metadata.items() if key != "confusionMatrix"})
            for step, name, metadata in found
            if name != "metrics"
        ],
    )


def _numbers(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, f"{value:.6g}") for name, value in sorted(metadata.items())]


def _matrix(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Class names, and for each row its counts with their share of the row, which gives the shade."""
    matrix = metadata["confusionMatrix"]
    rows = [[int(count) for count in row["row"]] for row in matrix["rows"]]
    shaded = [[(count, count / max(1, sum(row))) for count in row] for row in rows]
    return {"names": [spec["displayName"] for spec in matrix["annotationSpecs"]], "rows": shaded}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(render_shown(Path(sys.argv[1])))
