"""What `lowres compare --protocol` does: two files of results, or for TT100K outputs of the evaluate stage, against one
file of annotations: is one better?
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lowres.evaluation.ap_resampling import ApStatistic
from lowres.evaluation.bootstrap import Statistic
from lowres.evaluation.coco import match_detections
from lowres.evaluation.paired import Difference, paired_differences
from lowres.evaluation.tt100k import count_per_image
from lowres.evaluation.tt100k_annotations import read_annotations
from lowres.evaluation.tt100k_resampling import SignStatistic
from lowres.evaluation.tt100k_scoring import results_of_split, scale_warning
from lowres.protocol_options import CocoOptions, Tt100kOptions, options_of, required
from lowres.scoring import read_coco

_TITLES = {"ap": "AP", "f1": "F1", "accuracy": "accuracy", "recall": "recall"}


@dataclass(frozen=True)
class FileComparison:
    """B minus A of a protocol's headline numbers: AP of COCO; F1, accuracy and recall of all sizes of TT100K."""

    protocol: str
    options: dict[str, Any]
    annotations: str
    a: str
    b: str
    differences: dict[str, Difference]
    score_scales: list[int]  # highest possible scores of A and of B; empty for COCO, where they go to 1
    warnings: list[str]
    resamples: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, ready for JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """The files, then for each number a verdict."""
        scales = [f" (scores go to {scale})" for scale in self.score_scales] or ["", ""]
        lines = [f"A: {self.a}{scales[0]}", f"B: {self.b}{scales[1]}", *self.warnings]
        for name, found in self.differences.items():
            share = f"B is above A in {100 * found.share_b_better:.1f} % of {self.resamples:,} resamples."
            lines.append(f"{found.verdict(_TITLES[name])} {share}")
        return "\n".join(lines)


def compare_files(
    protocol: str,
    a: Path,
    b: Path,
    annotations: Path | None,
    *,
    given: dict[str, Any],
    rows: tuple[str | None, str | None] = (None, None),
    resamples: int = 1000,
    seed: int = 0,
) -> FileComparison:
    """Images without results count as images without detections, in both files alike.

    `given` are options of the protocols by name, None where one was not given; `rows` are the models in outputs of the
    evaluate stage (None: student). Raises `ValueError` for options that do
    not go together, files that cannot be scored, images without an object, and what `bootstrap` refuses.
    """
    options = options_of(protocol, given, otherwise="without it, A and B are folders of the evaluate stage")
    if isinstance(options, CocoOptions) and rows != (None, None):
        raise ValueError("--row and --row-b: files of results have no rows; leave out with --protocol coco")
    truth = required(annotations, "--annotations", protocol=protocol)
    read = _coco(truth, a, b, options) if isinstance(options, CocoOptions) else _tt100k(truth, (a, b), rows, options)
    differences = paired_differences(
        read.one,
        read.other,
        names=tuple(read.names.values()),
        num_images=read.num_images,
        resamples=resamples,
        seed=seed,
    )
    defined = {short: found for short, name in read.names.items() if (found := differences[name]) is not None}
    if not defined:
        raise ValueError(f"{truth}: the images have no object, so there is nothing to compare")
    return FileComparison(
        protocol=protocol,
        options=vars(options),
        annotations=str(truth),
        a=str(a),
        b=str(b),
        differences=defined,
        score_scales=read.score_scales,
        warnings=read.warnings,
        resamples=resamples,
        seed=seed,
    )


@dataclass(frozen=True)
class _Read:
    one: Statistic
    other: Statistic
    names: dict[str, str]  # {short name: that of the statistics}
    num_images: int
    score_scales: list[int]
    warnings: list[str]


def _coco(annotations: Path, a: Path, b: Path, options: CocoOptions) -> _Read:
    read = read_coco(annotations, a, b)
    one, other = (
        ApStatistic(
            match_detections(
                read.truth, results.detections, class_names=read.class_names, max_detections=options.max_dets
            ),
            areas=("all",),
        )
        for results in read.results
    )
    return _Read(one, other, {"ap": "ap"}, len(read.truth), [], [])


def _tt100k(
    annotations: Path, paths: tuple[Path, Path], rows: tuple[str | None, str | None], options: Tt100kOptions
) -> _Read:
    known = read_annotations(annotations, split=options.split)
    found = [
        results_of_split(path, known, split=options.split, score_scale=options.score_scale, row=row)
        for path, row in zip(paths, rows, strict=True)
    ]
    truth, others = (results.truth for results in found)
    if [image.image_id for image in truth] != [image.image_id for image in others]:
        raise ValueError(f"{paths[1]}: other images count than in {paths[0]}; evaluate both on one prepared split")
    one, other = (
        SignStatistic(count_per_image(truth, results.scored, score_threshold=options.score_threshold))
        for results in found
    )
    warnings = [
        f"{side}: {line}"
        for side, results in zip("AB", found, strict=True)
        for line in scale_warning(results.score_scale, results.highest_score)
    ]
    names = {metric: f"long_side/all/{metric}" for metric in ("f1", "accuracy", "recall")}
    return _Read(one, other, names, len(truth), [results.score_scale for results in found], warnings)
