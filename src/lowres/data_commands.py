"""`lowres data`: prepared data to and from an S3 bucket (`lowres.storage`)."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

data_app = typer.Typer(no_args_is_help=True, help="Prepared data (or any folder) to and from an S3 bucket, verified.")
Address = Annotated[str, typer.Argument(help="s3://BUCKET/PREFIX")]
DataFolder = Annotated[Path, typer.Option("--folder", help="The folder on this machine.")]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint-url", help="MinIO or another store; AWS_ENDPOINT_URL without it.")
]
Checksums = Annotated[
    str | None, typer.Option(help="when_supported, or when_required for older stores; AWS's own setting without it.")
]
Resend = Annotated[bool, typer.Option("--resend", help="Send every file, also what the bucket seems to have.")]
Threads = Annotated[int, typer.Option(help="Requests at a time.")]


@data_app.command("push")
def data_push(
    address: Address,
    folder: DataFolder = Path("outputs/data"),
    endpoint_url: Endpoint = None,
    checksums: Checksums = None,
    threads: Threads = 8,
    resend: Resend = False,
) -> None:
    """Copy a folder to a bucket: what is missing there, then a manifest with a sha256 of every file."""
    from lowres.storage.progress import transferring
    from lowres.storage.push import push_folder

    with transferring("push") as step:
        options: Any = {"endpoint_url": endpoint_url, "checksums": checksums, "threads": threads}
        report = push_folder(folder, address, resend=resend, on_progress=step, **options)
    print(json.dumps(report, indent=2))


@data_app.command("pull")
def data_pull(
    address: Address,
    folder: DataFolder = Path("outputs/data"),
    endpoint_url: Endpoint = None,
    checksums: Checksums = None,
    threads: Threads = 8,
    max_gb: Annotated[float, typer.Option(help="Refuse a manifest that names more.")] = 1000.0,
) -> None:
    """Fetch what a manifest in a bucket names and the folder lacks; every file is whole and verified, or not there."""
    from lowres.storage.progress import transferring
    from lowres.storage.pull import pull_folder

    with transferring("pull") as step:
        options: Any = {"endpoint_url": endpoint_url, "checksums": checksums, "threads": threads}
        report = pull_folder(address, folder, max_bytes=max_gb * 1e9, on_progress=step, **options)
    print(json.dumps(report, indent=2))
