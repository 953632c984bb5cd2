"""A local run whose data come from a bucket, as on a cluster: `python -m tests.pipelines.fetching_run MD5 ENDPOINT`.

It lies in the working folder, as a run of `lowres pipeline run --local` does, and fails as that does.
"""

import sys
from functools import partial
from pathlib import Path

from pipelines.arguments import arguments_of
from pipelines.run_local import run_here
from pipelines.training import training_pipeline

from lowres.steps.failing import one_line_errors


def main(md5: str, endpoint_url: str) -> None:
    """Run it; one line and code 2 where a step fails."""
    data = {"data_md5": md5, "remote": "s3://bucket/dvc", "remote_endpoint": endpoint_url}
    with one_line_errors():
        arguments = arguments_of(Path("params.yaml")) | data
        run_here(partial(training_pipeline, fetch=True), arguments, root=Path("outputs/pipeline"))


if __name__ == "__main__":
    main(*sys.argv[1:])
