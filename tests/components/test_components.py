"""Components are a signature, one docstring line and one call, and need nothing but `lowres` where they run."""

import ast
import importlib
import inspect

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")

STAGES = ["prepare", "teacher", "downsampler", "baseline", "distill", "evaluate", "export", "report"]
NAMES = [*STAGES, "notify", "fetch", "publish", "score", "compare"]


def body_of(name):
    component = getattr(importlib.import_module(f"components.{name}"), name)
    (function,) = ast.parse(inspect.getsource(component.python_func)).body
    assert isinstance(function, ast.FunctionDef)
    return function.body


@pytest.mark.parametrize("name", NAMES)
def test_a_component_is_a_docstring_imports_and_one_call(name):
    docstring, *imports, call = body_of(name)
    assert "\n" not in docstring.value.value
    assert isinstance(call, ast.Return if name == "score" else ast.Expr)
    assert isinstance(call.value, ast.Call)
    assert imports


@pytest.mark.parametrize("name", NAMES)
def test_where_it_runs_a_component_imports_lowres_alone(name):
    imports = [node for node in body_of(name) if isinstance(node, ast.ImportFrom | ast.Import)]
    assert all(isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "lowres" for node in imports)
