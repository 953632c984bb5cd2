import pytest
import torch

from lowres.engine.precision import resolve_precision

CPU = torch.device("cpu")


def test_a_named_precision_is_taken():
    assert resolve_precision("float32", CPU) == "float32"
    assert resolve_precision("bfloat16", CPU) == "bfloat16"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx2": True}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_on_a_cpu_follows_its_instructions(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", CPU) == expected


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="'fp16'; it must be auto"):
        resolve_precision("fp16", CPU)
