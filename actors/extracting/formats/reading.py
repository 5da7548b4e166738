"""Reads pieces of a file, never more than was asked for, and says of a library's errors what they mean."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from actors.extracting.outcomes import Reason, Unextractable

CHUNK_BYTES = 64 * 1024


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read up to so many bytes from a place; fewer only at the end of the file."""
    file.seek(offset)
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def size_of(file: BinaryIO) -> int:
    """Return the size of a file in bytes, and go back to its beginning."""
    size = file.seek(0, 2)
    file.seek(0)
    return size


def broken(what: str, error: BaseException | str = "") -> Unextractable:
    """Return the error for a file that is not what it says; the library's own words help to see why."""
    said = " ".join(str(error).split())[:200]
    return Unextractable(Reason.BROKEN, f"{what}: {said}" if said else what)


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Take any error of a library that parses strange bytes for a broken file, save those of storage and memory.

    Parsers in Python meet wrong bytes with whatever error comes of them (IndexError, struct.error, AssertionError …),
    so no list of errors would be complete.
    """
    try:
        yield
    except (Unextractable, MemoryError):
        raise
    except OSError as error:
        # A place before the beginning, which a broken file names, or a library's own that has no number: these are not
        # of the storage.
        if error.errno not in (errno.EINVAL, None):
            raise
        raise broken(what, error) from error
    except RecursionError as error:
        raise Unextractable(Reason.TOO_LARGE, f"{what}: it is nested too deeply") from error
    except Exception as error:
        raise broken(what, error) from error
