"""What a cluster would refuse late is refused when compiling."""

import pytest

pytest.importorskip("kfp", reason="kfp is not installed (pip install -e '.[kubeflow]')")
from pipelines.placement import Placement

PINNED = f"registry.example/lowres@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "registry.example/lowres:latest"}, "'registry.example/lowres:latest' is not pinned"),
        ({"image": "registry.example/lowres@sha256:abc"}, "is not pinned"),
        ({"gpus": 1, "gpu_type": ""}, "gpus: 1 without gpu_type"),
        ({"gpus": -1}, "gpus: -1; a step takes 0 or more"),
        ({"checkpoint_mirror": "bucket/checkpoints"}, "write s3://BUCKET/PREFIX"),
        ({"store_endpoint": "https://name:word@store"}, "the endpoint URL holds credentials"),
        ({"user_id": 0}, "root is refused"),
        ({"timeout_hours": 0}, "must be over 0"),
        ({"retries": -1}, "retries 0 or more"),
    ],
)
def test_a_placement_that_cannot_run_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Placement(**({"image": PINNED} | change))
