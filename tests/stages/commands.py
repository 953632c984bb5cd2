"""The command line: in this process, which has the libraries already, or in one of its own, seconds slower."""

import contextlib
import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from lowres.cli import main


def lowres(folder: Path, *arguments: str, check: bool = True) -> CompletedProcess[str]:
    """`lowres ARGUMENTS` in `folder`, here; libraries that write past Python's streams are not heard."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []  # pytest's own: `lowres` sets up its logging where there is none
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            patch.object(sys, "argv", ["lowres", *arguments]),
        ):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    done = CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def lowres_process(folder: Path, *arguments: str) -> CompletedProcess[str]:
    """`lowres ARGUMENTS` in `folder`, as a user calls it; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "lowres.cli", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def refused(done: CompletedProcess[str], message: str) -> None:
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1
