"""Files damaged at random and read: only ValueError may come out, with a message of one line."""

import argparse
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Read = Callable[[], object]

# What parsers stumble over: nesting, huge and odd numbers, other types, broken encodings, YAML's and XML's own syntax.
_PIECES = (
    b"[" * 3000,
    b"{" * 50,
    b"[{" * 500,
    b"9" * 400,
    b"9" * 5000,
    b"1e999",
    b"-1",
    b"NaN",
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"0x1F",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\r\n",
    b"\xc2\x85",
    b"&a [*a, *a]",
    b"*a",
    b"!!python/object/apply:os.system [x]",
    b"!!binary x",
    b"!!timestamp x",
    b"2020-13-45",
    b"2001-12-14t21:59:43.10-99:99",
    b"<<: 3",
    b"? ",
    b"- ",
    b"%YAML 9.9\n",
    b"<!DOCTYPE a [<!ENTITY b 'x'>]>",
    b"&b;",
    b"</object>",
    b"<?xml version='1.0' encoding='utf-7'?>",
    b"<?xml version='1.0' encoding='nonsense'?>",
    b"<![CDATA[",
    b"../../etc/passwd",
    b"/etc/passwd",
    b"1:1:1",
    b"0o9",
    b"1_000",
    b"\t",
)

_VALUES = (
    None,
    True,
    -1,
    0,
    3,
    2**63,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../x",
    "\ud800",
    [],
    {},
    [[]],
    {"a": 1},
)


def warped(document: Any, rng: random.Random) -> Any:
    """The same document but for one value, key or entry, which is of another type, out of range, gone or doubled."""
    if not isinstance(document, dict | list) or not document or rng.random() < 0.15:
        return rng.choice(_VALUES)
    if isinstance(document, list):
        place = rng.randrange(len(document))
        kind = rng.randrange(8)
        if kind == 0:
            return document[:place] + document[place + 1 :]
        if kind == 1:
            return [*document, document[place]]
        return [*document[:place], warped(document[place], rng), *document[place + 1 :]]
    key = rng.choice(list(document))
    kind = rng.randrange(8)
    if kind == 0:
        return {name: value for name, value in document.items() if name != key}
    if kind == 1:
        return {rng.choice(("", "x", "-1", "00", "9" * 30)) if name == key else name: v for name, v in document.items()}
    return {name: warped(value, rng) if name == key else value for name, value in document.items()}


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The data after one to four cuts, insertions, replacements, repetitions or flips."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 2, 5, 20)))
        kind = rng.randrange(5)
        if kind == 0:
            data = data[:start] + data[end:]
        elif kind == 1:
            data = data[:start] + rng.choice(_PIECES) + data[end:]
        elif kind == 2:
            data = data[:start] + data[start:end] * 3 + data[end:]
        elif kind == 3:
            data = data[:start]
        else:
            data = data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]
    return data


def fuzz_files(
    root: Path,
    files: Mapping[str, tuple[bytes, Read]],
    *,
    rounds: int,
    seed: int,
    other: Callable[[str], Read] | None = None,
) -> Counter[str]:
    """Damage the files below `root` in turn, each sound content and a call that reads it, and count how often each was
    read and refused. One time in five `other`, if given, makes the call from the file's name.

    Raises:
        AssertionError: what came out was no ValueError of one line; the damaged file is left behind.
    """
    for name, (content, _) in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    documents = {".json": json.loads, ".yaml": YAML(typ="safe").load}  # JSON is YAML too
    outcomes: Counter[str] = Counter()
    rng = random.Random(seed)
    for number in range(rounds):
        name = list(files)[number % len(files)]
        sound, read = files[name]
        if other is not None and rng.random() < 0.2:
            read = other(name)
        parse = documents.get((root / name).suffix)
        if parse is not None and rng.random() < 0.6:
            data = json.dumps(warped(parse(sound), rng)).encode()
        else:
            data = damaged(sound, rng)
        (root / name).write_bytes(data)
        outcome, message = "read", ""
        try:
            read()
        except ValueError as error:
            outcome, message = "refused", str(error)
        except Exception as error:
            raise AssertionError(f"round {number}: {type(error).__name__} from {root / name} {data[:200]!r}") from error
        assert "\n" not in message, f"round {number}: several lines for {root / name}: {message}"
        outcomes[f"{name} {outcome}"] += 1
        (root / name).write_bytes(sound)
    return outcomes


def run_fuzz(fuzz: Callable[..., Counter[str]], description: str | None) -> None:
    """The command line of a module with such a function: --rounds, --seed."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        for outcome, count in sorted(fuzz(Path(folder), rounds=options.rounds, seed=options.seed).items()):
            print(f"{count:6d} {outcome}")
