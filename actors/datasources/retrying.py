"""Repeats what failed for the time being: wrapped around the driver of a storage, so that no driver does it itself.

Pauses grow and are drawn at random (full jitter), so that many workers do not come back at the same moment. A storage
that asks for a longer pause than is worth waiting for is left alone: the error goes up with its delay, and the task is
repeated as a whole.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, cast

from actors.datasources.abilities import (
    Doomed,
    Draft,
    Drafting,
    Ended,
    Gravedigger,
    Linking,
    Upload,
    Uploading,
    WholeDeleter,
)
from actors.datasources.storage import Capabilities, End, Found, Listing, Lookup, Row, Scanner, Storage, Unlisted
from actors.datasources.told import Told
from rota.errors import TemporaryError

_FIRST_SECONDS = 0.25
_LONGEST_SECONDS = 20.0
# Longer than this, a worker's thread has better things to do.
_MOST_ASKED_MS = 30_000
_STEP_SECONDS = 0.1
# Bounds what a scan remembers in order to go on in the middle of branches: some 10 MB.
_MOST_TOLD = 100_000
_CONNECTION = frozenset(
    {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ENOTCONN}
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """How often something is repeated, and how a pause is spent."""

    retries: int
    check: Callable[[], None] = lambda: None
    """Raises when the work shall end."""
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    """Gives numbers from 0 to 1."""

    def call(self, act: Callable[[], T]) -> T:
        """Give what `act` gives, and call it again after a temporary failure.

        Raises TemporaryError with the number of tries once they are used up; anything else at once.
        """
        tried = 0
        while True:
            try:
                return act()
            except (TemporaryError, OSError) as error:
                tried += 1
                self.pause(error, tried)

    def pause(self, error: TemporaryError | OSError, tried: int) -> None:
        """Wait until the next try after this error of the last one, or raise if there shall be none."""
        if not is_temporary(error):
            raise error
        delay_ms = error.delay_ms if isinstance(error, TemporaryError) else None
        if tried > self.retries or (delay_ms or 0) > _MOST_ASKED_MS:
            raise TemporaryError(
                f"{error} (tried {tried} times)" if tried > 1 else str(error), delay_ms=delay_ms
            ) from error
        left = max(pause_seconds(tried, self.chance()), (delay_ms or 0) / 1000)
        self.check()
        while left > 0:
            self.sleep(min(left, _STEP_SECONDS))
            left -= _STEP_SECONDS
            self.check()


def pause_seconds(tried: int, chance: float) -> float:
    """Give how long to wait after so many tries: a share of a span that doubles with each, up to 20 seconds."""
    return chance * min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(tried, 30))


def is_temporary(error: BaseException) -> bool:
    """Say whether the same call may succeed in a moment: a temporary error, or a connection that broke."""
    if isinstance(error, TemporaryError | ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in _CONNECTION


def retrying(inner: Storage, repeats: Repeats) -> Storage:
    """Wrap repeats around a driver; the result can do what the driver can: scan by itself, keep drafts, bury ..."""
    parts = tuple(part for ability, part in _abilities() if isinstance(inner, ability))
    # The abilities do not depend on each other, and a class for each set of them would say nothing more.
    kind = type("RetryingStorage", parts, {}) if parts else Retrying
    return cast("Storage", kind(inner, repeats))


class Retrying:
    """A storage whose calls are repeated after temporary failures; see `Storage` for the promises.

    Reading a file is not resumed where it broke, for the file may be another one by then: the reader opens it again.
    """

    def __init__(self, inner: Storage, repeats: Repeats) -> None:
        self._inner = inner
        self._repeats = repeats

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._inner.capabilities

    def verify(self) -> None:
        """Raise PermanentError or TemporaryError unless the storage is there and is the right one."""
        self._repeats.call(self._inner.verify)

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        return self._repeats.call(lambda: self._inner.list_folder(path))

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none."""
        return self._repeats.call(lambda: self._inner.stat(path))

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading."""
        return self._repeats.call(lambda: self._inner.open_file(path))

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make or replace a file; repeated only if the pieces can be had again, so not if they are an iterator."""

        def written() -> Row:
            return self._inner.write(path, pieces, modified_ns=modified_ns, confirm=confirm)

        return written() if iter(pieces) is pieces else self._repeats.call(written)

    def make_folder(self, path: bytes) -> None:
        """Make a folder; nothing happens if it is there."""
        self._repeats.call(lambda: self._inner.make_folder(path))

    def rename(self, path: bytes, target: bytes) -> None:
        """Give an entry another path; done as well if it was, and only the answer was lost."""
        before = self.stat(path)
        tried = 0

        def renamed() -> None:
            nonlocal tried
            tried += 1
            try:
                self._inner.rename(path, target)
            except (FileNotFoundError, FileExistsError):
                if tried == 1 or not self._was_renamed(before, path, target):
                    raise

        self._repeats.call(renamed)

    def delete(self, path: bytes) -> None:
        """Delete a file, a link or an empty folder; nothing happens if it is not there."""
        self._repeats.call(lambda: self._inner.delete(path))

    def close(self) -> None:
        """Let go of the storage."""
        self._inner.close()

    def _was_renamed(self, before: Row | None, path: bytes, target: bytes) -> bool:
        if before is None or self._inner.stat(path) is not None:
            return False
        there = self._inner.stat(target)
        return there is not None and (there.kind, there.size) == (before.kind, before.size)


class RetryingScanner(Retrying):
    """A storage with a scan of its own, which goes on where it broke."""

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        """List these folders and everything below them; what was told before a failure is not told again.

        Where too much of the branches under way was told to remember, the failure goes up.
        """
        scanner = cast("Scanner", self._inner)
        ended = tried = 0
        told = Told(paths, most=_MOST_TOLD)
        while ended < len(paths):
            try:
                with closing(_closable(scanner.scan(paths[ended:], known, check=check))) as scanned:
                    for found in scanned:
                        if isinstance(found, End):
                            ended += 1
                            told.end(found.path)
                        elif not told.add(found.path):
                            continue
                        yield found
                        tried = 0
            except (TemporaryError, OSError) as error:
                tried += 1
                self._repeats.pause(error, tried if told.is_whole else self._repeats.retries + 1)
            else:
                return


class RetryingDrafts(Retrying):
    """A storage with drafts.

    What is asked of a draft once it is open is not repeated: after a failure nobody knows how much of a piece arrived,
    so whoever writes it opens it again and goes on with what is safe.
    """

    def draft(self, path: bytes, key: str) -> Draft:
        """Open the draft of this key for a file, as far as it was written, or begin one."""
        return self._repeats.call(lambda: cast("Drafting", self._inner).draft(path, key))


class RetryingLinks(Retrying):
    """A storage that tells where links lead."""

    def read_link(self, path: bytes) -> bytes:
        """Give the target of a link, as it says itself; raises OSError for anything else."""
        return self._repeats.call(lambda: cast("Linking", self._inner).read_link(path))


class RetryingUploads(Retrying):
    """A storage with uploads that may be left over."""

    def unfinished(self) -> Iterator[Upload]:
        """Give the uploads below the root that are not finished, all at once."""
        yield from self._repeats.call(lambda: list(cast("Uploading", self._inner).unfinished()))

    def abort(self, path: bytes, key: str) -> None:
        """Throw the parts of an upload away; nothing happens if there is none."""
        self._repeats.call(lambda: cast("Uploading", self._inner).abort(path, key))


class RetryingGravedigger(Retrying):
    """A storage that deletes items of the bin in a way of its own, in which it repeats by itself what failed."""

    def bury(self, items: Iterable[Doomed], *, check: Callable[[], None] = lambda: None) -> Iterator[Ended]:
        """Delete items of the bin for good."""
        return cast("Gravedigger", self._inner).bury(items, check=check)


class RetryingWholeDeleter(Retrying):
    """A storage that deletes a folder with everything in it in one request."""

    def delete_whole(self, path: bytes) -> None:
        """Delete a folder and all that is in it; nothing happens if it is not there."""
        self._repeats.call(lambda: cast("WholeDeleter", self._inner).delete_whole(path))


def _abilities() -> tuple[tuple[type, type[Retrying]], ...]:
    return (
        (Scanner, RetryingScanner),
        (Drafting, RetryingDrafts),
        (Linking, RetryingLinks),
        (Uploading, RetryingUploads),
        (Gravedigger, RetryingGravedigger),
        (WholeDeleter, RetryingWholeDeleter),
    )


def _closable(found: Iterator[Found]) -> Any:
    """Give an iterator with a `close`: a generator as it is, any other one as a generator over it."""
    return found if hasattr(found, "close") else (each for each in found)
