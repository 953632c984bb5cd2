"""The pipelines as compiled for two clusters, with a bucket, and for a sweep.

They are kept in `pipelines/compiled/` to see the YAML change. `python -m pipelines.golden` writes them anew. The image
is a stand-in: compile for your own with `lowres pipeline compile --image`.
"""

from pathlib import Path

from pipelines.compile import compile_sweep, compile_training
from pipelines.placement import Placement
from pipelines.sweep import Sweep

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "pipelines/compiled"
PARAMS = ROOT / "presets/thumbdet-demo.yaml"
IMAGE = f"registry.example/lowres@sha256:{'0' * 64}"
PLACEMENTS = {
    "training-cpu.yaml": Placement(image=IMAGE),
    "training-gpu.yaml": Placement(
        image=IMAGE,
        gpus=1,
        node_selector={"accelerator": "nvidia"},
        tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        memory_limit="32Gi",
        checkpoint_claim="lowres-checkpoints",
        data_claim="lowres-data",
        checkpoint_mirror="s3://lowres/checkpoints",
        store_endpoint="https://minio.example:9000",
        pull_secret="registry-login",
    ),
    "training-bucket.yaml": Placement(image=IMAGE),
}
SWEEP = Sweep(kinds=("bicubic", "area", "learned"), seeds=(0, 1, 2), parallel=3)


def write_golden(folder: Path) -> None:
    """Compile all of them into `folder`."""
    for name, placement in PLACEMENTS.items():
        bucket = name == "training-bucket.yaml"
        compile_training(folder / name, params=PARAMS, placement=placement, fetch=bucket, publish=bucket)
    compile_sweep(folder / "sweep-cpu.yaml", params=PARAMS, placement=Placement(image=IMAGE), sweep=SWEEP)


if __name__ == "__main__":
    write_golden(FOLDER)
