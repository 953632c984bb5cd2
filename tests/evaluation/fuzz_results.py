"""Damages what is scored, and what a bucket says of a folder: only ValueError may come out, with a message of one line.

`python -m tests.evaluation.fuzz_results --rounds 10000` is part of `make fuzz`; the suite runs a few hundred. What is
read is scored too: what a reader lets through must not stop the evaluator.
"""

import hashlib
import json
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.damage import Read, fuzz_files, run_fuzz

from lowres.evaluation.coco import evaluate_detections
from lowres.evaluation.tt100k import count_per_image, curve_per_image, evaluate_tt100k
from lowres.evaluation.tt100k_annotations import read_annotations
from lowres.evaluation.tt100k_resampling import sign_intervals
from lowres.evaluation.tt100k_scoring import results_of_split
from lowres.scoring import read_coco
from lowres.storage.dvc_remote import look_up_folder
from lowres.storage.manifest import Entry, decode_manifest, encode_manifest
from lowres.storage.store import Store

_COCO = {
    "images": [
        {"id": 1, "file_name": "1.png", "width": 40, "height": 30},
        {"id": 2, "file_name": "2.png", "width": 40, "height": 30},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9.5, 8], "area": 70, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 1},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}
_COCO_RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 8.5], "score": 0.75},
    {"image_id": 2, "category_id": 2, "bbox": [1, 1, 4, 4], "score": 1},
]
_BOX = {"xmin": 1.5, "ymin": 2, "xmax": 50, "ymax": 40}
_TT100K = {
    "types": ["pn", "pl5", "w1"],
    "imgs": {
        "1": {"path": "test/1.jpg", "id": 1, "objects": [{"category": "pn", "bbox": _BOX}]},
        "2": {"path": "test/2.jpg", "id": 2, "objects": []},
        "3": {"path": "train/3.jpg", "id": 3, "objects": [{"category": "pl5", "bbox": _BOX}]},
    },
}
_TT100K_RESULTS = {
    "imgs": {
        "1": {"objects": [{"category": "pn", "bbox": _BOX, "score": 900}]},
        "2": {"objects": [{"category": "w1", "bbox": _BOX, "score": 40.5}]},
    }
}
_SHA256, _MD5 = hashlib.sha256(b"abc").hexdigest(), hashlib.md5(b"abc").hexdigest()
_MANIFEST = encode_manifest([Entry("a", 3, _SHA256), Entry("train/b.tar", 3, _SHA256)])
_LISTING = json.dumps([{"md5": _MD5, "relpath": "a"}, {"md5": _MD5, "relpath": "train/b"}]).encode()


def fuzz(root: Path, *, rounds: int, seed: int) -> Counter[str]:
    """As `fuzz_files`, with files of results, those they are scored against, and lists from a bucket."""
    coco, tt100k = root / "coco", root / "tt100k"
    coco_read = lambda: _scored_coco(coco / "truth.json", coco / "results.json")  # noqa: E731
    tt100k_read = lambda: _scored_tt100k(tt100k / "truth.json", tt100k / "results.json")  # noqa: E731
    files: dict[str, tuple[bytes, Read]] = {
        "coco/truth.json": (json.dumps(_COCO).encode(), coco_read),
        "coco/results.json": (json.dumps(_COCO_RESULTS).encode(), coco_read),
        "tt100k/truth.json": (json.dumps(_TT100K).encode(), tt100k_read),
        "tt100k/results.json": (json.dumps(_TT100K_RESULTS).encode(), tt100k_read),
        "bucket/manifest.json": (_MANIFEST, lambda: _manifest((root / "bucket/manifest.json").read_bytes())),
        "bucket/signed.json": (_MANIFEST, lambda: _manifest(_signed((root / "bucket/signed.json").read_bytes()))),
        "bucket/listing.json": (_LISTING, lambda: _listed((root / "bucket/listing.json").read_bytes())),
    }
    return fuzz_files(root, files, rounds=rounds, seed=seed)


def _scored_coco(annotations: Path, results: Path) -> None:
    read = read_coco(annotations, results)
    evaluate_detections(read.truth, read.results[0].detections, class_names=read.class_names, thumbnail_ratio=4.0)


def _scored_tt100k(annotations: Path, results: Path) -> None:
    found = results_of_split(results, read_annotations(annotations), split="test", score_scale=None, row=None)
    evaluate_tt100k(found.truth, found.scored)
    counts, along = (count(found.truth, found.scored) for count in (count_per_image, curve_per_image))
    sign_intervals(counts, along=along, resamples=2)


def _manifest(data: bytes) -> None:
    decode_manifest(data, where="s3://bucket/lowres-manifest.json", max_files=10, max_bytes=1000)


def _signed(data: bytes) -> bytes:
    """The same with the right checksum, as somebody who may write to the bucket would make it."""
    try:
        content = json.loads(data)
        content.pop("sha256", None)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError, AttributeError, TypeError):
        return data
    return json.dumps({**content, "sha256": hashlib.sha256(canonical).hexdigest()}).encode()


def _listed(data: bytes) -> None:
    """DVC's list of a folder, of the md5 that it is asked for by."""
    store: Any = SimpleNamespace(
        name=lambda path: f"s3://bucket/{path}",
        read_small=lambda path, *, max_bytes: data,
        size=lambda path: 3,
        retry=SimpleNamespace(stop=threading.Event()),
    )
    look_up_folder(cast(Store, store), hashlib.md5(data).hexdigest() + ".dir", threads=1)


if __name__ == "__main__":
    run_fuzz(fuzz, __doc__)
