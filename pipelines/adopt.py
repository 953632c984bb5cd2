"""A finished run's outputs into this clone and into DVC, as if `dvc repro` had made them here.

Params and code of the run must be those of the clone: dvc.lock will say that the outputs came from them.
"""

import errno
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfp_server_api import V2beta1Run
from ruamel.yaml import YAML

from lowres.stages.outputs import read_json
from lowres.steps.places import PLACES
from lowres.steps.publish import DATA, FORMAT, RECORD, code_files
from lowres.storage.dvc_remote import fetch_folder, has_folder, open_remote
from lowres.storage.pull import pull_folder
from pipelines.locked_data import Remote, find_remote, has_bucket, open_repo

PARAMS = Path("params.yaml")
SOURCES = Path("src/lowres")
SCRATCH = Path(".lowres/adopted")


def data_came_from(run: V2beta1Run) -> str:
    """The address of the DVC remote that a run fetched its data from; empty where it prepared them."""
    given = (run.runtime_config.parameters if run.runtime_config else None) or {}
    return str(given.get("remote") or "")


def published_at(run: V2beta1Run) -> str:
    """Where a run put its outputs, `s3://bucket/prefix/<run id>`; ValueError where it has not, or is not done."""
    if run.state != "SUCCEEDED":
        raise ValueError(f"run {run.run_id!r} is {run.state or 'PENDING'}; only one that SUCCEEDED can be adopted")
    given = (run.runtime_config.parameters if run.runtime_config else None) or {}
    if not given.get("publish_to"):
        raise ValueError(
            f"run {run.run_id!r} published nothing; submit it with a remote, or with --publish-to (a sweep never does)"
        )
    return f"{str(given['publish_to']).rstrip('/')}/{run.run_id}"


def adopt(address: str, *, remote: str, endpoint_url: str, take_params: bool, data_remote: str = "") -> dict[str, Any]:
    """Fetch, check, put in place, commit into DVC; before the last two steps nothing of the clone is changed.

    Endpoint and credentials are those of the DVC remote where there is one: the one named, or the one at
    `data_remote`, from which the run fetched its data, or the default if it is in S3. The report holds
    `outputs` and `bytes` fetched.

    Raises:
        ValueError: what is in the bucket is not whole; other params (unless `take_params` writes those of the run
            over params.yaml) or code; an output here that DVC does not hold, or another process of DVC writes; what
            the service refuses.
    """
    with open_repo() as repo:
        remote = remote or _remote_at(repo, data_remote)
        store = find_remote(repo, remote) if remote or has_bucket(repo) else None
        data_here = _data_here(repo)
    endpoint_url = endpoint_url or (store.endpoint_url if store else "")
    fetched = SCRATCH / hashlib.sha256(address.encode()).hexdigest()[:16]
    report = pull_folder(address, fetched, endpoint_url=endpoint_url or None, session=store.session if store else None)
    record = _record(fetched, address)
    if not take_params:
        _require_params(record)
    _require_code(record)
    _require_outputs(fetched, record)
    places = [place for place in PLACES.values() if place != DATA or not data_here or data_here != record["data_md5"]]
    if record["data_md5"] and DATA in places:
        _fetch_data(store, record["data_md5"], fetched)
    with open_repo() as repo, _held(repo, places):
        _require_nothing_lost(repo, fetched, places)
        if take_params:
            PARAMS.write_text(record["params"])
        for place in places:
            _put(fetched / place, Path(place))
    _commit(record["data_md5"])
    done = fetched.with_name(f"{fetched.name}-done")  # half removed, nobody takes it for what was fetched
    _remove(done)
    fetched.replace(done)
    shutil.rmtree(done)
    return {"outputs": len(PLACES), "bytes": report["bytes"]}


def _record(fetched: Path, address: str) -> dict[str, Any]:
    record = read_json(fetched / RECORD)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"{address}/{RECORD}: is not of format {FORMAT}; adopt with the version that published it")
    codes = {made["code_sha256"] for made in record["artifacts"].values() if "code_sha256" in made}
    if len(codes) > 1:
        raise ValueError(f"{address}: its steps ran different code, so no clone can have made it; run it anew")
    return record


def _require_params(record: Mapping[str, Any]) -> None:
    theirs, ours = (YAML(typ="safe").load(text) or {} for text in (record["params"], PARAMS.read_text()))
    differ = sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name))
    if differ:
        raise ValueError(
            f"{PARAMS} differs from the run's in {', '.join(differ)}; --take-params writes the run's over it"
        )


def _require_code(record: Mapping[str, Any]) -> None:
    stages = YAML(typ="safe").load(Path("dvc.yaml").read_text())["stages"].values()
    deps = {dep.removeprefix(f"{SOURCES}/") for stage in stages for dep in stage["deps"] if dep.startswith("src/")}
    ours, theirs = code_files(SOURCES), record["code"]
    for path in sorted({*ours, *theirs}):
        counts = any(path == dep or path.startswith(f"{dep}/") for dep in deps)
        if counts and ours.get(path) != theirs.get(path):
            raise ValueError(f"{SOURCES / path} differs from the code of the run; check out commit {record['commit']}")


def _require_outputs(fetched: Path, record: Mapping[str, Any]) -> None:
    for place in PLACES.values():
        if not (fetched / place).exists() and not (place == DATA and record["data_md5"]):
            raise ValueError(f"{place} is missing in what the run published; run it anew")


def _remote_at(repo: Any, address: str) -> str:
    """The name of the clone's remote at this address, the default one where several are there; empty for none."""
    named = [name for name, settings in repo.config["remote"].items() if settings.get("url", "").rstrip("/") == address]
    default = repo.config["core"].get("remote")
    return default if default in named else next(iter(named), "")


def _fetch_data(store: Remote | None, md5: str, fetched: Path) -> None:
    if store is None:
        raise ValueError(
            "the data of the run are in a bucket, and DVC's default remote here is none; "
            "`dvc remote add` it, and name it: --remote NAME"
        )
    if not (fetched / DATA).exists():
        opened = open_remote(store.address, endpoint_url=store.endpoint_url or None, session=store.session)
        if not has_folder(opened, md5):
            raise ValueError(
                f"{store.address}: has no {md5}, the data of the run; "
                "name the remote that the run was submitted with: --remote NAME"
            )
        fetch_folder(opened, md5, fetched / DATA)


def _data_here(repo: Any) -> str:
    """The md5 of the data in this folder; empty where there are none."""
    (data,) = repo.stage.load_one(name="prepare").outs
    return str(data.get_hash().value) if data.exists else ""


@contextmanager
def _held(repo: Any, places: list[str]) -> Iterator[None]:
    """No stage that reads or writes one of these places runs meanwhile; DVC's own error where one does already.

    As a stage does: the repository's lock is only for the list of who uses what, so that others run on and end.
    """
    from dvc.rwlock import rwlock

    paths = [str(Path(repo.root_dir, place)) for place in places]
    held = rwlock(repo.tmp_dir, repo.fs, "lowres pipeline adopt", [], paths, False)
    with repo.lock:
        held.__enter__()
    try:
        yield
    finally:
        with repo.lock:
            held.__exit__(None, None, None)


def _require_nothing_lost(repo: Any, fetched: Path, places: list[str]) -> None:
    for stage in repo.index.stages:
        for out in stage.outs:
            place = Path(out.def_path)
            if str(place) not in places or not out.exists or not out.status():
                continue
            if _contents(place) != _contents(fetched / place):
                raise ValueError(f"{place} has changes that DVC does not hold; `dvc commit` it, or remove it")


def _commit(data_md5: str) -> None:
    from dvc.exceptions import DvcException

    with open_repo() as repo:
        try:
            repo.commit(force=True)
        except DvcException as error:
            raise ValueError(f"DVC does not take the outputs: {error}; they are under outputs/") from error
    with open_repo() as repo:
        changed = sorted(repo.status())
        (data,) = repo.stage.load_one(name="prepare").outs
    if changed or (data_md5 and data.hash_info.value != data_md5):
        raise ValueError(f"DVC still sees changes in {', '.join(changed) or DATA}; look at `dvc status`")


def _contents(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _put(source: Path, target: Path) -> None:
    """Put the whole new output in the place of the whole old one; a process killed here leaves one of them or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new, old = (target.with_name(f".{target.name}-{word}") for word in ("adopted", "replaced"))
    for left in (new, old):
        _remove(left)
    _move(source, new)
    if target.exists() or target.is_symlink():
        target.replace(old)
    new.replace(target)
    _remove(old)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # .lowres/ is on another disk than outputs/. The source stays whole: a process killed here begins with it again.
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
