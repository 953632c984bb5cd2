"""Images that are the same, or nearly, without comparing all with all.

The same: equal pixels, by hash. Nearly: at most `MOST_BITS` of 128 hash bits differ, and the tiny pictures agree. Eight
bands of 16 bits make the candidates: of two hashes that differ in at most 7 bits, one band at least is equal. Where
very many hashes share a band (a fixed camera, plain grounds), each is compared with its next `WINDOW` in the order of
the whole hash only, which keeps the work linear and may miss a pair.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lowres.data.doctor.looks import HASH_BYTES, SIDE, Looks, standardised

MOST_BITS = 7
WINDOW = 64
MOST_DISTANCE = 0.25  # root mean square of the tiny pictures' difference, in their standard deviations
MOST_LEVELS = 20.0  # mean grey levels apart: two plain grounds of different brightness are no pair
_BLOCK = 20_000


def exact_groups(hashes: Sequence[bytes]) -> list[list[int]]:
    """Positions that share a hash, two or more each; empty hashes are passed over."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for position, digest in enumerate(hashes):
        if digest:
            groups[digest].append(position)
    return [group for group in groups.values() if len(group) > 1]


def near_pairs(looks: Sequence[Looks]) -> list[tuple[int, int]]:
    """Positions of pairs (first before second) that look nearly the same."""
    if len(looks) < 2:
        return []
    hashes = np.frombuffer(b"".join(look.hash_bits for look in looks), np.uint8).reshape(-1, HASH_BYTES)
    tiny = np.frombuffer(b"".join(look.tiny for look in looks), np.uint8).reshape(-1, SIDE * SIDE)
    order = np.lexsort(hashes.T[::-1])
    rank = np.empty(len(looks), np.int64)
    rank[order] = np.arange(len(looks))
    words = np.ascontiguousarray(hashes).view(np.uint64)
    found = [np.zeros((0, 2), np.int64)]
    for band in np.ascontiguousarray(hashes).view(np.uint16).T:
        by_band = np.lexsort((rank, band))
        for step in range(1, WINDOW + 1):
            if step >= len(looks):
                break
            same = band[by_band[:-step]] == band[by_band[step:]]
            if not same.any():
                break
            first, second = by_band[:-step][same], by_band[step:][same]
            bits = np.bitwise_count(words[first] ^ words[second]).sum(axis=1)
            close = bits <= MOST_BITS
            found.append(np.sort(np.stack([first[close], second[close]], axis=1), axis=1))
    return _confirmed(np.unique(np.concatenate(found), axis=0), tiny)


def _confirmed(pairs: np.ndarray, tiny: np.ndarray) -> list[tuple[int, int]]:
    kept = []
    for start in range(0, len(pairs), _BLOCK):
        block = pairs[start : start + _BLOCK]
        first, second = tiny[block[:, 0]], tiny[block[:, 1]]
        distance = np.sqrt(((standardised(first) - standardised(second)) ** 2).mean(axis=1))
        levels = np.abs(first.mean(axis=1) - second.mean(axis=1))
        kept += block[(distance <= MOST_DISTANCE) & (levels <= MOST_LEVELS)].tolist()
    return [(first, second) for first, second in kept]
