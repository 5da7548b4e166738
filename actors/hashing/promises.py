"""Reads a checksum file line by line, and remembers which files it names; made for files that mean harm, too."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import IO, NamedTuple

import xxhash

from actors.hashing.lines import MOST_LINE_BYTES, BadLine, Promise, read_line
from rota.errors import PermanentError

MOST_LINES = 20_000_000
"""Far more than a datasource has files; a manifest that names one file for ever ends here."""


class Line(NamedTuple):
    """A line of a manifest."""

    number: int
    """From 1."""
    says: Promise | BadLine


def promises(file: IO[bytes], *, algorithm: str | None, file_name: str) -> Iterator[Line]:
    """Give the lines of a manifest that say something, or should; memory is that of one line.

    Raises PermanentError for more than `MOST_LINES`.
    """
    number = 0
    while line := file.readline(MOST_LINE_BYTES + 1):
        number += 1
        if number > MOST_LINES:
            raise PermanentError(f"the manifest has more than {MOST_LINES:,} lines")
        if len(line) > MOST_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MOST_LINE_BYTES)
            yield Line(number, BadLine(f"it is longer than {MOST_LINE_BYTES:,} bytes"))
            continue
        try:
            says = read_line(line.removesuffix(b"\n"), algorithm=algorithm, file_name=file_name)
        except BadLine as error:
            yield Line(number, error)
        else:
            if says is not None:
                yield Line(number, says)


class Names:
    """A set of paths that takes 8 bytes for each: their hashes, sorted once all are in.

    Two paths have the same hash by chance in one of 10^12 sets of a million. Then an extra file is not told.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, path: bytes) -> None:
        """Put a path in."""
        self._hashes.append(xxhash.xxh3_64_intdigest(path))

    def close(self) -> None:
        """Sort them, once nothing more is put in."""
        self._hashes = array("Q", sorted(self._hashes))

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, path: bytes) -> bool:
        number = xxhash.xxh3_64_intdigest(path)
        at = bisect_left(self._hashes, number)
        return at < len(self._hashes) and self._hashes[at] == number
