"""The kernel's inotify, as far as watching folders needs it: one queue of notices about folders.

Not by the `watchfiles` library, which was tried first: it follows links out of the tree, drops everything and fails for
good at the first name that is not UTF-8, and hides both a queue that overflowed and a folder that could not be watched.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from enum import IntFlag
from typing import NamedTuple

_HEADER = struct.Struct("iIII")
_READ_BYTES = 256 * 1024


class Mask(IntFlag):
    """What a notice is about."""

    ATTRIB = 0x4
    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    OVERFLOW = 0x4000
    IGNORED = 0x8000
    ONLY_FOLDER = 0x0100_0000
    FOLDER = 0x4000_0000


# What is written shows when it is closed: each single write would be a notice of its own.
_WANTED = (
    Mask.ATTRIB | Mask.CLOSE_WRITE | Mask.MOVED_FROM | Mask.MOVED_TO | Mask.CREATE | Mask.DELETE | Mask.ONLY_FOLDER
)


class Notice(NamedTuple):
    """Something happened to `name` in the folder behind `watch`, or to the folder itself if there is no name."""

    watch: int
    mask: int
    name: bytes


class OutOfWatches(OSError):
    """Raised when the kernel gives this user no more watches."""


class Inotify:
    """One queue of notices. Closing twice is fine."""

    def __init__(self) -> None:
        """Open a queue; raises OSError where there are too many, or on a system that has none."""
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "folders can be watched on Linux only")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise _error("inotify_init1")

    def close(self) -> None:
        """Let go of the queue and all its watches."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def watch(self, folder: int) -> int:
        """Watch an open folder and return the watch's number, the same one for the same folder.

        By its descriptor, not its path, so that nothing that is swapped in on the way is watched instead. Raises
        OutOfWatches, or OSError.
        """
        number: int = self._libc.inotify_add_watch(self.descriptor, b"/proc/self/fd/%d" % folder, int(_WANTED))
        if number >= 0:
            return number
        error = _error("inotify_add_watch")
        raise OutOfWatches(*error.args) if error.errno == errno.ENOSPC else error

    def forget(self, watch: int) -> None:
        """End a watch; one that has ended already is fine."""
        self._libc.inotify_rm_watch(self.descriptor, watch)

    def read(self) -> Iterator[Notice]:
        """Yield what has come, without waiting."""
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            yield Notice(watch, mask, data[at : at + length].rstrip(b"\0"))
            at += length


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
