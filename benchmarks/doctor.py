"""Images that `lowres doctor` examines in a minute: its one pass over whole data sets, on all cores.

    python benchmarks/doctor.py data/coco-mini data/bccd.tar --output benchmarks/doctor-2026-01-31.json

A round is all that the command does but start and print: it recognises the data set, reads the annotations, decodes
every image with two decoders, and looks for faults and duplicates. Untimed rounds come first, so that the files
come from memory, not from a disk. `megapixels` is the mean of an image, since a pass is mostly decoding.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from timing import alternate, describe_machine, write_json

from lowres.data.doctor.examine import examine
from lowres.data.doctor.layouts import find_layout
from lowres.data.doctor.summary import verdict


def facts_of(path: Path, threads: int) -> dict[str, Any]:
    """What the data set is and what the pass finds."""
    examination = examine(find_layout(path), threads=threads)
    sizes = [fact.wh_px for facts in examination.facts for fact in facts if fact is not None and fact.wh_px is not None]
    return {
        "layout": examination.layout.kind,
        "images": examination.num_read,
        "objects": sum(len(image.objects) for split in examination.layout.splits for image in split.images),
        "megapixels": round(sum(width * height for width, height in sizes) / max(1, len(sizes)) / 1e6, 3),
        "verdict": verdict(examination),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="Folders or archives of data sets.")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    machine = describe_machine(options.threads)
    facts = {path.stem: facts_of(path, options.threads) for path in options.data}
    timings = alternate(
        {path.stem: lambda path=path: examine(find_layout(path), threads=options.threads) for path in options.data},
        options.rounds,
    )
    results: dict[str, Any] = {"machine": machine}
    for name, timing in timings.items():
        rates = sorted(round(60 * facts[name]["images"] / seconds) for seconds in timing["all_s"])
        rate = {"median": rates[len(rates) // 2], "min": rates[0], "max": rates[-1]}
        results[name] = {**facts[name], "images_per_minute": rate, **timing}
        print(f"{name}: {facts[name]['images']} images on {options.threads} threads, a minute: {rate}")
    if options.output:
        write_json(options.output, results)


if __name__ == "__main__":
    main()
