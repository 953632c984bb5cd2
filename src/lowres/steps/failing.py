"""A step that fails says why in one line: last in its log, and where Kubernetes looks for a pod's last words."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LAST_WORDS = "LOWRES_TERMINATION_LOG"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Bad input (ValueError, OSError) ends the process with code 2 and one line; other errors keep their traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        line = f"error: {' '.join(str(error).split())}"
        _leave_last_words(line)
        if os.environ.get("LOWRES_TRACEBACK"):
            raise
        print(line, file=sys.stderr, flush=True)
        raise SystemExit(2) from None
    except Exception as error:
        _leave_last_words(f"error: {type(error).__name__}: {' '.join(str(error).split())}")
        raise


def _leave_last_words(line: str) -> None:
    # Kubernetes mounts this file writable into every container and shows its text as the reason of a failure. The
    # first words stay: where one of several processes fails, the others only say that it is gone.
    path = Path(os.environ.get(LAST_WORDS, "/dev/termination-log"))
    if path.exists():
        try:
            if path.read_text():
                return
            path.write_text(line[:4000] + "\n")
        except OSError as error:
            print(f"{path}: {error}", file=sys.stderr)
