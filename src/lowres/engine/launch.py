"""One process per GPU of this node, under torchrun; signals reach it, and its exit code says which came."""

import os
import signal
import subprocess
import sys


def ranks_wanted() -> int:
    """How many processes this node's GPUs want; 1 for none or one of them, and where torchrun runs already."""
    if "WORLD_SIZE" in os.environ or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def run_ranks(module: str, arguments: list[str], *, count: int) -> int:
    """Run a module in `count` processes that know of each other; torchrun's exit code, or 128 plus the signal."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", module]
    return run_forwarding_signals([sys.executable, *launcher, *arguments])


def run_forwarding_signals(command: list[str]) -> int:
    """Run a command and pass SIGTERM and SIGINT on to it; its exit code, or 128 plus the signal (torchrun says 1)."""
    received: list[int] = []
    # A session of its own: Ctrl-C in a terminal would reach it beside what we pass on, and twice means at once.
    process = subprocess.Popen(command, start_new_session=True)

    def forward(number: int, frame: object) -> None:
        received.append(number)
        process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + received[0] if received else code
