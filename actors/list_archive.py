"""The actor `list-archive`: tells what is in an archive, as the archive tells it, and unpacks nothing.

Formats that have a directory are read there; of the others the whole file is gone through. Sizes, names and times are
the archive's own words: names that `extract` would refuse are listed too. What lies behind the limits is not read, and
the result says that there is more.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field

from pydantic import Field

from actors.archives.reading import Archive, Member, MemberKind, PassingOver
from actors.datasources.opening import open_storage
from actors.datasources.paths import text_of
from actors.finding import find_datasource
from actors.params import Result
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from actors.unpacking.choice import Choice
from actors.unpacking.opening import opened_archive
from actors.unpacking.order import MOST_PATTERNS, ArchiveParams, archive_path_of
from actors.unpacking.progress import Progress
from rota.errors import PermanentError
from rota.fields import Glob, PositiveDuration
from rota.times import MAX_MS, MIN_MS, duration_ms, rfc3339

_MOST_ITEMS = 200
_MOST_CHARACTERS = 6_000  # in all paths together; a result is 64 KB at most, and some characters take six bytes there


class ListArchiveParams(ArchiveParams):
    """What to list."""

    members: tuple[Glob, ...] = Field(
        default=(),
        max_length=MOST_PATTERNS,
        description="Patterns of what is listed, a folder with what is in it; all of it if empty.",
    )
    max_entries: int = Field(default=1_000_000, ge=1, description="Most members that are read.")
    max_bytes: int = Field(
        default=10 * 1024**3, ge=1, description="Most bytes that are unpacked where members lie one behind another."
    )
    max_time: PositiveDuration | None = Field(
        default=None, description="Longest time that is spent on reading; no limit if unset."
    )


class Item(Result):
    """One member."""

    path: str
    kind: MemberKind
    size: int | None
    """In bytes; None where the archive does not say."""
    modified: str | None
    """None where the archive does not say."""


class ListArchiveResult(Result):
    """What is in it."""

    format: str
    entries: int
    """That match the patterns."""
    bytes: int
    """In the files among them, as far as the archive says."""
    packed: int
    """Bytes that they take in the archive, where that can be told for each; else those of the whole archive."""
    encrypted: int
    """How many of them are."""
    items: list[Item]
    """The first of them."""
    more: bool
    """Whether there are others, or members behind the last that was read."""


@actor("list-archive", queue="archive", isolate=True)
def list_archive(run: Run, params: ListArchiveParams) -> ListArchiveResult:
    """Tell what is in an archive."""
    path = archive_path_of(params.path)
    listed = _Listed()
    choice = Choice(params.members)
    bounds = _Bounds(run, params)
    with closing(open_storage(find_datasource(run, params.datasource), check=run.check)) as storage:
        storage.verify()
        with opened_archive(run, params, storage, path, check=bounds.check) as opened:
            archive = bounds.archive = opened.archive
            progress = Progress(run, done=lambda: archive.consumed, total=opened.file.size, deed="listed")
            try:
                for member in archive.members():
                    bounds.enter(member)
                    name = opened.path_of(member)
                    if choice.takes(name, is_folder=member.kind is MemberKind.FOLDER):
                        listed.add(member, text_of(name))
                    progress.entries = listed.entries
                    progress.tick()
            except _Enough:
                listed.more = True
            else:
                choice.refuse_idle()
            progress.report(ended=True)
            packed = opened.file.size if listed.packed is None else listed.packed
    return ListArchiveResult(
        format=opened.format,
        entries=listed.entries,
        bytes=listed.bytes,
        packed=packed,
        encrypted=listed.encrypted,
        items=listed.items,
        more=listed.more,
    )


class _Enough(PermanentError):
    """Raised where a limit is met: what was listed so far is the result, if anything was."""


class _Bounds:
    """How far an archive is read."""

    def __init__(self, run: Run, params: ListArchiveParams) -> None:
        self._run = run
        self._params = params
        seconds = float("inf") if params.max_time is None else duration_ms(params.max_time) / 1000
        self._until = time.monotonic() + seconds
        self.archive: Archive | None = None

    def check(self) -> None:
        """Raise when the work shall end; asked at each read, for there may be very much between two members."""
        self._run.check()
        unpacked = self.archive.unpacked if isinstance(self.archive, PassingOver) else 0
        if unpacked > self._params.max_bytes:
            raise _Enough(f"more than {sized(self._params.max_bytes)} come before it (max_bytes)")
        if time.monotonic() > self._until:
            raise _Enough(f"reading takes longer than {self._params.max_time} (max_time)")

    def enter(self, member: Member) -> None:
        """Raise where a member lies behind what shall be read."""
        self.check()
        if member.number >= self._params.max_entries:
            raise _Enough(f"more than {self._params.max_entries:,} entries are in it (max_entries)")


@dataclass(slots=True)
class _Listed:
    """What was read of an archive so far."""

    entries: int = 0
    bytes: int = 0
    packed: int | None = 0
    encrypted: int = 0
    items: list[Item] = field(default_factory=list)
    more: bool = False
    characters: int = 0

    def add(self, member: Member, path: str) -> None:
        """Count a member, and keep it among the first ones."""
        self.entries += 1
        self.encrypted += member.encrypted
        if member.kind is MemberKind.FILE:
            self.bytes += member.size or 0
            known = self.packed is not None and member.packed is not None
            self.packed = (self.packed or 0) + (member.packed or 0) if known else None
        self.characters += len(path)
        if self.more or len(self.items) >= _MOST_ITEMS or self.characters > _MOST_CHARACTERS:
            self.more = True
            return
        self.items.append(Item(path=path, kind=member.kind, size=member.size, modified=_moment(member.modified_ns)))


def _moment(modified_ns: int | None) -> str | None:
    if modified_ns is None:
        return None
    return rfc3339(max(MIN_MS, min(modified_ns // 1_000_000, MAX_MS)))
