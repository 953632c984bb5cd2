"""Classes across splits: one list for all, none without objects where it matters."""

from lowres.data.doctor.findings import Finding
from lowres.data.doctor.loose import Layout


def class_counts(layout: Layout) -> dict[str, dict[str, int]]:
    """Objects by split and class; every class of the data set is in every split, those without a name in none."""
    names = class_list(layout)
    counts = {split.name: dict.fromkeys(names, 0) for split in layout.splits}
    for split in layout.splits:
        for image in split.images:
            for found in image.objects:
                label = split.categories[found.category] if found.category is not None else None
                if label is not None:
                    counts[split.name][label] += 1
    return counts


def class_list(layout: Layout) -> list[str]:
    """All class names in the order in which the splits have them."""
    return list(dict.fromkeys(name for split in layout.splits for name in split.categories if name is not None))


def is_train(split: str) -> bool:
    """Whether a split's name says that it is trained on."""
    return "train" in split.lower()


def class_findings(layout: Layout, counts: dict[str, dict[str, int]]) -> list[Finding]:
    """Classes that a split lacks, and lists of classes that differ."""
    found: list[Finding] = []
    if not layout.splits:
        return found
    first = layout.splits[0]
    own = set(zip(first.category_ids, first.categories)) if first.category_ids else set(first.categories)
    for split in layout.splits[1:]:
        there = set(zip(split.category_ids, split.categories)) if split.category_ids else set(split.categories)
        if there != own:
            odd = sorted(str(entry) for entry in own ^ there)
            detail = f"not in both {first.name} and {split.name}: {', '.join(odd[:3])}" + (" ..." if odd[3:] else "")
            found.append(Finding("categories_differ", split.name, split.origin, detail))
    train = [name for name in counts if is_train(name)]
    for label in class_list(layout):
        having = [name for name in counts if counts[name][label]]
        if not having:
            found.append(Finding("class_unused", "all", label))
        elif train and not any(name in having for name in train):
            found.append(Finding("class_not_in_train", " and ".join(train), label, f"only in {', '.join(having)}"))
        else:
            lacking = [name for name in counts if name not in having and any(counts[name].values())]
            found += [Finding("class_absent", name, label, f"but in {', '.join(having)}") for name in lacking]
    return found
