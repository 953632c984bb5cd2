"""Label files of YOLO data sets: where they lie, and what a line of one says."""

import math
from pathlib import PurePosixPath

import numpy as np

from lowres.data.problems import Problem, refuse

MOST_SHARE = 1.5
"""A value above is no share of an image's side with some rounding, but looks like pixels."""


def label_file(image: str) -> str:
    """Name of the label file of an image."""
    path = PurePosixPath(image).with_suffix(".txt")
    folders = list(path.parts)
    if "images" in folders[:-1]:
        folders[len(folders) - 2 - folders[-2::-1].index("images")] = "labels"
    return "/".join(folders)


def read_label(
    text: str, where: str, *, num_classes: int, keypoints: bool, problem: Problem = refuse
) -> tuple[list[float], bool] | None:
    """Class, cx, cy, w, h of a line, and whether it was a polygon.

    `where` names the line. `problem` gets what is wrong; if it returns, a line that gives no box is None, and a class
    that there is not is NaN.
    """
    words = text.split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        problem("bad_label_line", f"{where}: {text!r:.80} is not a row of numbers 'class cx cy w h'")
        return None
    if not (values[0] >= 0 and values[0].is_integer()):
        problem("unknown_category", f"{where}: class {words[0]!r:.20} is no whole number from 0")
        values[0] = math.nan
    elif values[0] >= num_classes:
        last = num_classes - 1
        problem("unknown_category", f"{where}: class {words[0]} is not in data.yaml, whose classes are 0 to {last}")
        values[0] = math.nan
    if len(values) == 5 or (keypoints and len(values) > 5):
        return values[:5], False
    if len(values) >= 7 and len(values) % 2:
        points = np.array(values[1:]).reshape(-1, 2)
        low, high = points.min(axis=0), points.max(axis=0)
        with np.errstate(invalid="ignore", over="ignore"):
            return [values[0], *((low + high) / 2).tolist(), *(high - low).tolist()], True
    hint = " (a confidence at its end? these look like results)" if len(values) == 6 else ""
    problem(
        "bad_label_line",
        f"{where}: has {len(values)} numbers{hint}; a box has 5 (class cx cy w h), a polygon 7, 9, 11 ...",
    )
    return None


def check_shares(boxes: np.ndarray, name: str, *, problem: Problem = refuse) -> None:
    """Tell `problem` where most of the boxes (cx, cy, w, h) of a split, which messages call `name`, are in pixels."""
    in_pixels = int((np.abs(boxes) > MOST_SHARE).any(axis=1).sum())
    if 2 * in_pixels > len(boxes):
        problem(
            "boxes_in_pixels",
            f"{name}: {in_pixels} of {len(boxes)} boxes have values over {MOST_SHARE}; YOLO's boxes are shares of the "
            "image's sides, these look like pixels: divide x and w by the width, y and h by the height",
        )


def boxes_xyxy_px(labels: np.ndarray, wh_px: tuple[int, int] | None) -> np.ndarray:
    """Boxes of rows (class, cx, cy, w, h) in pixels of their image; NaN where its size is not known."""
    scale = np.array([math.nan] * 4 if wh_px is None else [*wh_px, *wh_px])
    centre, half = labels[:, 1:3], labels[:, 3:5] / 2
    with np.errstate(invalid="ignore", over="ignore"):  # infinity less infinity
        return np.concatenate([centre - half, centre + half], axis=1) * scale
