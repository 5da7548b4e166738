"""The driver for folders behind SSH, on `asyncssh`.

Any thread may call it; the requests run on one event loop in a thread of its own, several of them in flight on one
connection. That is opened with the first call, and again with the next call after it broke: the call that was under way
raises TemporaryError.

A listing has the attributes of all entries with it, no request per entry. Times are whole seconds. There are no inode
numbers, and no token: two changes of a folder within one second would have the same one. Links are rows, never
followed; `session` says how far that can be held.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from typing import BinaryIO, TypeVar, cast

from pydantic import ValidationError

from actors.datasources.globs import Selection
from actors.datasources.listing import make_listing
from actors.datasources.marker import check_marker
from actors.datasources.paths import split, text_of
from actors.datasources.sftp.connection import Connection
from actors.datasources.sftp.drafting import SftpDraft
from actors.datasources.sftp.listing import list_entries
from actors.datasources.sftp.place import parse_place
from actors.datasources.sftp.reading import Stream, open_regular
from actors.datasources.sftp.rows import STEP_NS, kind_of, row_of
from actors.datasources.sftp.session import Session, all_of, is_gone
from actors.datasources.sftp.thread import LoopThread
from actors.datasources.sftp.writing import Draft, blocks, remove, rename
from actors.datasources.storage import Capabilities, Datasource, Kind, Listing, Row, Unlisted, Why
from rota.datasources import SftpOptions
from rota.errors import InvalidDefinition, PermanentError, RotaError
from rota.problems import problems_of

T = TypeVar("T")


class SftpStorage:
    """A folder of an SFTP server; see `Storage` for the promises."""

    def __init__(self, datasource: Datasource) -> None:
        """Prepare it; the first call connects. Raises PermanentError when root or options are not valid."""
        try:
            options = SftpOptions.model_validate(dict(datasource.options))
        except ValidationError as error:
            problems = problems_of(error, SftpOptions, prefix=("options",))
            raise PermanentError(str(InvalidDefinition(problems, source=f"datasource {datasource.name!r}"))) from None
        self._datasource = datasource
        self._in_flight = options.in_flight
        self._selection = Selection.of(datasource.rules, whole=datasource.whole)
        place = parse_place(datasource.root)
        self._connection = Connection(place, options, allow_private=datasource.rules.allow_private)
        self._thread = LoopThread(f"sftp {place.host}", farewell=self._connection.close)

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(in_flight=self._in_flight, step_ns=STEP_NS)

    def verify(self) -> None:
        """Raise PermanentError unless the root is a folder and its marker is there; TemporaryError as any call."""
        try:
            self._run(lambda session: session.enter(b""))
            check_marker(self._datasource, self.open_file)
        except OSError as error:
            reason = f"{error.strerror or error} ({text_of(error.filename or b'') or 'the root'})"
            raise PermanentError(
                f"datasource {self._datasource.name!r} cannot be reached at {self._datasource.root!r}: {reason}"
            ) from error

    def list_folder(self, path: bytes) -> Listing | Unlisted:
        """List one folder."""
        try:
            found = self._run(lambda session: list_entries(session, path))
        except OSError as error:
            why = Why.VANISHED if path and is_gone(error) else Why.FAILED
            return Unlisted(path=path, why=why, reason=error.strerror or str(error))
        return make_listing(path, found.rows, selection=self._selection, special=found.special)

    def stat(self, path: bytes) -> Row | None:
        """Give one entry, or None if there is none."""
        return self._run(lambda session: _stat(session, path))

    def open_file(self, path: bytes) -> BinaryIO:
        """Open a regular file for reading."""
        opened = self._run(lambda session: open_regular(session, path))
        return io.BufferedReader(Stream(self._thread, opened), buffer_size=opened.session.piece_bytes)

    def read_link(self, path: bytes) -> bytes:
        """Give the target of a link, as it says itself."""
        return self._run(lambda session: _read_link(session, path))

    def write(
        self,
        path: bytes,
        pieces: Iterable[bytes],
        *,
        modified_ns: int | None = None,
        confirm: Callable[[], None] = lambda: None,
    ) -> Row:
        """Make a file of these pieces, or replace the one at the path, and give its row."""
        draft = Draft(path)
        try:
            self._run(draft.open)
            self._fill(draft, pieces)
            found = self._thread.run(draft.finish(modified_ns))
            confirm()
            self._thread.run(draft.put())
        except BaseException:
            # If that fails as well, the draft stays under its private name until leftovers are cleaned up.
            if draft.is_begun:
                with contextlib.suppress(OSError, RotaError):
                    self._run(draft.discard)
            raise
        row = row_of(split(path)[1], found)
        assert row is not None
        return row

    def draft(self, path: bytes, key: str) -> SftpDraft:
        """Open the draft of this key for a file, as far as it was written, or begin one."""
        return SftpDraft(self._run, path, key)

    def make_folder(self, path: bytes) -> None:
        """Make a folder; nothing happens if it is there."""
        self._run(lambda session: _make_folder(session, path))

    def rename(self, path: bytes, target: bytes) -> None:
        """Give an entry another path.

        Raises FileExistsError if something is there already. OpenSSH holds this by itself; other servers may replace
        what somebody else puts there between two requests.
        """
        self._run(lambda session: _rename(session, path, target))

    def delete(self, path: bytes) -> None:
        """Delete a file, a link or an empty folder; nothing happens if it is not there."""
        self._run(lambda session: _delete(session, path))

    def close(self) -> None:
        """End the connection, the loop and the thread; twice is fine."""
        self._thread.close()

    def _run(self, operation: Callable[[Session], Awaitable[T]]) -> T:
        async def with_session() -> T:
            return await operation(await self._connection.session())

        return self._thread.run(with_session())

    def _fill(self, draft: Draft, pieces: Iterable[bytes]) -> None:
        """Send one block while the next one is made."""
        sending: Future[None] | None = None
        try:
            for block in blocks(pieces):
                if sending is not None:
                    self._thread.wait(sending)
                sending = self._thread.submit(draft.write(block))
            if sending is not None:
                self._thread.wait(sending)
        finally:
            if sending is not None:
                sending.cancel()


async def _stat(session: Session, path: bytes) -> Row | None:
    try:
        _, found = await all_of(session.enter_parent(path), session.find(path))
    except OSError as error:
        if is_gone(error):
            return None
        raise
    return None if found is None else row_of(split(path)[1], found)


async def _read_link(session: Session, path: bytes) -> bytes:
    _, found = await all_of(session.enter_parent(path), session.lstat(path))
    if kind_of(found) != Kind.LINK:
        raise OSError(errno.EINVAL, "no link", path)
    return cast("bytes", await session.ask(path, lambda: session.client.readlink(session.absolute(path))))


async def _make_folder(session: Session, path: bytes) -> None:
    await session.enter_parent(path)
    try:
        await session.ask(path, lambda: session.client.mkdir(session.absolute(path)))
    except OSError:
        found = await session.find(path)
        if found is None:
            raise
        if kind_of(found) != Kind.FOLDER:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None


async def _rename(session: Session, path: bytes, target: bytes) -> None:
    await all_of(session.enter_parent(path), session.enter_parent(target))
    if await session.find(target) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    try:
        await rename(session, path, target)
    except OSError as error:
        # The server only says that it failed: somebody may have put something there meanwhile.
        if not is_gone(error) and await session.find(target) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        raise


async def _delete(session: Session, path: bytes) -> None:
    try:
        _, found = await all_of(session.enter_parent(path), session.find(path))
        if found is None:
            return
        if kind_of(found) == Kind.FOLDER:
            await _delete_folder(session, path)
        else:
            await remove(session, path)
    except OSError as error:
        if not is_gone(error):
            raise


async def _delete_folder(session: Session, path: bytes) -> None:
    try:
        await session.ask(path, lambda: session.client.rmdir(session.absolute(path)))
    except OSError as error:
        # Most servers only say that it failed.
        if error.errno == errno.EIO and await _has_entries(session, path):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path) from error
        raise


async def _has_entries(session: Session, path: bytes) -> bool:
    found = await list_entries(session, path)
    return bool(found.rows or found.special)
