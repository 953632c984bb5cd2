"""What `lowres evaluate --protocol` does: score a file of results against a file of annotations."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.data.coco_instances import CocoInstances, truth_of
from lowres.evaluation.coco_results import CocoResults, read_coco_results
from lowres.evaluation.coco_scoring import ScoredCoco, score_coco
from lowres.evaluation.tt100k_scoring import Scored, score_files
from lowres.protocol_options import CocoOptions, options_of, required
from lowres.records import ImageTruth
from lowres.stages.outputs import check_outputs, write_json


def score_results(
    protocol: str,
    annotations: Path | None,
    results: Path | None,
    *,
    given: dict[str, Any],
    json_out: Path | None,
) -> None:
    """Print the table of a protocol and write its numbers.

    ValueError for options that do not go together, and for a `json_out` that is a folder or an input.

    `given` are the options of the protocols by name, None where one was not given.
    """
    options = options_of(protocol, given, otherwise="without any of these options the stage runs")
    truth = required(annotations, "--annotations", protocol=protocol)
    found = required(results, "--results", protocol=protocol)
    check_outputs({"--json": json_out}, inputs=[truth, found])
    scored: Scored | ScoredCoco
    if isinstance(options, CocoOptions):
        scored = _coco(truth, found, options)
    else:
        scored = score_files(truth, found, **vars(options))
    if json_out is not None:
        write_json(json_out, scored.as_dict())
    print(scored.as_text())


def _coco(annotations: Path, results: Path, options: CocoOptions) -> ScoredCoco:
    read = read_coco(annotations, results)
    return score_coco(
        read.truth,
        read.results[0],
        class_names=read.class_names,
        max_detections=options.max_dets,
        engine=options.engine,
        thumbnail_ratio=options.ratio,
        objects_without_area=read.objects_without_area,
    )


@dataclass(frozen=True)
class ReadCoco:
    """A file of instances as truth, and files of results for it."""

    truth: list[ImageTruth]
    class_names: list[str]
    results: list[CocoResults]
    objects_without_area: int


def read_coco(annotations: Path, *results: Path) -> ReadCoco:
    """The truth of a file of instances, its class names, and files of results for it."""
    instances = CocoInstances(annotations)
    truth = truth_of(instances)
    labels = {category.id: label for label, category in enumerate(instances.categories)}
    ids = [image.image_id for image in truth]
    found = [read_coco_results(path, labels=labels, image_ids=ids) for path in results]
    names = [category.name for category in instances.categories]
    return ReadCoco(truth, names, found, instances.num_without_area())
