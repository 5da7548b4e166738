"""Writes the contents of members into a tree, in several threads.

Small ones go in batches, for handing a file to a thread takes as long as writing a small one. Of an archive whose
members can be opened in any order, a thread opens and unpacks them itself. Of any other one contents come out one after
the other: small ones are handed to the threads, large ones are written as they come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actors.archives.reading import Member, WholeReading
from actors.datasources.paths import text_of
from actors.datasources.retrying import is_temporary
from actors.threads import Crew
from actors.unpacking.setting import Setting
from rota.errors import PermanentError, TemporaryError

SMALL_BYTES = 1024 * 1024
"""Contents up to this size are held in memory, a batch of them for each thread and a few that wait."""
BATCH_FILES = 32
"""So many are handed to a thread at once, if they are small enough."""
_MOST_NS = 2**63 - 1  # what a database column holds; some formats have times beyond it


class Planned(NamedTuple):
    """A file that is to be made."""

    member: Member
    path: bytes
    """Where it goes in the tree."""
    content: bytes | None = None
    """None if it is still to be unpacked."""


class Writers:
    """Those who write the files of an extraction; handed work by one thread."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._archive = setting.archive
        self._whole = setting.archive if isinstance(setting.archive, WholeReading) else None
        self._budget = setting.budget
        self._counts = setting.counts
        self._crew: Crew[int, int] = Crew(setting.threads, done=self._done)
        self._batch: list[Planned] = []
        self._batched = 0

    def hand(self, member: Member, path: bytes) -> None:
        """Have a file made."""
        size = member.size
        is_small = size is not None and size <= SMALL_BYTES
        if not self._archive.is_direct and not is_small:
            self._write_now(Planned(member, path))
            return
        content = None if self._archive.is_direct else b"".join(self._pieces(member))
        self._batch.append(Planned(member, path, content))
        self._batched += SMALL_BYTES if size is None else size
        if len(self._batch) >= BATCH_FILES or self._batched >= SMALL_BYTES:
            self._send()

    def finish(self) -> None:
        """Wait until all files are made."""
        self._send()
        self._crew.finish()

    def copy(self, member: Member, source: bytes, path: bytes) -> None:
        """Make a file as a copy of one that is made already."""
        self.finish()
        size = self._written(path, self._copied(member, source), member)
        self._done(1, size)

    def _send(self) -> None:
        if self._batch:
            batch, self._batch, self._batched = self._batch, [], 0
            self._crew.hand(len(batch), self._write_batch, batch)

    def _write_now(self, planned: Planned) -> None:
        self._done(1, self._write_batch([planned]))

    def _write_batch(self, batch: list[Planned]) -> int:
        return sum(self._write(planned) for planned in batch)

    def _write(self, planned: Planned) -> int:
        member, path, content = planned
        self._setting.check()
        if content is not None:
            return self._written(path, iter((content,)), member)
        return self._written(path, self._unpacked(member), member)

    def _written(self, path: bytes, pieces: Iterator[bytes], member: Member) -> int:
        try:
            return self._setting.tree.write(path, pieces, modified_ns=time_of(member), executable=member.executable)
        except OSError as error:
            raise failed(path, error) from error

    def _unpacked(self, member: Member) -> Iterator[bytes]:
        whole = None if self._whole is None else self._whole.open_whole(member)
        if whole is None:
            yield from self._pieces(member)
        else:
            self._count(member, len(whole))
            yield whole

    def _pieces(self, member: Member) -> Iterator[bytes]:
        for piece in self._archive.open(member):
            self._setting.check()
            self._count(member, len(piece))
            yield piece

    def _copied(self, member: Member, source: bytes) -> Iterator[bytes]:
        for piece in self._setting.tree.read(source):
            self._setting.check()
            self._count(member, len(piece))
            yield piece

    def _count(self, member: Member, size: int) -> None:
        self._budget.produce(member.name, size, consumed=self._archive.consumed)
        if not self._archive.is_direct:
            self._setting.progress.tick()

    def _done(self, files: int, size: int) -> None:
        self._counts.entries += files
        self._counts.bytes += size
        self._setting.progress.entries += files
        self._setting.progress.tick()


def time_of(member: Member) -> int | None:
    """Give the time of a member as storages take it; None if it has none."""
    return None if member.modified_ns is None else max(-_MOST_NS, min(member.modified_ns, _MOST_NS))


def failed(path: bytes, error: OSError) -> PermanentError | TemporaryError:
    """Say what went wrong in a storage as the error that tells whether another attempt may help."""
    kind = TemporaryError if is_temporary(error) else PermanentError
    return kind(f"{text_of(path)!r} cannot be written: {error.strerror or error}")
