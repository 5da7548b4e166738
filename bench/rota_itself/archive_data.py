"""A set of real files of this machine to make archives of: text and source, binaries, and what is packed already.

Of its bytes they are 40, 35 and 25 in a hundred; 500 MB are about 15,000 files. Which files are taken is the same on
every run, as long as the machine has the same ones.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

DEFAULT_BYTES = 500_000_000

_ROOTS = (sys.base_prefix, "/usr/lib", "/usr/share", "/usr/bin", "/usr/local", "/usr/include")
_PERCENT = {"text": 40, "binary": 35, "packed": 25}
_SIZES = {
    # From and to. Smaller ones are left out, or there would be far more files than people have for so many bytes, and
    # larger ones, or a handful would stand for a whole kind.
    "text": (2 << 10, 4 << 20),
    "binary": (1 << 10, 32 << 20),
    "packed": (4 << 10, 4 << 20),
}
_KINDS = {
    # Searched in the lower case of the whole path; the first that fits is taken.
    "packed": re.compile(r"\.(bz2|gif|gz|jar|jpe?g|pdf|png|tgz|whl|woff2|xz|zip|zst)$"),
    "binary": re.compile(r"\.(a|bin|dat|mo|o|pyc|so|so\.[^/]*|ttf)$|/bin/"),
    "text": re.compile(
        r"\.(c|cfg|cmake|conf|cpp|css|csv|h|hpp|html|ini|java|js|json|md|mjs|p[lmo]|pyi?|rb|rst?|sh|svg|tcl|toml"
        r"|ts|txt|vim|xml|ya?ml)$"
    ),
}


class _Candidate(NamedTuple):
    order: bytes
    path: str
    size: int


def make_archive_data(folder: Path, *, size: int = DEFAULT_BYTES) -> int:
    """Fill a folder, which is made, with copies of files with their times, and give how many bytes they have.

    Raises RuntimeError if the machine has not enough of a kind.
    """
    found = _candidates()
    total = 0
    for kind, percent in _PERCENT.items():
        wanted = size * percent // 100
        for candidate in sorted(found[kind]):
            if wanted <= 0:
                break
            if candidate.size > wanted + _SIZES[kind][0]:
                continue  # a smaller one will fit better
            _copy(candidate.path, folder / kind)
            wanted -= candidate.size
            total += candidate.size
        if wanted > size // 100:
            raise RuntimeError(f"this machine has {wanted:,} bytes too few of the kind {kind}")
    return total


def _copy(path: str, folder: Path) -> None:
    target = folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def _candidates() -> dict[str, list[_Candidate]]:
    found: dict[str, list[_Candidate]] = {kind: [] for kind in _PERCENT}
    for path, size in _files():
        kind = _kind(path)
        if kind is not None and _SIZES[kind][0] <= size <= _SIZES[kind][1]:
            # In the order of a digest of their folders, so that each kind is taken from everywhere and yet folders have
            # as many files in them as people's have.
            order = blake2b(os.fsencode(os.path.dirname(path)), digest_size=8).digest()
            found[kind].append(_Candidate(order, path, size))
    return found


def _files() -> Iterator[tuple[str, int]]:
    seen: set[tuple[int, int]] = set()  # what has several names, or lies below several roots, counts once
    for root in _ROOTS:
        for folder, _, names in os.walk(root):
            for name in names:
                path = f"{folder}/{name}"
                status = os.lstat(path)
                identity = (status.st_dev, status.st_ino)
                if stat.S_ISREG(status.st_mode) and identity not in seen and os.access(path, os.R_OK):
                    seen.add(identity)
                    yield path, status.st_size


def _kind(path: str) -> str | None:
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(path.lower())), None)
