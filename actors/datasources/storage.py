"""The narrow interface to a storage, with its promises written on it.

A driver knows one kind of storage and nothing of catalogs, runs or retries: `retrying` wraps those around, `scanning`
walks a whole tree through it. `opening.open_storage` gives the wrapped driver of a datasource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, BinaryIO, Protocol, runtime_checkable

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
