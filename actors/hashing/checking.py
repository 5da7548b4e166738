"""What every kind of verification does: compares one file with what it should be, in any thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from actors.datasources.paths import split
from actors.datasources.storage import Row, Storage
from actors.hashing.algorithms import ALGORITHMS
from actors.hashing.content import Content, Digest
from actors.hashing.findings import Came, Differs, Fault, Unread, Verified
from actors.hashing.setting import Setting
from rota.errors import TemporaryError


class Verification(Protocol):
    """One kind of verification."""

    def execute(self, position: object) -> None:
        """Verify everything behind the position of an earlier attempt, None for all."""


def digests(setting: Setting, storage: Storage) -> Callable[[bytes, Row | None, str], Digest]:
    """Give a function that gives the checksum of a file by path, row and algorithm, with repeats."""
    content = Content(storage, setting.reader)

    def digest(path: bytes, row: Row | None, algorithm: str) -> Digest:
        return setting.repeats.call(partial(content.digest, path, row, lambda _: ALGORITHMS[algorithm].new()))

    return digest


def verdict(check: Callable[[], Came]) -> Came:
    """Give what comes of a file, or that it is missing or cannot be read."""
    try:
        return check()
    except FileNotFoundError:
        return Differs(Fault.MISSING, "it is not there")
    except (OSError, TemporaryError) as error:
        return Unread(error)


def judged(found: Digest, expected: str) -> Came:
    """Compare what was found with the checksum that was expected."""
    if found.hex == expected:
        return Verified(found.size)
    return Differs(Fault.DIFFERENT, f"its checksum is {found.hex} and should be {expected}")


def is_within(path: bytes, scope: frozenset[bytes]) -> bool:
    """Say whether a path is one of these, or below one."""
    while path not in scope:
        if not path:
            return False
        path = split(path)[0]
    return True
