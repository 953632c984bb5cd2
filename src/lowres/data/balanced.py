"""Rare classes brought to about equally many instances, by random crops in changed colours.

EFPN (arXiv:2003.07021, section IV-A3) does so for Tsinghua-Tencent 100K: "we augment each class to about 1000 instances
by random crops and color jitter owing to uneven numbers of different classes". It leaves the rest open. Ours: the
classes take turns from the rarest on; each takes its objects in turn, in a random order, and cuts a square of random
side and place that shows the object whole, until the class has enough. All objects in a crop count for their classes,
so those that go with rare ones end above the aim. No object is the reason for more than so many crops, because a
thousand views of one sign teach that sign; a class with too few objects ends below the aim, and is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lowres.data.sources import Source, SourceImage, remarks_of
from lowres.data.transforms import Colour
from lowres.data.windows import Picture, Window, cut_window, visible_shares, wh_px

ADDED = "crops added for rare classes"
SHORT = "classes with too few objects to reach the aim"


@dataclass(frozen=True)
class _Frame:
    """What the plan needs of an image, so that none is read twice for it."""

    wh_px: tuple[int, int]
    boxes_xyxy_px: np.ndarray
    category_ids: np.ndarray
    countable: np.ndarray  # bool: enough of it lies inside the image, and it is no crowd


class BalancedClasses:
    """The images of `source`, each followed by the crops that were added of it.

    Classes with fewer than `instances_per_class` objects get crops, at most `crops_per_object` for each of their
    objects. A crop is a square whose side is drawn from `crop_px` (lowest, highest), but holds its object and is no
    larger than the image; it shows other objects as `min_visibility` says. Colours change as in training
    (`transforms.Colour`). All is a function of `seed` and the source. Ids of images stay; those of crops follow the
    highest. Nothing is decoded until a crop is read.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self,
        source: Source,
        *,
        instances_per_class: int,
        crops_per_object: int,
        crop_px: tuple[int, int],
        min_visibility: float,
        colour: Colour,
        jpeg_quality: int | None,
        seed: int,
    ) -> None:
        if instances_per_class < 1 or crops_per_object < 1 or seed < 0:
            got = f"{instances_per_class}, {crops_per_object} and {seed}"
            raise ValueError(f"instances_per_class, crops_per_object and seed are {got}; give at least 1, 1 and 0")
        if not 1 <= crop_px[0] <= crop_px[1]:
            raise ValueError(f"crop_px is {list(crop_px)}; it is a range, lowest and highest, from 1 px")
        if not 0 <= min_visibility <= 1:
            raise ValueError(f"min_visibility is {min_visibility}; it must be from 0 to 1")
        self.name = f"balanced {source.name}"
        self.categories = source.categories
        self._source = source
        self._min_visibility = min_visibility
        self._colour = colour
        self._jpeg_quality = jpeg_quality
        self._seed = seed
        self._crop_px = crop_px
        self._remarks: Counter[str] = Counter()
        self._plan: dict[int, list[Window]] = defaultdict(list)  # crops by the place of their image in the source
        self._make_plan(instances_per_class, crops_per_object)

    def __len__(self) -> int:
        return len(self._source) + self._remarks[ADDED]

    def __iter__(self) -> Iterator[SourceImage]:
        """Each image and then its crops, named IMAGE-crop1 and so on."""
        image_id = self._highest_id
        for place, image in enumerate(self._source):
            yield image
            picture = Picture(image)
            for number, window in enumerate(self._plan.get(place, ()), start=1):
                image_id += 1
                yield cut_window(
                    image,
                    picture,
                    window,
                    image_id=image_id,
                    suffix=f"-crop{number}",
                    min_visibility=self._min_visibility,
                    jpeg_quality=self._jpeg_quality,
                    share_of_image=Fraction(0),
                    recolour=lambda pixels, place=place, number=number: self._recolour(pixels, place, number),
                )

    def remarks(self) -> dict[str, int]:
        """Crops added, and classes that stay below the aim."""
        return {**remarks_of(self._source), **{key: count for key, count in self._remarks.items() if count}}

    def _recolour(self, pixels: np.ndarray, place: int, number: int) -> np.ndarray:
        return self._colour(pixels, np.random.default_rng([self._seed, place, number]))

    def _make_plan(self, aim: int, crops_per_object: int) -> None:
        frames: dict[int, _Frame] = {}
        objects: dict[int, list[tuple[int, int]]] = defaultdict(list)  # category -> image's place and object's place
        self._highest_id = 0
        for place, image in enumerate(self._source):
            self._highest_id = max(self._highest_id, image.image_id)
            size = wh_px(image)
            if size is None or not len(image.category_ids):
                continue
            inside = visible_shares(image.boxes_xyxy_px, Window(0, 0, *size))
            countable = (inside > 0) & (inside >= self._min_visibility) & ~image.iscrowd
            frames[place] = _Frame(size, image.boxes_xyxy_px, image.category_ids, countable)
            for position in np.flatnonzero(countable).tolist():
                objects[int(image.category_ids[position])].append((place, position))
        counts = Counter({category: len(members) for category, members in objects.items()})
        for category in sorted(objects, key=lambda category: (counts[category], category)):
            rng = np.random.default_rng([self._seed, category])
            for place, position in _turns(objects[category], crops_per_object, rng):
                if counts[category] >= aim:
                    break
                frame = frames[place]
                window = _random_window(frame.boxes_xyxy_px[position], frame.wh_px, self._crop_px, rng)
                shares = visible_shares(frame.boxes_xyxy_px, window)
                shown = frame.countable & (shares > 0) & (shares >= self._min_visibility)
                counts.update(frame.category_ids[shown].tolist())
                self._plan[place].append(window)
                self._remarks[ADDED] += 1
        self._remarks[SHORT] = sum(counts[category] < aim for category in objects)


def _turns(members: list[tuple[int, int]], laps: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Each member once per lap, in an order of its own."""
    for _ in range(laps):
        for index in rng.permutation(len(members)).tolist():
            yield members[index]


def _random_window(
    box_xyxy_px: np.ndarray, image_wh_px: tuple[int, int], crop_px: tuple[int, int], rng: np.random.Generator
) -> Window:
    """A square, or less where the image is smaller, that shows all of the box that lies inside the image."""
    side = int(rng.integers(*crop_px, endpoint=True))
    spans = []
    for axis, length in enumerate(image_wh_px):
        low = int(np.floor(np.clip(box_xyxy_px[axis], 0, length)))
        high = int(np.ceil(np.clip(box_xyxy_px[axis + 2], 0, length)))
        span = min(length, max(side, high - low))
        start = int(rng.integers(max(0, high - span), min(low, length - span), endpoint=True))
        spans.append((start, span))
    (left, width), (top, height) = spans
    return Window(left, top, width, height)
