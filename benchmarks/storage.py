"""Push and pull of the same images as shards and as loose files, in turn, against an S3 server.

    moto_server -p 5555 &
    AWS_ENDPOINT_URL=http://127.0.0.1:5555 AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b \
        python benchmarks/storage.py --bucket bench --output benchmarks/storage-2026-01-31.json

The images are random bytes (JPEGs compress no further) of the sizes of small photographs. The bucket is made where it
is missing. Each round pushes to a prefix of its own and pulls into a new folder; what it wrote is compared by sha256,
which pull does itself. Wall time, and CPU time of the client.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import numpy as np
from timing import describe_machine, write_json

from lowres.data.shards import ShardWriter
from lowres.storage.pull import pull_folder
from lowres.storage.push import push_folder


def make_folders(root: Path, *, images: int, mean_kb: float, shard_mb: float) -> dict[str, Path]:
    """The same images twice: a shard folder, and one file each."""
    random = np.random.default_rng(0)
    sizes = random.integers(int(200 * mean_kb), int(1800 * mean_kb), images)
    shards, loose = root / "shards", root / "loose"
    shards.mkdir()
    loose.mkdir()
    with ShardWriter(shards, shard_bytes=int(shard_mb * 1e6)) as writer:
        for number, size in enumerate(sizes.tolist(), start=1):
            data = random.bytes(size)
            name = f"{number:06d}.jpg"
            (loose / name).write_bytes(data)
            writer.add(data, image_id=number, file_name=name, suffix=".jpg", width=1, height=1)
        writer.finish("")
    return {"shards": shards, "loose": loose}


def timed(work: Any) -> dict[str, float]:
    start, start_cpu = time.perf_counter(), time.process_time()
    report = work()
    row = {"seconds": round(time.perf_counter() - start, 3), "cpu_s": round(time.process_time() - start_cpu, 3)}
    return row | {"retries": report["retries"]}


def server_named_in(answer: dict[str, Any], endpoint_url: str) -> str:
    """What a server calls itself, and its host; moto_server is 'Werkzeug/3.1.8 Python/3.11.7 at 127.0.0.1'."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return f"{headers.get('server', 'unnamed')} at {urlsplit(endpoint_url).hostname}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bucket", default="bench")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--mean-kb", type=float, default=60.0)
    parser.add_argument("--shard-mb", type=float, default=64.0)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--server", default="", help="What answers, for the record; without it, what it says of itself."
    )
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()

    client = boto3.client("s3")
    answer = client.list_buckets()
    options.server = options.server or server_named_in(answer, client.meta.endpoint_url)
    if options.bucket not in [bucket["Name"] for bucket in answer["Buckets"]]:
        client.create_bucket(Bucket=options.bucket)
    machine = describe_machine(options.threads)
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        folders = make_folders(root, images=options.images, mean_kb=options.mean_kb, shard_mb=options.shard_mb)
        total = {form: sum(file.stat().st_size for file in folder.iterdir()) for form, folder in folders.items()}
        for index in range(options.rounds):
            for form, folder in folders.items():
                address = f"s3://{options.bucket}/{time.time_ns()}/{form}"
                row = rows.setdefault(form, {"push": [], "push_again": [], "pull": []})

                def push(folder: Path = folder, address: str = address) -> Any:
                    return push_folder(folder, address, threads=options.threads)

                def pull(target: Path = root / f"{form}-{index}", address: str = address) -> Any:
                    return pull_folder(address, target, threads=options.threads)

                row["push"].append(timed(push))
                row["push_again"].append(timed(push))
                row["pull"].append(timed(pull))
    summary = {
        form: {what: statistics.median(run["seconds"] for run in runs) for what, runs in row.items()}
        for form, row in rows.items()
    }
    for what in ("push", "push_again", "pull"):
        shards, loose = summary["shards"][what], summary["loose"][what]
        print(f"{what:<12} shards {shards:8.2f} s   loose {loose:8.2f} s   {loose / shards:6.1f}x")
    if options.output:
        settings = {key: getattr(options, key) for key in ("images", "mean_kb", "shard_mb", "rounds", "server")}
        write_json(
            options.output,
            {"machine": machine, **settings, "bytes": total, "median_s": summary, "all": rows},
        )


if __name__ == "__main__":
    main()
