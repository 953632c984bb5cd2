"""What the layers promise beyond the direction of imports, which `make lint` checks."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from lowres.ops.boxes import giou

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"

# None in sys.modules is what Python itself uses for "not installed": find_spec and import both see it.
IMPORT_ALL = """
import importlib, sys
sys.modules["torchvision"] = sys.modules["kfp"] = None
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def _source_files() -> list[Path]:
    files = sorted((SOURCE / "lowres").rglob("*.py"))
    assert len(files) > 20
    return files


def _module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _nodes() -> list[tuple[str, ast.AST]]:
    return [
        (f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node)
        for path in _source_files()
        for node in ast.walk(ast.parse(path.read_text()))
    ]


def _preset_names() -> set[str]:
    names = {path.stem for path in (ROOT / "presets").glob("*.yaml")}
    assert names
    return names


def test_every_module_imports_without_torchvision_and_kfp():
    modules = [_module_name(path) for path in _source_files() if path.name != "__main__.py"]
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *modules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_module_imports_torchvision():
    found = []
    for place, node in _nodes():
        if isinstance(node, ast.Import):
            found += [place for alias in node.names if alias.name.split(".")[0] == "torchvision"]
        elif isinstance(node, ast.ImportFrom):
            found += [place] if (node.module or "").split(".")[0] == "torchvision" else []
    assert found == []


def test_no_module_knows_a_preset_by_name():
    # Whole string constants only: a docstring or a message may mention a preset, code may not compare with one.
    names = _preset_names()
    found = [place for place, node in _nodes() if isinstance(node, ast.Constant) and node.value in names]
    assert found == []


def test_no_module_compares_a_paper():
    compared = []
    for place, node in _nodes():
        if isinstance(node, ast.Compare | ast.Match):
            sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.subject]
            names = {getattr(side, "id", getattr(side, "attr", "")) for side in sides}
            compared += [place] if names & {"paper", "paper_name"} else []
    assert compared == []


def test_every_init_file_is_empty():
    # So that an import tells the reader where a thing lives.
    assert [path for path in _source_files() if path.name == "__init__.py" and path.read_text()] == []


def test_a_wrong_shape_into_ops_is_refused():
    with pytest.raises(TypeCheckError):
        giou(torch.zeros(2, 5), torch.zeros(2, 5))
