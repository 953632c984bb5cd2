"""Prepared data by md5 from a bucket, in place of preparing them again."""

from pathlib import Path

from lowres.config.params import fingerprint
from lowres.stages.provenance import data_identity
from lowres.steps.artifacts import Artifact
from lowres.steps.failing import one_line_errors
from lowres.steps.origin import made_by
from lowres.storage.dvc_remote import fetch_folder, open_remote


def fetch_data(*, md5: str, remote: str, endpoint_url: str, splits: Artifact) -> None:
    """Fill `splits` with the folder that has this md5 in a DVC remote; an empty endpoint is AWS's own.

    Ends the process with one line, as `one_line_errors` does, where the data are not there or not what the md5 says.
    """
    with one_line_errors():
        store = open_remote(remote, endpoint_url=endpoint_url or None)
        report = fetch_folder(store, md5, Path(splits.path))
        splits.metadata |= {
            "data_md5": md5,
            "data": data_identity(Path(splits.path)),
            "config": fingerprint({"data_md5": md5}),
            **made_by(),
        }
        print(f"{remote}: {report['files']} files, {report['bytes']} bytes, md5 {md5}")
