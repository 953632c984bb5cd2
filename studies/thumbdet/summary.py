"""Table and plots of the study from `results/`; writes results.md, main.png and frontier.png beside it."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from scipy import stats

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent


def load() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Results by group and name, in the order of seeds."""
    found = defaultdict(list)
    for path in sorted((HERE / "results").glob("*.json")):
        result = json.loads(path.read_text())
        found[result["arm"]["group"], result["arm"]["name"]].append(result)
    return dict(found)


def interval(values: list[float]) -> tuple[float, float]:
    """Mean and half width of the 95 % interval of the mean (Student's t); no width for a single seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan")
    return mean, float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def table(results: dict[tuple[str, str], list[dict[str, Any]]]) -> str:
    """Markdown."""
    lines = [
        "| arm | seeds | AP | AP50 | AP small | AP medium | multiply-adds |",
        "|---|---|---|---|---|---|---|",
    ]
    for (group, name), runs in sorted(results.items()):
        cells = []
        for metric in ("ap", "ap50", "ap_small", "ap_medium"):
            mean, half = interval([run["test"][metric] for run in runs])
            cells.append(f"{100 * mean:.1f}" if np.isnan(half) else f"{100 * mean:.1f} ± {100 * half:.1f}")
        cost = runs[0]["multiply_adds"] / 1e6
        lines.append(f"| {group}: {name} | {len(runs)} | " + " | ".join(cells) + f" | {cost:.0f} M |")
    return "\n".join(lines)


def plot_main(results: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """AP of {bicubic, area, learned} x {none, paper, best}, each seed a dot."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for offset, terms in enumerate(("none", "paper", "best")):
        for column, kind in enumerate(("bicubic", "area", "learned")):
            runs = results.get(("main", f"{kind}-{terms}"))
            if not runs:
                continue
            values = [100 * run["test"]["ap"] for run in runs]
            at = column + (offset - 1) * 0.22
            axes.bar(at, np.mean(values), 0.2, color=f"C{offset}", label=terms if column == 0 else None, alpha=0.6)
            axes.plot([at] * len(values), values, "o", color="black", markersize=3)
    axes.set_xticks(range(3), ["bicubic", "area", "learned"])
    axes.set_ylabel("AP on the test split, %")
    axes.set_title("Students at 4x: down-sampler and distillation terms")
    axes.legend(title="terms")
    figure.savefig(HERE / "main.png", dpi=120)


def plot_frontier(results: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """AP against multiply-adds of every arm."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for number, ((group, name), runs) in enumerate(sorted(results.items())):
        mean, half = interval([run["test"]["ap"] for run in runs])
        cost = runs[0]["multiply_adds"] / 1e6
        label = f"{group}: {name}"
        axes.errorbar(cost, 100 * mean, yerr=None if np.isnan(half) else 100 * half, fmt="o", color=f"C{number % 10}")
        axes.annotate(label, (cost, 100 * mean), fontsize=6, xytext=(4, 2), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("multiply-adds, millions")
    axes.set_ylabel("AP on the test split, %")
    figure.savefig(HERE / "frontier.png", dpi=120)


def main() -> None:
    """Write table and plots."""
    results = load()
    if not results:
        raise SystemExit("no results yet; run studies/thumbdet/run.py")
    (HERE / "results.md").write_text(table(results) + "\n")
    plot_main(results)
    plot_frontier(results)
    print(table(results))


if __name__ == "__main__":
    main()
