"""How every component is made: lightweight, so that a container and `kfp.local.SubprocessRunner` run it alike.

The source of the function travels in the compiled pipeline; `lowres` and kfp come with the image, and nothing is
installed when a pod starts. `pipelines/training.py` puts the image in place, pinned by its digest.
"""

from functools import partial

from kfp import dsl

IMAGE_TO_COME = "lowres-image-set-when-compiled"

component = partial(dsl.component, base_image=IMAGE_TO_COME, install_kfp_package=False)
