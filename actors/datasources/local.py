"""The driver for folders of this machine: a walk with `os.scandir` on descriptors.

Each folder is opened by its path beneath the root's descriptor and then listed through its own, so the walk needs one
descriptor whatever the depth. Links are rows, never followed; fifos, sockets and devices are counted and left out; a
folder on another file system (bind mounts too, with `openat2`) is a row and is not entered.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from actors.datasources.openat2 import Opener
from actors.datasources.paths import Root, is_private, join, split, text_of
from actors.datasources.storage import MARKER, Datasource, Kind, Listing, Row, Unlisted, Why
from rota.errors import PermanentError

_KINDS = {stat.S_IFREG: Kind.FILE.value, stat.S_IFDIR: Kind.FOLDER.value, stat.S_IFLNK: Kind.LINK.value}
_MARKER_BYTES = 4096
_MOST = 2**63 - 1  # what a database column holds; some file systems have times beyond it
_WHY = {
    # Renamed, removed, or replaced by a link or a file since its parent was listed.
    errno.ENOENT: Why.VANISHED,
    errno.ENOTDIR: Why.VANISHED,
    errno.ELOOP: Why.VANISHED,
    errno.EXDEV: Why.FOREIGN,
}


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

    def verify(self) -> None:
        """Raise PermanentError unless the configured path still is the opened folder and its marker is there."""
        name, marker = self._datasource.name, self._datasource.marker
        try:
            # A file system mounted or unmounted meanwhile puts another folder at the same path.
            if not os.path.samestat(Path(self._datasource.root).stat(), self._root.stat(b"")):
                raise PermanentError(f"datasource {name!r}: another folder took the place of its root")
            if marker is None:
                return
            with self.open_file(MARKER) as file:
                if file.read(_MARKER_BYTES).strip() != marker.encode().strip():
                    raise PermanentError(f"datasource {name!r}: {text_of(MARKER)} in it is another one's")
        except OSError as error:
            raise PermanentError(_absent(self._datasource, error)) from error

    def scan(self, path: bytes) -> Iterator[Listing | Unlisted]:
        """List a folder and everything below it, parents first, in the order of names."""
        waiting = [path]
        while waiting:
            found = self.list_folder(waiting.pop())
            yield found
            if isinstance(found, Listing):
                waiting += [join(found.path, row.name) for row in reversed(found.rows) if row.kind == Kind.FOLDER]

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none."""
        try:
            found = self._root.stat(path)
        except OSError as error:
            if _WHY.get(error.errno or 0) is Why.VANISHED:
                return None
            raise
        return _row(split(path)[1], found)

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading."""
        descriptor = self._root.open_file(path)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "no regular file", path)
        return os.fdopen(descriptor, "rb")

    def close(self) -> None:
        """Let go of the root."""
        self._root.close()

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        try:
            descriptor = self._root.open_folder(path)
        except OSError as error:
            why = _WHY.get(error.errno or 0, Why.FAILED)
            return Unlisted(path=path, why=why, reason=error.strerror or str(error))
        try:
            return self._read(path, descriptor)
        except OSError as error:
            why = Why.VANISHED if error.errno == errno.ENOENT else Why.FAILED
            return Unlisted(path=path, why=why, reason=error.strerror or str(error))
        finally:
            os.close(descriptor)

    def _read(self, path: bytes, descriptor: int) -> Listing:
        # Taken before the entries are read: a change meanwhile leaves an old token behind, never a new one.
        own = os.fstat(descriptor)
        rows: dict[bytes, Row] = {}  # a name that is removed and made again meanwhile may come twice
        special = 0
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if is_private(name):
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed since the listing began: the same as a listing begun a moment later
                row = _row(name, found)
                if row is None:
                    special += 1
                else:
                    rows[name] = row
        # The C library tells a folder that was removed while it was open as an empty one.
        if not rows and os.fstat(descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "removed while it was listed")
        return Listing(
            path=path,
            token=f"{own.st_dev:x}-{own.st_ino:x}-{own.st_mtime_ns:x}",
            rows=[rows[name] for name in sorted(rows)],
            special=special,
        )


def _row(name: bytes, found: os.stat_result) -> Row | None:
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    size = 0 if kind == Kind.FOLDER else found.st_size
    modified_ns = found.st_mtime_ns
    if not -_MOST <= modified_ns <= _MOST:
        modified_ns = _MOST if modified_ns > 0 else -_MOST
    return Row(name, kind, size, modified_ns, found.st_ino, found.st_dev)


def _absent(datasource: Datasource, error: OSError) -> str:
    return f"datasource {datasource.name!r} cannot be reached at {datasource.root!r}: {error.strerror or error}"
