"""The bin of a storage: what is deleted through Rota lies in `.rota/bin/<item id>/<name>`, in the storage itself.

Beside it, `.rota/bin/<item id>.trashinfo` says from where, when and by whom, in the form of freedesktop.org, so that a
lost database can be rebuilt. It is written first: a crash leaves an information without an item, never an item that
nobody knows of.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

from actors.datasources import trashinfo
from actors.datasources.graves import INFO_SUFFIX
from actors.datasources.paths import join, split
from actors.datasources.storage import Kind, Row, Storage
from actors.datasources.trashinfo import TrashInfo
from rota.bins import BinRules
from rota.ids import made_at, new_id

BIN = b".rota/bin"

_PIECE_BYTES = 1024 * 1024


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
    run: str | None = None
    """Which put it there; None for the one that records it."""
    origin: str = "deleted"
    """`deleted` through Rota, `rebuilt` from what lies beside it, or `found` without anything."""

    @property
    def folder(self) -> builtins.bytes:
        """Its folder in the bin, which bears its id; a path from the root."""
        return join(BIN, self.bin_path.partition(b"/")[0])

    @property
    def row(self) -> Row:
        """What it looked like when it came, as a row."""
        name = split(self.bin_path)[1]
        return Row(name, self.kind, self.size, self.modified_ns, self.inode, self.device, self.etag)

    def looking(self, row: Row) -> Recycled:
        """Give it with the look of this row."""
        return self._replace(
            size=row.size, modified_ns=row.modified_ns, inode=row.inode, device=row.device, etag=row.etag
        )


class Bin:
    """Puts entries of one storage into its bin; safe in several threads."""

    def __init__(
        self,
        storage: Storage,
        *,
        run: str,
        deleted_by: str | None,
        now_ms: Callable[[], int],
        rules: BinRules | None = None,
        task: str | None = None,
    ) -> None:
        """Open it; `rules` say which of the datasource's bins something belongs to.

        With a `task`, what it puts there has the same id in each of its attempts, so that `find` finds it.
        """
        self._storage = storage
        self._run = run
        self._deleted_by = deleted_by
        self._now_ms = now_ms
        self._rules = rules or BinRules()
        self._task = task
        # Not every server takes it well when two threads make the same folder at the same moment.
        self._making = threading.Lock()
        self._made = False

    def find(self, path: bytes) -> tuple[Recycled, Row] | None:
        """Give what an earlier attempt of the task has put into the bin from this path, counted as one entry."""
        bin_path = join(self._item_of(path), split(path)[1])
        row = self._storage.stat(join(BIN, bin_path))
        if row is None:
            return None
        info = read_info(self._storage, split(bin_path)[0])
        keep_until = info.keep_until if info else None
        found = self._recycled(bin_path, path, row, items=1, size=row.size, keep_until=keep_until)
        return found._replace(deleted_at=info.deleted_at if info else found.deleted_at).looking(row), row

    def finish(self, path: bytes) -> None:
        """Remove from its place what `find` gave, if it is still there: a move of two steps was stopped between them.

        What came to be at that place since stays.
        """
        if _is_same(self._storage, path, join(BIN, join(self._item_of(path), split(path)[1]))):
            self._storage.delete(path)

    def put(
        self, path: bytes, row: Row, *, items: int = 1, size: int | None = None, keep_until: int | None = None
    ) -> Recycled:
        """Move an entry into the bin in one step; for a folder only where the storage moves folders.

        `items` and `size` count what is in a folder. Raises OSError if the entry could not be moved; then it is where
        it was.
        """
        recycled = self._open(path, row, items, row.size if size is None else size, keep_until)
        place = join(BIN, recycled.bin_path)
        try:
            move_file(self._storage, path, place, resumes=self._task is not None)
        except OSError:
            self._take_back(recycled)
            raise
        there = self._storage.stat(place)
        # Where a move is a copy, the time and the word for its content are new. What has another inode is not what was
        # moved, but took its place since: no purge shall take it for that.
        came = there if there is not None and there.inode == row.inode else row
        return recycled.looking(came)

    def put_parts(
        self,
        path: bytes,
        row: Row,
        parts: Iterable[tuple[bytes, Row]],
        *,
        failed: Callable[[bytes, OSError], None],
        keep_until: int | None = None,
    ) -> Recycled | None:
        """Move these files and links of a folder into the bin one by one, as one item; None if none was moved.

        What else is in the folder stays. `parts` are paths from the root, below `path`; `failed` is told which of them
        could not be moved, and why.
        """
        recycled = self._open(path, row, 1, 0, keep_until)
        made: set[bytes] = set()
        moved = size = 0
        for part, part_row in parts:
            place = join(BIN, recycled.bin_path) + part[len(path) :]
            try:
                self._make_folders(split(place)[0], made)
                move_file(self._storage, part, place, resumes=self._task is not None)
            except OSError as error:
                failed(part, error)
                continue
            moved += 1
            size += part_row.size if part_row.kind == Kind.FILE else 0
        if not moved:
            self._take_back(recycled, *sorted(made, reverse=True))
            return None
        there = self._storage.stat(join(BIN, recycled.bin_path))
        return recycled._replace(items=1 + moved, bytes=size).looking(there or row)

    def _open(self, path: bytes, row: Row, items: int, size: int, keep_until: int | None) -> Recycled:
        """Write the information about an item and make its folder."""
        with self._making:
            if not self._made:
                for folder in (split(BIN)[0], BIN):
                    self._storage.make_folder(folder)
                self._made = True
        bin_path = join(self._item_of(path), split(path)[1])
        recycled = self._recycled(bin_path, path, row, items=items, size=size, keep_until=keep_until)
        info = TrashInfo(
            path=path,
            deleted_at=recycled.deleted_at,
            deleted_by=self._deleted_by,
            run=self._run,
            task=self._task,
            keep_until=keep_until,
        )
        write_info(self._storage, split(bin_path)[0], info)
        self._storage.make_folder(recycled.folder)
        return recycled

    def _recycled(
        self, bin_path: bytes, path: bytes, row: Row, *, items: int, size: int, keep_until: int | None
    ) -> Recycled:
        name = self._rules.bin_of(path.decode("utf-8", "surrogateescape"), self._deleted_by)
        return Recycled(
            bin_path, path, row.kind, items, size, self._now_ms(), self._deleted_by, name, keep_until=keep_until
        )

    def _item_of(self, path: bytes) -> bytes:
        """Give the id of an item: a UUIDv7 of the moment, or of the task's and of the path."""
        if self._task is None:
            return new_id().encode()
        digest = int.from_bytes(blake2b(b"\0".join((self._task.encode(), path)), digest_size=10).digest())
        number = (
            (made_at(self._task) or 0) << 80 | 0x7 << 76 | (digest >> 68) << 64 | 0x2 << 62 | digest & (1 << 62) - 1
        )
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()

    def _make_folders(self, folder: bytes, made: set[bytes]) -> None:
        """Make a folder inside an item, and those above it."""
        if folder in made or folder.count(b"/") <= BIN.count(b"/") + 1:
            return
        self._make_folders(split(folder)[0], made)
        self._storage.make_folder(folder)
        made.add(folder)

    def _take_back(self, recycled: Recycled, *folders: bytes) -> None:
        """Remove what was made for an item that did not come; left behind it does no harm."""
        # The first error is the one to tell. A folder that is not empty raises, and its information stays.
        with suppress(OSError):
            for place in (*folders, recycled.folder, recycled.folder + INFO_SUFFIX):
                self._storage.delete(place)


def write_info(storage: Storage, item: bytes, info: TrashInfo) -> None:
    """Write the information that lies beside an item; `item` is its id."""
    storage.write(join(BIN, item + INFO_SUFFIX), [trashinfo.encode(info)])


def read_info(storage: Storage, item: bytes) -> TrashInfo | None:
    """Read the information that lies beside an item; None if there is none, or none that can be believed."""
    try:
        with storage.open_file(join(BIN, item + INFO_SUFFIX)) as file:
            content = file.read(trashinfo.MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    return trashinfo.decode(content) if len(content) <= trashinfo.MOST_BYTES else None


def move_file(storage: Storage, path: bytes, target: bytes, *, resumes: bool) -> None:
    """Move an entry; with `resumes` also if an earlier attempt has copied it and was stopped before the rest.

    Raises FileExistsError if anything else is at the target.
    """
    try:
        storage.rename(path, target)
    except FileExistsError:
        if not resumes or not _is_same(storage, path, target):
            raise
        storage.delete(path)


def _is_same(storage: Storage, path: bytes, target: bytes) -> bool:
    """Say whether a move has come half way: two names of one file or link, or where it is a copy, equal contents."""
    one, other = storage.stat(path), storage.stat(target)
    if one is None or other is None or one.kind != other.kind or one.size != other.size or one.kind == Kind.FOLDER:
        return False
    if storage.capabilities.moves:
        return one.inode != 0 and (one.inode, one.device) == (other.inode, other.device)
    if one.kind != Kind.FILE:
        return False
    return _digest(storage, path) == _digest(storage, target)


def _digest(storage: Storage, path: bytes) -> bytes:
    digest = blake2b()
    with storage.open_file(path) as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.digest()
