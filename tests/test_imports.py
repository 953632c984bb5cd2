"""What must not be imported where it is not used: transformers' detectors cost seconds and 150 MB in every process."""

import subprocess
import sys

PROGRAM = """
import sys
import torch
import lowres.cli, lowres.loaded.choose
import lowres.stages.distill, lowres.stages.evaluate, lowres.stages.export, lowres.stages.report, lowres.stages.teacher
from lowres.models.assemble import assemble
from lowres.models.downsamplers import build_downsampler

shrink = build_downsampler(kind="area", ratio=4)
network = {"family": "alexnet", "width": 0.125, "mean": [0.5] * 3, "std": [0.5] * 3, "restore": "bicubic"}
model = assemble(task="classification", downsampler=shrink, network=network, class_names=["a", "b"])
model.for_inference()(torch.rand(1, 3, 32, 32))
print("transformers" in sys.modules)
"""


def test_a_classifier_needs_no_transformers():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False\n"
