"""What `lowres evaluate --protocol` does: score a file of results against a file of annotations."""

from pathlib import Path

from lowres.data.coco_instances import CocoInstances, truth_of
from lowres.evaluation.coco import Engine
from lowres.evaluation.coco_results import read_coco_results
from lowres.evaluation.coco_scoring import ScoredCoco, score_coco
from lowres.evaluation.tt100k_scoring import Scored, score_files
from lowres.stages.outputs import write_json

PROTOCOLS = ("coco", "tt100k")


def score_results(
    protocol: str,
    annotations: Path | None,
    results: Path | None,
    *,
    split: str,
    score_scale: int,
    score_threshold: float,
    max_dets: int,
    engine: Engine,
    json_out: Path | None,
) -> None:
    """Print the table of a protocol and write its numbers; ValueError for options that do not go together."""
    if protocol not in PROTOCOLS:
        got = f"{protocol!r} is not known" if protocol else "is missing, but needed to score a file"
        known = ", ".join(PROTOCOLS)
        raise ValueError(f"--protocol: {got}; known: {known} (without any of these options the stage runs)")
    if annotations is None or results is None:
        missing = "--annotations" if annotations is None else "--results"
        raise ValueError(f"{missing}: is missing; --protocol {protocol} needs --annotations and --results")
    if protocol != "coco" and (max_dets != 100 or engine != "pycocotools"):
        raise ValueError("--max-dets and --engine: these are for --protocol coco")
    scored: Scored | ScoredCoco
    if protocol == "coco":
        scored = _coco(annotations, results, max_dets=max_dets, engine=engine)
    else:
        scored = score_files(
            annotations, results, split=split, score_scale=score_scale, score_threshold=score_threshold
        )
    if json_out is not None:
        write_json(json_out, scored.as_dict())
    print(scored.as_text())


def _coco(annotations: Path, results: Path, *, max_dets: int, engine: Engine) -> ScoredCoco:
    instances = CocoInstances(annotations)
    truth = truth_of(instances)
    labels = {category.id: label for label, category in enumerate(instances.categories)}
    found = read_coco_results(results, labels=labels, image_ids=[image.image_id for image in truth])
    names = [category.name for category in instances.categories]
    return score_coco(truth, found, class_names=names, max_detections=max_dets, engine=engine)
