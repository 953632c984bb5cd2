"""Many students of one teacher: every down-sampler with every seed, and a table that compares them.

    prepare -> teacher -> for each variant: downsampler -> distill -> evaluate -> score
                                                        -> baseline ->
            -> compare of all scores

The variants are evaluated on the validation split: what is chosen by a sweep must not have seen the test split.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from components.baseline import baseline as train_baseline
from components.compare import compare
from components.distill import distill as train_student
from components.downsampler import downsampler as train_downsampler
from components.evaluate import evaluate as measure
from components.fetch import fetch as fetch_splits
from components.notify import notify
from components.prepare import prepare as pack
from components.score import score
from components.teacher import teacher as train_teacher
from kfp import dsl
from kfp.dsl import Dataset, Input, Model
from kfp.dsl.graph_component import GraphComponent
from ruamel.yaml import YAML

from lowres.config.params import load_params, parse_params
from lowres.config.variants import variant_of
from lowres.steps.sections import section_texts
from pipelines.placement import Placement


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is swept: each kind of down-sampler with each seed, at most `parallel` variants at a time (0: all)."""

    kinds: tuple[str, ...]
    seeds: tuple[int, ...]
    parallel: int = 0

    def __post_init__(self) -> None:
        """ValueError for a sweep of nothing, or of the same thing twice."""
        for name, given in (("kinds", self.kinds), ("seeds", self.seeds)):
            if not given or len(set(given)) != len(given):
                raise ValueError(f"sweep: {name} {list(map(str, given))}; name at least one, each once")
        if self.parallel < 0:
            raise ValueError(f"sweep: {self.parallel} variants at a time; give 1 or more, or 0 for all")


def variants_of(params: Path, sweep: Sweep) -> list[dict[str, str]]:
    """Kind, seed and own sections of each variant; ValueError where one does not fit the schema."""
    load_params(params)
    values = YAML(typ="safe").load(params.read_text())
    variants: list[dict[str, str]] = []
    for seed in sweep.seeds:
        for kind in sweep.kinds:
            changed = variant_of(values, kind=kind, seed=seed)
            parse_params(changed, origin=f"{params}, {kind} with seed {seed}")
            sections = {name: json.dumps(changed[name]) for name in ("downsampler", "distill")}
            variants.append({"kind": kind, "seed": str(seed), **sections})
    return variants


def sweep_arguments(params: Path) -> dict[str, str]:
    """Arguments of the pipeline from a params file: what all variants share."""
    load_params(params)
    values = YAML(typ="safe").load(params.read_text())
    values["evaluate"]["split"] = "val"
    values["baseline"] = {"train": False}  # a student without its teacher has no place in the table
    texts = section_texts(values)
    shared = ("task", "data", "data.input", "teacher", "baseline", "evaluate")
    return {name.replace(".", "_"): texts[name] for name in shared}


def sweep_pipeline(
    on: Placement, variants: list[dict[str, str]], *, parallel: int = 0, fetch: bool = False
) -> GraphComponent:
    """The pipeline with its steps placed; `fetch` as in `training_pipeline`.

    The variants are compiled in: as an argument, kfp 2.17 writes them into a comment in an order of the moment. Their
    loop is a pipeline of its own: right inside an exit handler, kfp 2.17 asks the run for the loop's items.
    """

    @dsl.pipeline(name="students", description="Every variant of the student, and their comparison.")
    def students(task: str, data_input: str, baseline: str, evaluate: str, data: Input[Dataset], teacher: Input[Model]):
        shared = {"task": task, "data_input": data_input}
        with dsl.ParallelFor(variants, name="variants", parallelism=parallel or None) as variant:
            own = on.training(train_downsampler(**shared, downsampler=variant.downsampler, data=data))
            start = {"data": data, "teacher": teacher, "downsampler": own.outputs["model"]}
            # Empty here (`sweep_arguments`), but evaluate asks for it.
            alone = on.training(train_baseline(**shared, baseline=baseline, distill=variant.distill, **start))
            student = on.training(train_student(**shared, distill=variant.distill, **start))
            measured = on.network(
                measure(
                    **shared,
                    evaluate=evaluate,
                    data=data,
                    teacher=teacher,
                    student=student.outputs["model"],
                    baseline=alone.outputs["model"],
                )
            )
            line = on.plain(
                score(
                    kind=variant.kind,
                    seed=variant.seed,
                    teacher=teacher,
                    evaluation=measured.outputs["evaluation"],
                )
            )
        on.plain(compare(scores=dsl.Collected(line.output)))

    @dsl.pipeline(name="lowres-sweep", description="One teacher, many students: down-samplers and seeds side by side.")
    def lowres_sweep(
        task: str,
        data: str,
        data_input: str,
        teacher: str,
        baseline: str,
        evaluate: str,
        source_md5: str = "",
        data_md5: str = "",
        remote: str = "",
        remote_endpoint: str = "",
    ):
        shared = {"task": task, "data_input": data_input}
        with dsl.ExitHandler(on.notifier(notify(run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER)), name="stages"):
            if fetch:
                first = on.exchanging(fetch_splits(data_md5=data_md5, remote=remote, remote_endpoint=remote_endpoint))
            else:
                first = on.packing(pack(data=data, source_md5=source_md5))
            splits = first.outputs["splits"]
            full = on.training(train_teacher(**shared, teacher=teacher, data=splits))
            students(**shared, baseline=baseline, evaluate=evaluate, data=splits, teacher=full.outputs["model"])

    return lowres_sweep
