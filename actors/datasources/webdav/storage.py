"""The driver for WebDAV: one PROPFIND of depth 1 per folder, parsed while it arrives.

What the protocol cannot do: a MOVE onto a file takes that file away first on some servers, so for a moment none may be
there; and a DELETE of a folder takes all that is in it, so `delete` looks first and a file that is put there at that
very moment goes with it. Links are shown as what they lead to. Times are of seconds and cannot be set.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import BufferedReader
from typing import BinaryIO, NamedTuple, cast

from actors.datasources.drafts import draft_beside
from actors.datasources.globs import Selection
from actors.datasources.listing import make_listing, unlisted
from actors.datasources.marker import check_marker
from actors.datasources.paths import split, text_of
from actors.datasources.storage import Capabilities, Datasource, Kind, Listing, Row, Unlisted
from actors.datasources.webdav.answers import QUESTION, BadAnswer, Member, read_members
from actors.datasources.webdav.files import Download, Upload
from actors.datasources.webdav.hrefs import Hrefs
from actors.datasources.webdav.moves import Moves
from actors.datasources.webdav.requests import WebdavRequests
from rota.errors import PermanentError, TemporaryError

_BYTES = {"content-type": "application/octet-stream"}
_XML = {"content-type": "application/xml; charset=utf-8"}
_BUFFER_BYTES = 256 * 1024


class _Folder(NamedTuple):
    etag: str
    rows: list[Row]


class WebdavStorage:
    """A folder of a WebDAV server; see `Storage` for the promises."""

    def __init__(self, datasource: Datasource) -> None:
        """Judge the address and read the credentials; raises what `WebdavRequests` raises."""
        self._datasource = datasource
        self._selection = Selection.of(datasource.rules, whole=datasource.whole)
        self._requests = WebdavRequests(datasource)
        self._moves = Moves(self._requests, self.stat)
        self.capabilities = Capabilities(
            etags=True, keeps_modified=False, in_flight=self._requests.in_flight, step_ns=1_000_000_000
        )

    def close(self) -> None:
        """Let go of all connections."""
        self._requests.close()

    def verify(self) -> None:
        """Raise PermanentError unless the root is a folder with its marker, TemporaryError if that cannot be said."""
        name = self._datasource.name
        try:
            root = self.stat(b"")
            if root is None or root.kind != Kind.FOLDER:
                raise PermanentError(f"datasource {name!r}: there is no folder at {self._datasource.root!r}")
            check_marker(self._datasource, self.open_file)
        except OSError as error:
            raise PermanentError(f"datasource {name!r} cannot be read: {error.strerror or error}") from error

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        try:
            found = self._list(path)
        except OSError as error:
            return unlisted(path, error.errno or 0, error.strerror or str(error))
        return make_listing(path, found.rows, selection=self._selection, token=found.etag)

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none."""
        try:
            members = list(self._ask_members(path, depth=0))
        except FileNotFoundError:
            return None
        if len(members) != 1 or members[0][0] is not None:
            raise OSError(errno.EBADMSG, "the server tells of something else than what it was asked for", path)
        return _row(split(path)[1], members[0][1])

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a file for reading; memory stays bounded, and a file that ends too early raises TemporaryError."""
        # A GET of a folder gives a page for people.
        row = self._file(path)
        response = self._requests.begin("GET", path)
        # The buffer is all that a reader of bytes needs.
        return cast("BinaryIO", BufferedReader(Download(response, size=row.size, name=text_of(path)), _BUFFER_BYTES))

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make a file of these pieces, or replace the one at the path, and give its row; its time is the server's."""
        draft = draft_beside(path)
        upload = Upload(pieces)
        try:
            with upload.sending(), self._requests.ask("PUT", draft, content=upload.content(), headers=_BYTES):
                pass
            self._check_kept(draft, upload.size, path)
            confirm()
            self._put_in_place(draft, path)
        except BaseException:
            # A draft that cannot be deleted now stays behind under a private name.
            with suppress(OSError, TemporaryError, PermanentError):
                self._delete(draft, folder=False)
            raise
        return self._file(path)

    def make_folder(self, path: bytes) -> None:
        """Make a folder; nothing happens if it is there."""
        try:
            with self._requests.ask("MKCOL", path, folder=True):
                pass
        except (PermanentError, FileExistsError):  # 405 says that something is there, or that nothing is allowed there
            there = self.stat(path)
            if there is None:
                raise
            if there.kind != Kind.FOLDER:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None

    def rename(self, path: bytes, target: bytes) -> None:
        """Give an entry another path; raises FileExistsError if something is there already."""
        row = self.stat(path)
        if row is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._moves.move(path, target, folder=row.kind == Kind.FOLDER, overwrite=False)

    def delete(self, path: bytes) -> None:
        """Delete a file or an empty folder; nothing happens if it is not there."""
        row = self.stat(path)
        if row is None:
            return
        with suppress(FileNotFoundError):
            if row.kind == Kind.FOLDER:
                self._delete_empty(path)
            else:
                self._delete(path, folder=False)

    def delete_whole(self, path: bytes) -> None:
        """Delete a folder with everything in it in one request; nothing happens if it is not there."""
        with suppress(FileNotFoundError):
            self._delete(path, folder=True)

    def _list(self, path: bytes) -> _Folder:
        own: Member | None = None
        rows = []
        for name, member in self._ask_members(path, depth=1):
            if name is None:
                own = member
            else:
                rows.append(_row(name, member))
        if own is None:
            raise OSError(errno.EBADMSG, "the answer does not tell of the folder itself", path)
        if not own.folder:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return _Folder(own.etag, rows)

    def _ask_members(self, path: bytes, *, depth: int) -> Iterator[tuple[bytes | None, Member]]:
        hrefs = Hrefs(self._requests.host, self._requests.segments(path))
        asked = self._requests.ask(
            "PROPFIND", path, folder=depth > 0, headers=_XML | {"depth": str(depth)}, content=QUESTION
        )
        try:
            with asked as response:
                for member in read_members(self._requests.multistatus(path, response)):
                    yield hrefs.name(member.href), member
        except BadAnswer as error:
            raise OSError(errno.EBADMSG, str(error), path) from error

    def _file(self, path: bytes) -> Row:
        row = self.stat(path)
        if row is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if row.kind != Kind.FILE:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return row

    def _check_kept(self, draft: bytes, size: int, path: bytes) -> None:
        # Some servers make an empty file of a content whose length they are not told beforehand.
        kept = self._file(draft).size
        if kept != size:
            raise OSError(errno.EIO, f"the server kept {kept:,} of {size:,} bytes", path)

    def _put_in_place(self, draft: bytes, path: bytes) -> None:
        """Move a draft to its path; a folder there stays, though a MOVE that may overwrite would take it away."""
        there = self.stat(path)
        if there is None:
            try:
                self._moves.move(draft, path, folder=False, overwrite=False)
            except FileExistsError:  # made meanwhile
                self._file(path)
            else:
                return
        elif there.kind == Kind.FOLDER:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._moves.move(draft, path, folder=False, overwrite=True)

    def _delete_empty(self, path: bytes) -> None:
        """Delete a folder if nothing is in it.

        The server would delete it with what was put into it since it was listed. So it gets a private name first, under
        which nobody puts anything into it, and is listed once more.
        """
        self._refuse_full(path)
        aside = draft_beside(path)
        self._moves.move(path, aside, folder=True, overwrite=False)
        try:
            self._refuse_full(aside)
        except (OSError, TemporaryError, PermanentError):
            self._move_back(aside, path)
            raise
        self._delete(aside, folder=True)

    def _refuse_full(self, path: bytes) -> None:
        # What the globs leave out and private names are in the way as well.
        if self._list(path).rows:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)

    def _move_back(self, aside: bytes, path: bytes) -> None:
        try:
            self._moves.move(aside, path, folder=True, overwrite=False)
        except FileExistsError:
            why = f"is there anew; what somebody put into it before is in {text_of(aside)!r}"
            raise OSError(errno.EEXIST, why, path) from None

    def _delete(self, path: bytes, *, folder: bool) -> None:
        with self._requests.ask("DELETE", path, folder=folder) as response:
            if response.status_code == 207:
                raise OSError(errno.EIO, "the server could not delete it", path)


def _row(name: bytes, member: Member) -> Row:
    if member.folder:
        return Row(name, Kind.FOLDER.value, 0, member.modified_ns)
    return Row(name, Kind.FILE.value, member.size, member.modified_ns, etag=member.etag)
