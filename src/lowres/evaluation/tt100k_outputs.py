"""What the evaluate stage found, as detections of TT100K: a prepared split keeps the data set's image ids."""

from pathlib import Path

from lowres.evaluation.json_files import read_json
from lowres.evaluation.saved import read_detections
from lowres.evaluation.tt100k_records import SignDetections


def read_output(folder: Path, *, row: str) -> list[SignDetections]:
    """Detections of one row (its key in details.json) of an output folder; scores in [0, 1].

    Raises `ValueError` for a folder that is no such output of a detector, and for a row that it does not have.
    """
    if not (folder / "details.json").is_file():
        raise ValueError(f"{folder}: has no details.json; give an output of the evaluate stage, or a file of results")
    details = read_json(folder / "details.json")
    if details["task"] != "detection":
        raise ValueError(f"{folder}: is of the task {details['task']}; TT100K needs detections")
    rows = [entry["key"] for entry in details["rows"]]
    if row not in rows:
        raise ValueError(f"{folder}: has no row {row!r}; use one of {', '.join(rows)}")
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
