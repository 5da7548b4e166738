"""The bin and the tomb of a folder of this machine, held open, and what is done to the items in them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from actors.datasources.digger import Digger, GoOn
from actors.datasources.graves import INFO_SUFFIX, Grave, Place, Remains
from actors.datasources.local.clearing import READ_FOLDER, Clearing, open_folder
from actors.datasources.local.reading import fields_of
from actors.datasources.local.writing import rename_between
from actors.datasources.openat2 import Opener
from actors.datasources.paths import Root, split
from actors.datasources.rows import Row
from rota.errors import PermanentError

_HOLD = os.O_PATH | os.O_DIRECTORY
_ROTA, _BIN, _TOMB = b".rota", b"bin", b"tomb"
_BIN_MODE, _TOMB_MODE = 0o755, 0o700


class Ground(NamedTuple):
    """Descriptors of the bin and the tomb."""

    bin: int
    tomb: int

    def close(self) -> None:
        """Let go of both."""
        os.close(self.bin)
        os.close(self.tomb)


def open_ground(root: Root) -> Ground | None:
    """Open bin and tomb beneath a root, and make the tomb; None if there is nothing of Rota's there.

    Raises PermanentError if one of them, or the folder that they are in, is a link, is on another mount, or is the root
    or another one of them: then nothing beneath it is what it seems.
    """
    try:
        rota = root.opener(root.descriptor, _ROTA, _HOLD, False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(_ROTA, error) from error
    opened: list[int] = []
    try:
        for name, mode in ((_BIN, _BIN_MODE), (_TOMB, _TOMB_MODE)):
            try:
                opened.append(_opened(root, rota, name, mode))
            except OSError as error:
                raise _refusal(_ROTA + b"/" + name, error) from error
        _refuse_the_same(root.descriptor, rota, *opened)
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    finally:
        os.close(rota)
    return Ground(*opened)


class LocalDigger(Digger[int]):
    """Does tasks beneath a bin and a tomb; what it holds of an item's folder is its descriptor."""

    def __init__(self, ground: Ground, opener: Opener) -> None:
        self._bin, self._tomb = ground
        self._open = opener

    def take(self, folder: bytes) -> None:
        """Move a folder of the bin into the tomb."""
        rename_between(self._bin, folder, self._tomb, folder)

    def give_back(self, folder: bytes) -> None:
        """Move a folder of the tomb into the bin."""
        rename_between(self._tomb, folder, self._bin, folder)

    def is_in_bin(self, folder: bytes) -> bool:
        """Say whether the bin has anything of this name."""
        return _is_there(self._bin, folder)

    def is_in_tomb(self, folder: bytes) -> bool:
        """Say whether the tomb has anything of this name."""
        return _is_there(self._tomb, folder)

    @contextmanager
    def opened(self, folder: bytes) -> Iterator[int]:
        """Hold open a folder of the tomb."""
        # Its mode is left alone: it may be another folder than the bin's, and then it goes back as it was.
        descriptor = self._open(self._tomb, folder, _HOLD, False)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def look(self, held: int, name: bytes) -> Row | None:
        """Give an entry, None for a special one."""
        fields = fields_of(name, os.stat(name, dir_fd=held, follow_symlinks=False))
        return Row(*fields) if fields else None

    def delete(self, held: int, name: bytes) -> None:
        """Delete an entry that is no folder."""
        try:
            os.unlink(name, dir_fd=held)
        except PermissionError as error:
            if error.errno != errno.EACCES:
                raise
            Path(f"/proc/self/fd/{held}").chmod(_TOMB_MODE)  # this very folder; it is not held for reading
            os.unlink(name, dir_fd=held)

    def clear(self, held: int, grave: Grave, places: Sequence[Place], go_on: GoOn) -> list[Remains]:
        """Delete places of an item, each as far as is worth a visit."""
        inode = grave.inode % 2**64
        if not places[0].path:
            clearing = Clearing(self._open, places[0], go_on, measures=grave.measures)
            return [clearing.remove(held, grave.name, b"", inode=inode)]
        with Root(open_folder(self._open, held, grave.name), opener=self._open) as item:
            if os.fstat(item.descriptor).st_ino != inode:
                raise OSError(errno.ESTALE, "another folder was put in its place while it was deleted")
            return [self._visited(item, place, go_on, measures=grave.measures) for place in places]

    def delete_folder(self, folder: bytes) -> None:
        """Delete an empty folder of the tomb."""
        os.rmdir(folder, dir_fd=self._tomb)

    def delete_info(self, folder: bytes) -> None:
        """Delete the information beside a folder of the bin."""
        with suppress(FileNotFoundError):
            os.unlink(folder + INFO_SUFFIX, dir_fd=self._bin)

    def _visited(self, item: Root, place: Place, go_on: GoOn, *, measures: bool) -> Remains:
        folder, name = split(place.path)
        try:
            parent = item.open_folder(folder)
        except FileNotFoundError:
            return Remains(gone=True)
        except OSError as error:
            return Remains(foreign=error.errno == errno.EXDEV, reason=error.strerror or str(error))
        try:
            return Clearing(self._open, place, go_on, measures=measures).remove(parent, name, place.path)
        finally:
            os.close(parent)


def _opened(root: Root, rota: int, name: bytes, mode: int) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=rota)
    if name != _TOMB:
        return root.opener(rota, name, _HOLD, False)
    readable = root.opener(rota, name, READ_FOLDER, False)
    try:
        if stat.S_IMODE(os.fstat(readable).st_mode) != mode:
            os.fchmod(readable, mode)
    except BaseException:
        os.close(readable)
        raise
    return readable


def _refuse_the_same(*descriptors: int) -> None:
    places = {(found.st_dev, found.st_ino) for found in map(os.fstat, descriptors)}
    if len(places) < len(descriptors):
        raise PermanentError("the bin cannot be used: two of root, .rota, .rota/bin and .rota/tomb are one folder")


def _refusal(name: bytes, error: OSError) -> PermanentError:
    return PermanentError(f"the bin cannot be used: {name.decode()}: {error.strerror or error}")


def _is_there(folder: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
