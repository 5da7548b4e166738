"""What some storages can do besides, each a protocol that a driver may have; `isinstance` tells.

Without one of them the same is done through `storage.Storage` alone, slower or in more steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from actors.datasources.graves import Fate
from actors.datasources.rows import Row


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


@runtime_checkable
class Opening(Protocol):
    """A driver whose files the operating system opens, so that nothing need stand between it and who reads."""

    def open_descriptor(self, path: bytes) -> int:
        """Open a regular file for reading and give its descriptor, which the caller closes; raises OSError if none."""
