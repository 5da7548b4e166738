"""The content of files on its way from and to a WebDAV server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from itertools import chain
from typing import TYPE_CHECKING

from actors.datasources.webdav.requests import refuse_packed
from actors.pinned import failure
from rota.errors import TemporaryError

if TYPE_CHECKING:
    import httpx
    from _typeshed import WriteableBuffer

_WHOLE_BYTES = 1024 * 1024


class Download(RawIOBase):
    """The body of an answer as a file that is read once from start to end."""

    def __init__(self, response: httpx.Response, *, size: int, name: str) -> None:
        """Take over the answer and close it with the file; `size` is what the server said of the file before."""
        try:
            refuse_packed(response)
        except BaseException:
            response.close()
            raise
        self._response = response
        self._pieces = response.iter_raw()
        self._rest = memoryview(b"")
        self._missing = int(response.headers.get("content-length", size))
        self._name = name

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer with what comes next; raises TemporaryError when the answer breaks off."""
        import httpx

        room = memoryview(buffer).cast("B")
        try:
            while not self._rest:
                self._rest = memoryview(next(self._pieces))
        except StopIteration:
            if self._missing != 0:
                raise TemporaryError(f"{self._name}: the answer has another length than the server said") from None
            return 0
        except httpx.HTTPError as error:
            raise failure(error, self._name) from None
        taken = min(len(room), len(self._rest))
        room[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        self._missing -= taken
        return taken

    def close(self) -> None:
        """Let go of the connection; what is unread is not waited for."""
        if not self.closed:
            self._response.close()
        super().close()


class Upload:
    """The pieces of a file on their way out, counted."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._broken: BaseException | None = None
        self.size = 0
        """How many bytes were sent."""

    def content(self) -> bytes | Iterator[bytes]:
        """Give what to send: a short file whole, so that its length goes before it, as every server likes it."""
        start = bytearray()
        for piece in self._pieces:
            start += piece
            if len(start) > _WHOLE_BYTES:
                return self._counted(bytes(start))
        self.size = len(start)
        return bytes(start)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Raise at the end what broke the pieces off, if anything did, in place of any other error."""
        try:
            yield
        finally:
            if self._broken is not None:
                raise self._broken

    def _counted(self, start: bytes) -> Iterator[bytes]:
        # Pieces that break off end the content. Were the connection cut in place of that, the server might begin with
        # the file after it was asked to delete it.
        try:
            for piece in chain([start], self._pieces):
                self.size += len(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            self._broken = error
