"""The narrow interface to a storage, with its promises written on it.

A driver knows one kind of storage and nothing of catalogs, runs or retries: `retrying` wraps those around, `scanning`
walks a whole tree through it. `opening.open_storage` gives the wrapped driver of a datasource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple, Protocol, runtime_checkable

from actors.datasources.graves import Fate
from actors.datasources.rows import Kind, Row  # noqa: F401 -- both are words of this interface
from rota.datasources import Rules

MARKER = b".rota-marker"
"""Name of the file in a root that proves that it is the right one and that it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The complete content of one folder."""

    path: bytes
    token: str
    """Changes when an entry is added, removed or renamed in the folder; empty where the storage has no such thing."""
    rows: Sequence[Row]
    """Sorted by name; names are unique. Those of a huge folder may be decoded anew whenever they are gone through."""
    special: int = 0
    """How many entries were left out because they are neither file, folder nor link."""
    digest: bytes = field(default=b"", compare=False)
    """The one of its rows, where a scan has computed it already."""
    prints: bytes = field(default=b"", compare=False)
    """Computed with the digest; see `prints`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """A folder of which the known prints tell the few rows that differ; the others were not brought along."""

    path: bytes
    token: str
    digest: bytes
    prints: bytes
    """Of all its rows."""
    entries: int
    bytes: int
    rows: list[Row]
    """Those that are new or not what they were, sorted by name."""
    missing: frozenset[int]
    """The known prints that no row has now: of what these rows were, and of what is gone."""
    special: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """A folder whose token and digest are the known ones; its rows were not brought along."""

    path: bytes
    entries: int
    bytes: int
    special: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Everything below a path that was asked for has been told."""

    path: bytes


class Why(StrEnum):
    """Why a folder was not listed."""

    FAILED = "failed"  # it could not be read, or only in part: a fault that somebody must look at
    FOREIGN = "foreign"  # it lies on another file system (or a bind mount): on purpose
    VANISHED = "vanished"  # its parent's listing had it, and it is gone or replaced now: the next scan sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A folder of which nothing is known; not the same as an empty one."""

    path: bytes
    why: Why
    reason: str


Found = Listing | Altered | Same | Unlisted | End


class Known(Protocol):
    """What the catalog knows of a folder."""

    @property
    def token(self) -> str:
        """The token of its last complete listing."""

    @property
    def digest(self) -> bytes:
        """The digest of its last complete listing."""

    @property
    def prints(self) -> bytes:
        """The prints of its last complete listing; empty if there are none, and then it is never told as `Altered`."""


Lookup = Callable[[Sequence[bytes]], Mapping[bytes, Known]]
"""Gives what is known of those of these folders that are known; always called in the caller's own thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """A storage that is looked after, as an actor is handed it.

    `options` are valid for the kind and hold secrets as references.
    """

    name: str
    kind: str = "local"
    root: str
    """Where it is: for `local` the path of the folder, else an address."""
    options: Mapping[str, Any] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    whole: bool = False
    """Whether listings show Rota's own private names as well, and what the globs leave out: for work on bins."""
    marker: str | None = None
    """What the file `MARKER` in the root must say, or the storage is taken for absent; None for no such file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a kind of storage can do, so that callers need not know its name."""

    inodes: bool = False
    """Rows have inodes that stay the same when an entry is renamed."""
    etags: bool = False
    """Rows of files have etags."""
    folders: bool = True
    """Folders exist by themselves; if not, one is there as long as something is in it."""
    moves: bool = True
    """`rename` is one step for files and folders; if not, only files can be renamed, by copy and delete."""
    keeps_modified: bool = True
    """`write` can set the time of a file."""
    in_flight: int = 8
    """How many of its calls are worth making at once."""
    step_ns: int = 1
    """How fine its times are: two that differ by less are the same."""


class Storage(Protocol):
    """Reads and writes one storage.

    Promises of every driver:

    - Safe to use from several threads. A call over the network has a time limit; none retries: retries are wrapped
      around.
    - An error is never told as an empty answer. What cannot be read completely raises, or is an `Unlisted`.
    - OSError for what concerns one path (FileNotFoundError where it isn't there), PermanentError for what concerns the
      storage as a whole and will not get better, TemporaryError for what may.
    - Names and paths are bytes as the storage has them, never normalised. Rota's own private names are left out, and
      so is what the datasource's globs leave out. A name that cannot be a row's (empty, `.`, `..`, or the file beside
      a folder of the same name in an object store) counts as `special`.
    - A write makes a file whole-old or whole-new, never half.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def verify(self) -> None:
        """Raise PermanentError or TemporaryError unless the storage is there and is the right one.

        Called before and after a scan.
        """

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none (a missing folder on the way included); globs leave nothing out."""

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading; raises OSError if it is none."""

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make a file of these pieces, or replace the one at the path, and give its row.

        The folder it goes into must be there where folders exist by themselves. `confirm` is called once everything is
        written and before it gets its name; if it or the pieces raise, nothing is left behind. What raised goes up as
        it is. Pieces that are an iterator come once; others may be asked for again by a repeat.
        """

    def make_folder(self, path: bytes) -> None:
        """Make a folder; nothing happens if it is there, or where folders don't exist by themselves."""

    def rename(self, path: bytes, target: bytes) -> None:
        """Give an entry another path; raises FileExistsError if something is there already."""

    def delete(self, path: bytes) -> None:
        """Delete a file, a link or an empty folder; nothing happens if it is not there."""

    def close(self) -> None:
        """Let go of the storage; twice is fine."""


@runtime_checkable
class Scanner(Protocol):
    """A driver that knows a better way through a whole tree than folder by folder."""

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        """List these folders and everything below them; see `scanning.scan` for the promises."""


class Doomed(NamedTuple):
    """An item of a bin that shall be deleted for good."""

    bin_path: bytes
    """`<folder>/<name>` within the bin."""
    row: Row
    """What it looked like when it came; what it must look like still. Fields that are 0 or empty are not compared."""
    bytes: int | None = None
    """Sum of the sizes of its files, where it is known; counting them costs a look at each."""


class Ended(NamedTuple):
    """What became of a doomed item."""

    item: Doomed
    fate: Fate
    entries: int = 0
    """That were deleted."""
    bytes: int = 0
    """Of the files among them; of an item whose size was known that size, and 0 while not all of it is gone."""
    reason: str = ""
    """Why it is not gone, for people."""


@runtime_checkable
class Gravedigger(Protocol):
    """A driver that knows a better way to delete items of a bin for good than entry by entry."""

    def bury(self, items: Iterable[Doomed], *, check: Callable[[], None] = lambda: None) -> Iterator[Ended]:
        """Delete items of the bin for good; see `burying.bury` for the promises."""


@runtime_checkable
class WholeDeleter(Protocol):
    """A driver that deletes a folder with everything in it in one request."""

    def delete_whole(self, path: bytes) -> None:
        """Delete a folder and all that is in it, whatever that is now; nothing happens if it is not there."""


class Draft(Protocol):
    """A file that is being written bit by bit, under a private name, and that outlives the process.

    For one thread at a time. Two processes that write the same draft from the same source do no harm to each other:
    each writes at its own place, never at what happens to be the end.
    """

    @property
    def size(self) -> int:
        """How many bytes of it are safe: what a later process finds.

        After `keep`, all of them, or what the storage takes in one part less.
        """

    def cut(self, size: int) -> None:
        """Forget what follows so many bytes, a size that the draft once had after `keep`, or 0."""

    def append(self, piece: bytes) -> None:
        """Write what follows."""

    def keep(self) -> None:
        """Make what was written safe, against a loss of power as well."""

    def publish(self, *, modified_ns: int | None = None, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, in place of whatever file had it, and give its row; see `Storage.write`."""

    def discard(self) -> None:
        """Remove it; nothing happens if it is not there."""

    def close(self) -> None:
        """Let go of it, and leave it where it is; twice is fine."""


@runtime_checkable
class Drafting(Protocol):
    """A driver whose large files need not be written in one go."""

    def draft(self, path: bytes, key: str) -> Draft:
        """Open the draft of this key for a file, as far as it was written, or begin one.

        A key is a task's id: it says whose the draft is, and whether anybody will come back for it. The folder of the
        path must be there where folders exist by themselves.
        """


class Tree(Protocol):
    """A folder that is being filled under a private name, and gets its own when it is whole.

    Paths are relative to it and have no part that is empty, `.` or `..`; whoever fills it has judged them. Nothing is
    written outside of it whatever a path is, and nothing in it is replaced: FileExistsError. Safe in several threads.
    """

    def make_folder(self, path: bytes) -> None:
        """Make a folder and those above it; nothing happens if it is there."""

    def write(
        self, path: bytes, pieces: Iterable[bytes], *, modified_ns: int | None = None, executable: bool = False
    ) -> int:
        """Make a file, with the folders above it, and give how many bytes it has. If the pieces raise, it is gone."""

    def read(self, path: bytes) -> Iterator[bytes]:
        """Give the content of a file that was made; raises FileNotFoundError if there is none."""

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link; raises OSError where the storage has none."""

    def finish(self, folders: Iterable[tuple[bytes, int]] = ()) -> None:
        """Make all of it safe against a loss of power, and set the times of folders, in nanoseconds since 1970."""

    def free_bytes(self) -> int | None:
        """Say how much the storage can still take; None where it does not tell."""

    def publish(self, name: bytes = b"", *, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, or another one in the same folder, and give its row; FileExistsError if that is taken.

        Where folders cannot be renamed in one step, its files are moved one by one: see `trees.go_on`.
        """

    def merge(self, path: bytes, goal: bytes, *, replace: bool, confirm: Callable[[], None] = lambda: None) -> None:
        """Move one file of it to a path of the storage, whole; the folder that it goes into must be there.

        Raises FileExistsError if something is there, unless `replace`.
        """

    def discard(self) -> None:
        """Remove it with all that is in it; nothing happens if it is not there."""

    def close(self) -> None:
        """Let go of it, and leave it where it is; twice is fine."""


@runtime_checkable
class Planting(Protocol):
    """A driver that knows a better way to fill a folder than by its own `write`; see `trees.plant`."""

    def tree(self, path: bytes, key: str) -> Tree:
        """Begin a tree for a folder under the task's id as the key; what an earlier attempt left of it is removed.

        The folder of the path must be there where folders exist by themselves.
        """

    def remove_tree(self, path: bytes, *, check: Callable[[], None] = lambda: None) -> int:
        """Remove a tree that was left at this path, and give how many bytes its files had; see `trees.remove`."""


@runtime_checkable
class Linking(Protocol):
    """A driver that can tell where a symbolic link leads."""

    def read_link(self, path: bytes) -> bytes:
        """Give the target of a link, as it says itself; raises OSError for anything else."""


class Upload(NamedTuple):
    """An upload in parts that was begun and neither finished nor thrown away; it shows in no listing."""

    path: bytes
    """Of the file that it would make."""
    key: str
    """The service's own id of it."""
    started_ms: int
    """Milliseconds since 1970."""


@runtime_checkable
class Uploading(Protocol):
    """A driver whose service keeps the parts of broken uploads, at somebody's cost, until they are thrown away."""

    def unfinished(self) -> Iterator[Upload]:
        """Give the uploads below the root that are not finished, those that are just under way included."""

    def abort(self, path: bytes, key: str) -> None:
        """Throw the parts of an upload away; nothing happens if there is none."""
