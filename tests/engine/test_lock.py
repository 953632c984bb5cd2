import os
import subprocess
import sys
from pathlib import Path

import pytest

from lowres.engine.lock import folder_lock

HOLD = """
import sys, time
from pathlib import Path
from lowres.engine.lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_and_told_by_whom(tmp_path, holder):
    with pytest.raises(ValueError, match=rf"is in use by process {holder.pid} on {os.uname().nodename}; wait for it"):
        with folder_lock(tmp_path):
            pass


def test_a_refusal_does_not_release_the_lock(tmp_path, holder):
    for _ in range(2):
        with pytest.raises(ValueError, match=f"process {holder.pid} "):
            with folder_lock(tmp_path):
                pass


def test_sigkill_of_the_holder_frees_the_folder(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / "lock").exists()
    with folder_lock(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / "lock").read_text()


def test_the_same_process_is_refused_too(tmp_path):
    with folder_lock(tmp_path):
        with pytest.raises(ValueError, match="in use by this process"):
            with folder_lock(Path(f"{tmp_path}/../{tmp_path.name}")):
                pass
    with folder_lock(tmp_path):
        pass
