import os
import re
import signal
import subprocess
import sys
import time

import pytest

CHILD = "import signal, sys, time; [signal.signal(n, lambda *_: sys.exit(1)) for n in (signal.SIGTERM, signal.SIGINT)]; print('up', flush=True); time.sleep(60)"
PARENT = (
    "from lowres.engine.launch import run_forwarding_signals; raise SystemExit(run_forwarding_signals({command!r}))"
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_reaches_the_command_and_decides_the_exit_code(number, code):
    program = PARENT.format(command=[sys.executable, "-c", CHILD])
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline().strip() == "up"
    time.sleep(0.2)
    parent.send_signal(number)
    assert parent.wait(timeout=20) == code


def test_without_a_signal_the_exit_code_is_the_commands():
    program = PARENT.format(command=[sys.executable, "-c", "raise SystemExit(3)"])
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 3


def test_it_says_its_versions_and_its_commit():
    command = [sys.executable, "-m", "lowres.cli", "--version"]
    environment = {**os.environ, "LOWRES_COMMIT": "abc123"}
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"lowres \S+, commit abc123, torch 2\.\S+\n", said)
