"""`lowres pipeline`: the DAG of dvc.yaml as a Kubeflow pipeline.

The pipeline's definition, `components/` and `pipelines/`, belongs to the repository, not to the installed package
(decision 12). So these commands need a clone, as presets and dvc.yaml do, and kfp; no other command does.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lowres.placement_options import with_placement

pipeline_app = typer.Typer(
    no_args_is_help=True, help="The DAG on Kubeflow Pipelines: compile, run, submit, follow, repeat, bring back."
)
schedule_app = typer.Typer(no_args_is_help=True, help="Runs that repeat: create, list, pause, resume, delete.")
pipeline_app.add_typer(schedule_app, name="schedule")
ParamsFile = Annotated[Path, typer.Option("--params", help="The experiment.")]
Preset = Annotated[str, typer.Option(help="A preset's name, in place of --params.")]
Host = Annotated[str, typer.Option(help="Address of the server; KF_PIPELINES_ENDPOINT without it.")]
Namespace = Annotated[str, typer.Option(help="Your namespace, where the server has several users.")]
Experiment = Annotated[str, typer.Option(help="Experiment that holds the runs; made where it is missing.")]
Remote = Annotated[str, typer.Option(help="DVC remote with the data; DVC's default one without it.")]
Prepare = Annotated[bool, typer.Option("--prepare", help="Let the cluster prepare the data; fetch none.")]
PublishTo = Annotated[str, typer.Option(help="s3://BUCKET/PREFIX for results; lowres-runs in the remote's bucket.")]
PodEndpoint = Annotated[str, typer.Option(help="Address of the store as pods see it, if it is another there.")]
SourceMd5 = Annotated[str, typer.Option(help="With --prepare: stands for files that Kubeflow's cache cannot see.")]
SweepKinds = Annotated[
    str, typer.Option("--sweep", help="Down-samplers to compare, as bicubic,area,learned: the pipeline of a sweep.")
]
SweepSeeds = Annotated[
    str, typer.Option("--seeds", help="Seeds of a sweep, each with each down-sampler; 0,1,2 without it.")
]
SweepParallel = Annotated[int, typer.Option("--parallel", help="Variants of a sweep at a time; 0 for all.")]
PARAMS = Path("params.yaml")


@pipeline_app.command("compile")
@with_placement
def compile_(
    placement: dict[str, Any],
    out: Annotated[Path, typer.Option(help="Where the YAML goes.")] = Path("outputs/pipeline/training.yaml"),
    params: ParamsFile = PARAMS,
    sweep: SweepKinds = "",
    seeds: SweepSeeds = "",
    parallel: SweepParallel = 0,
) -> None:
    """Write the pipeline as YAML, with the values of a params file as its defaults."""
    _require_definition()
    from pipelines.compile import compile_sweep, compile_training
    from pipelines.placement import Placement

    places = Placement(**placement)
    if places.store_endpoint and not places.checkpoint_mirror:
        raise ValueError("--store-endpoint is the store of --checkpoint-mirror; give both")
    if wanted := _sweep(sweep, seeds, parallel):
        compile_sweep(out, params=params, placement=places, sweep=wanted)
    else:
        compile_training(out, params=params, placement=places)
    print(out)


@pipeline_app.command("run")
def run(
    local: Annotated[bool, typer.Option("--local", help="On this machine; for a cluster, submit.")] = False,
    params: ParamsFile = PARAMS,
    root: Annotated[Path, typer.Option(help="Where outputs go, a folder per step.")] = Path("outputs/pipeline"),
    publish_to: Annotated[str, typer.Option(help="s3://BUCKET/PREFIX for results; none are sent without it.")] = "",
    endpoint_url: Annotated[str, typer.Option(help="Address of the store, where it is not AWS's own.")] = "",
    sweep: SweepKinds = "",
    seeds: SweepSeeds = "",
) -> None:
    """Run the whole pipeline on this machine, without a cluster."""
    if not local:
        raise ValueError("run: say --local; for a cluster, `lowres pipeline submit`")
    _require_definition()
    from pipelines.run_local import run_locally

    wanted = _sweep(sweep, seeds, 0)
    run_locally(params, root=root, publish_to=publish_to, endpoint_url=endpoint_url, sweep=wanted)
    print(f"all steps succeeded; outputs are under {root}")


@pipeline_app.command("submit")
@with_placement
def submit(
    placement: dict[str, Any],
    params: ParamsFile = PARAMS,
    preset: Preset = "",
    host: Host = "",
    namespace: Namespace = "",
    experiment: Experiment = "lowres",
    name: Annotated[str, typer.Option(help="Name of the run; the experiment and the time without it.")] = "",
    remote: Remote = "",
    prepare: Prepare = False,
    publish_to: PublishTo = "",
    pod_endpoint: PodEndpoint = "",
    source_md5: SourceMd5 = "",
    sweep: SweepKinds = "",
    seeds: SweepSeeds = "",
    parallel: SweepParallel = 0,
) -> None:
    """Start a run on a server: data by md5 from the bucket, results back to it. The last line is the run's URL."""
    _require_definition()
    from pipelines.package import find_exchange, packaged, with_one_store
    from pipelines.placement import Placement
    from pipelines.server import open_server
    from pipelines.submit import run_name, start_run

    params = _experiment_file(params, preset)
    wanted = _sweep(sweep, seeds, parallel)
    if wanted and publish_to:
        raise ValueError("a sweep publishes nothing; leave --publish-to out")
    places = Placement(**placement)
    exchange = find_exchange(
        params,
        remote=remote,
        prepare=prepare,
        publish_to=publish_to,
        pod_endpoint=pod_endpoint or places.store_endpoint,
        source_md5=source_md5,
    )
    places = with_one_store(places, exchange)
    if wanted:
        exchange = replace(exchange, publish_to="")
    server = open_server(host, namespace)
    with packaged(params, places, exchange, sweep=wanted) as package:
        run_id = start_run(server, package, name=name or run_name(params, preset), experiment=experiment)
    print(exchange.told())
    print(f"run: {run_id}; `lowres pipeline status {run_id}` says how it stands")
    print(server.run_url(run_id))


@pipeline_app.command("status")
def status(run: str, host: Host = "", namespace: Namespace = "") -> None:
    """How a run stands, step by step. Exits with 0, or with 1 where the run has failed."""
    _require_definition()
    from pipelines.server import open_server
    from pipelines.status import FAILED, find_run, status_lines

    server = open_server(host, namespace)
    found = find_run(server, run)
    print("\n".join([*status_lines(found), server.run_url(run)]))
    if found.state in FAILED:
        raise SystemExit(1)


@pipeline_app.command("adopt")
def adopt(
    run: Annotated[str, typer.Argument(help="Id of a run that succeeded, or s3://BUCKET/PREFIX/ID of its outputs.")],
    host: Host = "",
    namespace: Namespace = "",
    remote: Remote = "",
    endpoint_url: Annotated[str, typer.Option(help="Address of the store; that of the DVC remote without it.")] = "",
    take_params: Annotated[bool, typer.Option("--take-params", help="Write the run's params.yaml over this.")] = False,
) -> None:
    """Bring a run's outputs into DVC: then `dvc repro` has nothing to run, and `dvc push` shares them."""
    _require_definition()
    from pipelines.adopt import adopt as bring_back
    from pipelines.adopt import data_came_from, published_at
    from pipelines.server import open_server
    from pipelines.status import find_run

    address, data_remote = run.rstrip("/"), ""
    if not run.startswith("s3://"):
        found = find_run(open_server(host, namespace), run)
        address, data_remote = published_at(found), data_came_from(found)
    report = bring_back(
        address, remote=remote, endpoint_url=endpoint_url, take_params=take_params, data_remote=data_remote
    )
    print(f"{address}: {report['outputs']} outputs, {report['bytes']} bytes, every sha256 is right")
    print("dvc.lock has them: `dvc repro` has nothing to run, `dvc push` shares them")


@schedule_app.command("create")
@with_placement
def schedule_create(
    placement: dict[str, Any],
    cron: Annotated[str, typer.Option(help="Six fields, seconds first, UTC: '0 0 3 * * *' is each night at three.")],
    name: Annotated[str, typer.Option(help="Name of the schedule.")] = "lowres",
    params: ParamsFile = PARAMS,
    preset: Preset = "",
    host: Host = "",
    namespace: Namespace = "",
    experiment: Experiment = "lowres",
    remote: Remote = "",
    prepare: Prepare = False,
    publish_to: PublishTo = "",
    pod_endpoint: PodEndpoint = "",
    source_md5: SourceMd5 = "",
) -> None:
    """Repeat a run: one at a time, none made up for later, no step from the cache.

    Checkpoints outlive a run: a training of the same data, params and code ends at once with what they hold.
    """
    _require_definition()
    from pipelines.cron import check_cron
    from pipelines.package import find_exchange, packaged, with_one_store
    from pipelines.placement import Placement
    from pipelines.schedule import create_schedule
    from pipelines.server import open_server

    check_cron(cron)
    params = _experiment_file(params, preset)
    places = Placement(**placement, cache=False)
    exchange = find_exchange(
        params,
        remote=remote,
        prepare=prepare,
        publish_to=publish_to,
        pod_endpoint=pod_endpoint or places.store_endpoint,
        source_md5=source_md5,
    )
    places = with_one_store(places, exchange)
    server = open_server(host, namespace)
    with packaged(params, places, exchange) as package:
        made = create_schedule(server, package, name=name, cron=cron, experiment=experiment)
    print(exchange.told())
    print(f"schedule {name!r}: {made}")


@schedule_app.command("list")
def schedule_list(host: Host = "", namespace: Namespace = "") -> None:
    """Id, state, cron expression and name of each."""
    _require_definition()
    from pipelines.schedule import schedule_lines
    from pipelines.server import open_server

    print("\n".join(schedule_lines(open_server(host, namespace))) or "no schedules")


@schedule_app.command("pause")
def schedule_pause(schedule: str, host: Host = "", namespace: Namespace = "") -> None:
    """Start no more runs of a schedule, named by its name or id."""
    _require_definition()
    from pipelines.schedule import pause_schedule
    from pipelines.server import open_server

    print(f"{pause_schedule(open_server(host, namespace), schedule)}: paused")


@schedule_app.command("resume")
def schedule_resume(schedule: str, host: Host = "", namespace: Namespace = "") -> None:
    """Go on; times that have passed are not made up for."""
    _require_definition()
    from pipelines.schedule import resume_schedule
    from pipelines.server import open_server

    print(f"{resume_schedule(open_server(host, namespace), schedule)}: active")


@schedule_app.command("delete")
def schedule_delete(schedule: str, host: Host = "", namespace: Namespace = "") -> None:
    """Remove a schedule; its runs stay."""
    _require_definition()
    from pipelines.schedule import delete_schedule
    from pipelines.server import open_server

    print(f"{delete_schedule(open_server(host, namespace), schedule)}: deleted")


def _experiment_file(params: Path, preset: str) -> Path:
    from lowres.config.params import load_params
    from lowres.presets import preset_path

    if preset:
        params = preset_path(preset)
    load_params(params)
    return params


def _sweep(kinds: str, seeds: str, parallel: int) -> Any:
    """The sweep that the options describe, or None."""
    from pipelines.sweep import Sweep

    if not kinds:
        if parallel or seeds:
            raise ValueError(f"{'--seeds' if seeds else '--parallel'} is for a sweep; give --sweep KINDS with it")
        return None
    words = tuple(word.strip() for word in kinds.split(","))
    if not all(words):
        raise ValueError(f"--sweep {kinds!r}: a name is missing; give down-samplers as in bicubic,learned")
    try:
        numbers = tuple(int(word) for word in (seeds or "0,1,2").split(","))
    except ValueError:
        raise ValueError(f"--seeds {seeds!r}: give whole numbers, as in 0,1,2") from None
    return Sweep(kinds=words, seeds=numbers, parallel=parallel)


def _require_definition() -> None:
    """Put the clone on the path; ValueError where there is none, or no kfp."""
    if importlib.util.find_spec("kfp") is None:
        raise ValueError("kfp is not installed; pip install -c constraints.txt -e '.[kubeflow]'")
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        if (root / "pipelines/training.py").is_file():
            sys.path.insert(0, str(root))
            return
    raise ValueError("pipelines/training.py not found; run in a clone of the repository")
