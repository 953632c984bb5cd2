"""The image's packages: by hash, in the versions of constraints.txt, without DVC."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["build", "requirements", "torch-cpu", "torch-cuda"]
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def versions(path: Path) -> dict[str, str]:
    rows = [line.split("==") for line in path.read_text().splitlines() if "==" in line]
    return {plain(name.strip()): version.split()[0] for name, version in rows}


def lock(name: str) -> dict[str, str]:
    found = versions(ROOT / f"deploy/{name}.lock")
    assert found
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_version_and_hashes(name):
    entries = re.split(r"\n(?=\S)", (ROOT / f"deploy/{name}.lock").read_text().rstrip("\n"))[1:]
    assert entries
    for entry in entries:
        first, *rest = entry.replace(" \\", "").split("\n")
        assert re.fullmatch(r"[a-zA-Z0-9._-]+==[0-9a-z.+]+", first)
        assert rest
        assert all(HASH.fullmatch(line) for line in rest)


@pytest.mark.parametrize("name", LOCKS)
def test_versions_are_those_of_the_constraints(name):
    wanted = versions(ROOT / "constraints.txt")
    for package, version in lock(name).items():
        assert version.removesuffix("+cpu") == wanted.get(package, version), "run: make image-lock"


def test_what_lowres_and_kubeflow_need_is_locked_and_dvc_is_not():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["kubeflow"]]
    names = {plain(re.split(r"[<>=]", text)[0]) for text in needed}
    held = lock("requirements")
    assert names - held.keys() == {"torch"}
    assert not [name for name in held if name.startswith("dvc") or name == "diskcache"]


def test_both_variants_have_the_same_torch():
    assert lock("torch-cpu") == {"torch": lock("torch-cuda")["torch"] + "+cpu"}
    assert "torch" not in lock("requirements")
