"""Makes what a reading process is handed of a file: its content if it is small, a descriptor if it is not."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from actors.extracting.extractor import HEAD_BYTES, Extractor, Limits
from actors.extracting.outcomes import Extracted, Failed, Reason
from actors.extracting.registry import Registry
from rota.errors import TemporaryError

Key = TypeVar("Key")

INLINE_BYTES = 256 * 1024
"""A file that is no larger is sent as it is: that costs less than a descriptor."""
_COPY_BYTES = 1024 * 1024
# These say nothing of the file that was to be opened, and the next one would meet them too.
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


class Source(NamedTuple, Generic[Key]):
    """A file that shall be read."""

    key: Key
    """Whatever the caller knows it by."""
    name: bytes
    """Its last part alone; the extension tells what the content does not."""
    size: int
    """In bytes, as far as it is known; the content decides."""
    open: Callable[[], BinaryIO]
    """Opens it for reading; it is closed here.

    OSError means that this file is unreadable, unless it says that the worker has no more room; other errors go up.
    """


class Errand(Generic[Key]):
    """A file on its way to a reading process; whoever has it closes it."""

    __slots__ = ("content", "deaths", "descriptor", "extractor", "key")

    def __init__(self, key: Key, extractor: int, *, content: bytes | None = None, descriptor: int = -1) -> None:
        """Either its content or a descriptor of it is given."""
        self.key = key
        self.extractor = extractor
        self.content = content
        self.descriptor = descriptor
        self.deaths = 0
        """How many processes have ended while they read it."""

    @property
    def inline_bytes(self) -> int:
        """How much of it is sent as content."""
        return len(self.content) if self.content is not None else 0

    def close(self) -> None:
        """Let go of the descriptor; twice is fine."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def errand_of(
    source: Source[Key], registry: Registry, limits: Limits, check: Callable[[], None]
) -> Errand[Key] | Extracted | Failed:
    """Open a file and choose its extractor; gives the outcome itself where nothing needs to be read.

    `check` is called while a large file is fetched. Raises TemporaryError if there is no room to put it aside, or to
    open any file.
    """
    try:
        with contextlib.ExitStack() as abandoned:
            with source.open() as file:
                made = _of_open_file(source, file, registry, limits, check)
                if isinstance(made, Errand):
                    abandoned.callback(made.close)
            abandoned.pop_all()
            return made
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise TemporaryError(f"cannot open a file to read it: {error.strerror or error}") from error
        return Failed(Reason.UNREADABLE, error.strerror or str(error) or type(error).__name__)


def _of_open_file(
    source: Source[Key], file: BinaryIO, registry: Registry, limits: Limits, check: Callable[[], None]
) -> Errand[Key] | Extracted | Failed:
    # Small files in one call; of large ones only what tells whether anybody reads them.
    wanted = INLINE_BYTES + 1 if source.size <= INLINE_BYTES else HEAD_BYTES
    first = _read(file, wanted)
    chosen = registry.choose(first[:HEAD_BYTES], source.name.decode(errors="replace"))
    if chosen is None:
        return Extracted("")
    if len(first) < wanted:
        return Errand(source.key, chosen, content=first)
    descriptor = _own_descriptor(file)
    if descriptor is None:
        copied = _copied(first, file, registry[chosen], max(source.size, len(first)), limits=limits, check=check)
        if isinstance(copied, Failed):
            return copied
        descriptor = copied
    return Errand(source.key, chosen, descriptor=descriptor)


def _own_descriptor(file: BinaryIO) -> int | None:
    """Give another descriptor of a file on this machine; None for all that only look like one."""
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    if not isinstance(raw, io.FileIO) or not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return None
    return os.dup(raw.fileno())


def _copied(
    first: bytes,
    file: BinaryIO,
    extractor: Extractor,
    size: int,
    *,
    limits: Limits,
    check: Callable[[], None],
) -> int | Failed:
    """Fetch a file into one without a name, and give its descriptor."""
    most = limits.most_copied if extractor.enough_bytes is None else min(extractor.enough_bytes, limits.most_copied)
    too_large = Failed(Reason.TOO_LARGE, f"it has {size} bytes, and at most {limits.most_copied} are fetched")
    is_enough = extractor.enough_bytes is not None and most == extractor.enough_bytes
    if size > most and not is_enough:
        return too_large
    with _put_aside() as aside:
        piece, copied = first[:most], 0
        while piece:
            _write(aside, piece)
            copied += len(piece)
            check()
            if copied == most and is_enough:
                break
            piece = _read(file, min(_COPY_BYTES, most - copied + 1))
            if copied + len(piece) > most:
                if not is_enough:
                    return too_large
                piece = piece[: most - copied]
        return os.dup(aside.fileno())


def _read(file: BinaryIO, wanted: int) -> bytes:
    """Read so many bytes, or to the end; a raw file gives fewer at a time."""
    first = file.read(wanted)
    if len(first) == wanted or not first:
        return first
    pieces, missing = [first], wanted - len(first)
    while missing and (piece := file.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _put_aside() -> io.FileIO:
    try:
        with contextlib.closing(tempfile.TemporaryFile(buffering=0)) as opened:
            return io.FileIO(os.dup(opened.fileno()), "r+b")
    except OSError as error:
        raise _no_room(error) from error


def _write(aside: io.FileIO, piece: bytes) -> None:
    try:
        left = memoryview(piece)
        while left:
            left = left[aside.write(left) :]
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> TemporaryError:
    return TemporaryError(f"cannot put a file aside to read it: {error.strerror or error}")
