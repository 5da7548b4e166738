"""What is said about items that are deleted for good: the tasks of those who dig, their answers, and verdicts. Pure.

Imported by the helper processes of a local purge, so it imports little.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from actors.datasources.rows import Kind, Row


class Fate(StrEnum):
    """What became of something that was to be deleted for good."""

    GONE = "gone"  # it was deleted, with everything in it
    MISSING = "missing"  # it was not there
    REPLACED = "replaced"  # another thing has its place, or it was changed: it is where it was
    FOREIGN = "foreign"  # another file system is mounted in it: that is back in the bin with what leads to it
    FAILED = "failed"  # it could not be deleted, or not completely; what is left is in the tomb


TOMB = b".rota/tomb"
"""Where items go first that are deleted for good: nobody looks for anything there."""
INFO_SUFFIX = b".trashinfo"
"""What the name of the information has that lies beside an item's folder in the bin."""


class Grave(msgspec.Struct, array_like=True, frozen=True):
    """An item in the tomb, or where an object store has it, of which more than one step is needed to be rid."""

    folder: bytes
    name: bytes
    inode: int = 0
    is_second: bool = False
    """Whether the bin has a folder of this name as well: what lies there is another thing."""
    measures: bool = True
    """Whether the sizes of files are asked for."""


class Place(msgspec.Struct, array_like=True, frozen=True):
    """A folder of an item that is to be deleted with all that is in it, or some of its entries."""

    path: bytes
    """Relative to the item; empty for the item itself."""
    names: list[tuple[bytes, int]] = []
    """If there are any, only these entries are meant, with their sizes; none of them is a folder."""
    kept: list[bytes] = []
    """Paths of what is known to stay."""


class Lay(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """Take an item out of the bin, if it still is what it was, and delete as much of it as goes in one step."""

    number: int
    folder: bytes
    name: bytes
    row: Row
    measures: bool = True
    """Whether the sizes of files are asked for, in a storage where they cost a look at each."""


class Clear(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Delete these places of an item."""

    number: int
    grave: Grave
    places: list[Place]


class Fill(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Remove what is left of an item's folder and its information, or put the item `back`."""

    number: int
    grave: Grave
    back: bool


Task = Lay | Clear | Fill


class Remains(msgspec.Struct, array_like=True):
    """What came of a place."""

    entries: int = 0
    """That were deleted."""
    size: int = 0
    """Of the files among them, in bytes, where it is asked for."""
    gone: bool = False
    left: list[Place] = []
    """What has still to be deleted in it; after that it is visited again."""
    kept: list[bytes] = []
    """Paths in it that stay, because they cannot be deleted."""
    foreign: bool = False
    """Whether another file system is mounted in it."""
    reason: str = ""
    """Why something stays, for people."""


class Laid(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """The item is open, and not all of it is gone yet."""

    number: int
    grave: Grave
    remains: Remains


class Cleared(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """What came of each place that was asked for."""

    number: int
    remains: list[Remains]


class Filled(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The end of an item; the fate is one of `Fate`."""

    number: int
    fate: str
    entries: int = 0
    size: int = 0
    reason: str = ""


Answer = Laid | Cleared | Filled

BESIDE = "other things lay beside it: they stay in the bin"
SECOND = "what an earlier purge had begun is gone; another thing is in its place in the bin"


NO_FOLDER = "its folder in the bin is no folder now"
NO_WAY_BACK = "it cannot go back into the bin, where something else is now, and stays in the tomb"


def parts_of(bin_path: bytes) -> tuple[bytes, bytes]:
    """Give folder and name of a path within the bin; raises ValueError unless it is made of exactly these two."""
    parts = bin_path.split(b"/")
    if len(parts) != 2 or b"\0" in bin_path or any(part in {b"", b".", b".."} for part in parts):
        raise ValueError(f"{bin_path!r} is no path of an item: it must be <folder>/<name>")
    return parts[0], parts[1]


def difference(expected: Row, found: Row | None, *, step_ns: int, is_begun: bool) -> str:
    """Say what differs in an entry from what it looked like; empty if nothing does.

    Fields that are 0 or empty on either side are not compared, and times as finely as the storage tells them. A folder
    that was begun to be deleted (`is_begun`) has another time because of that. The device is not compared: its number
    may be another one after each restart, and an item was moved within the one that it is on.
    """
    if found is None:
        return "it is neither file, folder nor link now"
    if expected.kind != found.kind:
        return f"it is a {found.kind} now and was a {expected.kind}"
    if expected.size and expected.size != found.size:
        return f"it has {found.size:,} bytes now and had {expected.size:,}"
    is_timed = expected.modified_ns and found.modified_ns and not (is_begun and expected.kind == Kind.FOLDER)
    is_other = (
        (expected.inode and found.inode and expected.inode != found.inode)
        or (expected.etag and found.etag and expected.etag != found.etag)
        or (is_timed and abs(expected.modified_ns - found.modified_ns) >= step_ns)
    )
    return "it is not the one that came, or it was changed since" if is_other else ""
