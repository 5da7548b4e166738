"""Puts a file aside on this machine, where it can be read at any place; nothing of it outlives the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from actors.archives.ranges import LocalRanges
from rota.errors import TemporaryError

_KEPT_FREE_BYTES = 64 * 1024 * 1024
"""What others on this machine may need meanwhile."""


def put_aside(pieces: Iterable[bytes], *, size: int, scratch: Path | None) -> LocalRanges:
    """Copy a file of a known size into a folder, where it has no name.

    Raises TemporaryError where there is no room for it, and what the pieces raise.
    """
    folder = tempfile.gettempdir() if scratch is None else str(scratch)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _no_room(size, str(error.strerror or error)) from error
    if free < size + _KEPT_FREE_BYTES:
        raise _no_room(size, f"{free:,} bytes are free")
    with ExitStack() as undone:
        try:
            # Without a buffer: what is written must be there for whoever reads through the descriptor.
            file = undone.enter_context(tempfile.TemporaryFile(buffering=0, dir=folder))
        except OSError as error:
            raise _no_room(size, str(error.strerror or error)) from error
        for piece in pieces:
            _write(file.fileno(), piece, size)
        undone.pop_all()
    return LocalRanges(cast("BinaryIO", file))


def _write(descriptor: int, piece: bytes, size: int) -> None:
    try:
        left = memoryview(piece)
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError as error:
        raise _no_room(size, str(error.strerror or error)) from error


def _no_room(size: int, reason: str) -> TemporaryError:
    return TemporaryError(f"an archive of {size:,} bytes has to be put aside to be read, and cannot be: {reason}")
