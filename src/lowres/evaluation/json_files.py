"""A whole JSON file, or one line that says why not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read_json(path: Path, *, object_of_pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """What the file holds; `object_of_pairs` makes objects, as in `json.loads`.

    Raises `ValueError` for a missing file, a folder, and malformed JSON.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the file in it")
    if not path.is_file():
        raise ValueError(f"{path}: no such file; check the path")
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=object_of_pairs)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: malformed JSON ({error}); was the file cut off?") from error
