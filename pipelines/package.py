"""What is sent to a server: the compiled pipeline and its arguments, made and checked before anything is sent."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lowres.storage.address import check_endpoint, split_address
from lowres.storage.dvc_remote import look_up_folder, open_remote
from pipelines.arguments import arguments_of
from pipelines.compile import compile_sweep, compile_training
from pipelines.locked_data import find_remote, has_bucket, locked_md5, open_repo
from pipelines.placement import Placement
from pipelines.sweep import Sweep, sweep_arguments


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """How data come in and results go out. Empty: no data are fetched (pods prepare them), nothing is published.

    `source_md5` stands for the files that pods prepare data from, which Kubeflow's cache cannot see.
    """

    data_md5: str = ""
    remote: str = ""
    remote_endpoint: str = ""
    publish_to: str = ""
    source_md5: str = ""

    def arguments(self) -> dict[str, str]:
        """As arguments of the pipeline."""
        return {name: value for name, value in asdict(self).items() if value}

    def told(self) -> str:
        """One line for people."""
        data = f"{self.data_md5} from {self.remote}" if self.data_md5 else "prepared by the run"
        return f"data: {data}; results: {self.publish_to or 'not published, so `adopt` cannot bring them back'}"


@dataclass(frozen=True)
class Package:
    """A compiled pipeline, its name, the arguments of a run, and a version name that only equal pipelines share."""

    path: Path
    arguments: dict[str, str]
    version: str
    pipeline: str


def find_exchange(
    params: Path, *, remote: str, prepare: bool, publish_to: str, pod_endpoint: str, source_md5: str
) -> Exchange:
    """From dvc.lock and DVC's remote; the bucket is asked whether it has the data.

    `prepare` leaves the data to the pods; then a remote is used where there is one. `pod_endpoint` is the store's
    address as pods see it. Results go to `publish_to`, or below `lowres-runs` of the remote's bucket.

    Raises:
        ValueError: no remote, no such data in dvc.lock or in the bucket, a wrong address, credentials.
    """
    if source_md5 and not prepare:
        raise ValueError("--source-md5 stands for files that pods prepare; give --prepare with it")
    if pod_endpoint:
        check_endpoint(pod_endpoint)
    if publish_to:
        split_address(publish_to)
    with open_repo() as repo:
        if prepare and not remote and (publish_to or not repo.config["core"].get("remote")) and not has_bucket(repo):
            return Exchange(publish_to=publish_to, remote_endpoint=pod_endpoint, source_md5=source_md5)
        found = find_remote(repo, remote)
        md5 = "" if prepare else locked_md5(repo, params)
    if md5:
        look_up_folder(open_remote(found.address, endpoint_url=found.endpoint_url or None, session=found.session), md5)
    bucket, _ = split_address(found.address)
    return Exchange(
        data_md5=md5,
        remote=found.address if md5 else "",
        remote_endpoint=pod_endpoint or found.endpoint_url,
        publish_to=publish_to or f"s3://{bucket}/lowres-runs",
        source_md5=source_md5,
    )


def with_one_store(placement: Placement, exchange: Exchange) -> Placement:
    """The mirror of checkpoints goes to the store of the data and results, unless it was given its own."""
    return replace(placement, store_endpoint=placement.store_endpoint or exchange.remote_endpoint)


@contextmanager
def packaged(
    params: Path, placement: Placement, exchange: Exchange, *, sweep: Sweep | None = None
) -> Iterator[Package]:
    """Compile into a temporary file, which is gone after the block; with `sweep`, the pipeline of many students.

    ValueError where Kubeflow's cache would give the results of files that have changed, or where no step reads files.
    """
    fetch = bool(exchange.data_md5)
    if fetch and placement.data_claim:
        raise ValueError("--data-claim: the run fetches its data; files are read by pods that prepare them (--prepare)")
    if placement.cache and placement.data_claim and not fetch and not exchange.source_md5:
        raise ValueError(
            "--data-claim: Kubeflow's cache cannot see whether its files have changed; give --source-md5, any text "
            "that changes with them"
        )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pipeline.yaml"
        if sweep is None:
            publish = bool(exchange.publish_to)
            compile_training(path, params=params, placement=placement, fetch=fetch, publish=publish)
            name, arguments = "lowres-training", arguments_of(params)
        else:
            if exchange.publish_to:
                raise ValueError("a sweep publishes nothing; train its best variant in a run of its own")
            compile_sweep(path, params=params, placement=placement, sweep=sweep, fetch=fetch)
            name, arguments = "lowres-sweep", sweep_arguments(params)
        version = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        yield Package(path, arguments | exchange.arguments(), version, name)
