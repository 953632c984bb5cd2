"""What the layers promise beyond the direction of imports, which `make lint` checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from jaxtyping import TypeCheckError
from tests.source import PACKAGE, ROOT, conditions, identifiers, literals, modules

from lowres.config.params import TASKS
from lowres.ops.boxes import giou

# None in sys.modules is what Python itself uses for "not installed": find_spec and import both see it.
IMPORT_ALL = """
import importlib, sys
sys.modules["torchvision"] = sys.modules["kfp"] = None
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
PAPERS = ("thumbdet", "dfd", "downsizenet", "efpn")
KNOW_NO_TASK = ("stages", "engine", "ops", "evaluation", "report")


def test_every_module_imports_without_torchvision_and_kfp():
    names = [".".join(["lowres", *path.removesuffix(".py").split("/")]) for path in modules()]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith(".__main__")]
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_module_imports_torchvision():
    found = []
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [path for alias in node.names if alias.name.split(".")[0] == "torchvision"]
            elif isinstance(node, ast.ImportFrom):
                found += [path] if (node.module or "").split(".")[0] == "torchvision" else []
    assert found == []


def papers_known(tree: ast.AST) -> Iterator[str]:
    """Papers that a literal names as a word of its own, or a condition by a variable, `paper` among them."""
    word = re.compile(rf"(?<![a-z0-9])({'|'.join(PAPERS)})(?![a-z0-9])", re.IGNORECASE)
    for node in literals(tree):
        yield from word.findall(node.value)
    for condition in conditions(tree):
        for name in identifiers(condition):
            yield from {*PAPERS, "paper"} & set(name.lower().split("_"))


def test_no_module_knows_a_paper():
    with_a_table = {path.stem for path in (ROOT / "docs/papers").glob("*.md")}
    assert with_a_table
    assert with_a_table <= set(PAPERS)
    found = {path: [*papers_known(tree)] for path, tree in modules().items()}
    assert {path: papers for path, papers in found.items() if papers} == {}


@pytest.mark.parametrize(
    "code",
    [
        "x = {'dfd': 1}",
        "raise ValueError(f'{path}: use thumbdet-demo')",
        "rows = ['lost (ThumbDet, eq. 11)']",
        "x = 1 if kind == 'EFPN' else 2",
        "if preset.startswith('dfd_'): pass",
        "if DFD: pass",
        "if settings.paper == name: pass",
        "x = [y for y in z if y.is_dfd]",
        "match name:\n    case downsizenet.NAME: pass",
    ],
)
def test_a_paper_in_code_is_found(code):
    assert [*papers_known(ast.parse(code))]


def test_a_paper_in_a_docstring_is_not_code():
    code = "'''ThumbDet.'''\nLAMBDA = 2\n'''Of DFD.'''\ndef f():\n    '''DFD, eq. 1.'''  # DFD\n    return 'dfdx'"
    assert [*papers_known(ast.parse(code))] == []


def test_no_module_knows_a_preset():
    names = {path.stem for path in (ROOT / "presets").glob("*.yaml")}
    assert names
    assert [path for path, tree in modules().items() for node in literals(tree) if node.value in names] == []


def tasks_asked_for(tree: ast.AST) -> list[str]:
    """Names of tasks in conditions."""
    return [node.value for condition in conditions(tree) for node in literals(condition) if node.value in TASKS]


def test_no_stage_nor_what_it_calls_asks_for_a_task():
    assert {"detection", "classification"} <= set(TASKS)
    below = {path: tree for path, tree in modules().items() if path.split("/")[0] in KNOW_NO_TASK}
    assert {path.split("/")[0] for path in below} == set(KNOW_NO_TASK)
    asked = {path: tasks_asked_for(tree) for path, tree in below.items()}
    assert {path: tasks for path, tasks in asked.items() if tasks} == {}


@pytest.mark.parametrize(
    "code",
    [
        "if task == 'detection': pass",
        "detects = details['task'] != 'detection'",
        "x = 1 if kit.task in ('detection', 'segmentation') else 2",
        "x = [y for y in z if y.task == 'classification']",
        "while 'classification' is task: pass",
        "if task.startswith('detection'): pass",
        "match task:\n    case 'detection' | 'segmentation': pass",
        "match task:\n    case _ if task == 'classification': pass",
    ],
)
def test_a_question_for_a_task_is_found(code):
    assert tasks_asked_for(ast.parse(code))


def test_a_table_of_tasks_is_no_question():
    assert tasks_asked_for(ast.parse("KITS = {'detection': 1}\nif task not in KITS: raise ValueError(task)")) == []


def test_every_init_file_is_empty():
    # So that an import tells the reader where a thing lives.
    assert [path for path in modules() if path.endswith("__init__.py") and (PACKAGE / path).read_text()] == []


def test_a_wrong_shape_into_ops_is_refused():
    with pytest.raises(TypeCheckError):
        giou(torch.zeros(2, 5), torch.zeros(2, 5))
