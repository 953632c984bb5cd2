"""The prepared data that dvc.lock names, and the DVC remote that pods fetch them from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore.exceptions import BotoCoreError
from ruamel.yaml import YAML

from lowres.storage.address import check_endpoint, split_address

STAGE = "prepare"
PREPARE = "run `dvc repro prepare` and `dvc push`, or let the cluster do it with --prepare"


@dataclass(frozen=True)
class Remote:
    """A DVC remote in S3; an empty endpoint is AWS's own. `session` holds credentials and is never printed."""

    address: str
    endpoint_url: str
    session: Session = field(repr=False)


def find_remote(repo: Any, name: str) -> Remote:
    """The remote of that name, or the default one where the name is empty; ValueError where pods could not read it."""
    known = repo.config["remote"]
    name = name or repo.config["core"].get("remote", "")
    if not name:
        raise ValueError("DVC has no default remote; `dvc remote add -d store s3://BUCKET/dvc`, or name one: --remote")
    if name not in known:
        raise ValueError(f"remote {name!r}: DVC has no such remote; there are {', '.join(sorted(known)) or 'none'}")
    settings = known[name]
    if not settings["url"].startswith("s3://"):
        raise ValueError(f"remote {name!r} is no s3:// address; pods fetch from S3 only, name another with --remote")
    if settings.get("version_aware") or settings.get("worktree"):
        raise ValueError(f"remote {name!r} keeps files under their own names; pods fetch by md5, name another")
    split_address(settings["url"])
    endpoint_url = settings.get("endpointurl") or ""
    if endpoint_url:
        check_endpoint(endpoint_url)
    try:
        session = Session(
            aws_access_key_id=settings.get("access_key_id"),
            aws_secret_access_key=settings.get("secret_access_key"),
            aws_session_token=settings.get("session_token"),
            profile_name=settings.get("profile"),
            region_name=settings.get("region"),
        )
    except BotoCoreError as error:
        raise ValueError(f"remote {name!r}: its AWS settings cannot be used ({type(error).__name__})") from None
    return Remote(settings["url"].rstrip("/"), endpoint_url, session)


def locked_md5(repo: Any, params: Path) -> str:
    """The md5 of the data that `prepare` wrote for the `data` section of this params file, as dvc.lock has it.

    Raises:
        ValueError: dvc.lock has none, or its data are of another section, or of other code than this clone's.
    """
    from dvc.dependency import ParamsDependency

    stage = repo.stage.load_one(name=STAGE)
    (out,) = stage.outs
    if not out.hash_info:
        raise ValueError(f"dvc.lock names no data; {PREPARE}")
    wanted = YAML(typ="safe").load(params.read_text())["data"]
    for dependency in stage.deps:
        if isinstance(dependency, ParamsDependency):
            if (dependency.hash_info.value or {}).get("data") != wanted:
                raise ValueError(f"dvc.lock has data of another `data` section than {params}; {PREPARE}")
        elif dependency.workspace_status():
            raise ValueError(f"{dependency.def_path}: has changed since dvc.lock's data were prepared; {PREPARE}")
    return str(out.hash_info.value)


def has_bucket(repo: Any) -> bool:
    """Whether DVC's default remote is in S3: its endpoint and credentials then hold for results too."""
    name = repo.config["core"].get("remote")
    return str(repo.config["remote"].get(name, {}).get("url", "")).startswith("s3://")


@contextmanager
def open_repo() -> Iterator[Any]:
    """The DVC repository of the working folder; what DVC refuses inside is a ValueError.

    Raises:
        ValueError: no repository, no DVC, a config, dvc.yaml, dvc.lock or params.yaml that cannot be read, another
            process that holds it.
    """
    try:
        from dvc.exceptions import DvcException, NotDvcRepoError
        from dvc.repo import Repo
    except ImportError:
        raise ValueError("DVC is not installed; pip install -c constraints.txt -e '.[dvc]'") from None
    try:
        with Repo() as repo:
            _ = repo.config  # read here, where a fault in it can be told
            yield repo
    except NotDvcRepoError:
        raise ValueError("this folder is no clone with DVC in it; run in a clone of the repository") from None
    except DvcException as error:
        raise ValueError(f"DVC cannot be used here: {' '.join(str(error).split())}") from None
