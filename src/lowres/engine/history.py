"""The scalars of a run: one JSON object per line in `history.jsonl`, and DVCLive beside it where a folder is given.

A record has `kind` (`train` or `evaluation`) and `step`, the number of finished optimiser steps. On resume the file
is cut back to the checkpoint's step, and DVCLive's files are written anew from it, so that nothing stands there
twice. Only `seconds`, `images_per_second` and `data_wait_fraction` differ between a run that was stopped and one that
was not.
"""

import json
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lowres.engine.checkpoint import write_atomically

Record = dict[str, Any]

log = logging.getLogger(__name__)


class History:
    """`folder`/history.jsonl, cut back to `step`; `evaluation_pending` drops the evaluation of that very step too."""

    def __init__(self, folder: Path, *, step: int, evaluation_pending: bool, dvclive_folder: Path | None) -> None:
        self.path = folder / "history.jsonl"
        last_evaluation = step - 1 if evaluation_pending else step
        last = {"train": step, "evaluation": last_evaluation}
        self.records = [record for record in _read(self.path) if record["step"] <= last[record["kind"]]]
        write_atomically(self.path, "".join(_line(record) for record in self.records).encode())
        self._file = self.path.open("ab", buffering=0)
        self._live: Any = None
        if dvclive_folder is not None:
            self._live = _live(dvclive_folder)
        if self._live is not None:
            for record in self.records:
                self._to_live(record)
            self._live.make_summary()

    def write(self, record: Record) -> None:
        """Add one record; it outlives the process when this returns."""
        self.records.append(record)
        try:
            self._file.write(_line(record).encode())
        except OSError as error:
            raise OSError(error.errno, f"cannot write {self.path}: {error.strerror or error}") from error
        if self._live is not None:
            self._to_live(record)
            self._live.make_summary()

    def sync(self) -> None:
        """Bring the file to the disk, before a checkpoint that counts on it."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._live is not None:
            self._live.end()

    def _to_live(self, record: Record) -> None:
        self._live.step = record["step"]
        for name, value in _scalars(record).items():
            self._live.log_metric(f"{record['kind']}/{name}", value)


def _live(folder: Path) -> Any:
    """DVCLive, or None, with a warning, where git does not answer it.

    It asks for the last commit before it looks whether there is one (treeverse/dvclive#522, in 3.49 again).
    """
    from dvclive.live import Live  # takes seconds and DVC to import: only where it is asked for
    from scmrepo.exceptions import SCMError

    try:
        return Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)
    except SCMError as error:
        log.warning("DVCLive cannot read the git repository (%s): scalars go to history.jsonl alone", error)
        return None


def _read(path: Path) -> list[Record]:
    if not path.exists():
        return []
    records: list[Record] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break  # the process was killed while it wrote this line, which is the last
    return records


def _line(record: Record) -> str:
    return json.dumps(record, allow_nan=False) + "\n"


def _scalars(record: Record) -> dict[str, float]:
    flat: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{key}/{name}": number for name, number in value.items() if number is not None}
        elif key not in ("kind", "step") and value is not None:
            flat[key] = value
    return flat
