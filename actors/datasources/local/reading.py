"""Reads one folder of this machine through its descriptor: the inner loop of every local scan.

It runs in the helper processes of a scan too, whose start counts, so it imports little and gives rows as plain tuples
with the fields of a `Row`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.datasources.digest import digest_of_chunks
from actors.datasources.packed import CHUNK_ROWS, Chunks, decode_rows, encode_rows
from actors.datasources.paths import Root, is_private, join
from actors.datasources.rows import Kind

if TYPE_CHECKING:
    from actors.datasources.globs import Selection

Fields = tuple[Any, ...]
"""The fields of a `Row`."""

_FILE = Kind.FILE.value  # a plain text, which is quicker to encode
_FOLDER = Kind.FOLDER.value
_KINDS = {stat.S_IFREG: _FILE, stat.S_IFDIR: _FOLDER, stat.S_IFLNK: Kind.LINK.value}
_TYPE, _REGULAR = 0o170000, stat.S_IFREG
_MOST = 2**63 - 1  # what a database column holds; some file systems have times beyond it
_WRAP = 2**64
_DOT = ord(".")
_BLOCK_ROWS = 500


class Content(NamedTuple):
    """What one folder holds."""

    token: str
    chunks: Sequence[bytes]
    """The rows sorted by name and encoded, `CHUNK_ROWS` in each chunk but the last."""
    entries: int
    size: int
    """Of all files, in bytes."""
    special: int
    folders: list[bytes]
    """Their names, sorted."""

    def is_known(self, token: str, digest: bytes) -> bool:
        """Whether this is the folder that has such a token and such a digest."""
        return self.token == token and digest_of_chunks(self.chunks) == digest


def chosen(selection: Selection) -> Selection | None:
    """Give a selection as `read_folder` takes it: none where only private names are left out, as nearly always."""
    return None if selection.takes_all and not selection.is_whole else selection


def read_folder(root: Root, path: bytes, selection: Selection | None, *, with_folders: bool = True) -> Content:
    """Read a folder beneath the root; raises OSError, with what `Root.open_folder` raises among it.

    Its rows are given encoded; a large folder is sorted that way too, so that it takes little memory whatever its size.
    The names of the folders in it are given besides unless they are of no use.
    """
    token, special, chunks = _read(root, path, selection)
    encoded: list[bytes] | Chunks = [] if isinstance(chunks, list) else Chunks()
    entries = size = 0
    folders: list[bytes] = []
    for rows in chunks:
        encoded.append(encode_rows(rows))
        entries += len(rows)
        size += sum([row[2] for row in rows if row[1] == _FILE])
        if with_folders:
            folders += [row[0] for row in rows if row[1] == _FOLDER]
    return Content(token, encoded, entries, size, special, folders)


def _read(root: Root, path: bytes, selection: Selection | None) -> tuple[str, int, Iterable[Sequence[Fields]]]:
    descriptor = root.open_folder(path)
    try:
        # Taken before the entries are read: a change meanwhile leaves an old token behind, never a new one.
        own = os.fstat(descriptor)
        token = f"{own.st_dev:x}-{own.st_ino:x}-{own.st_mtime_ns:x}"
        special = 0
        parts: list[list[Fields]] = []
        runs: _Runs | None = None
        with os.scandir(descriptor) as entries:
            while batch := list(islice(entries, CHUNK_ROWS)):
                if parts:
                    runs = runs or _Runs()
                    runs.add(parts.pop())
                rows, left_out = _rows_of(batch, own.st_dev, whole=selection is not None and selection.is_whole)
                special += left_out
                if selection is not None and not selection.takes_all:
                    rows = {name: row for name, row in rows.items() if selection.takes(join(path, name), row[1])}
                parts.append([rows[name] for name in sorted(rows)])
        # The C library tells a folder that was removed while it was open as an empty one.
        if not parts and os.fstat(descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "removed while it was listed")
    finally:
        os.close(descriptor)
    return token, special, runs.merged(parts[0]) if runs else parts


def fields_of(name: bytes, found: os.stat_result) -> Fields | None:
    """Give the fields of an entry's row; None if it is neither file, folder nor link."""
    kind = _KINDS.get(found.st_mode & _TYPE)
    if kind is None:
        return None
    modified_ns = max(-_MOST, min(found.st_mtime_ns, _MOST))
    size = 0 if kind == Kind.FOLDER else found.st_size
    return name, kind, size, modified_ns, _signed(found.st_ino), _signed(found.st_dev), ""


def _rows_of(entries: list[os.DirEntry[str]], device: int, *, whole: bool) -> tuple[dict[bytes, Fields], int]:
    """Give the rows by name, and how many entries can be none.

    By name, because one that is removed and made again meanwhile may come twice.
    """
    rows: dict[bytes, Fields] = {}
    special = 0
    for entry in entries:
        name = entry.name.encode("utf-8", "surrogateescape")
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # removed since the listing began: the same as a listing begun a moment later
        modified_ns = found.st_mtime_ns
        inode = found.st_ino
        # Nearly all entries are such; for them a call of a function each would be a fifth of the time.
        if (
            found.st_mode & _TYPE == _REGULAR
            and found.st_dev == device <= _MOST
            and inode <= _MOST
            and 0 <= modified_ns <= _MOST
            and name[0] != _DOT
        ):
            rows[name] = (name, _FILE, found.st_size, modified_ns, inode, device, "")
        elif whole or not is_private(name):
            row = fields_of(name, found)
            if row is None:
                special += 1
            else:
                rows[name] = row
    return rows, special


class _Runs:
    """Sorted runs of rows, encoded in blocks."""

    def __init__(self) -> None:
        self._blocks = Chunks()
        self._ends: list[int] = []

    def add(self, rows: list[Fields]) -> None:
        for start in range(0, len(rows), _BLOCK_ROWS):
            self._blocks.append(encode_rows(rows[start : start + _BLOCK_ROWS]))
        self._ends.append(len(self._blocks))

    def merged(self, last: list[Fields]) -> Iterator[list[Fields]]:
        """Merge them and a last one into chunks; of several rows of one name the last counts."""
        runs = [self._run(start, end) for start, end in pairwise([0, *self._ends])]
        chunk: list[Fields] = []
        for row in merge(*runs, last, key=itemgetter(0)):
            if chunk and chunk[-1][0] == row[0]:
                chunk[-1] = row
                continue
            if len(chunk) == CHUNK_ROWS:
                yield chunk
                chunk = []
            chunk.append(row)
        yield chunk

    def _run(self, start: int, end: int) -> Iterator[Fields]:
        for number in range(start, end):
            yield from decode_rows(self._blocks[number])


def _signed(number: int) -> int:
    return number if number <= _MOST else number - _WRAP
