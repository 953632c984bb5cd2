"""Tables and plots of the DFD study from `results/`; writes results.md, lambda.png and main.png beside it.

Arms of one seed share the teacher, the initial weights, the data and the machine, so differences are taken within a
seed, and what stands in one row is of the same seeds. Our lambda weighs the mean over features; eq. 1 of the paper is a
sum over them, so the paper's lambda is ours divided by their number.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from studies.dfd.arms import EPOCHS, LAMBDAS, PAPER_LAMBDA, WIDTH

from lowres.seed_interval import interval, said

HERE = Path(__file__).parent
Runs = dict[int, dict[str, Any]]
Results = dict[tuple[str, str, str], Runs]

# Table 1 of the paper, CIFAR-10, top-1 in percent: (low resolution alone, DFD); Table 2 has the whole images.
PAPER = {
    ("alexnet", 8): (64.08, 66.23),
    ("alexnet", 16): (69.10, 71.60),
    ("resnet18", 8): (79.86, 81.26),
    ("resnet18", 16): (89.12, 90.41),
}
PAPER_WHOLE_IMAGES = {"resnet18": 93.38}
NAMES = {"alexnet": "AlexNet", "resnet18": "ResNet-18"}
LEARNED_SIDE_PX = 8  # of the arms with a learned down-sampler
SPLITS = ("val", "test")
FEATURES = {"alexnet": 256, "resnet18": 512}  # of the published network
INTRODUCTION = (
    "Mean and 95 % interval of the mean over seeds (Student's t), the same seeds in all cells of a row; one seed has "
    "none. All in percent. Lambda weighs a mean over features here, in the paper a sum (eq. 1).\n\n"
    "Intervals are those of seeds: all are measured on one test split of 10,000 images, and what another would give is "
    "not in them. Nor are they widened for the number of arms that one baseline is held against: an arm is chosen by "
    "validation, or it is not chosen."
)


def load() -> Results:
    """Results by group, backbone and name, then by seed."""
    found: Results = defaultdict(dict)
    for path in sorted((HERE / "results").glob("*.json")):
        result = json.loads(path.read_text())
        arm = result["arm"]
        found[arm["group"], arm["backbone"], arm["name"]][arm["seed"]] = result
    for key, runs in found.items():
        if len({run["params"] for run in runs.values()}) > 1:
            raise SystemExit(f"{': '.join(key)}: its results were made with different parameters; run them again")
    return dict(found)


def accuracies(runs: Runs, seeds: Sequence[int], split: str = "test") -> list[float]:
    """Top-1 of these seeds."""
    return [runs[seed][split]["top1"] for seed in seeds]


def common_seeds(*parts: Runs) -> list[int]:
    """Seeds that all parts have, with the same data and the same teacher; a teacher goes with its own students."""
    seeds = sorted(set.intersection(*(set(runs) for runs in parts)))
    return [seed for seed in seeds if len({_origin(runs[seed]) for runs in parts}) == 1]


def _origin(run: dict[str, Any]) -> tuple[str, str]:
    return run["data"], run.get("teacher", run["model"])


def gains(runs: Runs, against: Runs, seeds: Sequence[int], split: str = "test") -> list[float]:
    """Differences of top-1 within these seeds."""
    return [one - other for one, other in zip(accuracies(runs, seeds, split), accuracies(against, seeds, split))]


def features(backbone: str) -> int:
    """How many there are in the last layer, at the width of the study."""
    return round(FEATURES[backbone] * WIDTH[backbone])


def main_table(results: Results) -> str:
    """Markdown: low resolution alone against DFD, and what the paper has; all cells of a row are of the same seeds.

    A learned down-sampler has a row of its own below that of bicubic thumbnails of its side.
    """
    head = (
        f"| network | thumbnails | whole images | thumbnails alone | DFD, lambda {PAPER_LAMBDA:g} on the mean over "
        "features | which is on the sum of eq. 1 | gain | seeds | paper, lambda on the sum: alone, DFD, gain |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for (backbone, side), (alone, dfd) in PAPER.items():
        paper = f"{alone:.1f}, {dfd:.1f}, +{dfd - alone:.1f}"
        students = [("main", backbone, f"{side}px-{name}") for name in ("baseline", "dfd")]
        lines += _main_row(results, backbone, f"{side} px, bicubic", students, paper)
        if side == LEARNED_SIDE_PX:
            learned = [("learned", backbone, name) for name in ("baseline", "dfd")]
            lines += _main_row(results, backbone, f"{side} px, learned", learned, "")
    return "\n".join(lines)


def _main_row(
    results: Results, backbone: str, thumbnails: str, students: list[tuple[str, str, str]], paper: str
) -> list[str]:
    runs = [results.get(key, {}) for key in (("main", backbone, "32px"), *students)]
    seeds = common_seeds(*runs)
    if not seeds:
        return []
    cells = [
        f"{NAMES[backbone]}, width {WIDTH[backbone]:g}, {EPOCHS[backbone]} epochs",
        thumbnails,
        *(said(accuracies(part, seeds)) for part in runs),
        f"{PAPER_LAMBDA:g}/{features(backbone)} = {PAPER_LAMBDA / features(backbone):.2g}",
        said(gains(runs[2], runs[1], seeds), signed=True),
        str(len(seeds)),
        paper,
    ]
    return ["| " + " | ".join(cells) + " |"]


def gain_table(results: Results, groups: tuple[str, ...]) -> str:
    """Markdown: each arm of the groups against the baseline at 8 px, on both splits, over the seeds that both have."""
    lines = [
        "| arm | validation | test | gain over the baseline on validation | on test | seeds |",
        "|---|---|---|---|---|---|",
    ]
    baseline = ("main", "alexnet", "8px-baseline")
    against = results.get(baseline, {})
    wanted = [baseline, ("main", "alexnet", "8px-dfd"), *sorted(filter(_is_alexnet, results), key=_by_lambda)]
    for key in wanted:
        runs = results.get(key, {}) if key[0] in ("main", *groups) else {}
        if seeds := common_seeds(runs, against):
            cells = [said(accuracies(runs, seeds, split)) for split in SPLITS]
            differences = [said(gains(runs, against, seeds, split), signed=True) for split in SPLITS]
            differences = ["", ""] if key == baseline else differences
            lines.append(f"| {key[0]}: {key[2]} | {' | '.join(cells + differences)} | {len(seeds)} |")
    return "\n".join(lines)


def _is_alexnet(key: tuple[str, str, str]) -> bool:
    return key[0] != "main" and key[1] == "alexnet"


def _by_lambda(key: tuple[str, str, str]) -> tuple[str, float, str]:
    group, _, name = key
    return group, float(name.removeprefix("lambda")) if group == "lambda" else 0.0, name


def origins_table(results: Results) -> str:
    """Markdown: what the runs of each network and seed were trained by; students of another teacher are named."""
    lines = ["| network | seed | teacher | code | machine | in no row, for their teacher is another |"]
    lines += ["|---|---|---|---|---|---|"]
    for group, backbone in (("main", "alexnet"), ("main", "resnet18"), ("full", "resnet18")):
        for seed, teacher in sorted(results.get((group, backbone, "32px"), {}).items()):
            named = {
                f"{key[0]}: {key[2]}": runs[seed]
                for key, runs in results.items()
                if key[1] == backbone and (key[0] == "full") == (group == "full") and seed in runs
            }
            machines = [run["machine"] for run in named.values()]
            strays = [name for name, run in named.items() if _origin(run)[1] != teacher["model"]]
            cells = [
                NAMES[backbone] + (", published" if group == "full" else ""),
                str(seed),
                teacher["model"][:8],
                ", ".join(sorted({run["code_sha256"][:8] for run in named.values()})),
                ", ".join(sorted({machine.get("accelerator") or machine["cpu"] for machine in machines})),
                ", ".join(strays),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed_table() -> str:
    """Markdown: the newest result of `throughput.py`; arms run side by side, so their own speeds say little."""
    lines = ["| network | loop | images/s, median (least to most) | format |", "|---|---|---|---|"]
    for path in sorted(HERE.glob("throughput-*.json"))[-1:]:
        found = json.loads(path.read_text())
        for row in found["rows"]:
            speeds = row["images_per_second"]
            lines.append(
                f"| {NAMES[row['backbone']]}, width {row['width']:g}, 8 px | {row['loop']} | "
                f"{np.median(speeds):.0f} ({min(speeds):.0f} to {max(speeds):.0f}) | {row['format']} |"
            )
        machine = found["machine"]
        lines += ["", f"`{path.name}`: {machine['cpu']}, {machine['threads']} threads, torch {machine['torch']}."]
    return "\n".join(lines)


def lambda_runs(results: Results) -> dict[float, Runs]:
    """The sweep of Fig. 2, the main comparison's lambda among it."""
    found = {weight: results.get(("lambda", "alexnet", f"lambda{weight:g}"), {}) for weight in LAMBDAS}
    found[PAPER_LAMBDA] = results.get(("main", "alexnet", "8px-dfd"), {})
    return {weight: runs for weight, runs in found.items() if runs}


def plot_lambda(results: Results) -> None:
    """Top-1 at 8 px by lambda, beside the baseline: Fig. 2."""
    sweep, baseline = lambda_runs(results), results.get(("main", "alexnet", "8px-baseline"), {})
    if len(sweep) < 3 or not baseline:
        return
    seeds = common_seeds(baseline, *sweep.values())
    if not seeds:
        return
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    means = [100 * np.mean(accuracies(runs, seeds)) for runs in sweep.values()]
    axes.plot(list(sweep), means, color="C0", label="DFD")
    for weight, runs in sweep.items():
        values = [100 * value for value in accuracies(runs, seeds)]
        axes.plot([weight] * len(values), values, "o", color="C0", markersize=4, alpha=0.6)
    values = [100 * value for value in accuracies(baseline, seeds)]
    axes.axhline(float(np.mean(values)), color="C1", label="low resolution alone")
    axes.axhspan(min(values), max(values), color="C1", alpha=0.15)
    axes.set_xscale("log")
    axes.set_xticks(list(sweep), [f"{weight:g}" for weight in sweep])
    axes.minorticks_off()
    count = features("alexnet")
    axes.set_xlabel(f"lambda, on the mean over {count} features (the paper's is on their sum)")
    axes.set_ylabel("top-1 on the test split, %")
    axes.set_title(f"CIFAR-10 at 8 px, AlexNet, {EPOCHS['alexnet']} epochs: dots are seeds")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(HERE / "lambda.png", dpi=120)


def plot_main(results: Results) -> None:
    """The gain of DFD by network and side, beside the paper's."""
    shown = []
    for (backbone, side), (alone, dfd) in PAPER.items():
        runs = [results.get(("main", backbone, f"{side}px-{name}"), {}) for name in ("dfd", "baseline")]
        if seeds := common_seeds(*runs):
            shown.append((f"{NAMES[backbone]}\n{side} px", gains(runs[0], runs[1], seeds), dfd - alone))
    if not shown:
        return
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for column, (_, difference, paper) in enumerate(shown):
        mean, half = interval([100 * value for value in difference])
        axes.errorbar(column, mean, yerr=0 if np.isnan(half) else half, fmt="_", color="C0", capsize=4, markersize=18)
        axes.plot([column] * len(difference), [100 * value for value in difference], "o", color="C0", alpha=0.6)
        label = "paper (one run, lambda on the sum)" if column == 0 else None
        axes.plot(column + 0.2, paper, "D", color="C1", label=label)
    axes.axhline(0, color="0.5", linewidth=1)
    axes.set_xticks(range(len(shown)), [name for name, _, _ in shown])
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_ylabel("gain of DFD in top-1, points")
    title = f"DFD (lambda {PAPER_LAMBDA:g} on the mean over features) against low resolution alone"
    axes.set_title(f"{title}\ndots are seeds, bars the 95 % interval", fontsize="medium")
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.savefig(HERE / "main.png", dpi=120)


def main() -> None:
    """Write tables and plots."""
    results = load()
    if not results:
        raise SystemExit("no results yet; run `python -m studies.dfd.run`")
    fig_2 = f"Lambda on the mean over {features('alexnet')} features, AlexNet at 8 px (Fig. 2 has it on the sum)"
    parts = {
        "The paper's table, test split": main_table(results),
        fig_2: gain_table(results, ("lambda",)),
        "Other terms, and a learned down-sampler, AlexNet at 8 px": gain_table(results, ("terms", "learned")),
        "The published ResNet-18, 100 epochs": full_table(results),
        "Speed of a training step (`throughput.py`)": speed_table(),
        "Where the numbers come from": origins_table(results),
    }
    text = "\n\n".join(f"## {title}\n\n{part}" for title, part in parts.items() if part.count("\n") > 1)
    (HERE / "results.md").write_text(f"{INTRODUCTION}\n\n{text}\n")
    plot_lambda(results)
    plot_main(results)
    print(text)


def full_table(results: Results) -> str:
    """Markdown: the arms of the published size; one seed."""
    paper = {"32px": PAPER_WHOLE_IMAGES["resnet18"], "8px-baseline": 79.86, f"8px-lambda{PAPER_LAMBDA:g}": 81.26}
    lines = ["| arm | validation | test | paper, lambda on the sum |", "|---|---|---|---|"]
    for (group, _, name), runs in results.items():
        if group == "full":
            cells = [said(accuracies(runs, list(runs), split)) for split in SPLITS]
            lines.append(f"| {name} | {' | '.join(cells)} | {paper.get(name, '')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
