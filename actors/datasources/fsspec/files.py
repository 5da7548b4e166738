"""A file that is read through an fsspec driver, which is given back when the file is closed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from io import RawIOBase
from typing import TYPE_CHECKING, Any

from rota.errors import TemporaryError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Borrowed(RawIOBase):
    """The content of a file, read once from start to end."""

    def __init__(
        self,
        file: Any,
        *,
        size: int,
        told: Callable[[], AbstractContextManager[None]],
        give_back: Callable[[bool], None],
    ) -> None:
        """Take over an open file of the driver; `give_back` is told whether the driver is broken."""
        self._file = file
        self._missing = size
        self._told = told
        self._give_back = give_back
        self._is_broken = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer with what comes next; raises TemporaryError where the file ends too early."""
        room = memoryview(buffer).cast("B")
        self._is_broken = True
        with self._told():
            piece = self._file.read(len(room))
        if not piece and self._missing:
            raise TemporaryError(f"the file ends {self._missing:,} bytes too early")
        self._is_broken = False
        room[: len(piece)] = piece
        self._missing -= len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the file and give the driver back."""
        if self.closed:
            return
        super().close()
        try:
            with self._told():
                self._file.close()
        except BaseException:
            self._is_broken = True
            raise
        finally:
            self._give_back(self._is_broken)
