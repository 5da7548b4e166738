"""Extractors that misbehave, as files that take a library over make it do; a file's content says how."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import BinaryIO

from actors.extracting.extractor import Extractor, Limits
from actors.extracting.outcomes import Extracted, Reason, Unextractable
from actors.extracting.registry import Placed, Registry, load_extractors

PLACE = __name__


def misbehaving() -> Registry:
    """All shipped extractors and those of this module."""
    shipped = load_extractors()
    placed = [Placed(place, shipped[number]) for number, place in enumerate(shipped.places)]
    ours = [Placed(f"{PLACE}:{name}", value) for name, value in globals().items() if isinstance(value, Extractor)]
    fallbacks = [extractor for extractor in placed if extractor.extractor.name == "text"]
    return Registry([*ours, *(one for one in placed if one not in fallbacks)], fallbacks)


def loop_in_python(argument: str) -> str:
    while True:
        pass


def loop_in_c(argument: str) -> str:
    # A regular expression that holds the interpreter's lock for ever.
    import re

    re.match(r"(a+)+$", "a" * 64 + "b")
    return "never"


def sleep(argument: str) -> str:
    threading.Event().wait()
    return "never"


def eat_memory(argument: str) -> str:
    eaten = []
    while True:
        eaten.append(bytearray(16 * 1024 * 1024))


def eat_memory_in_c(argument: str) -> str:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    while place := libc.malloc(64 * 1024 * 1024):
        libc.memset(place, 1, 64 * 1024 * 1024)
    raise MemoryError


def segfault(argument: str) -> str:
    ctypes.string_at(0)
    return "never"


def abort(argument: str) -> str:
    os.abort()


def leave(argument: str) -> str:
    os._exit(int(argument))


def exit_politely(argument: str) -> str:
    sys.exit(3)


def nest(argument: str) -> str:
    return nest(argument)


def fail(argument: str) -> str:
    raise ValueError(argument)


def refuse_oddly(argument: str) -> str:
    raise Unextractable(argument, argument)  # type: ignore[arg-type]  # as an extractor of somebody else may


def refuse(argument: str) -> str:
    raise Unextractable(Reason.ENCRYPTED, argument)


def odd_text(argument: str) -> str:
    return "a\0b\ud800c"


def endless_text(argument: str) -> str:
    return "x" * 50_000_000


def print_noise(argument: str) -> str:
    for stream in (sys.stdout, sys.stderr):
        stream.write("noise\n" * 10_000)
        stream.flush()
    os.write(1, b"noise")
    os.write(2, b"noise")
    return f"said a lot, and read {sys.stdin.read()!r}"


def babble(argument: str) -> str:
    """Write to every descriptor that there is, the connection among them."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\x7f\xff\xff\xff" + b"babble" * 100)
        except OSError:
            continue
    return "babbled"


def forge(argument: str) -> str:
    """Answer on the connection as the process does, but with what it never says; the argument tells which."""
    import msgspec

    from actors.extracting.wire import Nothing, Started, Text
    from actors.frames import framed

    forged = {
        "text": Text("a\0b", []),
        "meta": Text("a", [("title", "x" * 100_000)]),
        "message": Nothing(Reason.BROKEN, "two\nlines"),
        "start": Started("taken over", 0),
    }
    frame = framed(msgspec.msgpack.encode(forged[argument]))
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, frame)
        except OSError:
            continue
    return "forged"


def trickle(argument: str) -> str:
    """Begin an answer, and go on with it as slowly as nobody does who wants to be heard."""
    for piece in (b"\0\0\xff\xff", *[b"x"] * 1000):
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, piece)
            except OSError:
                continue
        threading.Event().wait(0.2)
    return "never"


def process_id(argument: str) -> str:
    return str(os.getpid())


def in_a_thread(argument: str) -> str:
    told = []
    thread = threading.Thread(target=lambda: told.append("read in a thread"))
    thread.start()
    thread.join()
    return told[0]


def variables(argument: str) -> str:
    return " ".join(sorted(os.environ))


def fork(argument: str) -> str:
    if os.fork() == 0:
        os._exit(0)
    return "forked"


def run_program(argument: str) -> str:
    return subprocess.run([sys.executable, "-c", ""], check=True, text=True, capture_output=True).stdout + "ran"


def replace_program(argument: str) -> str:
    os.execv(sys.executable, [sys.executable, "-c", ""])


def connect(argument: str) -> str:
    socket.create_connection(("127.0.0.1", int(argument)), timeout=5).close()
    return "connected"


def connect_locally(argument: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(argument)
    return "connected"


def write_file(argument: str) -> str:
    with open(argument, "w") as file:
        file.write("written")
    return "written"


def write_to_memory(argument: str) -> str:
    os.close(os.memfd_create("x"))
    return "made"


def remove_file(argument: str) -> str:
    os.unlink(argument)
    return "removed"


def make_folder(argument: str) -> str:
    os.mkdir(argument)
    return "made"


def change_rights(argument: str) -> str:
    os.chmod(argument, 0o777)
    return "changed"


def read_file(argument: str) -> str:
    with open(argument) as file:
        return file.read()


def list_folder(argument: str) -> str:
    return " ".join(os.listdir(argument))


def trace(argument: str) -> str:
    _call(101 if os.uname().machine == "x86_64" else 117, 16, int(argument), 0, 0)
    return "traced"


def read_memory(argument: str) -> str:
    _call(310 if os.uname().machine == "x86_64" else 270, int(argument), 0, 0, 0, 0, 0)
    return "read"


def send_signal(argument: str) -> str:
    os.kill(int(argument), signal.SIGTERM)
    return "sent"


def have_signal_sent(argument: str) -> str:
    """Have the kernel send it when something comes on a socket, to whom the socket is said to belong."""
    import fcntl

    set_signal = 10
    for descriptor in range(64):
        try:
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        except OSError:
            continue
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, int(argument))
        fcntl.fcntl(descriptor, set_signal, signal.SIGTERM)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    return "sent"


def limit_others(argument: str) -> str:
    import resource

    resource.prlimit(int(argument), resource.RLIMIT_NOFILE, (3, 3))
    return "limited"


def regain_memory(argument: str) -> str:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "regained"


def become_nobody(argument: str) -> str:
    os.setuid(65534)
    return "became"


def mount(argument: str) -> str:
    if ctypes.CDLL(None, use_errno=True).mount(b"none", argument.encode(), b"tmpfs", 0, None):
        raise PermissionError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "mounted"


def import_late(argument: str) -> str:
    import sqlite3

    from lxml import etree

    return f"imported {sqlite3.__name__} and {etree.__name__}"


def _call(*arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*arguments) < 0:
        raise PermissionError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _extract(file: BinaryIO, limits: Limits) -> Extracted:
    deed, _, argument = file.read().decode().rstrip("\n").partition(" ")
    return Extracted(globals()[deed](argument))


def _read_slowly_twice(file: BinaryIO, limits: Limits) -> Extracted:
    size = 0
    while chunk := file.read(1024 * 1024):
        size += len(chunk)
    file.seek(0)
    return Extracted(f"{size} bytes, the first {file.read(4)!r}")


MISBEHAVING = Extractor(name="misbehaving", version=1, extract=_extract, extensions=frozenset({"deed"}))
WHOLE = Extractor(name="whole", version=1, extract=_read_slowly_twice, extensions=frozenset({"whole"}))
