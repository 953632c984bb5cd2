"""The package's modules as syntax trees, for tests of what the code knows and what it asks for."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/lowres"


@cache
def modules() -> dict[str, ast.Module]:
    """Each module by its path below the package."""
    paths = sorted(PACKAGE.rglob("*.py"))
    assert len(paths) > 20
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in paths}


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Strings that the code works with: docstrings are statements of their own and do nothing."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def conditions(tree: ast.AST) -> Iterator[ast.AST]:
    """What decides where the code goes on: comparisons, conditions, and both sides of a match."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield node
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node.test
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.Match):
            yield node.subject
        elif isinstance(node, ast.match_case):
            yield node.pattern
            yield from [node.guard] if node.guard else []


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Names of variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
