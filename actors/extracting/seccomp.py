"""A seccomp filter for a reading process: which system calls it may still make (Linux on x86_64 and aarch64).

The filter names what is allowed, so what a later kernel brings is refused too. What is not allowed fails as if the
rights were missing, and the process goes on: a library that tries to write a cache file works without it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from actors.datasources.openat2 import libc

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
# The C library then takes the older call, whose arguments can be looked at.
_UNKNOWN = 0x00050000 | errno.ENOSYS
_KILL = 0x80000000

# Instructions of the kernel's filter machine: load a word, jump if equal or if any bit is set, return.
_LOAD, _IF_EQUAL, _IF_ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_ARGUMENTS = 0, 4, 16

_OPEN_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_THREAD = 0x00010000
_TERMINAL_SIZE, _IS_TERMINAL, _CLOSE_ON_EXEC, _BYTES_TO_READ = 0x5413, 0x5401, 0x5451, 0x541B
# Duplicates and flags. Not whom the kernel signals when something comes, and how: that may be any process, and SIGKILL.
_DESCRIPTOR_COMMANDS = (
    fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the kernel calls a processor, and its numbers of the calls that are spoken of below."""

    architecture: int
    calls: Mapping[str, int]


# What reads, computes, waits and ends; nothing of it reaches outside what is open already. The names are the kernel's.
_X86_64 = _Machine(
    0xC000003E,
    {
        "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
        "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
        "pread64": 17, "readv": 19, "writev": 20, "access": 21, "select": 23, "sched_yield": 24, "mremap": 25,
        "msync": 26, "mincore": 27, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35, "getpid": 39, "sendto": 44,
        "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "exit": 60, "uname": 63, "getcwd": 79,
        "readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100,
        "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131, "gettid": 186,
        "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218, "restart_syscall": 219,
        "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262,
        "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "dup3": 292,
        "getcpu": 309, "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "faccessat2": 439,
        "open": 2, "openat": 257, "ioctl": 16, "fcntl": 72, "clone": 56, "tgkill": 234, "prlimit64": 302, "clone3": 435,
        "openat2": 437,
    },
)  # fmt: skip
_AARCH64 = _Machine(
    0xC00000B7,
    {
        "getcwd": 17, "dup": 23, "dup3": 24, "faccessat": 48, "close": 57, "getdents64": 61, "lseek": 62,
        "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67, "pselect6": 72, "ppoll": 73,
        "readlinkat": 78, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "set_tid_address": 96,
        "futex": 98, "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114,
        "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128,
        "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "times": 153,
        "uname": 160, "getrlimit": 163, "getrusage": 165, "getcpu": 168, "gettimeofday": 169, "getpid": 172,
        "getppid": 173, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177, "gettid": 178, "sysinfo": 179,
        "sendto": 206, "recvfrom": 207, "sendmsg": 211, "recvmsg": 212, "brk": 214, "munmap": 215, "mremap": 216,
        "mmap": 222, "mprotect": 226, "msync": 227, "mincore": 232, "madvise": 233, "getrandom": 278,
        "membarrier": 283, "statx": 291, "rseq": 293, "faccessat2": 439,
        "openat": 56, "ioctl": 29, "fcntl": 25, "clone": 220, "tgkill": 131, "prlimit64": 261, "clone3": 435,
        "openat2": 437,
    },
)  # fmt: skip
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}
_LOOKED_AT = frozenset({"open", "openat", "ioctl", "fcntl", "clone", "tgkill", "prlimit64", "clone3", "openat2"})


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_calls(machine: str) -> None:
    """Refuse this thread, and those that it starts, all calls but those of a process that only reads and computes.

    Needs `no_new_privs`. Raises OSError where the kernel refuses it, and for a machine whose numbers are not known.
    """
    known = _MACHINES.get(machine)
    if known is None:
        raise OSError(errno.ENOTSUP, f"not known for {machine}")
    packed = program(known, os.getpid())
    filtered = _Program(len(packed) // 8, packed)
    if libc().prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filtered), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def program(machine: _Machine, process: int) -> bytes:
    """Give the filter of a process, as the kernel takes it."""
    calls = machine.calls
    parts = [
        _instruction(_LOAD, _AT_ARCHITECTURE),
        _instruction(_IF_EQUAL, machine.architecture, then=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _AT_NUMBER),
    ]
    for name, number in calls.items():
        if name not in _LOOKED_AT:
            parts += _for_call(number, [_instruction(_RETURN, _ALLOW)])
    for name, answer in _looked_at(process):
        if name in calls:
            parts += _for_call(calls[name], answer)
    parts.append(_instruction(_RETURN, _REFUSE))
    return b"".join(parts)


def _looked_at(process: int) -> Iterator[tuple[str, list[bytes]]]:
    """Give what decides about the calls whose arguments matter."""
    yield "openat", _refused_if_any(2, _OPEN_TO_WRITE)
    yield "open", _refused_if_any(1, _OPEN_TO_WRITE)
    yield "ioctl", _allowed_if(1, _IS_TERMINAL, _TERMINAL_SIZE, _CLOSE_ON_EXEC, _BYTES_TO_READ)
    yield "fcntl", _allowed_if(1, *_DESCRIPTOR_COMMANDS)
    # Threads, no processes. And a signal or a limit to itself only: `abort` sends one.
    yield "clone", [_argument(0), _instruction(_IF_ANY, _CLONE_THREAD, otherwise=1), _allowed(), _refused()]
    yield "tgkill", _allowed_if(0, process)
    yield "prlimit64", _allowed_if(0, 0, process)
    # Their arguments lie in memory, where no filter sees them.
    yield "clone3", [_instruction(_RETURN, _UNKNOWN)]
    yield "openat2", [_instruction(_RETURN, _UNKNOWN)]


def _refused_if_any(place: int, bits: int) -> list[bytes]:
    return [_argument(place), _instruction(_IF_ANY, bits, otherwise=1), _refused(), _allowed()]


def _allowed_if(place: int, *values: int) -> list[bytes]:
    # Each comparison that holds jumps over the others, and over the refusal behind them.
    compared = [_instruction(_IF_EQUAL, value, then=len(values) - number) for number, value in enumerate(values)]
    return [_argument(place), *compared, _refused(), _allowed()]


def _argument(place: int) -> bytes:
    # The lower half of 64 bits; both machines begin with it. No value that is looked for has more.
    return _instruction(_LOAD, _AT_ARGUMENTS + 8 * place)


def _allowed() -> bytes:
    return _instruction(_RETURN, _ALLOW)


def _refused() -> bytes:
    return _instruction(_RETURN, _REFUSE)


def _for_call(number: int, answer: list[bytes]) -> list[bytes]:
    return [_instruction(_IF_EQUAL, number, otherwise=len(answer)), *answer]


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
