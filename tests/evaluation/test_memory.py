import importlib
import operator
import sys
from functools import partial

import numpy as np
import pytest
import torch

from lowres.evaluation.memory import cuda_peak_memory_bytes, peak_memory_bytes

MEGABYTE = 2**20


def test_an_array_of_100_megabytes_is_seen_and_what_this_process_holds_is_not():
    held = np.ones(300 * MEGABYTE // 8)  # a child inherits ru_maxrss; VmHWM is its own
    memory = peak_memory_bytes(partial(int, 100 * MEGABYTE // 8), np.ones)
    grown = memory.peak_bytes - memory.loaded_bytes
    assert 95 * MEGABYTE < grown < 130 * MEGABYTE
    assert memory.loaded_bytes < 200 * MEGABYTE < held.nbytes


WORK = """
def load():
    return len(b"\\1" * (100 * 2**20))  # 100 MB for a moment

def run(loaded):
    return len(b"\\1" * (loaded // 10))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_the_peak_of_loading_is_not_that_of_running(tmp_path, monkeypatch):
    (tmp_path / "work_to_measure.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("work_to_measure")
    memory = peak_memory_bytes(work.load, work.run)
    grown = memory.peak_bytes - memory.loaded_bytes
    if memory.peak_includes_loading:  # where the kernel forbids forgetting
        assert grown > 90 * MEGABYTE
    else:
        assert 8 * MEGABYTE < grown < 40 * MEGABYTE


def test_what_the_work_prints_does_not_reach_the_answer():
    assert peak_memory_bytes(partial(int, 3), print).peak_bytes > 0


def test_work_that_cannot_be_sent_is_refused():
    with pytest.raises(ValueError, match="give functions of a module"):
        peak_memory_bytes(lambda: 1, np.ones)


def test_work_that_fails_says_why():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        peak_memory_bytes(partial(int, 0), partial(operator.truediv, 1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_peak_holds_what_the_work_allocated():
    before = torch.cuda.memory_allocated()
    peak = cuda_peak_memory_bytes(lambda: torch.ones(25 * MEGABYTE, device="cuda"))
    assert peak - before == 100 * MEGABYTE
