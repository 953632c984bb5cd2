"""Tables and plots of the DFD study from `results/`; writes results.md, lambda.png and main.png beside it.

Arms of one seed share the teacher, the initial weights, the data and the machine, so differences are taken within a
seed.
"""

import json
from collections import defaultdict
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


def accuracies(runs: Runs, split: str = "test") -> list[float]:
    """Top-1 of each seed."""
    return [run[split]["top1"] for run in runs.values()]


def gains(runs: Runs, against: Runs, split: str = "test") -> list[float]:
    """Differences of top-1 within the seeds that both have, where teacher and data are the same."""
    same = [
        seed
        for seed in sorted(set(runs) & set(against))
        if all(runs[seed][key] == against[seed][key] for key in ("teacher", "data"))
    ]
    return [runs[seed][split]["top1"] - against[seed][split]["top1"] for seed in same]


def main_table(results: Results) -> str:
    """Markdown: low resolution alone against DFD, and what the paper has."""
    lines = [
        "| network | side | whole images | thumbnails alone | DFD, lambda 2 | gain | seeds | paper: alone, DFD, gain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (backbone, side), (alone, dfd) in PAPER.items():
        keys = [("main", backbone, name) for name in ("32px", f"{side}px-baseline", f"{side}px-dfd")]
        runs = [results.get(key, {}) for key in keys]
        difference = gains(runs[2], runs[1])
        if not difference:
            continue
        cells = [said(accuracies(part)) for part in runs]
        lines.append(
            f"| {NAMES[backbone]}, width {WIDTH[backbone]:g}, {EPOCHS[backbone]} epochs | {side} px | "
            + " | ".join(cells)
            + f" | {said(difference, signed=True)} | {len(difference)} | {alone:.1f}, {dfd:.1f}, +{dfd - alone:.1f} |"
        )
    return "\n".join(lines)


def gain_table(results: Results, groups: tuple[str, ...]) -> str:
    """Markdown: each arm of the groups against the baseline at 8 px, on both splits."""
    lines = ["| arm | validation | test | gain on test over the baseline | seeds |", "|---|---|---|---|---|"]
    against = results.get(("main", "alexnet", "8px-baseline"), {})
    named = [(key, runs) for key, runs in results.items() if key[0] in groups and key[1] == "alexnet"]
    for name in ("8px-baseline", "8px-dfd"):
        if ("main", "alexnet", name) in results:
            named.insert(0, (("main", "alexnet", name), results["main", "alexnet", name]))
    for (group, _, name), runs in named:
        difference = gains(runs, against)
        if difference:
            cells = [said(accuracies(runs, split)) for split in ("val", "test")]
            lines.append(
                f"| {group}: {name} | {' | '.join(cells)} | {said(difference, signed=True)} | {len(difference)} |"
            )
    return "\n".join(lines)


def speed_table(results: Results) -> str:
    """Markdown: images per second of training, by network and what was trained."""
    lines = ["| arm | images/s, median of the runs | threads | processor |", "|---|---|---|---|"]
    for (group, backbone, name), runs in sorted(results.items()):
        if group in ("main", "full"):
            speed = np.median([run["images_per_second"] for run in runs.values()])
            machine = next(iter(runs.values()))["machine"]
            where = machine["accelerator"] or machine["cpu"]
            lines.append(f"| {group}: {NAMES[backbone]} {name} | {speed:.0f} | {machine['threads']} | {where} |")
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
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(list(sweep), [100 * np.mean(accuracies(runs)) for runs in sweep.values()], color="C0", label="DFD")
    for weight, runs in sweep.items():
        values = [100 * value for value in accuracies(runs)]
        axes.plot([weight] * len(values), values, "o", color="C0", markersize=4, alpha=0.6)
    values = [100 * value for value in accuracies(baseline)]
    axes.axhline(float(np.mean(values)), color="C1", label="low resolution alone")
    axes.axhspan(min(values), max(values), color="C1", alpha=0.15)
    axes.set_xscale("log")
    axes.set_xticks(list(sweep), [f"{weight:g}" for weight in sweep])
    axes.minorticks_off()
    axes.set_xlabel("lambda")
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
        if difference := gains(runs[0], runs[1]):
            shown.append((f"{NAMES[backbone]}\n{side} px", difference, dfd - alone))
    if not shown:
        return
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for column, (_, difference, paper) in enumerate(shown):
        mean, half = interval([100 * value for value in difference])
        axes.errorbar(column, mean, yerr=0 if np.isnan(half) else half, fmt="_", color="C0", capsize=4, markersize=18)
        axes.plot([column] * len(difference), [100 * value for value in difference], "o", color="C0", alpha=0.6)
        axes.plot(column + 0.2, paper, "D", color="C1", label="paper (one run)" if column == 0 else None)
    axes.axhline(0, color="0.5", linewidth=1)
    axes.set_xticks(range(len(shown)), [name for name, _, _ in shown])
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_ylabel("gain of DFD in top-1, points")
    axes.set_title("DFD against low resolution alone: dots are seeds, bars the 95 % interval")
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.savefig(HERE / "main.png", dpi=120)


def main() -> None:
    """Write tables and plots."""
    results = load()
    if not results:
        raise SystemExit("no results yet; run `python -m studies.dfd.run`")
    parts = {
        "The paper's table, test split": main_table(results),
        "Lambda, AlexNet at 8 px (Fig. 2)": gain_table(results, ("lambda",)),
        "Other terms, and a learned down-sampler, AlexNet at 8 px": gain_table(results, ("terms", "learned")),
        "The published ResNet-18, 100 epochs": full_table(results),
        "Speed": speed_table(results),
    }
    text = "\n\n".join(f"## {title}\n\n{part}" for title, part in parts.items() if part.count("\n") > 1)
    intervals = "Mean and 95 % interval of the mean over seeds (Student's t); one seed has none. All in percent."
    (HERE / "results.md").write_text(f"{intervals}\n\n{text}\n")
    plot_lambda(results)
    plot_main(results)
    print(text)


def full_table(results: Results) -> str:
    """Markdown: the arms of the published size; one seed."""
    paper = {"32px": PAPER_WHOLE_IMAGES["resnet18"], "8px-baseline": 79.86, f"8px-lambda{PAPER_LAMBDA:g}": 81.26}
    lines = ["| arm | validation | test | paper |", "|---|---|---|---|"]
    for (group, _, name), runs in results.items():
        if group == "full":
            cells = [said(accuracies(runs, split)) for split in ("val", "test")]
            lines.append(f"| {name} | {' | '.join(cells)} | {paper.get(name, '')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
