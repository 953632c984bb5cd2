"""What a folder or archive of images is, by looking at its files: COCO, VOC, YOLO, TT100K or a folder per class.

Each format has a finder that says which files made it think so. One find is an answer, with the settings that one would
have written by hand; two are refused, because they would teach different things; none is refused with what was seen.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lowres.data.image_files import open_images
from lowres.data.recognise_coco import find_coco
from lowres.data.recognise_others import find_class_folders, find_tt100k, find_voc, find_yolo, hints
from lowres.data.recognised import Found, Place


@dataclass(frozen=True)
class Recognised:
    """The settings of `data.source` for what was found, and why."""

    root: Path
    settings: dict[str, Any]
    why: str

    def lines(self) -> list[str]:
        """For the user: what it is and why, and the same in full."""
        return [
            f"{self.root}: recognised {self.settings['kind']}: {self.why}",
            f"  in full: source: {json.dumps(self.settings, ensure_ascii=False)}",
        ]


class SeveralLayoutsError(ValueError):
    """There is more than one layout, and which is meant cannot be known."""


_FINDERS: tuple[Callable[[Place], list[Found]], ...] = (
    find_coco,
    find_voc,
    find_yolo,
    find_tt100k,
    find_class_folders,
)


def recognise(root: Path) -> Recognised:
    """The one layout that `root` (a folder, tar or zip) holds, itself or in an archive that lies in it.

    Raises:
        ValueError: no layout, more than one, or a file that decides but cannot be read.
    """
    place = Place(root, open_images(root))
    found = [one for finder in _FINDERS for one in finder(place)]
    used = {name for one in found for name in one.uses}
    inside = []
    for name in place.archives():
        if name not in used:
            inner = Place(root / name, open_images(root / name))
            inside.append(inner)
            found += [one for finder in _FINDERS for one in finder(inner)]
    if len(found) > 1:
        listed = "; ".join(f"{one.settings['kind']} ({one.why})" for one in found)
        raise SeveralLayoutsError(
            f"{root}: holds more than one layout: {listed}; set data.source.kind to the one you mean"
        )
    if not found:
        compressed = place.compressed_tars()
        if compressed and len(compressed) == len(place.names):
            raise ValueError(compressed[0])
        places = [place, *inside]
        notes = [note for each in places for note in [*each.notes, *hints(each)]]
        seen = "; ".join(f"{each.root.name}: {_contents(each)}" for each in places)
        raise ValueError(
            f"{root}: no layout recognised ({seen}){''.join(f'; {note}' for note in notes[:5])}; known are COCO (JSON "
            "with images, annotations, categories), PASCAL VOC (Annotations, ImageSets/Main), YOLO (data.yaml), TT100K "
            "(JSON with types, imgs) and a folder of images per class (CLASS, or train/CLASS and val/CLASS); put the "
            "files so, or set data.source.kind"
        )
    return Recognised(root, found[0].settings, found[0].why)


def _contents(place: Place) -> str:
    suffixes = Counter(PurePosixPath(name).suffix.lower() or "no suffix" for name in place.names)
    folders = sorted({name.split("/")[0] for name in place.names if "/" in name})
    counts = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(4)) or "no files"
    return counts + (f" in {', '.join(folders[:6])}{' ...' if len(folders) > 6 else ''}" if folders else "")
