"""prepare: a data source becomes checked, packed splits."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowres.config.data import Data
from lowres.data.build import build_splits
from lowres.data.doctor.packed_duplicates import Seen, across_line, check_no_leak, duplicate_report
from lowres.data.left_out import left_out_lines
from lowres.data.pack import pack_split
from lowres.data.profile import profile_split
from lowres.data.sources import Source, check_classes_to_tell_apart, check_same_categories, remarks_of
from lowres.data.transforms import Resize
from lowres.stages.outputs import whole_folder, write_json
from lowres.stages.progress import counting

_NEEDED_FOR = {"train": "train on", "val": "choose the weights by"}  # a test split may do without


def run(data: Data, *, out_data: Path) -> dict[str, Any]:
    """Pack the source's splits into `out_data`, with `profile.json` and `check.json` beside them.

    A source without a test split gets its validation split as test. `check.json` also has, under `duplicates` of each
    split, how many of its images occur twice, or in another split; one line warns of the latter, where it is allowed.
    What is left out is said on the terminal, by its reasons, and so is what was made of the others (`remarks`).

    Raises:
        ValueError: as `build_splits` and `pack_split`; splits of different classes, images of one class each where
            there is but one, no object to train on or to choose weights by, or a split of which more than
            `max_bad_fraction`, or half, are exact copies of images of splits before it.
    """
    with (
        whole_folder(out_data) as folder,
        tempfile.TemporaryDirectory(dir=out_data.parent, prefix=".render-") as scratch,
    ):
        sources = build_splits(data.source.model_dump(), scratch=Path(scratch), counting=counting, say=_say)
        check_same_categories(sources)
        check_classes_to_tell_apart(sources["train"])
        report: dict[str, Any] = {}
        looked: dict[str, list[Seen]] = {split: [] for split in sources}
        for split, source in sources.items():
            with counting(f"pack {split}", len(source)) as step:
                report[split] = pack_split(
                    source,
                    folder / split,
                    shard_bytes=data.shard_mb * 1_000_000,
                    max_bad_fraction=data.max_bad_fraction,
                    min_side_px=data.min_side_px,
                    looked=looked[split],
                    on_progress=step,
                )
            for line in left_out_lines(report[split]):
                _say(f"{split}: {line}")
            boxes = report[split]["boxes"]
            if split in _NEEDED_FOR and boxes["kept"] == boxes["crowd"]:
                raise ValueError(
                    f"{source.name}: no object is left to {_NEEDED_FOR[split]}; `lowres doctor` says what is wrong"
                )
            remarks = {**remarks_of(source), **report[split].get("remarks", {})}
            if remarks:
                report[split]["remarks"] = remarks
                _say(f"{split}: " + ", ".join(f"{what}: {count}" for what, count in remarks.items()))
        # A split that stands in for another shares all its images with it, which is no leak.
        own = {split: looks for place, (split, looks) in enumerate(looked.items()) if not _stands_in(sources, place)}
        duplicates = duplicate_report(own)
        for split, told in duplicates.items():
            report[split]["duplicates"] = told
        check_no_leak(own, allowed=data.max_bad_fraction)
        line = across_line(duplicates, own)
        if line is not None:
            _say(line)
        resize = Resize(**data.input.model_dump(exclude={"canvas_multiple_px"}))
        profile = {split: profile_split(folder / split, input_scale=resize.scale) for split in sources}
        write_json(folder / "check.json", report)
        write_json(folder / "profile.json", profile)
    return {split: {"images": part["read"], "boxes": part["boxes"]["kept"]} for split, part in report.items()}


def _stands_in(sources: Mapping[str, Source], place: int) -> bool:
    """Whether the split at a place is one before it under another name."""
    parts = list(sources.values())
    return any(part is parts[place] for part in parts[:place])


def _say(line: str) -> None:
    print(line, flush=True)
