import json
import platform

import torch

from lowres.evaluation.machine import machine_facts


def test_facts_are_those_of_this_machine_and_strict_json():
    facts = machine_facts()
    assert facts["torch"] == torch.__version__
    assert facts["python"] == platform.python_version()
    assert facts["threads"] == torch.get_num_threads()
    assert 1 <= facts["cores"] <= 4096
    assert facts["cpu"]
    assert facts["memory_bytes"] > 2**28
    assert (facts["accelerator"] is not None) == torch.cuda.is_available()
    assert {"transformers", "onnxruntime", "numpy", "opencv_python_headless"} <= set(facts)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_facts_name_no_host_and_no_path():
    text = json.dumps(machine_facts())
    assert platform.node() not in text
    assert "/home" not in text
    assert "/root" not in text
