"""What a data set is like, in numbers: counts, classes, object and image sizes, pixel statistics.

The question that matters before thumbnails: how many objects will be a few pixels wide once images shrink.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lowres.data.images import decode_rgb
from lowres.data.object_sizes import SHRINK_RATIOS, quantiles, size_summary
from lowres.data.shards import ShardReader
from lowres.data.truth import class_names, load_truth


def profile_split(
    folder: Path,
    *,
    input_scale: Callable[[int, int], tuple[float, float]] = lambda width, height: (1.0, 1.0),
    sample_images: int = 200,
    verify: bool = True,
) -> dict[str, Any]:
    """Plain numbers of one split folder, ready for JSON.

    An object's size is sqrt(width * height) of its box in pixels of the model's input; after shrinking by r it is 1/r
    of that. `input_scale` gives the input's pixels per stored pixel, in x and y, for an image's width and height. Pixel
    mean and deviation are per RGB channel in [0, 1], over at most `sample_images` images evenly spread.
    """
    truth = load_truth(folder)
    reader = ShardReader(folder, verify=verify)
    boxes = np.concatenate([image.boxes_xyxy_px for image in truth])
    labels = np.concatenate([image.labels for image in truth])
    crowd = np.concatenate([image.iscrowd for image in truth])
    names = class_names(folder)
    counts = np.bincount(labels[~crowd], minlength=len(names))
    single = boxes[~crowd]
    scales = [np.sqrt(np.prod(input_scale(image.width, image.height))) for image in truth]
    scale = np.repeat(scales, [len(image.labels) for image in truth])[~crowd]
    sizes = np.sqrt((single[:, 2] - single[:, 0]) * (single[:, 3] - single[:, 1])) * scale
    widths, heights = reader.sizes_wh_px.T
    shapes = Counter(f"{width}x{height}" for width, height in reader.sizes_wh_px.tolist())
    return {
        "images": len(truth),
        "images_without_boxes": sum(not len(image.labels) for image in truth),
        "boxes": len(single),
        "crowd_regions": int(crowd.sum()),
        "boxes_per_image": quantiles(np.array([(~image.iscrowd).sum() for image in truth])),
        "class_counts": {name: int(count) for name, count in zip(names, counts, strict=True)},
        "object_size_px": {f"{ratio}x": size_summary(sizes / ratio) for ratio in SHRINK_RATIOS},
        "image_width_px": quantiles(widths),
        "image_height_px": quantiles(heights),
        "commonest_image_sizes": dict(shapes.most_common(5)),
        "pixels": _pixels(reader, sample_images),
    }


def _pixels(reader: ShardReader, sample_images: int) -> dict[str, Any]:
    chosen = np.unique(np.linspace(0, len(reader) - 1, min(sample_images, len(reader))).round().astype(int))
    total, squares, count = np.zeros(3), np.zeros(3), 0
    for index in chosen.tolist():
        pixels = decode_rgb(reader[index]).reshape(-1, 3).astype(np.float64) / 255
        total += pixels.sum(axis=0)
        squares += (pixels**2).sum(axis=0)
        count += len(pixels)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return {"images": len(chosen), "mean": mean.round(5).tolist(), "std": std.round(5).tolist()}
