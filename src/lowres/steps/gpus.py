"""A step that asked for GPUs must find them: on the CPU it would train for days before anybody looks."""

import os

GPUS = "LOWRES_GPUS"


def check_gpus() -> None:
    """ValueError where torch sees fewer GPUs than LOWRES_GPUS, which the pipeline sets on steps that ask for some."""
    asked = int(os.environ.get(GPUS, "0"))
    if asked == 0:
        return
    import torch

    # With a driver that is too old for torch, device_count() still has the driver's own count.
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if seen < asked:
        built_for = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built for CPUs"
        raise ValueError(
            f"the step asked for {asked} GPU{'s' * (asked > 1)}, but torch sees {seen}: {built_for}; the image must be "
            "lowres:cuda and the node's driver as new as its CUDA"
        )
