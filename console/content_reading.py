"""Opens a file of a datasource for somebody who downloads it, where this process can reach its storage."""

from __future__ import annotations

import logging
from contextlib import suppress
from hashlib import blake2b
from typing import BinaryIO

from actors.datasources.globs import Selection
from actors.datasources.opening import hurried, open_storage
from actors.datasources.paths import is_own, text_of
from actors.datasources.rows import Kind, Row
from actors.datasources.storage import Storage
from actors.stored import datasource_of
from console.hit_looking import is_within_reach
from rota.errors import NotFound, PermanentError, Refused, RotaError, TemporaryError
from store.records import DatasourceRecord

PIECE_BYTES = 1024 * 1024
#: Somebody waits at the other end: a request to a storage that does not answer is not repeated for long.
_REQUEST_SECONDS = 15.0

_log = logging.getLogger(__name__)


class Content:
    """A file of a storage that is open for reading; for one thread at a time."""

    def __init__(self, storage: Storage, path: bytes, row: Row) -> None:
        self._storage = storage
        self._path = path
        self._file: BinaryIO | None = None
        self.row = row
        self.behind = 0
        """Bytes that are to be read past first, because the storage gives the file from its start only."""

    @property
    def tag(self) -> str:
        """A text that changes with the content."""
        told = f"{self.row.etag}:{self.row.size}:{self.row.modified_ns}:{self.row.inode}"
        return blake2b(told.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()

    def go_to(self, start: int) -> bool:
        """Open the file at a byte, and say whether it is the one that was looked at.

        Raises OSError, PermanentError or TemporaryError.
        """
        self._file = self._storage.open_file(self._path)
        if start and self._file.seekable():
            self._file.seek(start)
        else:
            self.behind = start
        found = self._storage.stat(self._path)
        # A file that only grows or is written to stays the one that it is.
        return found is not None and (_node(found) == _node(self.row) if found.inode else found == self.row)

    def catch_up(self) -> None:
        """Read past a piece of what it is behind."""
        passed = self.read(self.behind)
        self.behind = self.behind - len(passed) if passed else 0

    def read(self, most: int) -> bytes:
        """Read what follows, a piece at most; nothing at the end of the file."""
        assert self._file is not None, "go_to comes first"
        return self._file.read(min(PIECE_BYTES, most))

    def close(self) -> None:
        """Let go of the file and of the storage; twice is fine."""
        file, self._file = self._file, None
        try:
            # What is wrong with a file that nobody reads any more is nobody's business.
            with suppress(OSError, RotaError):
                if file is not None:
                    file.close()
        finally:
            self._storage.close()


def open_content(record: DatasourceRecord, path: bytes) -> Content:
    """Open the storage of a datasource and look at a file in it; the caller closes it.

    Raises NotFound for what is not there or is no part of the datasource, Refused for what is no file, and where this
    process must not look; TemporaryError where the storage does not answer.
    """
    name = record.name
    if not is_within_reach(record):
        raise Refused(f"only the workers of its own queue reach {name}; the console cannot send what is in it")
    datasource = datasource_of(record)
    if not _counts(path, Selection.of(datasource.rules)):
        raise _missing(name, path)
    try:
        storage = open_storage(hurried(datasource, seconds=_REQUEST_SECONDS))
    except (OSError, PermanentError, TemporaryError) as error:
        raise _away(name, error) from error
    try:
        return Content(storage, path, _row_of(storage, name, path))
    except (OSError, PermanentError, TemporaryError) as error:
        storage.close()
        raise _away(name, error) from error
    except BaseException:
        storage.close()
        raise


def start_reading(record: DatasourceRecord, content: Content, start: int, most: int) -> bytes:
    """Go to a byte of the file and read the first piece from there, nothing if it is behind; raises as `open_content`.

    Raises TemporaryError as well if another file has taken its place: the tag that was told is not its own.
    """
    try:
        is_same = content.go_to(start)
        first = b"" if content.behind else content.read(most)
    except FileNotFoundError as error:
        raise NotFound(f"the file has just gone from {record.name}") from error
    except (OSError, PermanentError, TemporaryError) as error:
        raise _away(record.name, error) from error
    if not is_same:
        raise TemporaryError("the file was replaced by another one at this moment; try again")
    return first


def _node(row: Row) -> tuple[int, int]:
    return row.device, row.inode


def _row_of(storage: Storage, name: str, path: bytes) -> Row:
    storage.verify()
    row = storage.stat(path)
    if row is None:
        raise _missing(name, path)
    if row.kind != Kind.FILE:
        raise Refused(f"{text_of(path)} is a {row.kind}; only files can be downloaded, and a folder as an archive")
    return row


def _counts(path: bytes, selection: Selection) -> bool:
    parts = path.split(b"/")
    if b"\0" in path or any(part in {b"", b".", b".."} for part in parts) or is_own(path):
        return False
    return selection.takes_whole(path, Kind.FILE)


def _missing(name: str, path: bytes) -> NotFound:
    return NotFound(f"{name} has no file {text_of(path)}")


def _away(name: str, error: Exception) -> TemporaryError:
    # The text may name folders and addresses: it is for the log of the console.
    _log.warning("content.out_of_reach", extra={"datasource": name, "error": str(error)})
    return TemporaryError(f"the console cannot read from {name} now; its log says why")
