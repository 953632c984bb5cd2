"""For every test: shapes of `lowres.ops` are checked, nothing is fetched, one thread per process.

One thread because the order of a float sum depends on their number, and because pytest runs one process per core.
"""

import os

import torch
from jaxtyping import install_import_hook

# Before any import of lowres or transformers, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
torch.set_num_threads(1)
install_import_hook("lowres.ops", "beartype.beartype")
