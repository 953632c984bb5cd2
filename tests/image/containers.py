"""The whole pipeline through `kfp.local.DockerRunner`: a container per step, with as little as a strict cluster gives."""

import os
import sys
from pathlib import Path

from kfp import local
from kfp.dsl import PipelineTask
from kfp.local import DockerRunner
from pipelines.arguments import arguments_of
from pipelines.training import training_pipeline

LIMITS = {
    "network_mode": "none",
    "read_only": True,
    "tmpfs": {"/tmp": "mode=1777", "/lowres/.lowres": "uid=1000,gid=1000"},
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}


class InImage:
    """Stands in for `Placement`, which wants a digest: an image that was never pushed has none."""

    def __init__(self, image: str) -> None:
        self.image = image

    def plain(self, task: PipelineTask) -> PipelineTask:
        task.set_container_image(self.image)
        task.set_env_variable("LOWRES_IMAGE", self.image).set_env_variable("OMP_NUM_THREADS", "1")
        return task

    packing = network = training = notifier = plain


def run_in_containers(image: str, params: Path, root: Path) -> None:
    """Run every step, outputs under `root`, which the image's user may write."""
    root.mkdir()
    root.chmod(0o777)
    local.init(runner=DockerRunner(**LIMITS), pipeline_root=str(root))
    training_pipeline(InImage(image))(**arguments_of(params))  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    os.umask(0)
    run_in_containers(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
