"""A split for measuring some of the classes it knows: the others' objects are left out, their labels stay."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from lowres.data.sources import Source, SourceImage, remarks_of

OTHER_CLASSES = "objects of classes that are not measured, left out"


class MeasuredClasses:
    """The images of `source`, of whose objects those stay whose class has its name in `measured`."""

    def __init__(self, source: Source, measured: Collection[str]) -> None:
        self.name = source.name
        self.categories = source.categories
        self._source = source
        self._ids = [category.id for category in source.categories if category.name in measured]

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the source."""
        for image in self._source:
            kept = np.isin(image.category_ids, self._ids)
            yield replace(
                image,
                boxes_xyxy_px=image.boxes_xyxy_px[kept],
                category_ids=image.category_ids[kept],
                iscrowd=image.iscrowd[kept],
                area_px=image.area_px[kept],
            )

    def remarks(self) -> dict[str, int]:
        """Objects of other classes."""
        count = sum(int((~np.isin(image.category_ids, self._ids)).sum()) for image in self._source)
        return {**remarks_of(self._source), **({OTHER_CLASSES: count} if count else {})}
