"""A folder as DVC 3 stores it in a bucket."""

import hashlib
import json
from pathlib import Path


def dvc_objects(folder: Path) -> tuple[str, dict[str, bytes]]:
    """The folder's md5 and its objects by key below the remote's prefix."""
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    names = {path: hashlib.md5(data).hexdigest() for path, data in contents.items()}
    listing = json.dumps([{"md5": names[path], "relpath": path} for path in sorted(names)]).encode()
    whole = hashlib.md5(listing).hexdigest() + ".dir"
    objects = {_key(names[path]): data for path, data in contents.items()} | {_key(whole): listing}
    return whole, objects


def _key(md5: str) -> str:
    return f"files/md5/{md5[:2]}/{md5[2:]}"
