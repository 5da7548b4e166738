"""Remembers what was copied where times cannot tell: one small file per folder, in the target itself.

Object stores and WebDAV give a file the time of its upload, and file systems with coarse times round it. So the mirror
writes down, per file, how source and target looked when they were last known to agree. A pair that still looks so is
the same. A record that is lost, old or wrong costs a comparison of contents, never a missed change.

It lies in the target rather than in a database, so that it goes where the target goes and needs nobody's consent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from actors.datasources.paths import join
from actors.datasources.storage import Datasource, Row, Storage
from actors.transferring.places import place_of
from actors.transferring.sides import Pair

FOLDER = b".rota/mirror"
_SAVED_EVERY = 1000
_MOST_BYTES = 256 * 1024 * 1024


class _Agreed(msgspec.Struct, frozen=True, array_like=True):
    """How both sides looked when they agreed: size, then time and etag of the source and of the target."""

    size: int
    source_ns: int
    source_etag: str
    target_ns: int
    target_etag: str

    def fits(self, pair: Pair) -> bool:
        """Say whether both sides still look so."""
        source, target = pair
        return (
            source.size == target.size == self.size
            and _fits(source, self.source_ns, self.source_etag)
            and _fits(target, self.target_ns, self.target_etag)
        )


_Record = dict[bytes, _Agreed]
_decode = msgspec.msgpack.Decoder(_Record).decode
_encode = msgspec.msgpack.Encoder().encode


class Memory:
    """What is remembered of the copies from one source to one target."""

    def __init__(self, source: Datasource, target: Storage) -> None:
        self._target = target
        self._key = msgspec.json.encode([source.name, *place_of(source)])
        self._made = False

    def of(self, folder: bytes) -> FolderMemory:
        """Give what is remembered of a folder; read when it is first asked for."""
        name = hashlib.sha256(self._key + b"\0" + folder).hexdigest()[:32].encode()
        return FolderMemory(self, join(FOLDER, name))

    def read(self, path: bytes) -> _Record:
        """Read a record; empty where there is none, or none that makes sense."""
        try:
            with self._target.open_file(path) as file:
                content = file.read(_MOST_BYTES + 1)
            return _decode(content) if len(content) <= _MOST_BYTES else {}
        except (OSError, msgspec.MsgspecError):
            return {}

    def write(self, path: bytes, record: _Record) -> None:
        """Write a record."""
        if not self._made:
            self._target.make_folder(FOLDER.partition(b"/")[0])
            self._target.make_folder(FOLDER)
            self._made = True
        self._target.write(path, [_encode(record)])


class FolderMemory:
    """What is remembered of the files of one folder."""

    def __init__(self, memory: Memory, path: bytes) -> None:
        self._memory = memory
        self._path = path
        self._record: _Record | None = None
        self._unsaved = 0

    def knows(self, pair: Pair) -> bool:
        """Say whether both sides still look as they did when they agreed."""
        known = self._loaded().get(pair.source.name)
        return known is not None and known.fits(pair)

    def learn(self, pair: Pair) -> None:
        """Remember that these two agree."""
        record, agreed = self._loaded(), _agreed(pair)
        if record.get(pair.source.name) != agreed:
            record[pair.source.name] = agreed
            self._unsaved += 1

    def save(self, names: Iterable[bytes] | None = None) -> None:
        """Write what was learned; of `names` only, if all files of the source's folder are named."""
        if self._record is None or not self._unsaved:
            return
        if names is not None:
            self._record = {name: self._record[name] for name in names if name in self._record}
        self._memory.write(self._path, self._record)
        self._unsaved = 0

    @property
    def is_worth_saving(self) -> bool:
        """Whether so much was learned that a crash would cost more than writing it down before the folder is done.

        A share of the whole, so that all the writing together stays in proportion.
        """
        return self._record is not None and self._unsaved > max(_SAVED_EVERY, len(self._record) // 4)

    def _loaded(self) -> _Record:
        if self._record is None:
            self._record = self._memory.read(self._path)
        return self._record


def _agreed(pair: Pair) -> _Agreed:
    source, target = pair
    return _Agreed(source.size, source.modified_ns, source.etag, target.modified_ns, target.etag)


def _fits(row: Row, modified_ns: int, etag: str) -> bool:
    # The answer to a write may give the time less finely than a listing does; an etag is the same in both.
    return row.etag == etag if row.etag and etag else row.modified_ns == modified_ns
