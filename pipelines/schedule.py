"""Runs that a server repeats: at most one at a time, none made up for later."""

from collections.abc import Iterator
from contextlib import ExitStack

from kfp_server_api import V2beta1RecurringRun

from pipelines.cron import check_cron
from pipelines.package import Package
from pipelines.server import Server
from pipelines.submit import id_from, upload

PAGE = 50


def create_schedule(server: Server, package: Package, *, name: str, cron: str, experiment: str) -> str:
    """Make it and return its id; ValueError for a cron expression or a name that is taken, and nothing is made."""
    cron = check_cron(cron)
    if any(one.display_name == name for one in schedules(server)):
        raise ValueError(f"schedule {name!r} exists; delete it first, or choose another --name")
    with ExitStack() as undo:
        there = upload(server, package, experiment=experiment, undo=undo)
        with server.doing("make a schedule"):
            made = server.client.create_recurring_run(
                there.experiment_id,
                name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=package.arguments,
                pipeline_id=there.pipeline_id,
                version_id=there.version_id,
            )
        undo.pop_all()
    return id_from(made.recurring_run_id, "make a schedule")


def schedules(server: Server) -> Iterator[V2beta1RecurringRun]:
    """All of them, whoever made them."""
    token = ""
    while True:
        with server.doing("list schedules", changes=False):
            page = server.client.list_recurring_runs(
                page_token=token, page_size=PAGE, namespace=server.namespace or None
            )
        yield from page.recurring_runs or []
        token = page.next_page_token or ""
        if not token:
            return


def schedule_lines(server: Server) -> list[str]:
    """One line each: id, state, cron, name."""
    return [
        f"{one.recurring_run_id}  {'active' if _active(one) else 'paused':6s}  {_cron(one):20s}  {one.display_name}"
        for one in schedules(server)
    ]


def pause_schedule(server: Server, which: str) -> str:
    """Start no more runs; returns the name."""
    found = _find(server, which)
    with server.doing(f"pause {which!r}"):
        server.client.disable_recurring_run(found.recurring_run_id)
    return found.display_name


def resume_schedule(server: Server, which: str) -> str:
    """Go on with the next time that the cron expression names; returns the name."""
    found = _find(server, which)
    with server.doing(f"resume {which!r}"):
        server.client.enable_recurring_run(found.recurring_run_id)
    return found.display_name


def delete_schedule(server: Server, which: str) -> str:
    """Its runs stay; returns the name."""
    found = _find(server, which)
    with server.doing(f"delete {which!r}"):
        server.client.delete_recurring_run(found.recurring_run_id)
    return found.display_name


def _find(server: Server, which: str) -> V2beta1RecurringRun:
    every = list(schedules(server))
    found = [one for one in every if which in (one.recurring_run_id, one.display_name)]
    if len(found) > 1:
        raise ValueError(f"schedule {which!r}: {len(found)} have this name; name it by its id")
    if not found:
        names = ", ".join(one.display_name for one in every) or "none"
        raise ValueError(f"schedule {which!r}: no such name or id; there are {names}")
    return found[0]


def _active(one: V2beta1RecurringRun) -> bool:
    return str(one.status or one.mode).startswith("ENABLE")


def _cron(one: V2beta1RecurringRun) -> str:
    return one.trigger.cron_schedule.cron if one.trigger and one.trigger.cron_schedule else "-"
