"""A command `lowres` whose stages take no time: each writes its outputs, small and always the same."""

import json
import sys
from pathlib import Path

from ruamel.yaml import YAML
from tests.pipelines.clone import ROOT, write_splits

# Of the standard library alone: eight stages are eight processes.
COMMAND = """#!{python} -IS
import pathlib, shutil, sys
stage = sys.argv[1]
for place in {outs}[stage]:
    path = pathlib.Path(place)
    if stage == "prepare":
        shutil.copytree({splits!r}, path)
    elif path.suffix == ".json":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{{"%s": 1}}\\n' % stage)
    else:
        (path / "inner").mkdir(parents=True)
        (path / "model.bin").write_text(f"{{stage}} {{path}}\\n")
        (path / "inner/same").write_text("the same in all\\n")
"""


def install(folder: Path) -> Path:
    """A folder for the PATH with the command in it."""
    write_splits(folder / "splits")
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    outs = {
        name: [out if isinstance(out, str) else next(iter(out)) for out in [*stage["outs"], *stage.get("metrics", [])]]
        for name, stage in stages.items()
    }
    command = folder / "lowres"
    text = COMMAND.format(python=sys.executable, outs=json.dumps(outs), splits=str(folder / "splits"))
    command.write_text(text)
    command.chmod(0o755)
    return folder
