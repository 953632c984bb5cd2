"""What trainings in working folders came to: AP on the validation split, time, images per second.

python benchmarks/gpu_training.py --output benchmarks/gpu_training-2026-01-31.json .lowres/gpu/*/
"""

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

import torch
from timing import describe_machine, write_json


def outcome(folder: Path, stage: str) -> dict[str, Any]:
    """Facts of one training; of an unfinished one what its history holds."""
    finished = folder / "outputs/history" / stage / "history.jsonl"
    files = [finished] if finished.is_file() else sorted(folder.glob(f".lowres/runs/{stage}-*/history.jsonl"))
    if not files:
        return {"finished": False}
    records = [json.loads(line) for line in files[-1].read_text().splitlines()]
    steps = [record for record in records if record["kind"] == "train"]
    return {
        "finished": finished.is_file(),
        "steps": steps[-1]["step"],
        "seconds": round(steps[-1]["seconds"]),
        "images_per_second": round(median(record["images_per_second"] for record in steps), 1),
        "data_wait_fraction": round(median(record["data_wait_fraction"] for record in steps), 3),
        "loss": steps[-1]["loss"],
        "val": [{"step": r["step"], **r["metrics"]} for r in records if r["kind"] == "evaluation"],
    }


def main() -> None:
    """Print and write the facts of every folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = {
        folder.name: {stage: outcome(folder, stage) for stage in ("teacher", "downsampler", "distill")}
        for folder in options.folders
    }
    for name, stages in results.items():
        for stage, facts in stages.items():
            aps = "  ".join(f"AP {entry['ap']:.3f} at {entry['step']}" for entry in facts.get("val", []))
            print(
                f"{name:24s}{stage:12s}{'' if facts['finished'] else 'not finished  '}"
                f"{facts.get('images_per_second', 0)} img/s  {facts.get('seconds', 0)} s  {aps}"
            )
    if options.output:
        write_json(options.output, {"machine": describe_machine(torch.get_num_threads()), **results})


if __name__ == "__main__":
    main()
