"""Makes 7z archives: one solid stream of LZMA2, as 7-Zip makes it, encrypted with the list of members if asked for.

The first bytes of a 7z tell where the list of members is, which comes last, so the whole archive is kept aside on the
worker's own storage before its first piece is given; an attempt that ends before begins again. Its own code writes, so
that it packs on all cores, and asks for no library.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from zlib import crc32

from actors.archives.ordered import Task, in_order
from actors.archives.packing import SMALL_BYTES, Content, Contents, Entry, Mark, Packing, Piece
from actors.archives.seven_zip.attributes import attributes_of, filetime
from actors.archives.seven_zip.encryption import Key
from actors.archives.seven_zip.layout import Coder, Packed, Table, encoded_header_of, header_of, start_of
from actors.archives.seven_zip.limits import AES, MOST_HEADER_BYTES, MOST_MEMBERS
from actors.archives.seven_zip.names import encoded
from actors.archives.seven_zip.packing_stream import method_of, packed, packed_stream
from actors.archives.seven_zip.spool import Spool
from actors.datasources.rows import Kind
from rota.errors import PermanentError

_READ_AHEAD = 4
"""Each byte that is read counts as so many: what is read waits for what is packed, never the other way round."""


class SevenZipPacker:
    """Makes one 7z archive. Memory: some 60 MB for each of two threads, and for each entry 40 bytes and its name."""

    def __init__(self, contents: Contents, packing: Packing) -> None:
        self._contents = contents
        self._packing = packing

    def pack(self, entries: Iterable[Entry], *, start: Mark | None = None, written: int = 0) -> Iterator[Piece]:
        """Give the archive, all of it: there is no mark to go on behind, and nothing is left for the end."""
        with closing(Spool()) as spool:
            beginning = self._write(entries, spool)
            yield Piece(beginning)
            for piece in spool.pieces():
                self._packing.check()
                yield Piece(piece)

    def finish(self, records: Iterable[bytes], *, written: int) -> Iterator[bytes]:
        """Give nothing: the end came with the rest."""
        return iter(())

    def _write(self, entries: Iterable[Entry], spool: Spool) -> bytes:
        """Write all but the first bytes, and give these."""
        table = Table()
        key = Key(self._packing.password) if self._packing.password is not None else None
        sealing = _Sealing(key, spool)
        with closing(self._pieces(entries, table)) as pieces, closing(packed_stream(pieces, self._packing)) as stream:
            for data in stream:
                self._packing.check()
                sealing.write(data)
        if not table:
            return start_of(0, b"")
        size = sum(table.sizes)
        held = sealing.finish(method_of(self._packing.level), size) if size else None
        return _write_header(header_of(table, held), key, spool)

    def _pieces(self, entries: Iterable[Entry], table: Table) -> Generator[bytes]:
        """Give all contents, one behind the other, and fill the table with what they belong to."""
        tasks = (self._task(entry) for entry in entries)
        with closing(in_order(tasks, self._packing)) as done:
            for entry, content in done:
                if entry.kind == Kind.FILE and entry.size > SMALL_BYTES:
                    yield from self._large(entry, table)
                elif content is not None:
                    _begin(table, entry, executable=content.executable)
                    table.add_content(len(content.data), crc32(content.data))
                    yield content.data

    def _task(self, entry: Entry) -> Task[Entry, Content | None]:
        """Read a small file; what a folder and a link hold is known."""
        if entry.kind != Kind.FILE:
            return Task(entry, 0, partial(Content, entry.link, executable=False))
        if entry.size > SMALL_BYTES:
            return Task(entry, 0, lambda: None)
        return Task(entry, _READ_AHEAD * entry.size, partial(self._contents.read, entry))

    def _large(self, entry: Entry, table: Table) -> Iterator[bytes]:
        opened = self._contents.open(entry)
        if opened is None:
            return
        size = crc = 0
        with closing(opened) as pieces:
            _begin(table, entry, executable=pieces.executable)
            for piece in pieces:
                size, crc = size + len(piece), crc32(piece, crc)
                yield piece
        table.add_content(size, crc)


class _Sealing:
    """Writes a packed stream to the spool, encrypted if there is a password."""

    def __init__(self, key: Key | None, spool: Spool) -> None:
        self._spool = spool
        self._offset = spool.size
        self._size = 0
        self._encryption = key.encryption() if key is not None else None

    def write(self, data: bytes) -> None:
        self._size += len(data)
        self._spool.write(data if self._encryption is None else self._encryption.update(data))

    def finish(self, method: tuple[bytes, bytes], size: int) -> Packed:
        """Write what is left, and tell of the stream; `size` is what it has unpacked."""
        coders = [Coder(*method, size)]
        if self._encryption is not None:
            self._spool.write(self._encryption.finish())
            coders.insert(0, Coder(AES, self._encryption.properties, self._size))
        return Packed(self._offset, self._spool.size - self._offset, coders)


def _begin(table: Table, entry: Entry, *, executable: bool = False) -> None:
    if len(table) == MOST_MEMBERS:
        raise PermanentError(f"format: a 7z archive takes {MOST_MEMBERS:,} entries at most; zip and tar take more")
    table.add(
        encoded(entry.name),
        modified=filetime(entry.modified_ns),
        attributes=attributes_of(entry.kind, executable=executable),
        is_folder=entry.kind == Kind.FOLDER,
    )


def _write_header(header: bytes, key: Key | None, spool: Spool) -> bytes:
    if len(header) > MOST_HEADER_BYTES:
        raise PermanentError(
            f"format: the list of members would be too long for a 7z archive, {len(header):,} bytes; "
            f"allowed: {MOST_HEADER_BYTES:,}"
        )
    sealing = _Sealing(key, spool)
    sealing.write(packed(header, None))
    end = encoded_header_of(sealing.finish(method_of(None), len(header)), crc32(header))
    offset = spool.size
    spool.write(end)
    return start_of(offset, end)
