"""Digs in any storage: entry by entry, or folder by folder where it deletes a folder with what is in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from actors.datasources.abilities import WholeDeleter
from actors.datasources.bins import BIN
from actors.datasources.digger import Digger, GoOn, file_size, said
from actors.datasources.graves import INFO_SUFFIX, TOMB, Grave, Place, Remains
from actors.datasources.paths import join, text_of
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Kind, Row, Storage, Unlisted, Why

_MOST_NAMES = 16
"""So many entries are deleted in one task: each is a request, and several tasks are in flight."""


class StorageDigger(Digger[bytes]):
    """Does tasks in one storage, which is opened `whole`; what it holds of an item's folder is its path."""

    def __init__(self, storage: Storage) -> None:
        """Make the tomb if there is a bin; raises what the storage raises."""
        self._storage = storage
        self.step_ns = storage.capabilities.step_ns
        self._has_tomb = storage.capabilities.moves
        self._graves = TOMB if self._has_tomb else BIN
        if self._has_tomb and storage.stat(BIN) is not None:
            storage.make_folder(TOMB)

    def take(self, folder: bytes) -> None:
        """Move a folder of the bin into the tomb, where folders can be moved."""
        if self._has_tomb:
            self._storage.rename(join(BIN, folder), join(TOMB, folder))

    def give_back(self, folder: bytes) -> None:
        """Move a folder of the tomb into the bin, where folders can be moved."""
        if self._has_tomb:
            self._storage.rename(join(TOMB, folder), join(BIN, folder))

    def is_in_bin(self, folder: bytes) -> bool:
        """Say whether the bin has anything of this name."""
        return self._storage.stat(join(BIN, folder)) is not None

    def is_in_tomb(self, folder: bytes) -> bool:
        """Say whether the tomb has anything of this name."""
        return self._storage.stat(join(TOMB, folder)) is not None

    @contextmanager
    def opened(self, folder: bytes) -> Iterator[bytes]:
        """Give the path of a folder; nothing is asked."""
        yield join(self._graves, folder)

    def look(self, held: bytes, name: bytes) -> Row:
        """Give an entry; raises FileNotFoundError if there is none, or a special one."""
        found = self._storage.stat(join(held, name))
        if found is not None:
            return found
        # A link in place of the folder leads nowhere, and so does a file.
        own = self._storage.stat(held)
        if own is not None and own.kind != Kind.FOLDER:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), held)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), join(held, name))

    def delete(self, held: bytes, name: bytes) -> None:
        """Delete an entry that is no folder."""
        self._storage.delete(join(held, name))

    def delete_folder(self, folder: bytes) -> None:
        """Delete an empty folder."""
        self._storage.delete(join(self._graves, folder))

    def delete_info(self, folder: bytes) -> None:
        """Delete the information beside a folder of the bin."""
        self._storage.delete(join(BIN, folder) + INFO_SUFFIX)

    def is_of_the_whole(self, error: OSError) -> bool:
        """Say whether the connection broke."""
        return is_temporary(error)

    def clear(self, held: bytes, grave: Grave, places: Sequence[Place], go_on: GoOn) -> list[Remains]:
        """Delete places of an item: a few entries each, or one folder without folders in it."""
        item = join(held, grave.name)
        return [self._clear_place(join(item, place.path) if place.path else item, place, go_on) for place in places]

    def _clear_place(self, folder: bytes, place: Place, go_on: GoOn) -> Remains:
        if place.names:
            return self._delete_names(folder, place, go_on)
        listing = self._storage.list_folder(folder)
        if isinstance(listing, Unlisted):
            return _unlisted(listing, place.path)
        kept = frozenset(place.kept)
        rows = [row for row in listing.rows if not kept or join(place.path, row.name) not in kept]
        folders = [Place(join(place.path, row.name)) for row in rows if row.kind == Kind.FOLDER]
        if isinstance(self._storage, WholeDeleter):
            if folders or kept:
                return Remains(left=folders)
            return self._delete_whole(self._storage, folder, rows, place.path)
        names = [(row.name, file_size(row)) for row in rows if row.kind != Kind.FOLDER]
        if len(names) > _MOST_NAMES:
            parts = [names[start : start + _MOST_NAMES] for start in range(0, len(names), _MOST_NAMES)]
            return Remains(left=[*folders, *(Place(place.path, names=part) for part in parts)])
        remains = self._delete_names(folder, Place(place.path, names=names), go_on)
        remains.left, remains.gone = folders, False
        if not folders and not kept and not remains.kept:
            self._delete_own(folder, place.path, remains)
        return remains

    def _delete_names(self, folder: bytes, place: Place, go_on: GoOn) -> Remains:
        remains = Remains()
        for name, size in place.names:
            go_on()
            try:
                self._storage.delete(join(folder, name))
            except OSError as error:
                if is_temporary(error):
                    raise
                path = join(place.path, name)
                remains.kept.append(path)
                remains.reason = remains.reason or _why(path, error)
            else:
                remains.entries += 1
                remains.size += size
        remains.gone = not remains.kept
        return remains

    def _delete_own(self, folder: bytes, path: bytes, remains: Remains) -> None:
        try:
            self._storage.delete(folder)
        except OSError as error:
            if is_temporary(error):
                raise
            remains.reason = _why(path, error)
        else:
            remains.entries += 1
            remains.gone = True

    def _delete_whole(self, storage: WholeDeleter, folder: bytes, rows: Sequence[Row], path: bytes) -> Remains:
        try:
            storage.delete_whole(folder)
        except OSError as error:
            if is_temporary(error):
                raise
            return Remains(reason=_why(path, error))
        return Remains(entries=1 + len(rows), size=sum(map(file_size, rows)), gone=True)


def _unlisted(found: Unlisted, path: bytes) -> Remains:
    if found.why is Why.VANISHED:
        return Remains(gone=True)
    return Remains(foreign=found.why is Why.FOREIGN, reason=f"{_name(path)}: {found.reason}")


def _why(path: bytes, error: OSError) -> str:
    return f"{_name(path)}: {said(error)}"


def _name(path: bytes) -> str:
    return text_of(path) or "the folder itself"
