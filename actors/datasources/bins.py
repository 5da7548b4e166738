"""The bin of a storage: what is deleted through Rota lies in `.rota/bin/<item id>/<name>`, in the storage itself.

Beside it, `.rota/bin/<item id>.trashinfo` says from where, when and by whom, in the form of freedesktop.org, so that a
lost database can be rebuilt. It is written first: a crash leaves an information without an item, never an item that
nobody knows of.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from actors.datasources.paths import join, split
from actors.datasources.storage import Kind, Row, Storage
from rota.ids import new_id

BIN = b".rota/bin"
INFO_SUFFIX = b".trashinfo"


class Recycled(NamedTuple):
    """An item that went into the bin."""

    bin_path: bytes
    """Path within the bin: `<item id>/<name>`."""
    original_path: bytes
    kind: str
    items: int
    """Entries in it, itself included."""
    bytes: int
    """Sum of the sizes of its files."""
    deleted_at: int
    """Milliseconds since 1970."""
    deleted_by: str | None
    """Who deleted it, where known."""
    bin: str = ""
    """The bin with limits of its own that it belongs to; see `rota.bins.BinRules.bin_of`."""
    size: int = 0
    """Its own size; with the four that follow what it looked like when it came."""
    modified_ns: int = 0
    inode: int = 0
    device: int = 0
    etag: str = ""
    keep_until: int | None = None
    """Milliseconds since 1970: it stays until then and goes then, whatever the rules say."""


class Bin:
    """Puts entries of one storage into its bin; safe in several threads."""

    def __init__(self, storage: Storage, *, run: str, deleted_by: str | None, now_ms: Callable[[], int]) -> None:
        self._storage = storage
        self._run = run
        self._deleted_by = deleted_by
        self._now_ms = now_ms
        # Not every server takes it well when two threads make the same folder at the same moment.
        self._making = threading.Lock()
        self._made = False

    def put(self, path: bytes, row: Row, *, items: int = 1, size: int | None = None) -> Recycled:
        """Move an entry into the bin in one step; for a folder only where the storage moves folders.

        `items` and `size` count what is in a folder. Raises OSError if the entry could not be moved; then it is where
        it was.
        """
        item, recycled = self._open(path, row, items, row.size if size is None else size)
        try:
            self._storage.rename(path, join(BIN, recycled.bin_path))
        except OSError:
            self._take_back(item)
            raise
        return recycled

    def put_parts(
        self, path: bytes, row: Row, parts: Iterable[tuple[bytes, Row]], *, failed: Callable[[bytes, OSError], None]
    ) -> Recycled | None:
        """Move these files and links of a folder into the bin one by one, as one item; None if none was moved.

        What else is in the folder stays. `parts` are paths from the root, below `path`; `failed` is told which of them
        could not be moved, and why.
        """
        item, recycled = self._open(path, row, 1, 0)
        made: set[bytes] = set()
        moved = size = 0
        for part, part_row in parts:
            place = join(BIN, recycled.bin_path) + part[len(path) :]
            try:
                self._make_folders(split(place)[0], made)
                self._storage.rename(part, place)
            except OSError as error:
                failed(part, error)
                continue
            moved += 1
            size += part_row.size if part_row.kind == Kind.FILE else 0
        if not moved:
            self._take_back(item, *sorted(made, reverse=True))
            return None
        return recycled._replace(items=1 + moved, bytes=size)

    def _open(self, path: bytes, row: Row, items: int, size: int) -> tuple[bytes, Recycled]:
        """Write the information about an item and make its folder."""
        with self._making:
            if not self._made:
                for folder in (split(BIN)[0], BIN):
                    self._storage.make_folder(folder)
                self._made = True
        item = new_id().encode()
        now_ms = self._now_ms()
        self._storage.write(join(BIN, item + INFO_SUFFIX), [_info(path, now_ms, by=self._deleted_by, run=self._run)])
        self._storage.make_folder(join(BIN, item))
        bin_path = join(item, split(path)[1])
        return item, Recycled(bin_path, path, row.kind, items, size, now_ms, self._deleted_by)

    def _make_folders(self, folder: bytes, made: set[bytes]) -> None:
        """Make a folder inside an item, and those above it."""
        if folder in made or folder.count(b"/") <= BIN.count(b"/") + 1:
            return
        self._make_folders(split(folder)[0], made)
        self._storage.make_folder(folder)
        made.add(folder)

    def _take_back(self, item: bytes, *folders: bytes) -> None:
        for folder in (*folders, join(BIN, item), join(BIN, item + INFO_SUFFIX)):
            # Left behind it does no harm, and the first error is the one to tell.
            with suppress(OSError):
                self._storage.delete(folder)


def _info(path: bytes, now_ms: int, *, by: str | None, run: str) -> bytes:
    when = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    lines = ["[Trash Info]", f"Path={quote_from_bytes(path)}", f"DeletionDate={when}"]
    lines += [f"X-Rota-By={by}"] if by is not None else []
    return "\n".join([*lines, f"X-Rota-Run={run}", ""]).encode()
