"""What `lowres evaluate --protocol` does: score a file of results against a file of annotations."""

from pathlib import Path

from lowres.evaluation.tt100k_scoring import score_files
from lowres.stages.outputs import write_json


def score_results(
    protocol: str,
    annotations: Path | None,
    results: Path | None,
    *,
    split: str,
    score_scale: int,
    score_threshold: float,
    json_out: Path | None,
) -> None:
    """Print the table of a protocol and write its numbers; ValueError for options that do not go together."""
    if protocol != "tt100k":
        got = f"{protocol!r} is not known" if protocol else "is missing, but needed to score a file"
        raise ValueError(f"--protocol: {got}; known: tt100k (without any of these options the stage runs)")
    if annotations is None or results is None:
        missing = "--annotations" if annotations is None else "--results"
        raise ValueError(f"{missing}: is missing; --protocol tt100k needs --annotations and --results")
    scored = score_files(annotations, results, split=split, score_scale=score_scale, score_threshold=score_threshold)
    if json_out is not None:
        write_json(json_out, scored.as_dict())
    print(scored.as_text())
