"""Which checksums there are, and what each is called by the tools that write and read them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Checksum = Literal["sha256", "blake3", "sha1", "md5", "xxh3-128"]
"""The name of a checksum, as it stands before the colon in a catalog's hash."""


class Hasher(Protocol):
    """Takes the content of one file bit by bit."""

    def update(self, piece: Any, /) -> object:
        """Take what follows: bytes, or a view of them that is only valid during the call."""

    def hexdigest(self) -> str:
        """Give the checksum of what was taken, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One kind of checksum."""

    new: Callable[[], Hasher]
    digits: int
    """How long it is, in hexadecimal digits."""
    tag: str
    """What it is called in lines such as `SHA256 (name) = …`."""


def _blake3() -> Hasher:
    from blake3 import blake3

    hasher: Hasher = blake3()
    return hasher


def _xxh3() -> Hasher:
    import xxhash

    return xxhash.xxh3_128()


ALGORITHMS: Mapping[str, Algorithm] = {
    "sha256": Algorithm(new=hashlib.sha256, digits=64, tag="SHA256"),
    "blake3": Algorithm(new=_blake3, digits=64, tag="BLAKE3"),
    # The older two guard against accidents only; said so, they are there on machines that forbid them otherwise.
    "sha1": Algorithm(new=lambda: hashlib.sha1(usedforsecurity=False), digits=40, tag="SHA1"),
    "md5": Algorithm(new=lambda: hashlib.md5(usedforsecurity=False), digits=32, tag="MD5"),
    "xxh3-128": Algorithm(new=_xxh3, digits=32, tag="XXH128"),
}
"""By name."""

_BY_TAG = {algorithm.tag: name for name, algorithm in ALGORITHMS.items()}
_BY_DIGITS = {64: "sha256", 40: "sha1", 32: "md5"}


def algorithm_of_tag(tag: str) -> str | None:
    """Give the algorithm that such a line means."""
    return _BY_TAG.get(tag)


def algorithm_of_digits(digits: int, *, file_name: str) -> str | None:
    """Give the algorithm of a checksum that is so long, in a manifest of that name; None if there is none.

    Two of them are as long as others, and only the name of the file tells: `B3SUMS`, `files.blake3`, `sums.xxh128`.
    """
    name = file_name.lower()
    if digits == 64 and ("b3" in name or "blake3" in name):
        return "blake3"
    if digits == 32 and "xxh" in name:
        return "xxh3-128"
    return _BY_DIGITS.get(digits)
