"""`lowres pipeline`: the DAG of dvc.yaml as a Kubeflow pipeline.

The pipeline's definition, `components/` and `pipelines/`, belongs to the repository, not to the installed package
(decision 12). So these commands need a clone, as presets and dvc.yaml do, and kfp; no other command does.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

pipeline_app = typer.Typer(no_args_is_help=True, help="The DAG on Kubeflow Pipelines: compile, run.")
ParamsFile = Annotated[Path, typer.Option("--params", help="The experiment.")]


@pipeline_app.command("compile")
def compile_(
    image: Annotated[str, typer.Option(help="Image of all steps, by digest: registry/name@sha256:...")],
    out: Annotated[Path, typer.Option(help="Where the YAML goes.")] = Path("outputs/pipeline/training.yaml"),
    params: ParamsFile = Path("params.yaml"),
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
    s3_secret: Annotated[str, typer.Option(help="Secret with the bucket's AWS_* keys.")] = "lowres-s3",
    s3_endpoint: Annotated[str, typer.Option(help="The bucket's store, where it is not AWS.")] = "",
) -> None:
    """Write the pipeline as YAML, with the values of a params file as its defaults."""
    _require_definition()
    from pipelines.compile import compile_training
    from pipelines.placement import Placement

    cpu_request, cpu_limit = _pair("--cpu", cpu, ":")
    memory_request, memory_limit = _pair("--memory", memory, ":")
    placement = Placement(
        image=image,
        gpus=gpus,
        gpu_type=gpu_type,
        node_selector=dict(_pair("--node-selector", text, "=") for text in node_selector or []),
        tolerations=[{"key": key, "operator": "Exists"} for key in tolerate or []],
        cpu_request=cpu_request,
        cpu_limit=cpu_limit,
        memory_request=memory_request,
        memory_limit=memory_limit,
        timeout_hours=timeout_hours,
        retries=retries,
        checkpoint_claim=checkpoint_claim,
        data_claim=data_claim,
        checkpoint_mirror=checkpoint_mirror,
        s3_secret=s3_secret,
        s3_endpoint=s3_endpoint,
    )
    compile_training(out, params=params, placement=placement)
    print(out)


@pipeline_app.command("run")
def run(
    local: Annotated[bool, typer.Option("--local", help="On this machine; the only place so far.")] = False,
    params: ParamsFile = Path("params.yaml"),
    root: Annotated[Path, typer.Option(help="Where outputs go, a folder per step.")] = Path("outputs/pipeline"),
) -> None:
    """Run the whole pipeline on this machine, without a cluster."""
    if not local:
        raise ValueError("run: say --local; for a cluster, compile and upload the YAML")
    _require_definition()
    from pipelines.run_local import run_locally

    run_locally(params, root=root)
    print(f"all steps succeeded; outputs are under {root}")


def _require_definition() -> None:
    """Put the clone on the path; ValueError where there is none, or no kfp."""
    if importlib.util.find_spec("kfp") is None:
        raise ValueError("kfp is not installed; pip install -c constraints.txt -e '.[kubeflow]'")
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        if (root / "pipelines/training.py").is_file():
            sys.path.insert(0, str(root))
            return
    raise ValueError("pipelines/training.py not found; run in a clone of the repository")


def _pair(option: str, text: str, separator: str) -> tuple[str, str]:
    first, found, second = text.partition(separator)
    if not (first and found and second):
        raise ValueError(f"{option}: {text!r}; two values with {separator!r} between them are expected")
    return first, second
