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
        ({"image": f"@sha256:{'a' * 64}"}, "is not pinned"),
        ({"image": f"{PINNED}\n"}, "is not pinned"),
        ({"image": f"two words@sha256:{'a' * 64}"}, "is not pinned"),
        ({"gpus": 1, "gpu_type": ""}, "gpus: 1 without gpu_type"),
        ({"gpus": -1}, "gpus: -1; a step takes 0 or more"),
        ({"cpu_request": "8", "cpu_limit": "2"}, "cpu: 8:2 asks for more than the limit; the request comes first"),
        ({"cpu_request": "2001m", "cpu_limit": "2"}, "cpu: 2001m:2 asks for more"),
        ({"memory_request": "64Gi", "memory_limit": "32Gi"}, "memory: 64Gi:32Gi asks for more than the limit"),
        ({"memory_request": "1Gi", "memory_limit": "1000M"}, "memory: 1Gi:1000M asks for more"),
        ({"cpu_limit": "two"}, "'two' is no quantity of CPUs; write 2, or 500m"),
        ({"memory_limit": "16GB"}, "'16GB' is no quantity of memory; write it as in 8Gi"),
        ({"checkpoint_mirror": "bucket/checkpoints"}, "write s3://BUCKET/PREFIX"),
        ({"store_endpoint": "https://name:word@store"}, "the endpoint URL holds credentials"),
        ({"user_id": 0}, "root is refused"),
        ({"timeout_hours": 0}, "timeout_hours: 0; a pod may run from 1 to 2147483647 seconds"),
        ({"timeout_hours": 0.0001}, "timeout_hours: 0.0001; a pod"),
        ({"timeout_hours": float("nan")}, "timeout_hours: nan; a pod"),
        ({"timeout_hours": float("inf")}, "timeout_hours: inf; a pod"),
        ({"retries": -1}, "retries 0 or more"),
        ({"retries": 2**31}, "retries 0 or more"),
        ({"store_secret": ""}, "store_secret: '' is no name in Kubernetes"),
        ({"pull_secret": "Registry"}, "pull_secret: 'Registry' is no name in Kubernetes; it has a-z, 0-9, '-' and"),
        ({"pull_secret": "my..registry"}, "pull_secret: 'my..registry' is no name"),
        ({"pull_secret": "my.-registry"}, "pull_secret: 'my.-registry' is no name"),
        ({"pull_secret": "r" * 254}, "is no name in Kubernetes"),
        ({"checkpoint_claim": "my claim"}, "checkpoint_claim: 'my claim' cannot name a volume"),
        ({"data_claim": "data/"}, "data_claim: 'data/' cannot name a volume"),
        ({"data_claim": "data.v2"}, "data_claim: 'data.v2' cannot name a volume of a step; it has up to 63 of a-z"),
        ({"data_claim": "d" * 64}, "cannot name a volume"),
        ({"checkpoint_claim": "shm"}, "checkpoint_claim: 'shm' cannot name a volume .* is not tmp or shm"),
        ({"data_claim": "tmp"}, "data_claim: 'tmp' cannot name a volume"),
    ],
)
def test_a_placement_that_cannot_run_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Placement(**({"image": PINNED} | change))


@pytest.mark.parametrize(("cpu", "memory"), [(("2", "2"), ("8Gi", "8Gi")), (("500m", ".5"), ("1000K", "1M"))])
def test_a_request_may_be_the_whole_limit(cpu, memory):
    Placement(image=PINNED, cpu_request=cpu[0], cpu_limit=cpu[1], memory_request=memory[0], memory_limit=memory[1])


def test_names_that_kubernetes_takes_are_taken():
    secrets = {"pull_secret": "registry-1.example", "store_secret": "r" * 253, "webhook_secret": "7"}
    Placement(image=PINNED, **secrets, checkpoint_claim="c" * 63, data_claim="tmp-2")
