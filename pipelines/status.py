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
    with server.doing(f"look up run {run_id!r}"):
        try:
            return server.client.get_run(run_id)
        except kfp_server_api.ApiException as error:
            if error.status in (400, 404):
                raise ValueError(f"run {run_id!r}: {server.host} has no such run; copy its id from the URL") from None
            raise


def status_lines(run: V2beta1Run) -> list[str]:
    """One line for the run, one for each step that has begun: name, state, seconds, error.

    A server lists each step beside the drivers and pods that it started for it; these are left out. A step with
    several attempts counts as its last one. The steps that each variant of a sweep goes through are counted by state,
    with the last of their errors.
    """
    lines = [f"{run.display_name}: {run.state or 'PENDING'}"]
    details = (run.run_details.task_details if run.run_details else None) or []
    is_sweep = any(task.display_name == "students" for task in details)
    for name in STEPS:
        # Attempts share a parent: the run, or the variant that they belong to.
        attempts = sorted((task for task in details if task.display_name == name), key=_began)
        last = list({task.parent_task_id if is_sweep else "": task for task in attempts}.values())
        if len(last) > 1:
            lines.append(_counted(name, last))
        elif last:
            lines.append(_line(name, last[0]))
    if run.error and run.error.message:
        lines.append(f"error: {' '.join(run.error.message.split())}")
    return lines


def _began(task: V2beta1PipelineTaskDetail) -> float:
    return task.start_time.timestamp() if task.start_time else 0.0


def _counted(name: str, tasks: list[V2beta1PipelineTaskDetail]) -> str:
    states = Counter(task.state or "PENDING" for task in tasks)
    said = [task.error.message for task in tasks if task.error and task.error.message]
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return f"  {name:12s} {told}  {' '.join(said[-1].split()) if said else ''}".rstrip()


def _line(name: str, task: V2beta1PipelineTaskDetail) -> str:
    took = f"{(task.end_time - task.start_time).total_seconds():.0f} s" if task.end_time and task.start_time else ""
    said = " ".join(task.error.message.split()) if task.error and task.error.message else ""
    return f"  {name:12s} {task.state or 'PENDING':10s} {took:>8s}  {said}".rstrip()
