from pathlib import Path

import pytest
from tests.stages.small import small_params

from lowres.config.params import parse_params
from lowres.engine.distributed import Ranks
from lowres.stages import baseline


@pytest.mark.parametrize(("rank", "written"), [(0, ["baseline", "history", "metrics.json"]), (1, [])])
def test_of_several_processes_one_notes_that_nothing_is_trained(rank, written, tmp_path, monkeypatch):
    monkeypatch.setattr(baseline, "current_ranks", lambda: Ranks(rank=rank, world=2))
    params = parse_params(small_params())
    baseline.run(
        params.task,
        params.baseline,
        params.distill,
        params.data.input,
        data=Path("nowhere"),
        teacher=Path("nowhere"),
        downsampler=Path("nowhere"),
        out_model=tmp_path / "baseline",
        out_metrics=tmp_path / "metrics.json",
        out_history=tmp_path / "history",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == written
    if written:
        tables = {path.name: path.read_text() for path in (tmp_path / "history").glob("*.csv")}
        assert tables == {"train.csv": "step,loss\n", "evaluation.csv": "step,chosen_by\n"}
