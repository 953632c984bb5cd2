"""What can be found in a data set: each kind with its severity, a plain sentence and the remedy.

An error is what `prepare` refuses or drops, or what makes the evaluation untrue. A warning trains, but the user would
want to know first. A note is a fact. `repaired` says what a repaired copy does about it; empty: nothing can be done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Kind:
    """One kind of fault. `sentence` continues "12 x ..."; `remedy` tells the user what to do."""

    severity: Severity
    sentence: str
    remedy: str
    repaired: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in one place: `place` names the file, the entry, its id; `image` is its position in the split."""

    kind: str
    split: str
    place: str
    detail: str = ""
    image: int | None = None


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
_DROP_IMAGE, _DROP_BOX = "the image is left out", "the box is left out"

KINDS: dict[str, Kind] = {
    # The data set as a whole.
    "not_detection": Kind(_E, "no detection data set", "give the folder that holds boxes (COCO, VOC, YOLO, TT100K)"),
    "not_recognised": Kind(
        _E, "data set is not recognised by kind: auto", "do what the message says, or set data.source.kind",
        "written as COCO",
    ),
    "labelled_images": Kind(_N, "data set of labelled images; set its kind", "set data.source.kind as it says"),
    "unreadable_annotations": Kind(
        _E, "annotation file cannot be read", "write it anew from its origin", "the file and its images are left out"
    ),
    "missing_section": Kind(_E, "annotation file lacks a list", "write it anew from its origin"),
    "odd_entry": Kind(_E, "entry is no JSON object", "remove the entry", "the entry is left out"),
    "no_images_listed": Kind(_E, "split lists no image", "add images, or remove the split"),
    "images_absent": Kind(_E, "annotations without their images; only they were checked", "fetch the images"),
    "categories_differ": Kind(
        _E, "splits have different categories", "use one list for all splits", "one list, joined by name"
    ),
    # Archives.
    "unreadable_archive": Kind(_E, "archive cannot be read", "pack it anew as an uncompressed .tar or a .zip"),
    "archive_escape": Kind(_E, "archive member leads out of the archive", "pack it anew", "it is not copied"),
    "archive_odd_member": Kind(_W, "archive member is a link or device", "pack plain files", "it is not copied"),
    "archive_repeated_member": Kind(_E, "archive has two members of one name", "keep one", "none is copied"),
    "archive_case_clash": Kind(
        _E, "archive has names that differ in upper and lower case alone", "rename one", "the first is copied"
    ),
    "case_clash": Kind(
        _W, "file names differ in upper and lower case alone", "rename one: they overwrite each other on other systems",
        "files get new names",
    ),
    # Entries of images.
    "bad_image_id": Kind(
        _E, "image id is no whole number from 0 to 2^63 - 1", "number the images", "images are renumbered"
    ),
    "no_image_id": Kind(_E, "image has no id, so that its boxes are unknown", "number the images", _DROP_IMAGE),
    "repeated_image_id": Kind(_E, "image id occurs twice", "give each image its own id", "none of them is kept"),
    "no_file_name": Kind(_E, "image entry has no file name", "add it", _DROP_IMAGE),
    "repeated_file_name": Kind(_E, "image file is listed twice", "merge the two entries", "the first is kept"),
    "escaping_file_name": Kind(_E, "file name leads out of the image folder", "correct it", _DROP_IMAGE),
    "no_stated_size": Kind(_W, "image entry lacks width and height", "add them", "taken from the file"),
    "bad_stated_size": Kind(_E, "width or height is no positive whole number", "correct it", "taken from the file"),
    # Files of images.
    "missing_image": Kind(_E, "annotated image does not exist", "add the file or drop the entry", _DROP_IMAGE),
    "unlisted_image": Kind(_W, "image has no entry in the annotations", "annotate or remove it", "it is not copied"),
    "no_objects": Kind(_N, "image without objects", "check that nothing was forgotten"),
    "cannot_be_read": Kind(_E, "image cannot be read", "check the file and its rights", _DROP_IMAGE),
    "file_too_large": Kind(_E, "image file is too large to be read", "compress it or make it smaller", _DROP_IMAGE),
    "not_an_image": Kind(_E, "file is not an image", "replace it", _DROP_IMAGE),
    "too_many_pixels": Kind(_E, "image has too many pixels", "tile it or make it smaller", _DROP_IMAGE),
    "too_much_memory": Kind(
        _E, "image takes too much memory to decode", "save it as a plain JPEG or PNG, or make it smaller", _DROP_IMAGE
    ),
    "too_small": Kind(_E, "image is too small", "leave it out", _DROP_IMAGE),
    "small_image": Kind(
        _N, "image has a side below 32 px, which prepare refuses where data.min_side_px is more", "leave it out"
    ),
    "truncated": Kind(_E, "image is truncated or damaged", "fetch it again", _DROP_IMAGE),
    "size_differs": Kind(
        _E, "image has another size than its annotations say", "annotate this file, or restore the annotated one",
        "turned where EXIF explains it; else the image is left out",
    ),
    "exif_rotated": Kind(
        _W, "image carries an EXIF rotation, which is ignored", "save it upright and look at its boxes",
        "the tag is removed, the pixels stay",
    ),
    "cmyk": Kind(_W, "image is CMYK", "convert it to RGB", "written as RGB"),
    "sixteen_bits": Kind(_W, "image has over 8 bits per channel", "choose how to map them to 8", "written in 8 bits"),
    "alpha": Kind(_W, "image has an alpha channel, which is dropped", "blend it as you want it", "written without"),
    "several_pictures": Kind(_W, "file holds several pictures; the first is read", "split it", "the first is written"),
    "wrong_suffix": Kind(_N, "file's suffix is not its format's", "rename it", "written under the right one"),
    # Annotations.
    "bad_annotation_id": Kind(_W, "annotation id is missing or no whole number", "number them", "renumbered"),
    "annotation_id_zero": Kind(_W, "annotation id is 0, which pycocotools ignores", "count from 1", "renumbered"),
    "repeated_annotation_id": Kind(_W, "annotation id occurs twice", "number them anew", "renumbered"),
    "unknown_image": Kind(_E, "annotation is of an image that is not listed", "add the image or drop it", _DROP_BOX),
    "unknown_category": Kind(_E, "object is of an unknown category", "add the category or correct it", _DROP_BOX),
    "no_box": Kind(_E, "object has no box of four numbers", "draw its box", _DROP_BOX),
    "box_not_finite": Kind(_E, "box has NaN or infinity", "draw it again", _DROP_BOX),
    "box_negative": Kind(_E, "box has a negative side", "swap its corners, or draw it again", _DROP_BOX),
    "box_empty": Kind(_E, "box has a side of zero", "draw it again", _DROP_BOX),
    "box_outside": Kind(_E, "box lies outside of its image", "check the image and its size", _DROP_BOX),
    "box_out_of_frame": Kind(_W, "box reaches out of its image", "clip it", "clipped"),
    "repeated_box": Kind(_W, "object is annotated twice", "keep one", "one is left out"),
    "bad_area": Kind(_W, "area is missing, not positive, or larger than the box", "compute it anew", "the box's"),
    "bad_iscrowd": Kind(_W, "iscrowd is missing or neither 0 nor 1", "add it; 0 for single objects", "written as 0"),
    "bad_label_line": Kind(_E, "line of a label file is no box", "correct the line", _DROP_BOX),
    "value_outside": Kind(_W, "YOLO value is outside 0 to 1", "divide by the image's sides", "clipped or left out"),
    "boxes_in_pixels": Kind(_E, "most YOLO boxes are in pixels", "divide them by the image's sides"),
    "boxes_normalised": Kind(
        _E, "most boxes are shares of the image where pixels are expected", "multiply them by the image's sides"
    ),
    "boxes_as_corners": Kind(
        _E, "boxes look like corners (x1, y1, x2, y2) where sides are expected (COCO: x, y, width, height)",
        "subtract x1 from x2 and y1 from y2",
    ),
    "no_object_in_split": Kind(_E, "no image of the split has an object", "fetch its annotations, or remove the split"),
    "missing_labels": Kind(
        _W, "image has no label file and counts as one without objects", "add it; empty where there is no object",
        "an image without objects",
    ),
    "no_label_files": Kind(_E, "no image of the split has a label file", "put the labels where the detail says"),
    "shared_label_file": Kind(_E, "two images share a label file", "rename one image", "the second is left out"),
    "missing_xml": Kind(_E, "listed image has no annotation file", "add the XML or drop the name", _DROP_IMAGE),
    "bad_xml": Kind(_E, "annotation file is no XML", "write it anew", _DROP_IMAGE),
    # Categories.
    "class_count_differs": Kind(_E, "nc is not the number of names", "correct one of the two", "the names count"),
    "no_categories": Kind(_E, "no categories", "add the classes"),
    "bad_category_id": Kind(_E, "category id is missing or no whole number", "number them", "renumbered"),
    "repeated_category_id": Kind(_E, "category id occurs twice", "give each its own", "the first is kept"),
    "bad_category_name": Kind(_E, "category has no name", "name it", "its objects are left out"),
    "repeated_category_name": Kind(_E, "two categories have one name", "rename one", "they become one"),
    "class_not_in_train": Kind(_W, "class has objects in another split but none in train", "split anew, or drop it"),
    "class_absent": Kind(_N, "class has no object in a split", "split anew if it matters: it cannot be measured there"),
    "class_unused": Kind(_N, "class has no object at all", "drop it, or keep it for its number"),
    # Duplicates.
    "duplicate_across": Kind(
        _E, "image is in two splits: measured accuracy would be untrue", "remove it from train", "removed from train"
    ),
    "duplicate_within": Kind(_W, "image occurs twice in a split", "keep one", "the first is kept"),
    "near_duplicate_across": Kind(
        _W, "image is nearly the same as one of another split", "look at the pair; split by scene", "removed from train"
    ),
    "near_duplicate_within": Kind(_N, "image is nearly the same as another of its split", "look at the pair"),
}  # fmt: skip


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The highest severity; None without findings."""
    return max((KINDS[finding.kind].severity for finding in findings), default=None)


def counted(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings by kind: errors first, then the most frequent."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.kind, []).append(finding)
    return sorted(groups.items(), key=lambda item: (-KINDS[item[0]].severity, -len(item[1]), item[0]))
