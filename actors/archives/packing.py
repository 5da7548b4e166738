"""What makes an archive promises: entries in, in their order; the bytes of the archive out, piece by piece.

A packer reads several entries at once and compresses on all cores, but gives its pieces in the order of the entries,
and the same entries give the same bytes whatever the threads did. It knows no storage, no draft and no run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from actors.datasources.rows import Kind

SMALL_BYTES = 8 * 1024 * 1024
"""Contents up to this size are read whole."""
STREAM_BYTES = 1024 * 1024
"""How long the pieces of larger contents are, but for the last one."""


class Entry(NamedTuple):
    """A file, folder or link that goes into an archive."""

    name: bytes
    """Its path in the archive, `/`-separated, as in a datasource: no slash at either end, also for folders."""
    kind: Kind
    size: int
    """Of a file: what its storage said. An archive never holds more of it."""
    modified_ns: int
    """Nanoseconds since 1970; 0 where it is not known."""
    path: bytes
    """Where it is in the datasource."""
    link: bytes = b""
    """Where a link leads, as it says itself."""


class Content(NamedTuple):
    """A small content, whole."""

    data: bytes
    executable: bool


class Stream(Protocol):
    """A large content, being read; for one thread."""

    @property
    def executable(self) -> bool:
        """Whether the file may be executed."""

    def __iter__(self) -> Iterator[bytes]:
        """Give pieces of `STREAM_BYTES`, the last one shorter; all together at most what the entry says."""

    def close(self) -> None:
        """Let go of it; twice is fine."""


class Contents(Protocol):
    """Reads what goes into an archive; safe in several threads.

    It counts what is read, holds it to the pace that is allowed, and raises Interrupted when the work shall end. What
    is gone, cannot be read, or is changed while it is read, is noted there: a packer only has to make a valid archive
    of what it gets.
    """

    def read(self, entry: Entry) -> Content | None:
        """Read a file of `SMALL_BYTES` at most; None if it is gone or cannot be read, and so stays out.

        The data may be shorter than the entry says, never longer.
        """

    def open(self, entry: Entry, *, start: int = 0) -> Stream | None:
        """Open a larger file, to be read from a byte on; None if it is gone or cannot be read, and so stays out.

        A file that ends earlier than its entry says gives fewer bytes; one that cannot be read on ends there.
        """


class Mark(NamedTuple):
    """A place in an archive behind which another attempt can go on, with what it has to know."""

    name: bytes
    """Of the last entry that is in the archive before it, whole or begun."""
    offset: int = 0
    """How much of that entry's content is in, if it is begun: more than 0 then, and 0 if it is whole."""
    state: Mapping[str, Any] = {}
    """What the format needs to go on in the middle of an entry: a small JSON object."""


class Piece(NamedTuple):
    """What follows in an archive."""

    data: bytes | bytearray | memoryview
    records: bytes = b""
    """What the directory at the archive's end will say of the entries that end here; empty for formats without one."""
    mark: Mark | None = None
    """Where another attempt can go on behind this piece; None if none can here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How an archive is made."""

    level: int | None = None
    """How hard to compress, from 0 (not at all) to 9; None for what suits the format."""
    password: str | None = field(default=None, repr=False)
    pool: ThreadPoolExecutor
    """The threads that read and compress."""
    threads: int
    """How many they are."""
    check: Callable[[], None] = lambda: None
    """Raises when the work shall end."""


class Packer(Protocol):
    """Makes one archive. Memory: a few pieces for each thread, whatever the size of the archive."""

    def pack(self, entries: Iterable[Entry], *, start: Mark | None = None, written: int = 0) -> Iterator[Piece]:
        """Give the archive up to the end of its entries.

        To go on behind a mark, `written` is how many bytes are there already, and the entries are those behind the
        mark's name, with the one that was begun first if the mark has an offset.
        """

    def finish(self, records: Iterable[bytes], *, written: int) -> Iterator[bytes]:
        """Give the archive's end. The records are those of all pieces, in their order, in chunks of any length."""
