"""What made an artifact, as its metadata say: the code, its commit, the image."""

import os

from lowres.stages.provenance import code_identity, commit


def made_by() -> dict[str, str]:
    """A hash of the code that trains, the commit and the image; `none` where one is not known."""
    return {
        "code_sha256": code_identity(),
        "commit": commit() or "none",
        "image": os.environ.get("LOWRES_IMAGE", "none"),
    }
