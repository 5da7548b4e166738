"""Starts reading processes: fresh interpreters with the modules of this one, and with nothing else of it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from actors.extracting.registry import Registry

# Isolated, so that no variable and no folder changes what it runs; with the search path of this process.
_PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from actors.extracting.child import main; main(int(sys.argv[1]))"
_OPTIONS = ("-I", "-B", "-W", "ignore")
# No other variable is handed on: passwords stand in some of them.
_VARIABLES = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TZ")
_LIBRARIES = (
    "/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom",
)  # fmt: skip


def start(registry: Registry) -> tuple[subprocess.Popen[bytes], socket.socket, socket.socket]:
    """Start one, and give it with the connection to it and the socket on which it takes descriptors.

    Neither of them waits. Raises OSError if that is not possible.
    """
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        connection, their_connection = socket.socketpair()
        ours.enter_context(connection)
        theirs.enter_context(their_connection)
        files, their_files = socket.socketpair()
        ours.enter_context(files)
        theirs.enter_context(their_files)
        process = subprocess.Popen(  # noqa: S603 -- this interpreter, with arguments of our own
            [sys.executable, *_OPTIONS, "-c", _PROGRAM, str(their_files.fileno()), *_module_path(registry)],
            stdin=their_connection.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[their_files.fileno()],
            env={name: os.environ[name] for name in _VARIABLES if name in os.environ},
        )
        files.setblocking(False)
        ours.pop_all()
        return process, connection, files


def readable(registry: Registry) -> list[str]:
    """Give what a reading process may read: the files and folders that modules and libraries are loaded from."""
    prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    return [*_module_path(registry), *prefixes, *_LIBRARIES]


def _module_path(registry: Registry) -> list[str]:
    """Give where the process finds its modules, and may read: where this one does, and what the extractors are in.

    A finder of an editable package leads to folders that are not in the search path. The working folder is left out
    unless an extractor is in it: Python puts it there by itself, and anything may lie in it, the state of Rota too.
    """
    modules = {__name__, *(place.partition(":")[0] for place in registry.places)}
    roots = {str(root) for module in modules if (root := _root_of(module))}
    return list(dict.fromkeys([*_search_path(), *sorted(roots)]))


def _search_path() -> list[str]:
    return [os.path.abspath(entry) for entry in sys.path if entry and not _is_here(entry)]  # noqa: PTH100 -- links stay


def _is_here(entry: str) -> bool:
    try:
        return Path(entry).samefile(".")
    except OSError:
        return False


def _root_of(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    return path.parents[module.count(".") + (path.stem == "__init__")]
