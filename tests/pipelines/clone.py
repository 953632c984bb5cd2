"""A clone of the repository at a size for tests, with DVC in it and prepared data."""

import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML
from tests.stages.small import small_params, write_params

from lowres.data.shards import ShardWriter

ROOT = Path(__file__).parents[2]


def make_clone(folder: Path) -> Path:
    """What a clone holds of the DAG; a commit of git, no outputs, no dvc.lock."""
    folder.mkdir(parents=True)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copyfile(ROOT / ".dvc" / name, folder / ".dvc" / name)
    shutil.copytree(ROOT / "src/lowres", folder / "src/lowres", ignore=shutil.ignore_patterns("__pycache__"))
    write_params(folder / "params.yaml", small_params())
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a clone")
    return folder


def trim_code(folder: Path) -> None:
    """Leave little code among the dependencies of stages, which DVC hashes again and again."""
    yaml = YAML()
    dag = yaml.load((folder / "dvc.yaml").read_text())
    for stage in dag["stages"].values():
        stage["deps"] = ["src/lowres/ops", *(dep for dep in stage["deps"] if not dep.startswith("src/"))]
    with (folder / "dvc.yaml").open("w") as file:
        yaml.dump({"stages": dag["stages"]}, file)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def write_splits(folder: Path) -> None:
    """A prepared data set without images."""
    for split in ("train", "val", "test"):
        (folder / split).mkdir(parents=True)
        with ShardWriter(folder / split, shard_bytes=1000) as writer:
            writer.finish("0")
