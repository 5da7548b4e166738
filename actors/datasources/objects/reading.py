"""Reads an object as a file: streamed, in bounded memory; a seek asks for the rest from there."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from actors.datasources.objects.service import ObjectService

_BUFFER_BYTES = 256 * 1024


def open_object(service: ObjectService, key: bytes) -> BinaryIO:
    """Open an object for reading; it stays that object, so a seek after it was replaced raises OSError."""
    return io.BufferedReader(_Content(service, key), _BUFFER_BYTES)


class _Content(io.RawIOBase):
    def __init__(self, service: ObjectService, key: bytes) -> None:
        super().__init__()
        self._service = service
        self._key = key
        self._body = service.get(key)
        self._etag = self._body.etag
        self._size = self._body.size
        self._pieces: Iterator[bytes] | None = iter(self._body)
        self._piece = memoryview(b"")
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END and self._size is None:
            raise OSError(errno.ESPIPE, "the service does not say how long it is")
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size or 0}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the beginning")
        if base + offset != self._at:
            self._at = base + offset
            self._pieces, self._piece = None, memoryview(b"")
            self._body.close()
        return self._at

    def readinto(self, buffer: Any) -> int:
        while not self._piece:
            if self._pieces is None and not self._ask():
                return 0
            piece = next(self._pieces or iter(()), None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        taken = min(len(buffer), len(self._piece))
        buffer[:taken] = self._piece[:taken]
        self._piece = self._piece[taken:]
        self._at += taken
        return taken

    def close(self) -> None:
        self._body.close()
        super().close()

    def _ask(self) -> bool:
        """Ask for the rest from here; false if there is none."""
        if self._size is not None and self._at >= self._size:
            return False
        try:
            self._body = self._service.get(self._key, start=self._at, etag=self._etag)
        except (FileExistsError, FileNotFoundError) as error:
            raise OSError(errno.ESTALE, "the object was replaced or deleted while it was read") from error
        if self._at and not self._body.is_part:
            self._body.close()
            raise OSError(errno.ENOTSUP, "the service gives an object only from its beginning")
        self._pieces = iter(self._body)
        return True
