"""What goes by the name in a folder whose descriptor is held: all changes beneath the root of a local datasource.

No path is ever joined and handed to the system: the folder is opened beneath the root without following a link, and the
last name is used relative to it by calls that do not follow one either.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from actors.datasources.drafts import draft_beside
from actors.datasources.local.reading import fields_of
from actors.datasources.openat2 import libc
from actors.datasources.paths import Root, refuse_nul, split
from actors.datasources.rows import Row

DRAFT_MODE, FILE_MODE = 0o600, 0o644
_FOLDER_MODE = 0o755
_NO_REPLACE = 1
# The first is the answer of a file system that does not know the flag, the other two of an old kernel or library.
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EPERM})


def write(
    root: Root,
    path: bytes,
    pieces: Iterable[bytes],
    *,
    modified_ns: int | None,
    confirm: Callable[[], None],
) -> Row:
    """Make or replace a file, see `Storage.write`; it is readable by everybody and writable by its owner.

    The draft lies beside it under a private name, so that a process killed while it writes leaves nothing that counts.
    Content, time and the new name are on the disk when this returns.
    """
    with place(root, path) as (folder, name):
        draft = draft_beside(name)
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, DRAFT_MODE, dir_fd=folder
        )
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                end = 0
                for piece in pieces:
                    write_at(file.fileno(), piece, end)
                    end += len(piece)
                os.fchmod(file.fileno(), FILE_MODE)  # whatever the process masks
                if modified_ns is not None:
                    os.utime(file.fileno(), ns=(modified_ns, modified_ns))
                os.fsync(file.fileno())
                found = os.fstat(file.fileno())
            confirm()
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
            raise
        os.fsync(folder)
    fields = fields_of(name, found)
    assert fields is not None
    return Row(*fields)


def read_link(root: Root, path: bytes) -> bytes:
    """Give where a link leads, as it says itself; raises OSError for anything else."""
    with place(root, path) as (folder, name):
        return os.readlink(name, dir_fd=folder)


def make_folder(root: Root, path: bytes) -> None:
    """Make a folder, if there is none; raises FileExistsError for anything else of that name."""
    if not path:
        return
    with place(root, path) as (folder, name):
        try:
            os.mkdir(name, _FOLDER_MODE, dir_fd=folder)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise


def rename(root: Root, path: bytes, target: bytes) -> None:
    """Give an entry another path, in one step; raises FileExistsError if something is there."""
    with place(root, path) as (folder, name), place(root, target) as (target_folder, target_name):
        rename_between(folder, name, target_folder, target_name)


def rename_between(folder: int, name: bytes, target_folder: int, target_name: bytes) -> None:
    """Move an entry from one folder to another, by their descriptors; raises FileExistsError if something is there."""
    try:
        _rename_unless_there(folder, name, target_folder, target_name)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        _rename_by_claim(folder, name, target_folder, target_name)


def delete(root: Root, path: bytes) -> None:
    """Delete a file, a link or an empty folder; raises OSError, FileNotFoundError if it is not there among it."""
    with place(root, path) as (folder, name):
        try:
            os.unlink(name, dir_fd=folder)
        except (IsADirectoryError, PermissionError) as error:
            # What POSIX says of folders is the answer to a lack of rights as well.
            if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise error from None
            os.rmdir(name, dir_fd=folder)


@contextmanager
def place(root: Root, path: bytes) -> Iterator[tuple[int, bytes]]:
    """Hold open the folder of an entry, and give its descriptor and the entry's name."""
    refuse_nul(path)
    folder, name = split(path)
    if name in {b"", b".", b".."}:
        raise OSError(errno.EINVAL, "must name an entry below the root", path)
    descriptor = root.open_folder(folder)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


def write_at(descriptor: int, piece: bytes, offset: int) -> None:
    """Write all of a piece into a file."""
    with memoryview(piece) as left:
        start = 0
        while start < len(left):
            start += os.pwrite(descriptor, left[start:], offset + start)


def _rename_unless_there(folder: int, name: bytes, target_folder: int, target_name: bytes) -> None:
    call = getattr(libc(), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name)
    if call(folder, name, target_folder, target_name, ctypes.c_uint(_NO_REPLACE)) == 0:
        return
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), name, None, target_name)


def _rename_by_claim(folder: int, name: bytes, target_folder: int, target_name: bytes) -> None:
    """Rename where the file system has no way to do it only if the target is free: claim the target's name first.

    A folder claims it by an empty folder, which a rename replaces only while it is empty; all else by a second name for
    the same file. A crash in between leaves the empty folder, or both names.
    """
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.link(name, target_name, src_dir_fd=folder, dst_dir_fd=target_folder, follow_symlinks=False)
        os.unlink(name, dir_fd=folder)
        return
    os.mkdir(target_name, _FOLDER_MODE, dir_fd=target_folder)
    try:
        os.rename(name, target_name, src_dir_fd=folder, dst_dir_fd=target_folder)
    except OSError:
        with suppress(OSError):
            os.rmdir(target_name, dir_fd=target_folder)
        raise
