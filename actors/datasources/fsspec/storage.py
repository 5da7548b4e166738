"""The driver for everything that an installed fsspec driver reaches, one folder at a time.

It promises what the driver beneath keeps: one that tells an error as an empty folder cannot be found out here (the FTP
driver that comes with fsspec does, so `ftp` corrects it). A storage without a move of its own gets files by
copy and delete. Several drivers are not made for threads, so each is lent to one at a time.
"""

from __future__ import annotations

import errno
import ftplib
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from typing import Any, BinaryIO, cast

from actors.datasources.credentials import hidden
from actors.datasources.drafts import draft_beside
from actors.datasources.fsspec.choice import Choice, choose
from actors.datasources.fsspec.files import Borrowed
from actors.datasources.fsspec.rows import row_of, rows_of
from actors.datasources.globs import Selection
from actors.datasources.lending import Lender
from actors.datasources.listing import make_listing, unlisted
from actors.datasources.marker import check_marker
from actors.datasources.paths import split
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Capabilities, Datasource, Kind, Listing, Row, Unlisted
from rota.datasources import FsspecOptions
from rota.errors import PermanentError, TemporaryError

_BLOCK_BYTES = 4 * 1024 * 1024
# What concerns one path; any other OSError of a driver is about its connection.
_OF_A_PATH = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
_NUMBERS = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


class FilesystemSpecStorage:
    """A storage behind an fsspec driver; see `Storage` for the promises."""

    def __init__(self, datasource: Datasource) -> None:
        """Choose the driver and check its options; connects to nothing. Raises what `choose` raises."""
        options = FsspecOptions.model_validate(dict(datasource.options))
        self._datasource = datasource
        self._selection = Selection.of(datasource.rules, whole=datasource.whole)
        self._choice: Choice = choose(datasource, options)
        self.capabilities = Capabilities(
            etags=self._choice.is_bucket,
            folders=not self._choice.is_bucket,
            moves=self._choice.moves,
            keeps_modified=False,
            in_flight=options.in_flight,
            step_ns=1_000_000_000,
        )
        # A copy within the storage reads and writes at once.
        most = max(options.in_flight, 2)
        self._drivers: Lender[Any] = Lender(self._connect, _dispose, most=most, seconds=options.timeout_seconds)

    def close(self) -> None:
        """Let go of all connections."""
        self._drivers.close()

    def verify(self) -> None:
        """Raise PermanentError or TemporaryError unless the root can be listed and its marker is there."""
        try:
            with self._driver() as driver, self._told(b""):
                self._list(driver, b"")
            check_marker(self._datasource, self.open_file)
        except _OF_A_PATH as error:
            reason = error.strerror or str(error)
            raise PermanentError(f"datasource {self._datasource.name!r} cannot be read: {reason}") from error
        except OSError as error:  # nobody knows what it means
            raise TemporaryError(error.strerror or str(error)) from error

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        try:
            with self._driver() as driver, self._told(path):
                rows, special = self._list(driver, path)
        except OSError as error:
            return unlisted(path, error.errno or 0, error.strerror or str(error))
        return make_listing(path, rows, selection=self._selection, special=special)

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none."""
        with self._driver() as driver, self._told(path):
            return self._stat(driver, path)

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a file for reading; the driver is the reader's own until the file is closed."""
        driver = self._drivers.borrow()
        try:
            with self._told(path):
                size = self._file(driver, path).size
                file = driver.open(self._place(path), "rb", block_size=_BLOCK_BYTES)
        except BaseException as error:
            self._drivers.give_back(driver, broken=not isinstance(error, _OF_A_PATH))
            raise
        taken = Borrowed(
            file,
            size=size,
            told=lambda: self._told(path),
            give_back=lambda broken: self._drivers.give_back(driver, broken=broken),
        )
        # The buffer is all that a reader of bytes needs.
        return cast("BinaryIO", BufferedReader(taken))

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make a file of these pieces, or replace the one at the path, and give its row; its time is the storage's."""
        draft = draft_beside(path)
        with self._driver() as driver:
            with self._told(path):
                self._check_folder(driver, split(path)[0])
            try:
                size = self._upload(driver, draft, pieces)
                with self._told(path):
                    self._check_kept(driver, draft, size)
                confirm()
                with self._told(path):
                    self._put_in_place(driver, draft, path)
            except BaseException:
                # A draft that cannot be deleted now stays behind under a private name.
                with suppress(OSError, TemporaryError), self._told(draft):
                    driver.rm_file(self._place(draft))
                raise
            with self._told(path):
                return self._file(driver, path)

    def make_folder(self, path: bytes) -> None:
        """Make a folder; nothing happens if it is there, or where folders don't exist by themselves."""
        if not self.capabilities.folders:
            return
        with self._driver() as driver, self._told(path):
            there = self._stat(driver, path)
            if there is None:
                self._check_folder(driver, split(path)[0])
                there = self._made(driver, path)
            if there is not None and there.kind != Kind.FOLDER:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    def rename(self, path: bytes, target: bytes) -> None:
        """Give an entry another path; raises FileExistsError if something is there already."""
        with self._driver() as driver, self._told(path):
            row = self._stat(driver, path)
            if row is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            if self._stat(driver, target) is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
            if row.kind == Kind.FOLDER and not self.capabilities.moves:
                raise OSError(errno.EOPNOTSUPP, "folders cannot be renamed there", path)
            self._check_folder(driver, split(target)[0])
            self._move(driver, path, target)

    def delete(self, path: bytes) -> None:
        """Delete a file, a link or an empty folder; nothing happens if it is not there."""
        with self._driver() as driver, self._told(path):
            row = self._stat(driver, path)
            if row is None:
                return
            if row.kind != Kind.FOLDER:
                driver.rm_file(self._place(path))
                return
            # Some drivers take a folder with all that is in it.
            rows, special = self._list(driver, path)
            if rows or special:
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
            driver.rmdir(self._place(path))

    def _connect(self) -> Any:
        try:
            return self._choice.make()
        except ftplib.error_perm as error:
            raise PermanentError(self._said(error)) from None
        except ssl.SSLCertVerificationError as error:
            raise PermanentError(f"{self._said(error)}: the certificate of the server is not trusted") from None
        except (OSError, EOFError, ftplib.Error) as error:
            raise TemporaryError(self._said(error)) from None
        except Exception as error:  # whatever a foreign driver raises when its options are wrong
            raise PermanentError(self._said(error)) from None

    @contextmanager
    def _driver(self) -> Iterator[Any]:
        """Lend a driver; after anything but a plain answer about a path it is not lent again."""
        driver = self._drivers.borrow()
        broken = True
        try:
            yield driver
            broken = False
        except _OF_A_PATH:
            broken = False
            raise
        finally:
            self._drivers.give_back(driver, broken=broken)

    @contextmanager
    def _told(self, path: bytes) -> Iterator[None]:
        """Tell the errors of a driver as a storage does; their causes are left out, for they may hold secrets."""
        try:
            yield
        except (PermanentError, TemporaryError):
            raise
        except _OF_A_PATH as error:  # most drivers raise them with nothing but a path
            number = next(number for kind, number in zip(_OF_A_PATH, _NUMBERS, strict=True) if isinstance(error, kind))
            raise OSError(number, os.strerror(number), path) from None
        except ftplib.error_perm as error:
            raise OSError(errno.EACCES, self._said(error), path) from None
        except (EOFError, socket.gaierror, ssl.SSLError, ftplib.Error) as error:
            raise TemporaryError(self._said(error)) from None
        except Exception as error:  # each driver has errors of its own
            if is_temporary(error):
                raise TemporaryError(self._said(error)) from None
            told = error.errno if isinstance(error, OSError) else None
            raise OSError(told or errno.EIO, self._said(error), path) from None

    def _said(self, error: Exception) -> str:
        strerror = getattr(error, "strerror", None)
        text = strerror if isinstance(strerror, str) and strerror else f"{type(error).__name__}: {error}"
        return f"datasource {self._datasource.name!r}: {hidden(text, self._choice.secrets)[:500]}"

    def _place(self, path: bytes) -> str:
        return f"{self._choice.root}/{path.decode(self._choice.codec, 'surrogateescape')}" if path else self._root

    @property
    def _root(self) -> str:
        return self._choice.root or "/"

    def _list(self, driver: Any, path: bytes) -> tuple[list[Row], int]:
        place = self._place(path)
        return rows_of(place, driver.ls(place, detail=True), codec=self._choice.codec)

    def _stat(self, driver: Any, path: bytes) -> Row | None:
        try:
            return row_of(split(path)[1], driver.info(self._place(path)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _file(self, driver: Any, path: bytes) -> Row:
        row = self._stat(driver, path)
        if row is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if row.kind == Kind.FOLDER:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return row

    def _check_folder(self, driver: Any, path: bytes) -> None:
        """Raise OSError unless there is a folder for something to go into; drivers have no word of their own for it."""
        if not path or not self.capabilities.folders:
            return
        there = self._stat(driver, path)
        if there is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if there.kind != Kind.FOLDER:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)

    def _made(self, driver: Any, path: bytes) -> Row | None:
        """Make a folder; if somebody else made something there meanwhile, give its row: each driver says it its way."""
        try:
            driver.mkdir(self._place(path), create_parents=False)
        except Exception as error:
            if is_temporary(error) or (there := self._stat(driver, path)) is None:
                raise
            return there
        return None

    def _upload(self, driver: Any, draft: bytes, pieces: Iterable[bytes]) -> int:
        """Write pieces to a file and give its length; what the pieces raise stays as it is."""
        size = 0
        with self._told(draft):
            file = driver.open(self._place(draft), "wb", block_size=_BLOCK_BYTES)
        try:
            for piece in pieces:
                with self._told(draft):
                    file.write(piece)
                size += len(piece)
        except BaseException:
            with suppress(Exception):  # the first error counts
                file.close()
            raise
        with self._told(draft):
            file.close()
        return size

    def _check_kept(self, driver: Any, draft: bytes, size: int) -> None:
        kept = self._file(driver, draft).size
        if kept != size:
            raise OSError(errno.EIO, f"the storage kept {kept:,} of {size:,} bytes", draft)

    def _put_in_place(self, driver: Any, draft: bytes, path: bytes) -> None:
        there = self._stat(driver, path)
        if there is not None and there.kind == Kind.FOLDER:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._move(driver, draft, path)

    def _move(self, driver: Any, path: bytes, target: bytes) -> None:
        if self.capabilities.moves:
            driver.mv(self._place(path), self._place(target))
            return
        # Not by the driver's own `mv`: it would take `*` and `[` in names for patterns.
        driver.cp_file(self._place(path), self._place(target))
        driver.rm_file(self._place(path))


def _dispose(driver: Any) -> None:
    close = getattr(driver, "close", None)
    if close is not None:
        with suppress(Exception):  # it is no longer needed, whatever it says
            close()
