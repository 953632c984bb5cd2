from dataclasses import replace
from pathlib import Path

import pytest
from tests.models.tiny_classifier import tiny_spec

from lowres.config.data import Input
from lowres.stages.classes import require_fit


def test_a_model_of_another_task_is_refused_by_name(tmp_path):
    spec = replace(tiny_spec(), task="classification")
    with pytest.raises(ValueError, match=r"student: a model for classification, params\.yaml says task: detection"):
        require_fit(spec, Path("outputs/student"), task="detection", sizing=Input(**spec.input), split=tmp_path)


def test_a_model_trained_at_another_size_is_refused_by_the_key(tmp_path):
    spec = tiny_spec()
    sizing = Input(**{**spec.input, "long_side_px": 64})
    message = r"student: trained with long_side_px 32, params\.yaml says data\.input\.long_side_px: 64; train it anew"
    with pytest.raises(ValueError, match=message):
        require_fit(spec, Path("outputs/student"), task=spec.task, sizing=sizing, split=tmp_path)
