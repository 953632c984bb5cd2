"""Outputs that appear whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its name when the block ends without an error.

    What stood under the name before is replaced, and never seen half removed. A killed stage leaves at most folders
    whose names begin with a dot and hold its process id; the next run removes those of processes that are gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}-*"):
        if not _runs_elsewhere(stale.name.removeprefix(f".{path.name}-").partition("-")[0]):
            shutil.rmtree(stale)
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}-{os.getpid()}-", dir=path.parent))
    work.chmod(0o755)
    try:
        yield work
        before = work.with_name(f"{work.name}-before")
        if path.exists():
            path.replace(before)
        work.replace(path)
        shutil.rmtree(before, ignore_errors=True)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _runs_elsewhere(process_id: str) -> bool:
    if not process_id.isdigit() or int(process_id) == os.getpid():
        return False
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_outputs(outputs: dict[str, Path | None], *, inputs: Sequence[Path]) -> None:
    """Refuse files to be written that would cost what is there, before any work; {option: file, None where not given}.

    Raises:
        ValueError: a file is a folder, is one of the inputs or exists already inside one that is a folder, or two
            outputs are one file; also through links.
    """
    given = [(option, file) for option, file in outputs.items() if file is not None]
    for position, (option, file) in enumerate(given):
        if file.is_dir():
            raise ValueError(f"{option} {file}: is a folder; give the name of a file")
        for path in inputs:
            if not path.is_dir() and _same(file, path):
                raise ValueError(f"{option} {file}: would overwrite the input {path}; give a new name")
            if path.is_dir() and _stands_inside(file, path):
                raise ValueError(
                    f"{option} {file}: exists already inside {path.resolve()}; give a new name, or one outside"
                )
        for other, earlier in given[:position]:
            if _same(file, earlier):
                raise ValueError(f"{option} {file}: is the file of {other} too; give each its own name")


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _stands_inside(file: Path, folder: Path) -> bool:
    """Whether the file, or the link of its name, is there and lies in the folder."""
    places = file.resolve(), file.parent.resolve() / file.name
    return file.exists() and any(place.is_relative_to(folder.resolve()) for place in places)


def write_json(path: Path, values: Any) -> None:
    """Write JSON under a temporary name, then rename; NaN is refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")
    os.replace(temporary, path)  # noqa: PTH105 - the atomic one by name


def write_headers(folder: Path, tables: Mapping[str, Sequence[str]]) -> None:
    """Write those tables that are not there without a line, by name and columns: for `dvc plots`.

    Of a table without lines it draws nothing; of one that is missing it says that some plots failed to load.
    """
    for name, columns in tables.items():
        if not (folder / name).exists():
            (folder / name).write_text(",".join(columns) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON that another stage wrote; ValueError names a file that is missing or damaged."""
    if not path.is_file():
        raise ValueError(f"{path}: missing; run the stage that writes it (`dvc repro` runs what is needed)")
    try:
        return json.loads(path.read_text())
    except ValueError as error:  # also of text that is no UTF-8
        raise ValueError(f"{path}: damaged, no JSON ({error}); run the stage that writes it again") from error
