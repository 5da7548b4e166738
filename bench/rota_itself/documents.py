"""Small real documents for the indexes to be measured with: text files that the machine has anyway.

They are looked for where Python and the system keep theirs: sources, headers, documentation, licences. They are the
same in every run on the same machine, and how many and how large they are is said with the figures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from store.search.engine import Document

_SMALLEST, _LARGEST = 1000, 16_384
_ROOTS = (sys.base_prefix, sys.prefix, "/usr/share", "/usr/include", "/usr/lib", "/usr/local")


class Corpus(NamedTuple):
    """Paths of documents, and what they are in a few words."""

    paths: tuple[str, ...]
    note: str


def find_corpus(count: int) -> Corpus:
    """Choose so many text files of 1 to 16 kB with different contents, evenly among all that there are."""
    seen: set[bytes] = set()
    found: list[tuple[str, int]] = []
    for path in _files():
        content = _text(path)
        digest = blake2b(content, digest_size=16).digest()
        if content and digest not in seen:
            seen.add(digest)
            found.append((path, len(content)))
    taken = found if len(found) <= count else [found[place * len(found) // count] for place in range(count)]
    mean = sum(size for _, size in taken) / max(1, len(taken)) / 1000
    return Corpus(tuple(path for path, _ in taken), f"{len(taken):,} text files of this machine, {mean:.1f} kB each")


def read_documents(paths: tuple[str, ...]) -> list[Document]:
    """Read the files as documents, their folders by the first parts of their paths."""
    documents = []
    for number, path in enumerate(paths, start=1):
        place = Path(path)
        content = place.read_bytes()
        documents.append(
            Document(
                id=_number(path.encode()),
                content=_number(content),
                folder=os.fsencode(place.parent)[1:],
                name=os.fsencode(place.name),
                kind="file",
                size=len(content),
                modified_ns=1_700_000_000_000_000_000 + number,
                text=content.decode(),
            )
        )
    return documents


def _files() -> Iterator[str]:
    walked: set[str] = set()
    for root in _ROOTS:
        for folder, inner, names in os.walk(os.path.realpath(root)):
            inner[:] = sorted(name for name in inner if f"{folder}/{name}" not in walked)
            walked.add(folder)
            yield from (f"{folder}/{name}" for name in sorted(names))


def _text(path: str) -> bytes:
    """Read a file that may be taken; nothing if it is none."""
    try:
        if os.path.islink(path) or not _SMALLEST <= os.path.getsize(path) <= _LARGEST:
            return b""
        content = Path(path).read_bytes()
        content.decode()
    except (OSError, UnicodeDecodeError):
        return b""
    return b"" if b"\0" in content else content


def _number(named: bytes) -> int:
    return int.from_bytes(blake2b(named, digest_size=8).digest(), "big") >> 1
