"""What the evaluate stage found, as detections of TT100K: a prepared split keeps the data set's image ids."""

from pathlib import Path

from lowres.evaluation.output_details import read_details
from lowres.evaluation.saved import read_detections, read_truth
from lowres.evaluation.tt100k_records import SignDetections


def measured_images(folder: Path) -> set[str]:
    """Ids of the images that the output measured; ValueError where it does not say."""
    return {str(image.image_id) for image in read_truth(folder / "truth.npz")}


def read_output(folder: Path, *, row: str) -> list[SignDetections]:
    """Detections of one row (its key in details.json) of an output folder; scores in [0, 1].

    Raises `ValueError` for a folder that is no such output of a detector, and for a row that it does not have.
    """
    details = read_details(folder, row=row)
    if not (folder / "detections").is_dir():
        raise ValueError(f"{folder}: is of the task {details['task']} and has no detections; TT100K needs them")
    names = details["class_names"]
    return [
        SignDetections(
            image_id=str(image.image_id),
            boxes_xyxy_px=image.boxes_xyxy_px,
            categories=tuple(names[label] for label in image.labels.tolist()),
            scores=image.scores,
        )
        for image in read_detections(folder / "detections" / f"{row}.npz")
    ]
