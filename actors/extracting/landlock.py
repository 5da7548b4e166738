"""Lets a process read beneath some folders only, and neither write nor connect: Landlock (Linux 5.13)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterable

from actors.datasources.openat2 import libc

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many kinds of access a version knows; all of them are handled, which is to say refused, but reading.
_ACCESSES = {1: 13, 2: 14, 3: 15, 4: 15}
_ACCESSES_NOW = 16
_CONNECT_AND_BIND = 0b11
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict_files(readable: Iterable[str]) -> None:
    """Let this process open for reading what is at or beneath these paths, and nothing else, from now on.

    Needs `no_new_privs`. Raises OSError where the kernel does not know it or refuses it.
    """
    version = _call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    rules = _Ruleset((1 << _ACCESSES.get(version, _ACCESSES_NOW)) - 1, _CONNECT_AND_BIND, _SIGNALS_AND_ABSTRACT_SOCKETS)
    # Older kernels refuse fields that they do not know.
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = _READ_FILE | _READ_DIR if stat.S_ISDIR(os.fstat(opened).st_mode) else _READ_FILE
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(allowed, opened)), 0)
        finally:
            os.close(opened)


def _call(*arguments: object) -> int:
    answer: int = libc().syscall(*arguments)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, "not known to this kernel" if number == errno.ENOSYS else os.strerror(number))
    return answer
