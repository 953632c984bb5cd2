"""A second place for checkpoints, for machines that vanish together with their disks.

The engine knows no bucket. It stages a finished checkpoint as a folder of its own and hands it to a `Mirror`; where its
own folder has no intact checkpoint, it asks the mirror for the newest one that is. What comes back is checked against
its sha256 as a local file is, so a resume from the mirror ends with the same bits.
"""

import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from lowres.engine.checkpoint import digest_path, list_checkpoints, newest_intact
from lowres.engine.distributed import current_ranks

HISTORY = "history.jsonl"
STAGED = ".to-mirror"
FETCHED = ".from-mirror"
# A copy has the name of its checkpoint. With the suffix, sorted as text, these are in the order of training.
_NAME = re.compile(r"checkpoint-\d{9}(-unevaluated)?\.pt")
_log = logging.getLogger(__name__)


class Mirror(Protocol):
    """Copies of one run's checkpoints elsewhere. Nothing here raises: what fails is told in the log, once."""

    def names(self) -> list[str]:
        """The folders that are whole there, newest first; none where the place cannot be reached."""
        ...

    def fetch(self, name: str, folder: Path) -> bool:
        """Fill `folder` with the copy; whether all of it arrived as it was sent."""
        ...

    def keep(self, staged: Path) -> None:
        """Take over a folder, to send it and then remove it; returns at once.

        A newer folder takes the place of one that was not begun yet.
        """
        ...


OpenMirror = Callable[[str], AbstractContextManager[Mirror]]
_open_mirror: list[OpenMirror] = []


@contextmanager
def mirrored(open_mirror: OpenMirror) -> Iterator[None]:
    """Until the end of the block, trainings open a mirror by the name of their run.

    A context, as `process_group` is: where copies go decides no result, so it is no argument of a stage.
    """
    _open_mirror.append(open_mirror)
    try:
        yield
    finally:
        _open_mirror.pop()


def mirror_of(run: str) -> AbstractContextManager[Mirror | None]:
    """The mirror of a run, on the rank that writes files; None on the others, and outside `mirrored`."""
    return _open_mirror[-1](run) if _open_mirror and current_ranks().is_main else nullcontext()


def newest_checkpoint(folder: Path, mirror: Mirror | None) -> Path | None:
    """The newest intact checkpoint of the folder, else the mirror's, which then lies in the folder; else None.

    Raises:
        ValueError: the folder's are all damaged, and the mirror has none.
    """
    if mirror is None:
        return newest_intact(folder)
    shutil.rmtree(folder / STAGED, ignore_errors=True)  # left by a kill
    try:
        found, damaged = newest_intact(folder), None
    except ValueError as error:
        found, damaged = None, error
    if found is None:
        found = _fetch_newest(folder, mirror)
    if damaged is not None:
        if found is None:
            raise damaged
        for path in list_checkpoints(folder):
            if path != found:  # else those to come, which are older, would be the ones to be removed
                path.rename(path.with_name(f"{path.name}.damaged"))
    return found


def stage_for(mirror: Mirror, checkpoint: Path) -> None:
    """Hand a checkpoint that was just saved to the mirror, with its digest and the history up to it."""
    staged = checkpoint.parent / STAGED / checkpoint.name
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        for file in (checkpoint, digest_path(checkpoint)):
            _link(file, staged / file.name)
        shutil.copyfile(checkpoint.with_name(HISTORY), staged / HISTORY)  # it grows meanwhile
    except OSError as error:
        _log.warning("%s cannot be staged for the mirror (%s); training goes on", checkpoint.name, error)
        return
    mirror.keep(staged)


def _fetch_newest(folder: Path, mirror: Mirror) -> Path | None:
    for name in mirror.names():
        fetched = folder / FETCHED / name
        if not _NAME.fullmatch(name) or not mirror.fetch(name, fetched):
            continue
        try:
            found = newest_intact(fetched)
        except ValueError as error:
            _log.warning("mirror: %s", error)
            continue
        history = fetched / HISTORY
        if found is None or found.name != name or not history.is_file():
            _log.warning("mirror: %s lacks its checkpoint or its history", name)
            continue
        for file in (history, digest_path(found), found):  # the checkpoint last: only then does the rest count
            file.replace(folder / file.name)
        shutil.rmtree(folder / FETCHED)
        _log.info("%s comes from the mirror", found.name)
        return folder / found.name
    return None


def _link(source: Path, target: Path) -> None:
    """A second name for a file that never changes, so that it outlives the first; a copy where links are not known."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
