"""Presets: complete params files in `presets/`, one per experiment we stand behind."""

import difflib
from pathlib import Path

from lowres.config.params import load_params


def presets_folder() -> Path:
    """The repository's `presets/`: beside the working folder's params.yaml, or beside the sources."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / "presets").is_dir():
            return root / "presets"
    raise ValueError("presets/ not found; run in a clone of the repository")


def list_presets() -> list[tuple[str, str]]:
    """Name and first comment line of each preset."""
    found = []
    for path in sorted(presets_folder().glob("*.yaml")):
        first = path.read_text().splitlines()[0]
        found.append((path.stem, first.removeprefix("#").strip()))
    return found


def preset_path(name: str) -> Path:
    """The file of a preset; ValueError names the nearest one."""
    path = presets_folder() / f"{name}.yaml"
    names = [known for known, _ in list_presets()]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise ValueError(f"preset {name!r}: no such preset; {hint}")
    return path


def use_preset(name: str, target: Path) -> None:
    """Copy a preset over params.yaml, after checking that it parses."""
    path = preset_path(name)
    load_params(path)
    target.write_text(path.read_text())
