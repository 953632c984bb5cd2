"""Tables and plots of the study from `results/`; writes results.md, main.png and frontier.png beside it.

Arms of one seed share the teacher, the data and the machine, so differences are taken within a seed.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib import ticker

from lowres.seed_interval import said

HERE = Path(__file__).parent
Results = dict[tuple[str, str], list[dict[str, Any]]]


# What is asked of the study: the first arm minus the second, in AP on the test split.
QUESTIONS = {
    "our terms and a learned down-sampler, against plain bicubic": ("main: learned-best", "main: bicubic-none"),
    "the paper's terms and a learned down-sampler, against plain bicubic": (
        "main: learned-paper",
        "main: bicubic-none",
    ),
    "a module that adds to bicubic thumbnails, our terms, against plain bicubic": (
        "main: learned-best-skip",
        "main: bicubic-none",
    ),
    "learned instead of bicubic, no distillation": ("main: learned-none", "main: bicubic-none"),
    "learned instead of bicubic, our terms": ("main: learned-best", "main: bicubic-best"),
    "area instead of bicubic, no distillation": ("main: area-none", "main: bicubic-none"),
    "the paper's terms, learned": ("main: learned-paper", "main: learned-none"),
    "our terms, learned": ("main: learned-best", "main: learned-none"),
    "our terms instead of the paper's, learned": ("main: learned-best", "main: learned-paper"),
    "the demo's recipe, against plain bicubic": ("recipe: 4x", "recipe: 4x-bicubic-none"),
    "teacher's weights instead of random ones": ("recipe: 4x", "init: scratch"),
    "features at 5, both from random weights": ("init: scratch", "equal: 4x-scratch"),
    "one early stride dropped instead of none": ("recipe: 4x", "shift: shift0"),
    "two early strides dropped instead of one": ("shift: shift2", "recipe: 4x"),
    "pairs of queries by content instead of by index, the paper's terms": (
        "main: learned-paper",
        "main: learned-paper-index",
    ),
    "longer: 12 channels, features at 5, against plain bicubic": (
        "long: channels-feature-strong",
        "long: bicubic-none",
    ),
    "longer: 12 channels, without a teacher, against plain bicubic": ("long: channels-none", "long: bicubic-none"),
    "longer: 3 channels, features at 5, against plain bicubic": (
        "long: learned-feature-strong-skip",
        "long: bicubic-none",
    ),
    "longer: 3 channels, without a teacher, against plain bicubic": ("long: learned-none-skip", "long: bicubic-none"),
    "longer: 12 channels instead of 3, features at 5": (
        "long: channels-feature-strong",
        "long: learned-feature-strong-skip",
    ),
    "longer: features at 5, 12 channels": ("long: channels-feature-strong", "long: channels-none"),
    "longer: features at 5, bicubic": ("long: bicubic-feature-strong", "long: bicubic-none"),
    "4x instead of a narrow detector on 2x, both from scratch": ("equal: 4x-scratch", "equal: 2x-narrow-scratch"),
    "4x, distilled, instead of a narrow detector on 2x trained twice as long": (
        "recipe: 4x",
        "equal: 2x-narrow-scratch-long",
    ),
    "4x instead of the same detector on bicubic 2x without shift, both with features at 5": (
        "recipe: 4x",
        "equal: 2x-same-detector",
    ),
}


def load() -> Results:
    """Results by group and name, in the order of seeds."""
    found = defaultdict(list)
    for path in sorted((HERE / "results").glob("*.json")):
        result = json.loads(path.read_text())
        found[result["arm"]["group"], result["arm"]["name"]].append(result)
    for arm, runs in found.items():
        if len({run["params"] for run in runs}) > 1:
            raise SystemExit(f"{': '.join(arm)}: its results were made with different parameters; run them again")
    teachers = defaultdict(set)
    for runs in found.values():
        for run in runs:
            teachers[run["arm"]["group"], run["arm"]["seed"]].add(run["teacher"]["sha256"])
    for (group, seed), named in teachers.items():
        if len(named) > 1 and group != "tune":
            raise SystemExit(f"{group}, seed {seed}: its results have {len(named)} teachers; run the group's seed anew")
    return dict(found)


def differences(results: Results) -> str:
    """Markdown: the answer to each question that has two arms with a seed in common."""
    lines = ["| question | seeds | difference in AP |", "|---|---|---|"]
    arms = {f"{group}: {name}": {run["arm"]["seed"]: run for run in runs} for (group, name), runs in results.items()}
    for question, (first, second) in QUESTIONS.items():
        one, other = arms.get(first, {}), arms.get(second, {})
        same = ("teacher", "data")
        seeds = [s for s in sorted(set(one) & set(other)) if all(one[s][key] == other[s][key] for key in same)]
        if seeds:
            values = [one[seed]["test"]["ap"] - other[seed]["test"]["ap"] for seed in seeds]
            lines.append(f"| {question} | {len(seeds)} | {said(values, signed=True)} |")
    return "\n".join(lines)


def tuning(results: Results) -> str:
    """Markdown: candidates for our terms on the validation split; those of one teacher and machine stand together."""
    lines = [
        "| teacher | machine | candidate | seed | val AP | val AP small | val AP medium |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = []
    for (group, name), runs in results.items():
        for run in runs if group == "tune" else ():
            cells = [f"{100 * run['val'][key]:.1f}" for key in ("ap", "ap_small", "ap_medium")]
            rows.append([teachers_of([run]), run["machine"]["cpu"], name, str(run["arm"]["seed"]), *cells])
    lines += ["| " + " | ".join(row) + " |" for row in sorted(rows)]
    return "\n".join(lines)


def teachers_of(runs: list[dict[str, Any]]) -> str:
    """The first digits of the teachers' hashes, and each one's AP on the validation split."""
    named = {f"{run['teacher']['sha256'][:8]} ({100 * run['teacher']['val_ap']:.1f})": None for run in runs}
    return ", ".join(named)


def table(results: Results) -> str:
    """Markdown: every arm that was measured on the test split."""
    lines = [
        "| arm | teacher | seeds | AP | AP50 | AP small | AP medium | multiply-adds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (group, name), runs in sorted(results.items()):
        if group == "tune":
            continue
        cells = [said([run["test"][metric] for run in runs]) for metric in ("ap", "ap50", "ap_small", "ap_medium")]
        cost = runs[0]["multiply_adds"] / 1e6
        lines.append(
            f"| {group}: {name} | {teachers_of(runs)} | {len(runs)} | " + " | ".join(cells) + f" | {cost:.0f} M |"
        )
    return "\n".join(lines)


COLUMNS = {"bicubic": "bicubic", "area": "area", "learned": "learned", "skip": "learned,\nadded to bicubic"}


def plot_main(results: Results) -> None:
    """AP by down-sampler and terms: a dot for each seed, a line for their mean."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for offset, terms in enumerate(("none", "paper", "best")):
        label = {"none": "no distillation", "paper": "the paper's terms", "best": "our terms"}[terms]
        for column, kind in enumerate(COLUMNS):
            runs = results.get(("main", f"learned-{terms}-skip" if kind == "skip" else f"{kind}-{terms}"))
            if not runs:
                continue
            values = [100 * run["test"]["ap"] for run in runs]
            at = column + (offset - 1) * 0.22
            axes.hlines(float(np.mean(values)), at - 0.09, at + 0.09, color=f"C{offset}", linewidth=3, label=label)
            axes.plot([at] * len(values), values, "o", color=f"C{offset}", markersize=5, alpha=0.6)
            label = "_nolegend_"
    axes.set_xticks(range(len(COLUMNS)), list(COLUMNS.values()))
    axes.set_ylabel("AP on the test split, %")
    axes.set_title("Students at 4x: dots are seeds, lines their means")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left")
    figure.savefig(HERE / "main.png", dpi=120)


LONG = {"bicubic": "bicubic-{}", "3 channels,\nadded to bicubic": "learned-{}-skip", "12 channels": "channels-{}"}


def plot_long(results: Results) -> None:
    """AP of the longer trainings: a dot for each seed, a line for their mean."""
    if ("long", "bicubic-none") not in results:
        return
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    named = {"none": "no distillation", "feature-strong": "features at 5"}
    columns = {title: name for title, name in LONG.items() if any(("long", name.format(t)) in results for t in named)}
    for offset, (terms, label) in enumerate(named.items()):
        for column, name in enumerate(columns.values()):
            runs = results.get(("long", name.format(terms)))
            if not runs:
                continue
            values = [100 * run["test"]["ap"] for run in runs]
            at = column + (offset - 0.5) * 0.3
            axes.hlines(float(np.mean(values)), at - 0.1, at + 0.1, color=f"C{2 * offset}", linewidth=3, label=label)
            axes.plot([at] * len(values), values, "o", color=f"C{2 * offset}", markersize=5, alpha=0.6)
            label = "_nolegend_"
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylabel("AP on the test split, %")
    axes.set_title("Students at 4x, longer trainings: dots are seeds, lines their means")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left")
    figure.savefig(HERE / "long.png", dpi=120)


FRONTIER = {
    ("recipe", "4x"): "4x, the recipe",
    ("recipe", "4x-bicubic-none"): "4x, plain bicubic",
    ("init", "scratch"): "4x, random start",
    ("shift", "shift0"): "4x, no stride dropped",
    ("shift", "shift2"): "4x, two strides dropped",
    ("equal", "4x-scratch"): "4x, random start, no teacher",
    ("equal", "2x-narrow-scratch"): "2x narrow, random start",
    ("equal", "2x-narrow-scratch-long"): "2x narrow, random start, twice as long",
    ("equal", "2x-same-detector"): "2x, same detector",
}


def plot_frontier(results: Results) -> None:
    """AP against multiply-adds; nothing is drawn before the arms of other costs have been run."""
    measured = [arm for arm in FRONTIER if arm in results]
    if not any(group in ("shift", "equal") for group, _ in measured):
        return
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for number, (group, name) in enumerate(measured):
        runs = results[group, name]
        values = [100 * run["test"]["ap"] for run in runs]
        cost = runs[0]["multiply_adds"] / 1e6
        axes.plot([cost] * len(values), values, "o", color=f"C{number}", markersize=5, alpha=0.6)
        axes.annotate(
            FRONTIER[group, name], (cost, np.mean(values)), fontsize=7, xytext=(6, -2), textcoords="offset points"
        )
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.9)  # room for the names
    axes.xaxis.set_major_formatter(ticker.ScalarFormatter())
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.set_xlabel("multiply-adds, millions")
    axes.set_ylabel("AP on the test split, %")
    axes.set_title("Students of 600 steps, or as named: dots are seeds")
    axes.grid(alpha=0.3)
    figure.savefig(HERE / "frontier.png", dpi=120)


def main() -> None:
    """Write table and plots."""
    results = load()
    if not results:
        raise SystemExit("no results yet; run studies/thumbdet/run.py")
    parts = {
        "Arms, test split": table(results),
        "Differences within a seed": differences(results),
        "Choosing our terms, validation split": tuning(results),
    }
    text = "\n\n".join(f"## {title}\n\n{part}" for title, part in parts.items())
    intervals = "Mean and 95 % interval of the mean over seeds (Student's t); one seed has none. All in percent."
    teachers = "Of a teacher: the first digits of its weights' SHA-256, and its AP on the validation split."
    apart = "Students of different teachers, or trained on different machines, do not compare."
    (HERE / "results.md").write_text(f"{intervals}\n{teachers} {apart}\n\n{text}\n")
    plot_main(results)
    plot_long(results)
    plot_frontier(results)
    print(text)


if __name__ == "__main__":
    main()
