"""Bad input to `lowres pipeline` is refused before anything is compiled or run."""

import sys

import pytest
from tests.stages.small import small_params, write_params

from lowres import pipeline_commands

PINNED = f"registry.example/lowres@sha256:{'a' * 64}"


@pytest.fixture
def params(tmp_path):
    return write_params(tmp_path / "params.yaml", small_params())


def test_without_kfp_the_remedy_is_named(monkeypatch, params):
    monkeypatch.setitem(sys.modules, "kfp", None)
    with pytest.raises(ValueError, match=r"kfp is not installed; pip install .*kubeflow"):
        pipeline_commands.run(local=True, params=params)


def test_a_run_says_where():
    with pytest.raises(ValueError, match="say --local"):
        pipeline_commands.run(local=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "lowres:latest"}, "'lowres:latest' is not pinned"),
        ({"cpu": "8:2"}, "cpu: 8:2 asks for more than the limit"),
        ({"cpu": "2"}, "--cpu: '2'; two values with ':' between them"),
        ({"node_selector": ["gpu"]}, "--node-selector: 'gpu'; two values with '='"),
        ({"node_selector": ["gpu=a", "gpu=b"]}, "--node-selector: gpu=a, gpu=b; a node has one value for a label"),
        ({"memory": "0:0"}, "memory: 0:0; a step that may use none"),
        ({"gpus": 1, "gpu_type": ""}, "gpus: 1 without gpu_type"),
    ],
)
def test_a_pipeline_that_no_cluster_could_run_is_not_written(tmp_path, params, change, message):
    pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    usual = {
        "image": PINNED,
        "out": tmp_path / "out/training.yaml",
        "params": params,
        "cpu": "2:8",
        "memory": "1Gi:2Gi",
    }
    with pytest.raises(ValueError, match=message):
        pipeline_commands.compile_(**(usual | change))
    assert not (tmp_path / "out").exists()


def test_params_that_do_not_fit_are_refused_before_anything_runs(tmp_path):
    pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    values = small_params()
    values["teacher"]["train"]["batch_size"] = 0
    params = write_params(tmp_path / "params.yaml", values)
    with pytest.raises(ValueError, match=r"teacher\.train\.batch_size"):
        pipeline_commands.run(local=True, params=params, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_word_that_the_local_runner_would_replace_is_refused(tmp_path):
    pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    values = small_params()
    values["report"]["title"] = "made with python3"
    params = write_params(tmp_path / "params.yaml", values)
    with pytest.raises(ValueError, match="report: holds the word 'python3'"):
        pipeline_commands.run(local=True, params=params, root=tmp_path / "runs")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sweep": "area,bicubic", "seeds": "0,x"}, "--seeds '0,x': give whole numbers"),
        ({"parallel": 2}, "--parallel is for a sweep"),
        ({"seeds": "0,1"}, "--seeds is for a sweep"),
        ({"sweep": "area,"}, "--sweep 'area,': a name is missing"),
        ({"sweep": "area,nearest"}, "downsampler kind 'nearest'"),
        ({"sweep": "area,area"}, "each once"),
    ],
)
def test_a_sweep_that_cannot_be_is_not_written(tmp_path, params, options, message):
    pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    usual = {"image": PINNED, "out": tmp_path / "out/sweep.yaml", "params": params}
    with pytest.raises(ValueError, match=message):
        pipeline_commands.compile_(**(usual | options))
    assert not (tmp_path / "out").exists()


def test_a_sweep_publishes_nothing(params, tmp_path):
    pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
    with pytest.raises(ValueError, match="a sweep publishes nothing"):
        pipeline_commands.run(local=True, params=params, root=tmp_path, sweep="area", publish_to="s3://bucket/x")
