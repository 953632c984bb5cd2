"""The examination in words and in JSON: what was found, what to do first."""

from collections.abc import Mapping, Sequence
from typing import Any

from lowres.data.doctor.examine import Examination, size_shares
from lowres.data.doctor.findings import KINDS, Finding, Severity, counted, worst

EXIT_CODES = {None: 0, Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 3}
"""0: clean, or notes alone. 1: warnings. 3: errors. (2 is the command line's own: there is nothing to examine.)"""


def exit_code(examination: Examination) -> int:
    """By the worst finding."""
    return EXIT_CODES[worst(examination.findings)]


def three_fixes(examination: Examination) -> list[str]:
    """The remedies that matter most: errors first, then what concerns most places; notes are none."""
    groups = [(kind, found) for kind, found in counted(examination.findings) if KINDS[kind].severity > Severity.NOTE]
    return [_fix(kind, found) for kind, found in groups[:3]]


def _fix(kind: str, found: Sequence[Finding]) -> str:
    told = KINDS[kind]
    repaired = f" (--fix: {told.repaired})" if told.repaired else ""
    return f"{_capital(told.remedy)}: {len(found)} × {told.sentence}, first {found[0].place}{repaired}"


def terminal_text(examination: Examination, *, most_examples: int = 3) -> str:
    """A screenful: what it is, what was found, sizes after shrinking, three fixes, the verdict."""
    layout = examination.layout
    lines = [f"{layout.root}: {layout.kind} ({layout.why})"]
    for split in layout.splits:
        objects = sum(len(image.objects) for image in split.images)
        told = f"{len(split.images)} images" + (f", {objects} objects" if layout.detection else "")
        lines.append(f"  {split.name:12s} {told}")
    if examination.num_read:
        rate = 60 * examination.num_read / max(examination.seconds, 1e-9)
        lines.append(f"  {examination.num_read} images read in {examination.seconds:.1f} s ({rate:.0f} a minute)")
    for kind, found in counted(examination.findings):
        told = KINDS[kind]
        lines += ["", f"{told.severity.name.lower():8s}{len(found)} × {told.sentence}"]
        for finding in found[:most_examples]:
            detail = f": {finding.detail}" if finding.detail else ""
            lines.append(f"          {finding.split}  {finding.place}{detail}"[:200])
        if len(found) > most_examples:
            lines.append(f"          and {len(found) - most_examples} more")
    lines += _sizes(size_shares(examination))
    fixes = three_fixes(examination)
    if fixes:
        lines += ["", "First:", *(f"  {number}. {fix}" for number, fix in enumerate(fixes, start=1))]
    return "\n".join([*lines, "", verdict(examination)])


def verdict(examination: Examination) -> str:
    """One line: how many errors, warnings and notes."""
    numbers = dict.fromkeys(Severity, 0)
    for finding in examination.findings:
        numbers[KINDS[finding.kind].severity] += 1
    words = [
        f"{number} {level.name.lower()}{'' if number == 1 else 's'}" for level, number in numbers.items() if number
    ]
    return ", ".join(reversed(words)) if words else "clean"


def as_json(examination: Examination) -> dict[str, Any]:
    """Everything for machines; plain values."""
    layout = examination.layout
    return {
        "root": str(layout.root),
        "kind": layout.kind,
        "why": layout.why,
        "detection": layout.detection,
        "exit_code": exit_code(examination),
        "verdict": verdict(examination),
        "fixes": three_fixes(examination),
        "images_read": examination.num_read,
        "seconds": round(examination.seconds, 3),
        "splits": {
            split.name: {
                "annotations": split.origin,
                "files": str(split.files.path) if split.files is not None else None,
                "images": len(split.images),
                "objects": sum(len(image.objects) for image in split.images),
                "class_counts": examination.classes.get(split.name, {}),
                "object_size_px": size_shares(examination)[split.name],
            }
            for split in layout.splits
        },
        "counts": {kind: len(found) for kind, found in counted(examination.findings)},
        "findings": [
            {
                "kind": finding.kind,
                "severity": KINDS[finding.kind].severity.name.lower(),
                "split": finding.split,
                "place": finding.place,
                "detail": finding.detail,
            }
            for finding in examination.findings
        ],
    }


def _sizes(shares: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for split, by_ratio in shares.items():
        for ratio, told in by_ratio.items():
            below = told["share_below_px"]
            if below:
                cells = "  ".join(f"{100 * below[str(limit)]:5.1f} %" for limit in (8, 4, 2))
                lines.append(f"  {split:12s} {'as it is' if ratio == '1x' else f'{ratio} smaller':12s} {cells}")
    head = ["", "Objects below (sqrt of area)    8 px     4 px     2 px"]
    return [*head, *lines] if lines else []


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
