from dataclasses import replace
from pathlib import Path

import pytest
from tests.models.tiny_classifier import tiny_spec

from lowres.stages.classes import require_fit


def test_a_model_of_another_task_is_refused_by_name(tmp_path):
    spec = replace(tiny_spec(), task="classification")
    with pytest.raises(ValueError, match=r"student: a model for classification, params\.yaml says task: detection"):
        require_fit(spec, Path("outputs/student"), task="detection", split=tmp_path)
