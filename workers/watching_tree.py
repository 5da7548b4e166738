"""One folder tree that is watched: a watch for each of its folders, and what has changed below them.

Links are not followed and other file systems not entered, as in a scan. The kernel's notices are hints: a folder that
is new is told as a whole, because what came into it before its watch was there shows in no notice.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from actors.datasources.paths import Root, is_private, join
from rota.changes import EVERYTHING, fewer, sayable
from workers.watching_inotify import Inotify, Mask, Notice, OutOfWatches

if TYPE_CHECKING:
    from actors.datasources.globs import Selection

logger = logging.getLogger(__name__)

#: Changed paths kept one by one; more of them are made fewer.
_MOST_KEPT = 2_000
_FOLDER, _FILE = "folder", "file"
_ARRIVED = Mask.CREATE | Mask.MOVED_TO
_ADVICE = "raise fs.inotify.max_user_watches (sysctl); until then the schedule finds what is not watched"


class _Folder:
    """A folder that is watched, by its place among the others: so a path need not be kept for each."""

    __slots__ = ("above", "below", "name", "watch")

    def __init__(self, name: bytes, above: _Folder | None, watch: int) -> None:
        self.name = name
        self.above = above
        self.watch = watch
        self.below: dict[bytes, _Folder] = {}

    @property
    def path(self) -> bytes:
        parts = [self.name]
        above = self.above
        while above is not None:
            parts.append(above.name)
            above = above.above
        # The root's name is empty; a loop, because a tree may be deeper than Python's stack.
        return b"/".join(reversed(parts[:-1])) if len(parts) > 1 else self.name


class WatchedTree:
    """The watches of one datasource's folder; belongs to one thread. Closing twice is fine."""

    def __init__(self, name: str, root: str, selection: Selection) -> None:
        """Watch the folder and all below it; raises OSError if it is not there, or no queue is to be had."""
        self._name = name
        self._path = root
        self._selection = selection
        self._changed: set[bytes] = set()
        self._folders: dict[int, _Folder] = {}
        self._root = -1
        #: Whether some folders are not watched, because the kernel gave no more watches.
        self.partial = False
        self._told_partial = False
        self._identity = _identity_of(root)
        self._inotify = Inotify()
        try:
            self._add(b"", None)
        except OSError:
            self.close()
            raise

    @property
    def descriptor(self) -> int:
        """What becomes readable when something happened."""
        return self._inotify.descriptor

    @property
    def folders(self) -> int:
        """How many folders are watched."""
        return len(self._folders)

    def close(self) -> None:
        """End all watches."""
        self._inotify.close()

    def in_place(self) -> bool:
        """Say whether the root is still the folder that is watched: something else may be mounted there by now."""
        if self._root not in self._folders:
            # It was removed; one that was made anew may well have got its inode.
            return False
        try:
            return _identity_of(self._path) == self._identity
        except OSError:
            return False

    def changes(self) -> set[bytes]:
        """Return the paths at which something changed since this was last asked; the root's means anywhere."""
        for notice in self._inotify.read():
            if notice.mask & Mask.OVERFLOW:
                # Nobody knows what was lost, new folders among it.
                logger.warning("watch.overflow", extra={"datasource": self._name, "does": "all of it is synced"})
                self._start_again()
                self._changed = {EVERYTHING}
                break
            self._take(notice)
            if len(self._changed) > _MOST_KEPT:
                self._changed = set(fewer(map(sayable, self._changed)))
        changed, self._changed = self._changed, set()
        return changed

    def complete(self) -> set[bytes]:
        """Try again to watch all of a partial tree; return where something may have changed if that worked."""
        # On top of what is watched: if that were given up first, what happens meanwhile would show nowhere.
        self._add_all()
        return set() if self.partial else {EVERYTHING}

    def _start_again(self) -> None:
        """Watch everything anew."""
        self._inotify.close()
        self._folders.clear()
        self._inotify = Inotify()
        self._add_all()

    def _add_all(self) -> None:
        self.partial, self._told_partial = False, self.partial
        self._add(b"", None)

    def _take(self, notice: Notice) -> None:
        folder = self._folders.get(notice.watch)
        if folder is None:
            return
        if notice.mask & Mask.IGNORED:
            self._unlist(folder)
        elif notice.name and not is_private(notice.name):
            path = join(folder.path, notice.name)
            kind = _FOLDER if notice.mask & Mask.FOLDER else _FILE
            if self._selection.takes(path, kind):
                if kind == _FOLDER and not self._follow(folder, notice, path):
                    return
                self._changed.add(path)

    def _follow(self, folder: _Folder, notice: Notice, path: bytes) -> bool:
        """Keep the watches right after something happened to a folder; say whether that is a change to tell."""
        known = folder.below.get(notice.name)
        if notice.mask & Mask.ATTRIB:
            # Only one that nobody was allowed to look into may show something new now.
            return known is None and self._add(path, folder)
        if known is not None and notice.mask & (_ARRIVED | Mask.MOVED_FROM):
            self._drop(known)
        if notice.mask & _ARRIVED:
            self._add(path, folder)
        return True

    def _add(self, path: bytes, above: _Folder | None) -> bool:
        """Watch a folder and all folders below it; say whether it can be read."""
        added = False
        waiting = [(path, above)]
        try:
            # Opened for this alone: a root that is held open could not be unmounted.
            with Root(self._path) as root:
                while waiting:
                    path, above = waiting.pop()
                    folder, names = self._watch(root, path, above)
                    added = added or folder is not None
                    waiting += [(join(path, name), folder) for name in names]
        except OutOfWatches:
            if not (self.partial or self._told_partial):
                extra = {"datasource": self._name, "watched": len(self._folders), "advice": _ADVICE}
                logger.error("watch.limit", extra=extra)  # noqa: TRY400 -- the advice is what helps, not the traceback
            self.partial = True
            # It is there and can be read; what came with it is told once, and found by the schedule from then on.
            return True
        return added

    def _watch(self, root: Root, path: bytes, above: _Folder | None) -> tuple[_Folder | None, list[bytes]]:
        """Watch one folder; return it and the names of those in it that are to be watched too."""
        try:
            descriptor = root.open_folder(path)
        except OSError:
            # It is gone again, on another file system, or nobody may look into it: then it is no part of a scan either.
            if above is None:
                raise
            return None, []
        try:
            watch = self._inotify.watch(descriptor)
            # After the watch: what comes in between shows twice rather than never.
            names = self._names_in(descriptor, path)
        except OutOfWatches:
            raise
        except OSError as error:
            # A fault in one folder does not end the watching of all others; the sync tells of it.
            if above is None:
                raise
            logger.warning("watch.unread", extra={"datasource": self._name, "error": error.strerror})
            return None, []
        finally:
            os.close(descriptor)
        before = self._folders.get(watch)
        if before is not None and before.path != path:
            # It was moved faster than its notices are read.
            self._unlist(before)
            before = None
        if before is None:
            before = self._folders[watch] = _Folder(path.rpartition(b"/")[2], above, watch)
            if above is None:
                self._root = watch
            else:
                above.below[before.name] = before
        return before, names

    def _names_in(self, descriptor: int, path: bytes) -> list[bytes]:
        found = []
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    continue
                name = os.fsencode(entry.name)
                if not is_private(name) and self._selection.takes(join(path, name), _FOLDER):
                    found.append(name)
        return found

    def _drop(self, folder: _Folder) -> None:
        """End the watches of a folder that is somewhere else now, and of all that are below it."""
        ending = [folder]
        while ending:
            one = ending.pop()
            ending += one.below.values()
            self._inotify.forget(one.watch)
            self._folders.pop(one.watch, None)
        self._unlist(folder)

    def _unlist(self, folder: _Folder) -> None:
        self._folders.pop(folder.watch, None)
        if folder.above is not None and folder.above.below.get(folder.name) is folder:
            del folder.above.below[folder.name]


def _identity_of(root: str) -> tuple[int, int]:
    about = Path(root).stat()
    return about.st_dev, about.st_ino
