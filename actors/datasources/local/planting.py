"""Trees of a local datasource: folders under a private name that are filled beneath their own descriptor.

Each folder is made and opened by its name in the one above, whose descriptor is held, and no call follows a link; no
path is ever joined and handed to the system. Until it is published a tree is open to its owner only. Nothing is written
into a folder that somebody else put at the tree's name, nor is that removed or published.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice

from actors.datasources.drafts import tree_of
from actors.datasources.local.reading import fields_of
from actors.datasources.local.removing import remove_whole
from actors.datasources.local.writing import FILE_MODE, place, rename_between
from actors.datasources.openat2 import libc
from actors.datasources.paths import Root, split
from actors.datasources.rows import Row
from rota.ids import new_id

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE = _EXECUTABLE_MODE = 0o755
_GROWING_MODE = 0o700
_MOST_HELD = 256  # files wait in batches, and many archives have hardly two in a folder
_PIECE_BYTES = 1024 * 1024


class LocalTree:
    """A tree of a folder of this machine; see `Tree` for the promises."""

    def __init__(self, root: Root, path: bytes, key: str) -> None:
        """Begin it; raises OSError where the folder is not there."""
        self._root = root
        with ExitStack() as stack:
            self._folder, self._name = stack.enter_context(place(root, path))
            self._tree = split(tree_of(path, key))[1]
            self._clear_away(path)
            os.mkdir(self._tree, _FOLDER_MODE, dir_fd=self._folder)
            self._top = os.open(self._tree, _OPEN, dir_fd=self._folder)
            stack.callback(os.close, self._top)
            made = os.fstat(self._top).st_mode
            # Whatever the process masks, and what the folder above hands down.
            self._is_masked = stat.S_IMODE(made) & _FOLDER_MODE != _FOLDER_MODE
            self._handed_down = made & stat.S_ISGID
            os.fchmod(self._top, _GROWING_MODE)
            self._folders = _Folders(self._top, is_masked=self._is_masked)
            stack.callback(self._folders.close)
            self._stack = stack.pop_all()

    def make_folder(self, path: bytes) -> None:
        """Make a folder and those above it; nothing happens if it is there."""
        self._folders.take(path)
        self._folders.give_back(path)

    def write(
        self, path: bytes, pieces: Iterable[bytes], *, modified_ns: int | None = None, executable: bool = False
    ) -> int:
        """Make a file, with the folders above it, and give how many bytes it has."""
        folder, name = split(path)
        mode = _EXECUTABLE_MODE if executable else FILE_MODE
        above = self._folders.take(folder)
        try:
            file = os.open(name, _NEW_FILE, mode, dir_fd=above)
            try:
                size = _written(file, pieces)
                if self._is_masked:
                    os.fchmod(file, mode)
                if modified_ns is not None:
                    os.utime(file, ns=(modified_ns, modified_ns))
            except BaseException:
                with suppress(OSError):
                    os.unlink(name, dir_fd=above)
                raise
            finally:
                os.close(file)
        finally:
            self._folders.give_back(folder)
        return size

    def read(self, path: bytes) -> Iterator[bytes]:
        """Give the content of a file that was made."""
        folder, name = split(path)
        above = self._folders.take(folder)
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        finally:
            self._folders.give_back(folder)
        try:
            while piece := os.read(file, _PIECE_BYTES):
                yield piece
        finally:
            os.close(file)

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link."""
        folder, name = split(path)
        above = self._folders.take(folder)
        try:
            os.symlink(target, name, dir_fd=above)
        finally:
            self._folders.give_back(folder)

    def finish(self, folders: Iterable[tuple[bytes, int]] = ()) -> None:
        """Make all of it safe against a loss of power, and set the times of folders."""
        for path, modified_ns in folders:
            held = self._folders.take(path)
            try:
                os.utime(held, ns=(modified_ns, modified_ns))
            finally:
                self._folders.give_back(path)
        # One call for the file system, in place of one for each file.
        if libc().syncfs(self._top) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), self._name)

    def free_bytes(self) -> int:
        """Say how much the file system can still take."""
        found = os.fstatvfs(self._top)
        return found.f_bavail * found.f_frsize

    def publish(self, name: bytes = b"", *, confirm: Callable[[], None] = lambda: None) -> Row:
        """Give it its name, or another one in the same folder, and give its row."""
        name = name or self._name
        os.fchmod(self._top, _FOLDER_MODE | self._handed_down)
        confirm()
        if not self._is_there():
            raise OSError(errno.ESTALE, "another folder took the place of the tree", self._name)
        rename_between(self._folder, self._tree, self._folder, name)
        os.fsync(self._folder)
        fields = fields_of(name, os.fstat(self._top))
        assert fields is not None
        return Row(*fields)

    def merge(self, path: bytes, goal: bytes, *, replace: bool, confirm: Callable[[], None] = lambda: None) -> None:
        """Move one file of it to a path of the storage, whole."""
        folder, name = split(path)
        above = self._folders.take(folder)
        try:
            with place(self._root, goal) as (goal_folder, goal_name):
                confirm()
                if replace:
                    os.rename(name, goal_name, src_dir_fd=above, dst_dir_fd=goal_folder)
                else:
                    rename_between(above, name, goal_folder, goal_name)
        finally:
            self._folders.give_back(folder)

    def discard(self) -> None:
        """Remove it with all that is in it; nothing happens if it is not there."""
        if self._is_there():
            remove_whole(self._root.opener, self._folder, self._tree)

    def close(self) -> None:
        """Let go of it, and leave it where it is; twice is fine."""
        self._stack.close()

    def _is_there(self) -> bool:
        try:
            there = os.stat(self._tree, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._top))

    def _clear_away(self, path: bytes) -> None:
        """Remove what an earlier attempt left, which perhaps still writes: that shall not find its folder again."""
        aside = split(tree_of(path, new_id()))[1]
        try:
            rename_between(self._folder, self._tree, self._folder, aside)
        except FileNotFoundError:
            return
        # What stays all the same is left to the clean-up of leftovers.
        with suppress(OSError):
            remove_whole(self._root.opener, self._folder, aside)


def remove_tree(root: Root, path: bytes, *, check: Callable[[], None]) -> int:
    """Remove a tree that was left at a path, see `trees.remove`."""
    try:
        with place(root, path) as (folder, name):
            return remove_whole(root.opener, folder, name, check=check)
    except FileNotFoundError:
        return 0  # the folder that it lay in is gone as well


class _Folders:
    """The folders of a tree, made when they are first taken; those taken last stay open. Safe in several threads."""

    def __init__(self, top: int, *, is_masked: bool) -> None:
        self._top = top
        self._is_masked = is_masked
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, _Held] = OrderedDict()

    def take(self, path: bytes) -> int:
        """Give the descriptor of a folder, to be given back."""
        if not path:
            return self._top
        with self._lock:
            held = self._held.get(path)
            if held is not None:
                held.users += 1
                self._held.move_to_end(path)
                return held.descriptor
        # Without the lock: nobody waits while a folder is made.
        descriptor = self._opened(path)
        with self._lock:
            held = self._held.get(path)
            if held is not None:
                os.close(descriptor)  # another thread was quicker
            else:
                held = self._held[path] = _Held(descriptor)
            held.users += 1
            self._close_old()
            return held.descriptor

    def give_back(self, path: bytes) -> None:
        """Say that a folder that was taken is not needed any more."""
        if path:
            with self._lock:
                self._held[path].users -= 1

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for held in self._held.values():
                os.close(held.descriptor)
            self._held.clear()

    def _opened(self, path: bytes) -> int:
        folder, name = split(path)
        above = self.take(folder)
        try:
            is_new = True
            try:
                os.mkdir(name, _FOLDER_MODE, dir_fd=above)
            except FileExistsError:
                is_new = False
            descriptor = os.open(name, _OPEN, dir_fd=above)
            if is_new and self._is_masked:
                os.fchmod(descriptor, _FOLDER_MODE)
            return descriptor
        finally:
            self.give_back(folder)

    def _close_old(self) -> None:
        for path in list(islice(self._held, max(0, len(self._held) - _MOST_HELD))):
            if not self._held[path].users:
                os.close(self._held.pop(path).descriptor)


class _Held:
    __slots__ = ("descriptor", "users")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users = 0


def _written(file: int, pieces: Iterable[bytes]) -> int:
    size = 0
    for piece in pieces:
        written = os.write(file, piece)
        if written < len(piece):
            with memoryview(piece) as left:
                while written < len(left):
                    written += os.write(file, left[written:])
        size += written
    return size
