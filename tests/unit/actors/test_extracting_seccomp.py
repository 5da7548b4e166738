"""The filter of system calls for both machines, run by a small filter machine: only one of them is at hand."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

import pytest

from actors.extracting import seccomp
from actors.extracting.seccomp import filter_calls, program

ALLOW, REFUSE, UNKNOWN, KILL = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x80000000
PROCESS = 4242
MACHINES = {"x86_64": seccomp._X86_64, "aarch64": seccomp._AARCH64}
# From the kernel's tables; none of them may be reached.
FORBIDDEN = {
    "x86_64": {
        "socket": 41, "connect": 42, "bind": 49, "socketpair": 53, "fork": 57, "vfork": 58, "execve": 59, "kill": 62,
        "ftruncate": 77, "rename": 82, "mkdir": 83, "creat": 85, "unlink": 87, "chmod": 90, "ptrace": 101, "setuid": 105,
        "prctl": 157, "mount": 165, "unlinkat": 263, "memfd_create": 319, "bpf": 321, "execveat": 322,
        "io_uring_setup": 425, "pidfd_open": 434, "a later one": 460, "the 32-bit socket": 0x40000000 | 41,
    },
    "aarch64": {
        "socket": 198, "connect": 203, "bind": 200, "socketpair": 199, "execve": 221, "kill": 129, "ftruncate": 46,
        "renameat2": 276, "mkdirat": 34, "unlinkat": 35, "fchmodat": 53, "ptrace": 117, "setuid": 146, "prctl": 167,
        "mount": 40, "memfd_create": 279, "bpf": 280, "execveat": 281, "io_uring_setup": 425, "pidfd_open": 434,
        "a later one": 460,
    },
}  # fmt: skip


def answer(machine, number, *arguments, architecture=None):
    """What the filter of a machine says to a call."""
    known = MACHINES[machine]
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, architecture or known.architecture, 0, *padded)
    instructions = list(struct.iter_unpack("=HBBI", program(known, PROCESS)))
    place, word = 0, 0
    while True:
        code, then, otherwise, value = instructions[place]
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            (word,) = struct.unpack_from("<I", data, value)
        else:
            place += then if (word == value if code == 0x15 else word & value) else otherwise


def call(machine, name):
    return MACHINES[machine].calls[name]


@pytest.mark.parametrize("machine", MACHINES)
def test_what_reads_and_computes_is_allowed(machine):
    for name in ("read", "mmap", "futex", "getrandom", "exit_group", "recvmsg", "sendto", "rt_sigreturn"):
        assert answer(machine, call(machine, name)) == ALLOW


@pytest.mark.parametrize(("machine", "name"), [(machine, name) for machine in FORBIDDEN for name in FORBIDDEN[machine]])
def test_what_reaches_outside_is_refused(machine, name):
    assert answer(machine, FORBIDDEN[machine][name]) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND, 3])
def test_files_are_opened_for_reading_only(machine, flags):
    assert answer(machine, call(machine, "openat"), 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    assert answer(machine, call(machine, "openat"), 0, 0, flags) == REFUSE


def test_old_way_to_open_a_file_is_no_way_around():
    assert answer("x86_64", call("x86_64", "open"), 0, os.O_RDONLY) == ALLOW
    assert answer("x86_64", call("x86_64", "open"), 0, os.O_RDWR) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_are_started_and_processes_are_not(machine):
    thread, child = 0x3D0F00, 0x1200011

    assert answer(machine, call(machine, "clone"), thread) == ALLOW
    assert answer(machine, call(machine, "clone"), child) == REFUSE
    assert answer(machine, call(machine, "clone3")) == UNKNOWN
    assert answer(machine, call(machine, "openat2")) == UNKNOWN


@pytest.mark.parametrize("machine", MACHINES)
def test_signals_and_limits_concern_the_process_itself_only(machine):
    for name, target in (("tgkill", PROCESS), ("prlimit64", PROCESS), ("prlimit64", 0)):
        assert answer(machine, call(machine, name), target) == ALLOW
    for name, target in (("tgkill", 1), ("tgkill", 0), ("prlimit64", 1)):
        assert answer(machine, call(machine, name), target) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_terminals_and_devices_are_asked_nothing_but_what_they_are(machine):
    assert answer(machine, call(machine, "ioctl"), 0, 0x5401) == ALLOW
    assert answer(machine, call(machine, "ioctl"), 0, 0x541B) == ALLOW
    assert answer(machine, call(machine, "ioctl"), 0, 0x5412) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_descriptors_are_copied_and_send_no_signals_to_others(machine):
    set_owner, set_signal, set_owner_of_any_kind, lock, lease = 8, 10, 15, 6, 1024

    for command in (fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFL, fcntl.F_SETFL):
        assert answer(machine, call(machine, "fcntl"), 5, command) == ALLOW
    for command in (set_owner, set_signal, set_owner_of_any_kind, lock, lease):
        assert answer(machine, call(machine, "fcntl"), 5, command) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_machine_end_the_process(machine):
    assert answer(machine, call(machine, "read"), architecture=0x40000003) == KILL


def test_machine_whose_numbers_are_not_known_is_told():
    with pytest.raises(OSError, match="not known for riscv64"):
        filter_calls("riscv64")
