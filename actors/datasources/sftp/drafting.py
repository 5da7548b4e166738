"""Drafts of an SFTP server: files under a private name beside the one they will be, written bit by bit.

Every call is one for the thread of the connection. When that broke, calls raise TemporaryError, and the draft has to be
opened anew: the next connection finds what the server has of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from actors.datasources.drafts import draft_of
from actors.datasources.paths import split
from actors.datasources.sftp.rows import row_of
from actors.datasources.sftp.session import Session
from actors.datasources.sftp.writing import Draft
from actors.datasources.storage import Row

_BLOCK_BYTES = 1024 * 1024

T = TypeVar("T")


class Ask(Protocol):
    """Has something done in the thread of the connection, with its session of now."""

    def __call__(self, operation: Callable[[Session], Awaitable[T]]) -> T:
        """Give what came of it."""


class SftpDraft:
    """A draft of a file of the server; see `abilities.Draft` for the promises."""

    def __init__(self, ask: Ask, path: bytes, key: str) -> None:
        """Open it, as far as it was written, or begin one; raises OSError where the folder is not there."""
        self._ask = ask
        self._path = path
        self._draft = Draft(path, draft_of(path, key))
        ask(self._draft.resume)
        self._safe = self._draft.size
        self._waiting = bytearray()

    @property
    def size(self) -> int:
        """How many bytes of it are safe."""
        return self._safe

    def cut(self, size: int) -> None:
        """Forget what follows so many bytes."""
        self._waiting.clear()
        self._ask(lambda _session: self._draft.cut(size))
        self._safe = size

    def append(self, piece: bytes) -> None:
        """Write what follows; small pieces are put together, so that there is enough for several requests at once."""
        self._waiting += piece
        if len(self._waiting) >= _BLOCK_BYTES:
            self._send()

    def keep(self) -> None:
        """Make what was written safe, as far as the server has a request for that."""
        self._send()
        self._ask(lambda _session: self._draft.sync())
        self._safe = self._draft.size

    def publish(self, *, modified_ns: int | None = None, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, and give its row."""
        self._send()
        found = self._ask(lambda _session: self._draft.finish(modified_ns))
        confirm()
        self._ask(lambda _session: self._draft.put())
        row = row_of(split(self._path)[1], found)
        assert row is not None
        return row

    def discard(self) -> None:
        """Remove it; nothing happens if it is not there."""
        self._ask(self._draft.discard)

    def close(self) -> None:
        """Let go of it; twice is fine."""
        self._ask(lambda _session: self._draft.leave())

    def _send(self) -> None:
        if self._waiting:
            block = bytes(self._waiting)
            self._waiting.clear()
            self._ask(lambda _session: self._draft.write(block))
