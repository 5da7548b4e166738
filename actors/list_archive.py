"""The actor `list-archive`: tells what is in an archive, as the archive tells it, and unpacks nothing.

Formats that have a directory are read there; of the others the whole file is gone through. Sizes, names and times are
the archive's own words: names that `extract` would refuse are listed too. What lies behind `max_entries` is not read.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

from pydantic import Field

from actors.archives.reading import Member, MemberKind
from actors.datasources.opening import open_storage
from actors.datasources.paths import text_of
from actors.finding import find_datasource
from actors.params import Result
from actors.registry import actor
from actors.run import Run
from actors.unpacking.choice import Choice
from actors.unpacking.opening import opened_archive
from actors.unpacking.order import MOST_PATTERNS, ArchiveParams, archive_path_of
from actors.unpacking.progress import Progress
from rota.fields import Glob
from rota.times import MAX_MS, MIN_MS, rfc3339

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
    with closing(open_storage(find_datasource(run, params.datasource), check=run.check)) as storage:
        storage.verify()
        with opened_archive(run, params, storage, path) as opened:
            archive = opened.archive
            progress = Progress(run, done=lambda: archive.consumed, total=opened.file.size, deed="listed")
            for member in archive.members():
                run.check()
                if member.number >= params.max_entries:
                    listed.more = True
                    break
                name = opened.path_of(member)
                if choice.takes(name, is_folder=member.kind is MemberKind.FOLDER):
                    listed.add(member, text_of(name))
                progress.entries = listed.entries
                progress.tick()
            progress.report(ended=True)
            choice.refuse_idle()
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
