"""How a run stands, step by step."""

from collections import Counter

import kfp_server_api
from kfp_server_api import V2beta1PipelineTaskDetail, V2beta1Run

from pipelines.server import Server

STEPS = (
    *("fetch", "prepare", "teacher", "downsampler", "baseline", "distill"),
    *("evaluate", "score", "compare", "export", "report", "publish", "notify"),
)
FAILED = {"FAILED", "CANCELED"}


def find_run(server: Server, run_id: str) -> V2beta1Run:
    """The run with this id; ValueError where the server has none."""
    with server.doing(f"look up run {run_id!r}", changes=False):
        try:
            return server.client.get_run(run_id)
        except kfp_server_api.ApiException as error:
            if error.status in (400, 404):
                raise ValueError(f"run {run_id!r}: {server.host} has no such run; copy its id from the URL") from None
            raise


def status_lines(run: V2beta1Run) -> list[str]:
    """One line for the run, one for each step that has begun: name, state, seconds; then where a failure is explained.

    A server lists the nodes of a run's workflow: steps, beside the drivers and pods that it started for them, which are
    left out. All attempts of a step are one node. It says neither what a node belongs to nor why it failed, so the
    steps that each variant of a sweep goes through are counted by state.
    """
    lines = [f"{run.display_name}: {run.state or 'PENDING'}"]
    details = (run.run_details.task_details if run.run_details else None) or []
    failed = []
    for name in STEPS:
        tasks = [task for task in details if task.display_name == name]
        if tasks:
            lines.append(_line(name, tasks[0]) if len(tasks) == 1 else _counted(name, tasks))
        if any(task.state == "FAILED" for task in tasks):
            failed.append(name)
    if failed:
        lines.append(f"why: the last line of the log of {', '.join(failed)}; on the page, choose the step, then Logs")
    if run.error and run.error.message:
        lines.append(f"error: {' '.join(run.error.message.split())}")
    return lines


def _counted(name: str, tasks: list[V2beta1PipelineTaskDetail]) -> str:
    states = Counter(task.state or "PENDING" for task in tasks)
    return f"  {name:12s} {', '.join(f'{number} {state}' for state, number in sorted(states.items()))}"


def _line(name: str, task: V2beta1PipelineTaskDetail) -> str:
    begun, ended = task.start_time, task.end_time
    # What has not ended ends in the year 1, Go's zero time.
    took = f"{(ended - begun).total_seconds():.0f} s" if begun and ended and ended >= begun else ""
    return f"  {name:12s} {task.state or 'PENDING':10s} {took:>8s}".rstrip()
