"""Whether the compiled pipeline and dvc.yaml are the same DAG: what stages run, read and write, their parameters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lowres.steps.places import PLACES

# The text of params.yaml for those that tell of it, and what stands for files that Kubeflow's cache cannot see.
ONLY_HERE = {"params_file", "source_md5"}
# Steps that move what stages read and write. fetch stands for prepare: its md5 is what dvc.lock says prepare wrote
# (`pipelines/locked_data.py` holds the two together). publish comes after all stages.
FETCH, PUBLISH = "fetch", "publish"
THIS_RUN = "{{$.pipeline_job_uuid}}"
CHANNEL = "pipelinechannel--"


@dataclass(frozen=True)
class Node:
    """A stage by its code's name, what it reads and writes (paths under outputs/), and its keys of params.yaml."""

    runs: str
    reads: frozenset[str]
    writes: frozenset[str]
    params: frozenset[str]


def disagreements(spec: dict[str, Any], dag: dict[str, Any]) -> list[str]:
    """One line for each difference between a compiled pipeline and dvc.yaml, both as plain values; empty if none."""
    found = [*_wrong_bindings(spec), *_wrong_inputs(spec), *_wrong_order(spec), *_wrong_publishing(spec)]
    here, there = pipeline_nodes(spec), dvc_nodes(dag)
    for name in sorted(here.keys() | there.keys()):
        if name not in here or name not in there:
            found.append(f"{name}: only in {'the pipeline' if name in here else 'dvc.yaml'}")
            continue
        if here[name].runs != there[name].runs:
            found.append(f"{name}: runs {here[name].runs!r} in the pipeline, {there[name].runs!r} in dvc.yaml")
        for what in ("reads", "writes", "params"):
            ours, theirs = getattr(here[name], what), getattr(there[name], what)
            if ours != theirs:
                only = f"only in the pipeline {sorted(ours - theirs)}, in dvc.yaml {sorted(theirs - ours)}"
                found.append(f"{name} {what}: {only}")
    return found


def pipeline_nodes(spec: dict[str, Any]) -> dict[str, Node]:
    """The steps of a compiled pipeline that are stages, fetch as the one that it stands for.

    publish is none, nor is the exit handler, which reads how the run ended.
    """
    nodes = {}
    for name, task, component in _steps(spec):
        if name == PUBLISH:
            continue
        artifacts = task.get("inputs", {}).get("artifacts", {}).values()
        sources = [given["taskOutputArtifact"] for given in artifacts]
        written = component.get("outputDefinitions", {}).get("artifacts", {})
        params = component.get("inputDefinitions", {}).get("parameters", {})
        stage = _stage(name)
        decides = {"data"} if name == FETCH and "data_md5" in params else set(params) - ONLY_HERE
        container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        nodes[stage] = Node(
            runs=_runs(name, container["command"][-1]),
            reads=frozenset(_place(source["producerTask"], source["outputArtifactKey"]) for source in sources),
            writes=frozenset(PLACES[stage, key] for key in written if (stage, key) in PLACES),
            params=frozenset(param.replace("data_input", "data.input") for param in decides),
        )
    return nodes


def dvc_nodes(dag: dict[str, Any]) -> dict[str, Node]:
    """The stages of dvc.yaml, without the code they depend on."""

    def paths(listed: list[Any]) -> frozenset[str]:  # an entry with settings of its own is a mapping; its key counts
        return frozenset(next(iter(entry)) if isinstance(entry, dict) else entry for entry in listed)

    return {
        name: Node(
            runs=stage.get("cmd", "").removeprefix("lowres "),
            reads=frozenset(path for path in paths(stage.get("deps", [])) if not path.startswith("src/")),
            writes=paths([*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]),
            params=paths(stage.get("params", [])),
        )
        for name, stage in dag["stages"].items()
    }


def _tasks(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """All tasks but the exit handler's: steps, and the groups that hold them."""
    components = spec["components"]
    for holder in (spec["root"], *components.values()):
        for name, task in holder.get("dag", {}).get("tasks", {}).items():
            component = components[task["componentRef"]["name"]]
            if not _reads_how_it_ended(component):
                yield name, task, component


def _steps(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    return (found for found in _tasks(spec) if "executorLabel" in found[2])


def _reads_how_it_ended(component: dict[str, Any]) -> bool:
    params = component.get("inputDefinitions", {}).get("parameters", {}).values()
    return any(param["parameterType"] == "TASK_FINAL_STATUS" for param in params)


def _runs(step: str, program: str) -> str:
    """The stage that a component's program imports; fetch imports none and stands for prepare."""
    if step == FETCH:
        return _stage(step) if "from lowres.steps.fetch import fetch_data" in program else ""
    return ", ".join(re.findall(r"^ +from lowres\.stages import (\w+) as stage$", program, re.MULTILINE))


def _stage(step: str) -> str:
    return "prepare" if step == FETCH else step


def _place(task: str, key: str) -> str:
    return PLACES.get((_stage(task), key), f"{task}.{key}, which is no output of a stage")


def _wrong_bindings(spec: dict[str, Any]) -> Iterator[str]:
    """A section that reaches a step under another section's name would run, with the wrong values."""
    for name, task, _ in _tasks(spec):
        for param, given in task.get("inputs", {}).get("parameters", {}).items():
            wanted = param.removeprefix(CHANNEL)
            source = given.get("componentInputParameter", "").removeprefix(CHANNEL)
            constant = given.get("runtimeValue", {}).get("constant")
            if source != wanted and (name, param, constant) != (PUBLISH, "run", THIS_RUN):
                yield f"{name}: parameter {wanted} is given {source or given}"


def _wrong_inputs(spec: dict[str, Any]) -> Iterator[str]:
    """An input is named after the place of what it reads: of two that are swapped, a step reads the same places."""
    for name, task, _ in _steps(spec):
        for key, artifact in task.get("inputs", {}).get("artifacts", {}).items() if name != PUBLISH else ():
            source = artifact["taskOutputArtifact"]
            place = _place(source["producerTask"], source["outputArtifactKey"])
            if place.removeprefix("outputs/").replace("/", "_") != key:
                yield f"{name}: input {key} is given {place}"


def _wrong_order(spec: dict[str, Any]) -> Iterator[str]:
    """A step waits for those whose outputs it reads and for no other, and runs if and only if they succeeded."""
    for name, task, _ in _steps(spec):
        artifacts = task.get("inputs", {}).get("artifacts", {}).values()
        read = {given["taskOutputArtifact"]["producerTask"] for given in artifacts}
        if read != set(task.get("dependentTasks", [])):
            yield f"{name}: waits for {sorted(task.get('dependentTasks', []))}, and reads of {sorted(read)}"
    for name, task, _ in _tasks(spec):
        policy = task.get("triggerPolicy", {})
        if "condition" in policy:
            yield f"{name}: is run on a condition"
        if "strategy" in policy:
            yield f"{name}: is run also where what it waits for has failed"


def _wrong_publishing(spec: dict[str, Any]) -> Iterator[str]:
    """What publish pushes is named after its step and output; a run that is adopted must have all of them."""
    for name, task, component in _steps(spec):
        if name != PUBLISH:
            continue
        given = {}
        for key, artifact in task["inputs"]["artifacts"].items():
            source = artifact["taskOutputArtifact"]
            given[key] = f"{_stage(source['producerTask'])}_{source['outputArtifactKey']}"
        wanted = {f"{step}_{output}" for step, output in PLACES}
        if set(given) != wanted:
            yield f"publish: its inputs differ from the outputs of stages: {sorted(set(given) ^ wanted)}"
        yield from (f"publish: input {key} is given {source}" for key, source in given.items() if key != source)
        if component.get("outputDefinitions"):
            yield "publish: has outputs, on which a stage could depend"
