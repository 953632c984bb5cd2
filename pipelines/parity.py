"""Whether the compiled pipeline and dvc.yaml are the same DAG: stages, what each reads and writes, its parameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Where a step's outputs lie in a working folder, as dvc.yaml names them. What is not here, only the UI shows.
PLACES = {
    ("prepare", "splits"): "outputs/data",
    ("teacher", "model"): "outputs/teacher",
    ("teacher", "history"): "outputs/history/teacher",
    ("teacher", "metrics"): "outputs/metrics/teacher.json",
    ("downsampler", "model"): "outputs/downsampler",
    ("downsampler", "history"): "outputs/history/downsampler",
    ("downsampler", "metrics"): "outputs/metrics/downsampler.json",
    ("baseline", "model"): "outputs/baseline",
    ("baseline", "history"): "outputs/history/baseline",
    ("baseline", "metrics"): "outputs/metrics/baseline.json",
    ("distill", "model"): "outputs/student",
    ("distill", "history"): "outputs/history/distill",
    ("distill", "metrics"): "outputs/metrics/distill.json",
    ("evaluate", "evaluation"): "outputs/evaluation",
    ("evaluate", "metrics"): "outputs/metrics/evaluation.json",
    ("export", "onnx"): "outputs/export",
    ("export", "metrics"): "outputs/metrics/export.json",
    ("report", "folder"): "outputs/report",
}
# The text of params.yaml for those that tell of it, and what stands for files that Kubeflow's cache cannot see.
ONLY_HERE = {"params_file", "source_md5"}
CHANNEL = "pipelinechannel--"


@dataclass(frozen=True)
class Node:
    """A stage by what it reads and writes (paths under outputs/) and the keys of params.yaml that it depends on."""

    reads: frozenset[str]
    writes: frozenset[str]
    params: frozenset[str]


def disagreements(spec: dict[str, Any], dag: dict[str, Any]) -> list[str]:
    """One line for each difference between a compiled pipeline and dvc.yaml, both as plain values; empty if none."""
    found = [*_wrong_bindings(spec)]
    here, there = pipeline_nodes(spec), dvc_nodes(dag)
    for name in sorted(here.keys() | there.keys()):
        if name not in here or name not in there:
            found.append(f"{name}: only in {'the pipeline' if name in here else 'dvc.yaml'}")
            continue
        for what in ("reads", "writes", "params"):
            ours, theirs = getattr(here[name], what), getattr(there[name], what)
            if ours != theirs:
                only = f"only in the pipeline {sorted(ours - theirs)}, in dvc.yaml {sorted(theirs - ours)}"
                found.append(f"{name} {what}: {only}")
    return found


def pipeline_nodes(spec: dict[str, Any]) -> dict[str, Node]:
    """The steps of a compiled pipeline that are stages; the exit handler, which reads how the run ended, is none."""
    nodes = {}
    for name, task, component in _steps(spec):
        artifacts = task.get("inputs", {}).get("artifacts", {}).values()
        sources = [given["taskOutputArtifact"] for given in artifacts]
        written = component.get("outputDefinitions", {}).get("artifacts", {})
        params = component.get("inputDefinitions", {}).get("parameters", {})
        nodes[name] = Node(
            reads=frozenset(_place(source["producerTask"], source["outputArtifactKey"]) for source in sources),
            writes=frozenset(PLACES[name, key] for key in written if (name, key) in PLACES),
            params=frozenset(param.replace("data_input", "data.input") for param in params if param not in ONLY_HERE),
        )
    return nodes


def dvc_nodes(dag: dict[str, Any]) -> dict[str, Node]:
    """The stages of dvc.yaml, without the code they depend on."""

    def paths(listed: list[Any]) -> frozenset[str]:
        return frozenset(next(iter(entry)) if isinstance(entry, dict) else entry for entry in listed)

    return {
        name: Node(
            reads=frozenset(path for path in paths(stage.get("deps", [])) if not path.startswith("src/")),
            writes=paths([*stage.get("outs", []), *stage.get("metrics", [])]),
            params=frozenset(stage.get("params", [])),
        )
        for name, stage in dag["stages"].items()
    }


def _steps(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    components = spec["components"]
    for holder in (spec["root"], *components.values()):
        for name, task in holder.get("dag", {}).get("tasks", {}).items():
            component = components[task["componentRef"]["name"]]
            if "executorLabel" in component and not _reads_how_it_ended(component):
                yield name, task, component


def _reads_how_it_ended(component: dict[str, Any]) -> bool:
    params = component.get("inputDefinitions", {}).get("parameters", {}).values()
    return any(param["parameterType"] == "TASK_FINAL_STATUS" for param in params)


def _place(task: str, key: str) -> str:
    return PLACES.get((task, key), f"{task}.{key}, which is no output of a stage")


def _wrong_bindings(spec: dict[str, Any]) -> Iterator[str]:
    """A section that reaches a step under another section's name would run, with the wrong values."""
    for name, task, _ in _steps(spec):
        for param, given in task.get("inputs", {}).get("parameters", {}).items():
            source = given.get("componentInputParameter", str(given))
            if source.removeprefix(CHANNEL) != param:
                yield f"{name}: parameter {param} is given {source.removeprefix(CHANNEL)}"
