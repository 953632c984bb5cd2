"""The TT100K rules a second time: plain loops over plain tuples, one image, size and threshold after another.

Written from the rules and slow on purpose; it shares nothing with `lowres.evaluation`.
"""

from itertools import pairwise

SIZES = {
    "long_side": {"small": (0, 32), "medium": (32, 96), "large": (96, 400), "all": (0, 400)},
    "area": {"small": (0, 1024), "medium": (1024, 9216), "large": (9216, float("inf")), "all": (0, float("inf"))},
}


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def size_of(box, measure):
    width, height = box[2] - box[0], box[3] - box[1]
    return max(width, height) if measure == "long_side" else width * height


def count_image(objects, found, *, classes, threshold, measure, low, high):
    """(right, kept detections, kept objects); objects are (class, box), detections (class, box, score)."""
    objects = [one for one in objects if one[0] in classes]
    found = [one for one in found if one[0] in classes and one[2] >= threshold]
    pairs = []
    for i, (name, box) in enumerate(objects):
        for j, (found_name, found_box, _) in enumerate(found):
            overlap = iou(box, found_box)
            if name == found_name and overlap > 0.5:
                pairs.append((-overlap, i, j))
    match_of_object, match_of_found = {}, {}
    for _, i, j in sorted(pairs):
        if i not in match_of_object and j not in match_of_found:
            match_of_object[i] = j
            match_of_found[j] = i
    right = kept_found = kept_objects = 0
    for i, (_, box) in enumerate(objects):
        if low <= size_of(box, measure) < high:
            kept_objects += 1
            if i in match_of_object:
                right += 1
    for j, (_, box, _) in enumerate(found):
        deciding = objects[match_of_found[j]][1] if j in match_of_found else box
        if low <= size_of(deciding, measure) < high:
            kept_found += 1
    return right, kept_found, kept_objects


def count_images(images, **options):
    """Sums over images of [(objects, detections)]."""
    sums = [0, 0, 0]
    for objects, found in images:
        for position, value in enumerate(count_image(objects, found, **options)):
            sums[position] += value
    return tuple(sums)


def ratio(part, whole):
    return 1.0 if whole == 0 else part / whole


def score(counts):
    right, kept, objects = counts
    accuracy, recall = ratio(right, kept), ratio(right, objects)
    f1 = 0.0 if accuracy + recall == 0 else 2 * accuracy * recall / (accuracy + recall)
    return accuracy, recall, f1


def curve(images, *, highest, **options):
    """[(recall, accuracy)] from recall 1 to recall 0; `highest` score of any class, None without any detection."""
    if highest is None:
        return None
    points = [(1.0, 0.0)]
    for step in range(100):
        threshold = highest if step == 99 else step * (highest / 99)  # as numpy spaces them
        accuracy, recall, _ = score(count_images(images, threshold=threshold, **options))
        points.append((recall, max(accuracy, points[-1][1])))
    return [*points, (0.0, 1.0)]


def area(points, images, **options):
    """Area under the points of a curve; None without an object or a detection that counts."""
    _, kept, objects = count_images(images, threshold=0.0, **options)
    if kept == 0 or objects == 0:
        return None
    return sum((a + b) / 2 * (r - s) for (r, a), (s, b) in pairwise(points))
