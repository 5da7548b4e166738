"""Deletes folders of this machine with all that is in them, through descriptors: the inner loop of every local purge.

No link is followed, no other file system is entered, and no path is resolved from further up than the folder that is
held open. It runs in the helper processes of a purge too, so it imports little.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from actors.datasources.graves import Place, Remains
from actors.datasources.openat2 import Opener, open_by_steps
from actors.datasources.paths import join, text_of

READ_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK
_MOST_ENTRIES = 4_000
"""So many are deleted in one visit before what other folders there are is left to others: some 30 ms of work."""
_DEEPEST = 8  # two descriptors are held for each level
_MOST_LEFT = 10_000  # folders that one visit leaves to others: their names are kept in memory
_MOST_KEPT = 1_000
_ATTEMPTS = 3
_GO_ON_MASK = 0xFF
_OWNER = 0o700
_MOUNTED = "another file system is mounted there"
_SWAPPED = "another folder was put in its place while it was deleted"


def open_folder(opener: Opener, folder: int, name: bytes) -> int:
    """Open a folder in another one for reading; a mode that keeps us out is changed if the folder is ours.

    Raises OSError: ENOTDIR or ELOOP if it is none, EXDEV if another file system is mounted there.
    """
    try:
        return opener(folder, name, READ_FOLDER, False)
    except PermissionError:
        closed = opener(folder, name, os.O_PATH | os.O_DIRECTORY, False)
        try:
            Path(f"/proc/self/fd/{closed}").chmod(_OWNER)  # this very folder, whatever has its name
        finally:
            os.close(closed)
        return opener(folder, name, READ_FOLDER, False)


class Clearing:
    """One visit to a place of an item."""

    def __init__(self, opener: Opener, place: Place, go_on: Callable[[], None], *, measures: bool) -> None:
        """Prepare it; `go_on` is called every 256 entries, and what it raises ends the visit.

        Where sizes need not be told (`measures`) a fifth of the time is saved.
        """
        self._measure = _size_of if measures else _not_measured
        self._open = opener
        self._kept = frozenset(place.kept)
        self._go_on = go_on
        self.remains = Remains(left=[], kept=[])

    def remove(self, folder: int, name: bytes, path: bytes, *, inode: int = 0) -> Remains:
        """Delete a folder in another one with all that is in it, or as much of that as is worth a visit.

        `path` is that within the item, `inode` what the folder must have, 0 for any.
        """
        self.remains.gone = self._remove(folder, name, path, depth=0, inode=inode)
        return self.remains

    def _remove(self, folder: int, name: bytes, path: bytes, *, depth: int, inode: int) -> bool:
        try:
            child = open_folder(self._open, folder, name)
        except FileNotFoundError:
            return True
        except OSError as error:
            self._keep(path, error)
            return False
        try:
            if inode and not self._has_inode(child, folder, name, inode):
                self._keep(path, None)
                return False
            return self._empty_and_remove(child, folder, name, path, depth=depth)
        finally:
            os.close(child)

    def _empty_and_remove(self, child: int, folder: int, name: bytes, path: bytes, *, depth: int) -> bool:
        for attempt in range(_ATTEMPTS):
            if not self._empty(child, path, depth):
                return False
            try:
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                return True
            except OSError as error:
                # Some file systems skip entries when others are deleted meanwhile, and somebody may add some.
                if error.errno != errno.ENOTEMPTY or attempt == _ATTEMPTS - 1:
                    self._keep(path, error)
                    return False
            else:
                break
        self.remains.entries += 1
        return True

    def _empty(self, folder: int, path: bytes, depth: int) -> bool:
        """Delete what is in a folder; false if something stays or is left to others."""
        remains, kept, measure, unlink = self.remains, self._kept, self._measure, os.unlink
        is_empty = True
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if kept and join(path, os.fsencode(name)) in kept:
                    is_empty = False
                    continue
                size = 0
                try:
                    if entry.is_file(follow_symlinks=False):
                        size = measure(entry)
                    elif entry.is_dir(follow_symlinks=False):
                        is_empty &= self._subfolder(folder, entry, path, depth)
                        if len(remains.left) >= _MOST_LEFT:
                            return False
                        continue
                    unlink(name, dir_fd=folder)
                except OSError as error:
                    if not self._insist(folder, name, path, error):
                        is_empty = False
                        if len(remains.kept) >= _MOST_KEPT:
                            return False
                        continue
                remains.entries += 1
                remains.size += size
                if not remains.entries & _GO_ON_MASK:
                    self._go_on()
        return is_empty

    def _subfolder(self, folder: int, entry: os.DirEntry[str], path: bytes, depth: int) -> bool:
        name = os.fsencode(entry.name)
        below = join(path, name)
        if depth >= _DEEPEST or self.remains.entries >= _MOST_ENTRIES:
            self.remains.left.append(Place(below))
            return False
        return self._remove(folder, name, below, depth=depth + 1, inode=entry.inode())

    def _has_inode(self, child: int, folder: int, name: bytes, inode: int) -> bool:
        """Say whether an opened folder is the one that its parent tells of."""
        found = os.fstat(child)
        if found.st_ino == inode:
            return True
        if self._open is open_by_steps:
            return False  # a bind mount looks like this where the kernel does not tell mounts apart for us
        # The kernel has kept us out of mounts. Layered file systems tell a listing other numbers.
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return (seen.st_dev, seen.st_ino) == (found.st_dev, found.st_ino)

    def _insist(self, folder: int, name: str, path: bytes, error: OSError) -> bool:
        """Delete an entry all the same that could not be deleted, if only its folder's mode was in the way."""
        try:
            if error.errno != errno.EACCES:
                raise error
            os.fchmod(folder, _OWNER)
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return True
        except OSError:
            self._keep(join(path, os.fsencode(name)), error)
            return False
        return True

    def _keep(self, path: bytes, error: OSError | None) -> None:
        """Note that something stays, because of an error or because it is not the folder that it should be."""
        is_foreign = error.errno == errno.EXDEV if error else self._open is open_by_steps
        self.remains.foreign |= is_foreign
        reason = _MOUNTED if is_foreign else error.strerror or str(error) if error else _SWAPPED
        self.remains.kept.append(path)
        self.remains.reason = self.remains.reason or f"{text_of(path) or 'the folder itself'}: {reason}"


def _size_of(entry: os.DirEntry[str]) -> int:
    return entry.stat(follow_symlinks=False).st_size


def _not_measured(_: os.DirEntry[str]) -> int:
    return 0
