"""Entries against files: images that do not exist, files without entry, sizes that disagree, faults of archives."""

from lowres.data.doctor.findings import Finding
from lowres.data.doctor.image_checks import ImageFacts
from lowres.data.doctor.listing import Listing
from lowres.data.doctor.loose import Layout, LooseSplit
from lowres.data.images import size_difference

_NAMED = 3
_SMALL_PX = 32  # the largest data.min_side_px of the presets


def file_findings(layout: Layout, facts: list[list[ImageFacts | None]]) -> list[Finding]:
    """All that concerns files, split by split, then listing by listing."""
    found: list[Finding] = []
    for split, its_facts in zip(layout.splits, facts, strict=True):
        if split.files is None and split.images:
            found.append(Finding("images_absent", split.name, split.origin, f"{len(split.images)} images listed"))
            continue
        for index, (image, fact) in enumerate(zip(split.images, its_facts, strict=True)):
            if fact is None:
                if image.key is not None:
                    found.append(Finding("missing_image", split.name, image.place, "", index))
                continue
            found += [Finding(kind, split.name, image.place, detail, index) for kind, detail in fact.faults]
            if fact.wh_px and image.stated_wh_px and fact.wh_px != image.stated_wh_px:
                detail = size_difference(image.stated_wh_px, fact.wh_px)
                found.append(Finding("size_differs", split.name, image.place, detail, index))
            if layout.detection and fact.wh_px and min(fact.wh_px) < _SMALL_PX:
                detail = "{}x{}".format(*fact.wh_px)
                found.append(Finding("small_image", split.name, image.place, detail, index))
            if layout.detection and image.usable and not image.objects:
                found.append(Finding("no_objects", split.name, image.place, "", index))
    told: set[tuple[str, str, str]] = set()  # folders of one archive share its faults
    for files, splits in _by_listing(layout):
        name = " and ".join(dict.fromkeys(split.name for split in splits[:_NAMED]))
        found += [Finding(fault[0], name, *fault[1:]) for fault in files.faults if fault not in told]
        told.update(files.faults)
        if not layout.detection:
            continue
        listed = {files.full_name(image.key) for split in splits for image in split.images if image.key is not None}
        found += [Finding("unlisted_image", name, file) for file in files.images() if file not in listed]
    return found


def _by_listing(layout: Layout) -> list[tuple[Listing, list[LooseSplit]]]:
    groups: dict[int, tuple[Listing, list[LooseSplit]]] = {}
    for split in layout.splits:
        if split.files is not None:
            groups.setdefault(id(split.files), (split.files, []))[1].append(split)
    return list(groups.values())
