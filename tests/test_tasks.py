"""Adding a task means touching these modules: the list in docs/architecture.md is the one that the code has."""

import re

import pytest
from tests.source import PACKAGE, ROOT, literals, modules

from lowres.config.params import TASKS
from lowres.stages.kits.choose import kit_of

METRICS = {kit_of(task).select_by for task in TASKS}
OTHER_MEANINGS = {
    "tasks/detection.py",  # the term of that name
    "tasks/distillation.py",  # the same
    "config/detection.py",  # the same
    "data/doctor/summary.py",  # whether a data set has boxes
}
BY_OTHER_NAMES = {
    "data/build.py",  # kinds of sources
    "loaded/model.py",  # Protocols
    "api.py",  # the same
}


def strings(path):
    return {node.value for node in literals(modules()[path])}


def tables(names):
    """Modules that have several of the names, and which ones."""
    found = {path: names & strings(path) for path in modules()}
    return {path: named for path, named in found.items() if len(named) > 1}


def listed():
    section = (ROOT / "docs/architecture.md").read_text().split("## How another task joins\n")[1].split("\n## ")[0]
    return set(re.findall(r"`([\w/]+\.py)`", section)) - {"tests/test_tasks.py"}


def test_the_page_lists_every_module_that_names_a_task():
    naming = {path for path in modules() if set(TASKS) & strings(path)}
    assert naming >= OTHER_MEANINGS
    assert (naming - OTHER_MEANINGS) | set(tables(METRICS)) == listed() - BY_OTHER_NAMES


def test_what_the_page_lists_by_other_names_exists():
    assert listed() >= BY_OTHER_NAMES
    assert [path for path in BY_OTHER_NAMES if not (PACKAGE / path).is_file()] == []


@pytest.mark.parametrize("names", [set(TASKS), METRICS], ids=["tasks", "metrics"])
def test_a_table_has_every_task(names):
    found = tables(names)
    assert found
    assert {path: names - named for path, named in found.items() if named != names} == {}
