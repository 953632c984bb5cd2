"""Options that say where a pipeline's steps run, the same for every command that compiles one."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer


def with_placement(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter `placement`, keyword arguments of `pipelines.placement.Placement`, by options."""
    own = [one for one in inspect.signature(command).parameters.values() if one.name != "placement"]
    shared = [*inspect.signature(placement_values).parameters.values()]

    @wraps(command)
    def typed(**given: Any) -> None:
        chosen = {one.name: given.pop(one.name) for one in shared if one.name in given}
        command(**given, placement=placement_values(**chosen))

    required = [one for one in own if one.default is one.empty]
    optional = [one for one in own if one.default is not one.empty]
    every = [one.replace(kind=one.KEYWORD_ONLY) for one in (*required, *shared, *optional)]
    typed.__signature__ = inspect.Signature(every)  # pyright: ignore[reportAttributeAccessIssue]
    typed.__annotations__ = {one.name: one.annotation for one in every}
    del typed.__wrapped__  # pyright: ignore[reportAttributeAccessIssue] - else its signature would be read
    return typed


def placement_values(
    image: Annotated[str, typer.Option(help="Image of all steps, by digest: registry/name@sha256:...")],
    gpus: Annotated[int, typer.Option(help="GPUs of each training, a process for each.")] = 0,
    gpu_type: Annotated[str, typer.Option(help="The resource to ask for.")] = "nvidia.com/gpu",
    node_selector: Annotated[
        list[str] | None, typer.Option(help="label=value of the nodes for networks; repeat for more.")
    ] = None,
    tolerate: Annotated[list[str] | None, typer.Option(help="Key of a taint that they tolerate; repeat.")] = None,
    cpu: Annotated[str, typer.Option(help="CPUs that a step asks for, and at most gets: request:limit.")] = "2:8",
    memory: Annotated[str, typer.Option(help="Memory, request:limit.")] = "8Gi:16Gi",
    timeout_hours: Annotated[float, typer.Option(help="Longest time of one step.")] = 24.0,
    retries: Annotated[int, typer.Option(help="Further attempts of a step that fails.")] = 2,
    checkpoint_claim: Annotated[str, typer.Option(help="Volume claim for checkpoints; none without it.")] = "",
    data_claim: Annotated[str, typer.Option(help="Volume claim with the files of a data source.")] = "",
    checkpoint_mirror: Annotated[str, typer.Option(help="s3://BUCKET/PREFIX for copies of checkpoints.")] = "",
    store_endpoint: Annotated[str, typer.Option(help="The store as pods see it, where it is not AWS.")] = "",
    store_secret: Annotated[
        str, typer.Option(help="Secret with AWS_* keys for steps that use the bucket.")
    ] = "lowres-store",
    pull_secret: Annotated[str, typer.Option(help="Secret with the login of the image's registry.")] = "",
) -> dict[str, Any]:
    """The options as keyword arguments of Placement; ValueError for a pair that is none."""
    cpu_request, cpu_limit = _pair("--cpu", cpu, ":")
    memory_request, memory_limit = _pair("--memory", memory, ":")
    return {
        "image": image,
        "gpus": gpus,
        "gpu_type": gpu_type,
        "node_selector": _labels(node_selector or []),
        "tolerations": [{"key": key, "operator": "Exists"} for key in tolerate or []],
        "cpu_request": cpu_request,
        "cpu_limit": cpu_limit,
        "memory_request": memory_request,
        "memory_limit": memory_limit,
        "timeout_hours": timeout_hours,
        "retries": retries,
        "checkpoint_claim": checkpoint_claim,
        "data_claim": data_claim,
        "checkpoint_mirror": checkpoint_mirror,
        "store_endpoint": store_endpoint,
        "store_secret": store_secret,
        "pull_secret": pull_secret,
    }


def _labels(texts: list[str]) -> dict[str, str]:
    labels = dict(_pair("--node-selector", text, "=") for text in texts)
    if len(labels) < len(texts):
        raise ValueError(f"--node-selector: {', '.join(texts)}; a node has one value for a label")
    return labels


def _pair(option: str, text: str, separator: str) -> tuple[str, str]:
    first, found, second = text.partition(separator)
    if not (first and found and second):
        raise ValueError(f"{option}: {text!r}; two values with {separator!r} between them are expected")
    return first, second
