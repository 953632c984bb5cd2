"""Checkpoints of the trainings in this process also go to the bucket that LOWRES_CHECKPOINT_MIRROR names, if any.

A run's copies lie under `<address>/<stage>-<fingerprint>`, as they do in `.lowres/runs`: the same work goes on from
them on any machine, other work never sees them. Credentials and endpoint come from AWS_* variables.
"""

import os
from contextlib import AbstractContextManager, nullcontext

MIRROR = "LOWRES_CHECKPOINT_MIRROR"


def mirrored_checkpoints() -> AbstractContextManager[None]:
    """A context in which trainings use the mirror; ValueError for an address that is none."""
    address = os.environ.get(MIRROR, "").rstrip("/")
    if not address:
        return nullcontext()
    from lowres.engine.mirror import mirrored
    from lowres.storage.address import split_address
    from lowres.storage.mirror import S3Mirror

    try:
        split_address(address)
    except ValueError as error:
        raise ValueError(f"{MIRROR}: {error}") from error
    return mirrored(lambda run: S3Mirror(f"{address}/{run}"))
