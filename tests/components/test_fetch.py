"""fetch as a step: the component through `kfp.local`, the data from a bucket."""

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
from components.fetch import fetch
from kfp import local
from tests.pipelines.clone import write_splits
from tests.storage.conftest import contents
from tests.storage.dvc_layout import dvc_objects


@pytest.fixture
def md5(s3, tmp_path):
    """Prepared data in the bucket, below `dvc`."""
    write_splits(tmp_path / "data")
    whole, objects = dvc_objects(tmp_path / "data")
    s3.objects = {f"bucket/dvc/{key}": (data, "") for key, data in objects.items()}
    return whole


def test_the_step_gives_the_data_and_says_which_they_are(s3, md5, tmp_path):
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))
    splits = fetch(data_md5=md5, remote="s3://bucket/dvc", remote_endpoint=s3.url).outputs["splits"]
    assert splits.metadata["data_md5"] == md5
    assert {"data", "config", "code_sha256", "commit", "image"} <= splits.metadata.keys()
    assert contents(tmp_path / "data") == {
        name.partition("/splits/")[2]: data for name, data in contents(tmp_path / "root").items() if "/splits/" in name
    }
