"""Drafts of a local datasource: files under a private name beside the one they will be, written bit by bit.

The folder stays open from the first byte to the new name, and everything goes by names in it. A file that somebody else
put at the draft's name is thrown away and never written to: a second name of another file would be changed with it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress

from actors.datasources.drafts import draft_of
from actors.datasources.local.reading import fields_of
from actors.datasources.local.writing import DRAFT_MODE, FILE_MODE, place, write_at
from actors.datasources.paths import Root, split
from actors.datasources.storage import Row

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LocalDraft:
    """A draft of a file of this machine; see `Draft` for the promises."""

    def __init__(self, root: Root, path: bytes, key: str) -> None:
        """Open it, as far as it was written, or begin one; raises OSError where the folder is not there."""
        with ExitStack() as stack:
            self._folder, self._name = stack.enter_context(place(root, path))
            self._draft = split(draft_of(path, key))[1]
            self._file = self._open()
            stack.callback(os.close, self._file)
            self._end = self._safe = os.fstat(self._file).st_size
            self._stack = stack.pop_all()

    @property
    def size(self) -> int:
        """How many bytes of it are safe."""
        return self._safe

    def cut(self, size: int) -> None:
        """Forget what follows so many bytes."""
        os.ftruncate(self._file, size)
        self._end = self._safe = size

    def append(self, piece: bytes) -> None:
        """Write what follows."""
        write_at(self._file, piece, self._end)
        self._end += len(piece)

    def keep(self) -> None:
        """Make what was written safe."""
        os.fsync(self._file)
        self._safe = self._end

    def publish(self, *, modified_ns: int | None = None, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, and give its row."""
        os.fchmod(self._file, FILE_MODE)  # whatever the process masks
        if modified_ns is not None:
            os.utime(self._file, ns=(modified_ns, modified_ns))
        self.keep()
        found = os.fstat(self._file)
        confirm()
        there = os.stat(self._draft, dir_fd=self._folder, follow_symlinks=False)
        if not os.path.samestat(found, there):
            raise OSError(errno.ESTALE, "another file took the place of the draft", self._name)
        os.rename(self._draft, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)
        fields = fields_of(self._name, found)
        assert fields is not None
        return Row(*fields)

    def discard(self) -> None:
        """Remove it; nothing happens if it is not there."""
        with suppress(FileNotFoundError):
            os.unlink(self._draft, dir_fd=self._folder)

    def close(self) -> None:
        """Let go of it; twice is fine."""
        self._stack.close()

    def _open(self) -> int:
        with suppress(FileNotFoundError):
            descriptor = -1
            try:
                descriptor = os.open(self._draft, _FLAGS, dir_fd=self._folder)
                if _is_ours(os.fstat(descriptor)):
                    return descriptor
            except OSError as error:
                # What a link, a device or a file of somebody else answers; a folder of that name is told below.
                if error.errno not in {errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM}:
                    raise
            if descriptor >= 0:
                os.close(descriptor)
            os.unlink(self._draft, dir_fd=self._folder)
        return os.open(self._draft, _FLAGS | os.O_CREAT | os.O_EXCL, DRAFT_MODE, dir_fd=self._folder)


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
