"""COCO instances as a data source: one JSON of images, categories and boxes, beside a folder or archive of images,
or together with them in one.

What is wrong with a single box or image is passed on, for `pack.py` to count.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from lowres.data.archive_paths import open_images_at
from lowres.data.coco_instances import CocoInstances, stated_wh_px
from lowres.data.problems import pass_over
from lowres.data.sources import SourceImage


class CocoSource:
    """One split in COCO form; ValueError as `CocoInstances`, and for images that cannot be opened."""

    def __init__(self, images: Path, annotations: Path) -> None:
        self._instances = CocoInstances(annotations, problem=pass_over)
        self.name = self._instances.name
        self.categories = self._instances.categories
        self._files = open_images_at(images)

    def __len__(self) -> int:
        return len(self._instances.images)

    def __iter__(self) -> Iterator[SourceImage]:
        """The images in the order of the file."""
        for image in self._instances.images:
            name = image["file_name"]
            yield SourceImage(
                image_id=image["id"],
                file_name=name,
                read=lambda name=name: self._files.read(name),
                stated_wh_px=stated_wh_px(image),
                **self._instances.objects(image["id"]),
                faults=tuple(self._instances.faults.get(image["id"], ())),
                labelled=False,
                share_of_image=Fraction(1),
            )
