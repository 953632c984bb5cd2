"""`lowres evaluate --protocol tt100k`: a file of results against a file of annotations, as a table and as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowres.evaluation.tt100k import Scores, Tt100kMetrics, count_per_image, curve_per_image, evaluate_tt100k
from lowres.evaluation.tt100k_annotations import Annotations, read_annotations
from lowres.evaluation.tt100k_matching import SIZE_NAMES
from lowres.evaluation.tt100k_outputs import measured_images, read_output
from lowres.evaluation.tt100k_records import SignDetections, SignTruth
from lowres.evaluation.tt100k_resampling import Intervals, sign_intervals
from lowres.evaluation.tt100k_results import read_results
from lowres.tt100k_classes import CLASSES_45

DEFAULT_SCALE = 1000  # of scores in files of results
_TITLES = {"long_side": "by long side: 32, 96, 400 px", "area": "by area: 32^2, 96^2 px^2"}


@dataclass(frozen=True)
class Scored:
    """The metrics, and what of the results was left aside."""

    split: str
    score_scale: int
    score_scale_assumed: bool  # that of official files, for none was stated
    highest_score: float | None  # in the file, on its scale; None without detections
    metrics: Tt100kMetrics
    intervals: Intervals  # 95 %, over images
    images_without_results: int  # of the split; they count, as images without detections
    images_not_measured: int  # of the split, by an evaluation output; they do not count
    images_of_other_splits: int  # in the results; not scored
    unknown_categories: dict[str, int]  # detections of classes that the annotations do not know; not scored

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        own = {name: value for name, value in vars(self).items() if name != "metrics"}
        return {"protocol": "tt100k", **own, **self.metrics.as_dict()}

    def as_text(self) -> str:
        """A table for people: a line for each size, its intervals, then a line for each class that is there."""
        metrics = self.metrics
        lowest = metrics.score_threshold * self.score_scale
        highest = "-" if self.highest_score is None else f"{self.highest_score:g}"
        rows = {name: scores["long_side"]["all"] for name, scores in metrics.per_class.items()}
        lines = [
            f"TT100K, split {self.split}: {metrics.num_images:,} images, {len(rows)} classes",
            f"{metrics.num_detections:,} detections of them; kept at a score of {metrics.score_threshold} or more",
            f"scores {self._scale()}, kept from {lowest:g} on; the highest is {highest}",
            f"a match has IoU over {metrics.iou_threshold}",
        ]
        lines += scale_warning(self.score_scale, self.highest_score)
        for measure, by_size in (("long_side", metrics.by_long_side), ("area", metrics.by_area)):
            lines += ["", _header(_TITLES[measure]), *(_row(size, by_size[size]) for size in SIZE_NAMES)]
            lines += [_interval_header("  95 % interval over images")]
            lines += [_interval_row(f"  {size}", self.intervals[measure][size]) for size in SIZE_NAMES]
        seen = {name: row for name, row in rows.items() if row.num_objects or row.num_detections}
        lines += ["", _header("by class, long side under 400 px"), *(_row(name, row) for name, row in seen.items())]
        return "\n".join([*lines, *self._remarks()])

    def _scale(self) -> str:
        if self.score_scale_assumed:
            return f"are taken to go to {self.score_scale}, as in official files (state it: --score-scale)"
        return f"go to {self.score_scale} (--score-scale)"

    def _remarks(self) -> list[str]:
        named = ", ".join(f"{name} ({count})" for name, count in list(self.unknown_categories.items())[:3])
        remarks = {
            "images of the split without results: they count as images without detections": self.images_without_results,
            "images of the split that the evaluate stage did not measure: they do not count": self.images_not_measured,
            "images of other splits in the results: not scored": self.images_of_other_splits,
            "detections of classes outside the protocol: not scored": self.metrics.other_class_detections,
            f"of them of classes that the annotations do not know, as {named}": sum(self.unknown_categories.values()),
        }
        given = [f"{count:,} {text}" for text, count in remarks.items() if count]
        return ["", *given] if given else []


def score_files(
    annotations: Path,
    results: Path,
    *,
    split: str,
    score_scale: int | None = None,
    score_threshold: float,
    row: str | None = None,
) -> Scored:
    """Score the 45 classes of the protocol; `results`, `score_scale` and `row` are those of `results_of_split`.

    Raises `ValueError` for malformed files, and as it does.
    """
    known = read_annotations(annotations, split=split)
    found = results_of_split(results, known, split=split, score_scale=score_scale, row=row)
    unknown: dict[str, int] = {}
    for image in found.scored:
        for category in image.categories:
            if category not in known.types and category not in CLASSES_45:
                unknown[category] = unknown.get(category, 0) + 1
    return Scored(
        split=split,
        score_scale=found.score_scale,
        score_scale_assumed=found.score_scale_assumed,
        highest_score=found.highest_score,
        metrics=evaluate_tt100k(found.truth, found.scored, score_threshold=score_threshold),
        intervals=sign_intervals(
            count_per_image(found.truth, found.scored, score_threshold=score_threshold),
            along=curve_per_image(found.truth, found.scored),
        ),
        images_without_results=len(found.truth) - len(found.scored),
        images_not_measured=len(known.truth) - len(found.truth),
        images_of_other_splits=found.others,
        unknown_categories=dict(sorted(unknown.items(), key=lambda item: -item[1])),
    )


def scale_warning(score_scale: int, highest_score: float | None) -> list[str]:
    """A line, where no score is over 100 and they could go to 1000: rare, but nothing that proves a mistake."""
    if score_scale != 1000 or highest_score is None or not 0 < highest_score <= 100:
        return []
    return ["WARNING: no score is over 100. If these are percentages, the numbers are wrong: give --score-scale 100"]


@dataclass(frozen=True)
class OfSplit:
    """Truth and results of the images of a split that count, how many images of other splits the results have, and the
    highest score on their scale.
    """

    truth: list[SignTruth]
    scored: list[SignDetections]
    others: int
    score_scale: int
    score_scale_assumed: bool
    highest_score: float | None


def results_of_split(
    results: Path, known: Annotations, *, split: str, score_scale: int | None, row: str | None
) -> OfSplit:
    """Read a file of results, with scores up to `score_scale` (None: 1000, if it fits), or one row (None: student) of a
    folder that the evaluate stage wrote.

    Of a file every image of the split counts; of a folder those that the stage measured. Raises `ValueError` for
    results of an image that is not in the annotations, results without an image of the split, for a scale of a folder
    or a row of a file, and for scores up to 100 without a scale: they may be percentages.
    """
    truth = known.truth
    if results.is_dir():
        if score_scale is not None:
            raise ValueError(f"{results}: an evaluation output has scores from 0 to 1; leave out --score-scale")
        scale, detections = 1, read_output(results, row=row or "student")
        measured = measured_images(results)
        truth = [image for image in truth if image.image_id in measured]
    else:
        if row is not None:
            raise ValueError(f"{results}: has no rows; --row is for an evaluation output")
        scale = DEFAULT_SCALE if score_scale is None else score_scale
        detections = read_results(results, score_scale=scale)
    ids = {image.image_id for image in known.truth}
    strange = [image.image_id for image in detections if image.image_id not in ids | known.other_image_ids]
    if strange:
        raise ValueError(
            f"{results}: {len(strange)} of {len(detections)} images are not in the annotations, the first "
            f"{strange[0]!r}; give the annotations that the results were made for, or drop these images"
        )
    scored = [image for image in detections if image.image_id in ids]
    if not truth or (detections and not scored):
        raise ValueError(f"{results}: none of its images is in split {split!r} of the annotations; give their --split")
    share = max((float(image.scores.max()) for image in detections if len(image.scores)), default=None)
    highest = None if share is None else share * scale
    assumed = score_scale is None and not results.is_dir()
    if assumed and scale_warning(scale, highest):
        raise ValueError(
            f"{results}: no score is over 100, so they may be percentages: say what they go to, --score-scale 100, or "
            "1000 as in official files"
        )
    return OfSplit(truth, scored, len(detections) - len(scored), scale, assumed, highest)


def _header(title: str) -> str:
    return f"{title:<34s}{'accuracy':>10s}{'recall':>9s}{'F1':>9s}{'AUC':>9s}{'right':>9s}{'found':>9s}{'objects':>9s}"


def _row(name: str, scores: Scores) -> str:
    auc = "-" if scores.auc is None else f"{scores.auc:.4f}"
    return (
        f"{name:<34s}{scores.accuracy:>10.4f}{scores.recall:>9.4f}{scores.f1:>9.4f}{auc:>9s}"
        f"{scores.num_right:>9,}{scores.num_detections:>9,}{scores.num_objects:>9,}"
    )


def _interval_header(title: str) -> str:
    return f"{title:<34s}{'accuracy':>18s}{'recall':>18s}{'F1':>18s}{'AUC':>18s}"


def _interval_row(name: str, intervals: dict[str, tuple[float, float] | None]) -> str:
    ends = [intervals[metric] for metric in ("accuracy", "recall", "f1", "auc")]
    shown = ["-" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}" for interval in ends]
    return f"{name:<34s}" + "".join(f"{text:>18s}" for text in shown)
