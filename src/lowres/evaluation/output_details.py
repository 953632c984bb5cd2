"""details.json of an output of the evaluate stage, for those who score or compare what it holds."""

from pathlib import Path
from typing import Any

from lowres.evaluation.json_files import read_json


def read_details(folder: Path, *, row: str) -> dict[str, Any]:
    """The file, which has `row` (its key) among its rows.

    Raises `ValueError` for a folder without it, a file of another form, and a row that it does not have.
    """
    path = folder / "details.json"
    if not path.is_file():
        raise ValueError(f"{folder}: has no details.json; give an output of the evaluate stage, or a file of results")
    details = read_json(path)
    whole = isinstance(details, dict) and {"task", "class_names", "rows"} <= details.keys()
    if not whole or not all(isinstance(entry, dict) and "key" in entry for entry in details["rows"]):
        raise ValueError(f"{path}: is no file of the evaluate stage; run it again")
    keys = [entry["key"] for entry in details["rows"]]
    if row not in keys:
        raise ValueError(f"{folder}: has no row {row!r}; use one of {', '.join(keys)}")
    return details
