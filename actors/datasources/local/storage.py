"""The driver for folders of this machine: everything goes through descriptors beneath the root's.

Each folder is opened by its path beneath the root's descriptor and then listed through its own, so a walk needs one
descriptor whatever the depth. Links are rows, never followed; fifos, sockets and devices are counted and left out; a
folder on another file system (bind mounts too, with `openat2`) is a row and is not entered.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from actors.datasources.abilities import Doomed, Ended
from actors.datasources.globs import Selection
from actors.datasources.listing import unlisted
from actors.datasources.local.burying import bury_locally
from actors.datasources.local.drafting import LocalDraft
from actors.datasources.local.planting import LocalTree, remove_tree
from actors.datasources.local.reading import Content, chosen, fields_of, read_folder
from actors.datasources.local.scanning import LocalScan, listing_of
from actors.datasources.local.walkers import Walkers
from actors.datasources.local.walking import Setup
from actors.datasources.local.writing import delete, make_folder, read_link, rename, write
from actors.datasources.marker import check_marker
from actors.datasources.openat2 import Opener
from actors.datasources.paths import Root, split
from actors.datasources.storage import Capabilities, Datasource, Found, Listing, Lookup, Row, Unlisted
from rota.errors import PermanentError

_PROCESSES = 2
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


class LocalStorage:
    """A folder of this machine; see `Storage` for the promises."""

    def __init__(self, datasource: Datasource, *, opener: Opener | None = None) -> None:
        """Open the root; raises PermanentError when it is missing, no folder, or may not be read."""
        self._datasource = datasource
        if not Path(datasource.root).is_absolute():
            raise PermanentError(f"datasource {datasource.name!r}: its root {datasource.root!r} is no absolute path")
        try:
            self._root = Root(datasource.root, opener=opener)
        except OSError as error:
            raise PermanentError(_absent(datasource, error)) from error
        rules = datasource.rules
        whole = datasource.whole
        self._selection = chosen(Selection.of(rules, whole=whole))
        self._setup = Setup(by_steps=self._root.by_steps, include=rules.include, exclude=rules.exclude, whole=whole)
        self._processes = int(datasource.options.get("processes", _PROCESSES))

    @property
    def capabilities(self) -> Capabilities:
        """What it can do: everything, to the nanosecond."""
        return Capabilities(inodes=True)

    def verify(self) -> None:
        """Raise PermanentError unless the configured path still is the opened folder and its marker is there."""
        try:
            # A file system mounted or unmounted meanwhile puts another folder at the same path.
            if not os.path.samestat(Path(self._datasource.root).stat(), self._root.stat(b"")):
                raise PermanentError(f"datasource {self._datasource.name!r}: another folder took the place of its root")
            check_marker(self._datasource, self.open_file)
        except OSError as error:
            raise PermanentError(_absent(self._datasource, error)) from error

    def scan(
        self, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
    ) -> Iterator[Found]:
        """List these folders and everything below them, a large tree with helper processes."""
        start = self._start if self._processes > 1 else None
        return LocalScan(paths, known, read=self._read, start=start, check=check).run()

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        content = self._read(path, with_folders=False)
        return content if isinstance(content, Unlisted) else listing_of(path, content)

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none."""
        try:
            found = self._root.stat(path)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        fields = fields_of(split(path)[1], found)
        return Row(*fields) if fields else None

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading."""
        return os.fdopen(self.open_descriptor(path), "rb")

    def open_descriptor(self, path: bytes) -> int:
        """Open a regular file for reading and give its descriptor."""
        descriptor = self._root.open_file(path)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "no regular file", path)
        return descriptor

    def read_link(self, path: bytes) -> bytes:
        """Give the target of a link, as it says itself."""
        return read_link(self._root, path)

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make a file of these pieces, or replace the one at the path, and give its row."""
        return write(self._root, path, pieces, modified_ns=modified_ns, confirm=confirm)

    def draft(self, path: bytes, key: str) -> LocalDraft:
        """Open the draft of this key for a file, as far as it was written, or begin one."""
        return LocalDraft(self._root, path, key)

    def tree(self, path: bytes, key: str) -> LocalTree:
        """Begin a tree for a folder."""
        return LocalTree(self._root, path, key)

    def remove_tree(self, path: bytes, *, check: Callable[[], None] = lambda: None) -> int:
        """Remove a tree that was left at this path, and give how many bytes its files had."""
        return remove_tree(self._root, path, check=check)

    def make_folder(self, path: bytes) -> None:
        """Make a folder; nothing happens if it is there."""
        make_folder(self._root, path)

    def rename(self, path: bytes, target: bytes) -> None:
        """Give an entry another path; raises FileExistsError if something is there already."""
        rename(self._root, path, target)

    def delete(self, path: bytes) -> None:
        """Delete a file, a link or an empty folder; nothing happens if it is not there."""
        try:
            delete(self._root, path)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise

    def bury(self, items: Iterable[Doomed], *, check: Callable[[], None] = lambda: None) -> Iterator[Ended]:
        """Delete items of the bin for good, many of them with helper processes."""
        return bury_locally(self._root, items, processes=self._processes, check=check)

    def close(self) -> None:
        """Let go of the root."""
        self._root.close()

    def _read(self, path: bytes, *, with_folders: bool = True) -> Content | Unlisted:
        try:
            return read_folder(self._root, path, self._selection, with_folders=with_folders)
        except OSError as error:
            return unlisted(path, error.errno or 0, error.strerror or str(error))

    def _start(self) -> Walkers:
        return Walkers(self._root.descriptor, self._setup, count=self._processes)


def _absent(datasource: Datasource, error: OSError) -> str:
    return f"datasource {datasource.name!r} cannot be reached at {datasource.root!r}: {error.strerror or error}"
