"""Some classes of a data set, under other names: a subset, a renaming, or several classes made one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lowres.data.problems import Fault
from lowres.data.sources import Category, Source, SourceImage, nearest, remarks_of

DROPPED = "objects of classes that were not chosen"
EMPTIED = "images that lost all their objects, left out"


class ChosenClasses:
    """The objects of `source` whose class is in `classes` (names of the source; None for all), renamed.

    Classes that bear one name after `rename` become one class, under the lowest of their ids; ids stay otherwise.
    Images that had objects and lost all of them stay as images without objects where `keep_emptied`, else they are
    left out. Both losses are counted.

    Raises:
        ValueError: no class, one twice, a class or an old name that the source lacks, an old name that is not chosen,
            an empty new one.
    """

    def __init__(
        self, source: Source, *, classes: Sequence[str] | None, rename: Mapping[str, str], keep_emptied: bool
    ) -> None:
        self.name = f"chosen classes of {source.name}"
        known = {category.name: category for category in source.categories}
        chosen = list(known) if classes is None else list(classes)
        if not chosen:
            raise ValueError(f"{self.name}: classes is empty; choose at least one, or null for all")
        if len(set(chosen)) != len(chosen):
            twice = next(name for name in chosen if chosen.count(name) > 1)
            raise ValueError(f"{self.name}: classes has '{twice}' twice; name each once")
        for key, names in (("classes", chosen), ("rename", rename)):
            for name in names:
                if name not in known:
                    raise ValueError(f"{self.name}: {key}: the source has no class '{name}'; {nearest(name, known)}")
        for name in rename:
            if name not in chosen:
                raise ValueError(
                    f"{self.name}: rename: '{name}' is not among the chosen classes; {nearest(name, chosen)}"
                )
            if not rename[name].strip():
                raise ValueError(f"{self.name}: rename: '{name}' becomes {rename[name]!r}; give it a name")
        first: dict[str, int] = {}  # new name -> id
        self._new_ids: dict[int, int] = {}
        for name in sorted(chosen, key=lambda name: known[name].id):
            new = rename.get(name, name)
            self._new_ids[known[name].id] = first.setdefault(new, known[name].id)
        self.categories = [Category(id=number, name=name) for name, number in first.items()]
        self._source = source
        self._keep_emptied = keep_emptied
        self._length = self._dropped = self._left_out = 0
        self._faults: list[Fault] = []  # of images left out; the first that stays has them, for packing to count
        for image in source:
            kept = self._kept(image)
            self._dropped += int((~kept).sum())
            here = self._stays(kept)
            self._length += here
            self._left_out += not here
            self._faults += () if here else image.faults

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the source, under their own ids."""
        carried = self._faults
        for image in self._source:
            kept = self._kept(image)
            if self._stays(kept):
                ids = [self._new_ids[number] for number in image.category_ids[kept].tolist()]
                yield replace(
                    image,
                    boxes_xyxy_px=image.boxes_xyxy_px[kept],
                    category_ids=np.array(ids, np.int64),
                    iscrowd=image.iscrowd[kept],
                    area_px=image.area_px[kept],
                    faults=(*carried, *image.faults),
                )
                carried = []

    def remarks(self) -> dict[str, int]:
        """Objects dropped and images left out."""
        own = {DROPPED: self._dropped, EMPTIED: self._left_out}
        return {**remarks_of(self._source), **{key: count for key, count in own.items() if count}}

    def _kept(self, image: SourceImage) -> np.ndarray:
        return np.array([number in self._new_ids for number in image.category_ids.tolist()], bool)

    def _stays(self, kept: np.ndarray) -> bool:
        return self._keep_emptied or not len(kept) or bool(kept.any())
