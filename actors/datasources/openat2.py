"""Opens a path beneath a folder without ever following a link: the kernel's `openat2`, or step by step without it.

`openat2` (Linux 5.6) decides about the whole path in one call, so nothing can be swapped between a check and its use.
Where the kernel or a container's filter refuses the call, each component is opened by itself with O_NOFOLLOW, relative
to the one before: the same answer, a call per component.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable

# (folder descriptor, path, flags, cross) -> descriptor
Opener = Callable[[int, bytes, int, bool], int]

_SYSCALL = 437  # the same number on every architecture
_NO_XDEV, _NO_SYMLINKS, _BENEATH = 0x01, 0x04, 0x08
_ATTEMPTS = 16


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@functools.cache
def libc() -> ctypes.CDLL:
    """Give the C library; its calls leave their error number to `ctypes.get_errno`."""
    return ctypes.CDLL(None, use_errno=True)


def open_beneath(folder: int, path: bytes, flags: int, cross: bool) -> int:
    """Open a relative path in one kernel call.

    Raises OSError: ELOOP for a link anywhere in it, EXDEV if it leaves the folder or, unless `cross`, its mount.
    """
    resolve = _BENEATH | _NO_SYMLINKS | (0 if cross else _NO_XDEV)
    how = _How(flags | os.O_CLOEXEC, 0, resolve)
    for _ in range(_ATTEMPTS):
        opened: int = libc().syscall(_SYSCALL, folder, path, ctypes.byref(how), ctypes.sizeof(how))
        if opened >= 0:
            return opened
        number = ctypes.get_errno()
        # EAGAIN: somebody renamed above us while the kernel looked; it asks to try again.
        if number not in {errno.EAGAIN, errno.EINTR}:
            break
    raise OSError(number, os.strerror(number), path)


def open_by_steps(folder: int, path: bytes, flags: int, cross: bool) -> int:
    """Open a relative path one component at a time; the same answers as `open_beneath`.

    A bind mount of the same file system is not noticed here unless `cross`; the kernel's own call is stricter.
    """
    current = os.open(b".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    device = os.fstat(current).st_dev
    parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
    if b".." in parts or path.startswith(b"/"):
        os.close(current)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
            os.close(current)
            current = below
        opened = os.open(parts[-1] if parts else b".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
    finally:
        os.close(current)
    if not cross and os.fstat(opened).st_dev != device:
        os.close(opened)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    return opened


def choose_opener(folder: int) -> Opener:
    """Try the kernel's call on a folder and give the way that works here."""
    try:
        os.close(open_beneath(folder, b".", os.O_PATH | os.O_DIRECTORY, cross=True))
    except OSError as error:
        if error.errno in {errno.ENOSYS, errno.EPERM}:
            return open_by_steps
        raise
    return open_beneath
