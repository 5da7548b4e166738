"""Safe paths: a root that is opened once, and everything else relative to it.

Paths inside a datasource are bytes, `/`-separated, relative, without `.` and `..`; the root itself is `b""`. A path is
never joined to the root's path and checked afterwards: the kernel resolves it beneath the root's descriptor and refuses
links on the way, so a link that is swapped in between leads nowhere.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from types import TracebackType

from actors.datasources.openat2 import Opener, choose_opener, open_by_steps
from rota.errors import PermanentError
from rota.names import is_own, is_private  # noqa: F401 -- both are words about paths

_PIECE_BYTES = 4_000  # the kernel takes 4,095 bytes a call
_READ_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK
# Without O_NONBLOCK the open of a fifo, swapped in for a file, would wait for ever.
_READ_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


def path_of(text: str) -> bytes:
    """Turn a path as people give it into the bytes of a path inside a datasource.

    A slash at the end is dropped; `""` and `"/"` are the root. Raises PermanentError for what could lead elsewhere.
    """
    path = text.encode("utf-8", "surrogateescape").strip(b"/") if text.strip("/") else b""
    if not path:
        return b""
    if text.startswith("/"):
        raise PermanentError(f"path {text!r} is absolute: give it relative to the datasource")
    if b"\0" in path or any(part in {b"", b".", b".."} for part in path.split(b"/")):
        raise PermanentError(f"path {text!r} must not have empty parts, '.', '..' or a NUL character")
    return path


def text_of(path: bytes) -> str:
    """Turn a path into text for people and JSON; bytes that are no UTF-8 show as U+FFFD, so it may not lead back."""
    return path.decode("utf-8", "replace")


def join(folder: bytes, name: bytes) -> bytes:
    """Give the path of a name in a folder."""
    return folder + b"/" + name if folder else name


def split(path: bytes) -> tuple[bytes, bytes]:
    """Give the folder and the name of a path."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def is_within(path: bytes, top: bytes) -> bool:
    """Say whether a path is another one or below it."""
    return not top or path == top or path.startswith(top + b"/")


def outermost(paths: Iterable[bytes]) -> list[bytes]:
    """Give those paths that are in none of the others, each once, sorted part by part."""
    kept: list[bytes] = []
    # A few signs sort before "/": only part by part does what is in a folder follow it at once.
    for path in sorted(paths, key=lambda path: path.split(b"/")):
        if not kept or not is_within(path, kept[-1]):
            kept.append(path)
    return kept


class Root:
    """The root of a tree, held open; all reading of the tree goes through it.

    Links in the root's own path are followed: that path comes from the settings. Nothing below it follows a link.
    Safe to use from several threads. Closing twice is fine.
    """

    def __init__(self, place: str | bytes | int, *, opener: Opener | None = None) -> None:
        """Open the root; raises OSError when it is no folder or cannot be reached.

        A number is the descriptor of a root that another process opened, and is taken over: the same folder, whatever
        has become of its path.
        """
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        self._descriptor = place if isinstance(place, int) else os.open(place, flags)
        try:
            self._open = opener or choose_opener(self._descriptor)
        except OSError:
            self.close()
            raise

    @property
    def descriptor(self) -> int:
        """The descriptor of the root, for processes that inherit it; raises OSError once it is closed."""
        if self._descriptor < 0:
            raise OSError(errno.EBADF, "the root is closed")
        return self._descriptor

    @property
    def opener(self) -> Opener:
        """How paths are opened beneath a folder here."""
        return self._open

    @property
    def by_steps(self) -> bool:
        """Whether paths are opened step by step, because the kernel's own call is missing."""
        return self._open is open_by_steps

    def __enter__(self) -> Root:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the root."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def open_folder(self, path: bytes) -> int:
        """Open a folder for reading and give its descriptor.

        Raises OSError: ENOENT or ENOTDIR if it isn't there, ELOOP for a link on the way, EXDEV for another file system.
        """
        return self._resolve(path or b".", _READ_FOLDER)

    def open_file(self, path: bytes) -> int:
        """Open a file for reading and give its descriptor; the caller checks that it is a regular file."""
        return self._resolve(path, _READ_FILE)

    def stat(self, path: bytes) -> os.stat_result:
        """Give the attributes of an entry itself, of the link where it is one."""
        refuse_nul(path)
        folder, name = split(path)
        if not name:
            return os.fstat(self._descriptor)
        descriptor = self._resolve(folder or b".", os.O_PATH | os.O_DIRECTORY)
        try:
            return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        finally:
            os.close(descriptor)

    def _resolve(self, path: bytes, flags: int) -> int:
        refuse_nul(path)
        if len(path) < _PIECE_BYTES:
            return self._open(self.descriptor, path, flags, False)
        return self._resolve_in_pieces(path, flags)

    def _resolve_in_pieces(self, path: bytes, flags: int) -> int:
        current = self.descriptor
        try:
            while len(path) >= _PIECE_BYTES:
                cut = path.rindex(b"/", 0, _PIECE_BYTES)
                below = self._open(current, path[:cut], os.O_PATH | os.O_DIRECTORY, False)
                if current != self._descriptor:
                    os.close(current)
                current, path = below, path[cut + 1 :]
            return self._open(current, path, flags, False)
        finally:
            if current != self._descriptor:
                os.close(current)


def refuse_nul(path: bytes) -> None:
    """Raise FileNotFoundError where a name has a NUL, which none can have: the kernel would take it for the end."""
    if b"\0" in path:
        raise FileNotFoundError(errno.ENOENT, "no name has a NUL character in it", path)
