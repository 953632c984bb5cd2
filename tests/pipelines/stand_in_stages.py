"""A command `lowres` whose stages take no time: each writes its outputs, small and always the same."""

import sys
from pathlib import Path

from ruamel.yaml import YAML
from tests.pipelines.clone import ROOT, write_splits

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def run(stage: str) -> None:
    for out in [*STAGES[stage]["outs"], *STAGES[stage].get("metrics", [])]:
        path = Path(out if isinstance(out, str) else next(iter(out)))
        if stage == "prepare":
            write_splits(path)
        elif path.suffix == ".json":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{{"{stage}": 1}}\n')
        else:
            (path / "inner").mkdir(parents=True)
            (path / "model.bin").write_text(f"{stage} {path}\n")
            (path / "inner/same").write_text("the same in all\n")


def install(folder: Path) -> Path:
    """A folder for the PATH with the command in it."""
    folder.mkdir()
    command = folder / "lowres"
    code = "from tests.pipelines.stand_in_stages import run; import sys; run(sys.argv[1])"
    paths = f"{ROOT / 'src'}:{ROOT}"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={paths} exec {sys.executable} -c "{code}" "$@"\n')
    command.chmod(0o755)
    return folder
