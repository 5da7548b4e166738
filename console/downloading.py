"""Fetches a file of a datasource: whole or not at all, and after a lost connection, or a kill, where it was.

What has come is in a draft beside the target, whose name says of which file and version it is. It gets the target's
name when all of it is there. A later call goes on with it, unless the file was changed meanwhile.
"""

from __future__ import annotations

import base64
import fcntl
import http.client
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from console.client import Client, segment
from console.exits import CommandFailed, ExitCode
from console.following import progress_bar

_PIECE_BYTES = 256 * 1024
_TRIES = 5
"""Connections in a row that are lost without having brought a byte, after which it gives up."""
PAUSE_SECONDS = 0.5
"""Before the next try; twice as long before the second one, and so on."""


class Remote(NamedTuple):
    """A file as the console tells of it."""

    tag: str
    size: int


class Lost(Exception):
    """Raised when the connection is lost before the end of the file."""


class Source:
    """A file behind the console."""

    def __init__(self, client: Client, datasource: str, path: str) -> None:
        self._client = client
        self._at = f"/datasources/{segment(datasource)}/content"
        self._query = _asked(path)
        self.digest = blake2b(f"{self._at}?{self._query}".encode(), digest_size=8).hexdigest()
        """Tells it from other files."""

    def look(self) -> Remote:
        """Ask what it is now; CommandFailed if the console does not give it."""
        try:
            with self._client.content(self._at, query=self._query, headers={}) as response:
                return _told(response)
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(f"no answer from the console: {error}", ExitCode.UNREACHABLE) from error

    def pieces(self, remote: Remote, start: int) -> Iterator[bytes]:
        """Yield what it holds from a byte on; raises Lost."""
        try:
            yield from self._received(remote, start)
        except (OSError, http.client.HTTPException) as error:
            raise Lost from error

    def _received(self, remote: Remote, start: int) -> Iterator[bytes]:
        headers = {"Range": f"bytes={start}-", "If-Range": remote.tag} if start else {}
        left = remote.size - start
        with self._client.content(self._at, query=self._query, headers=headers) as response:
            if response.headers["ETag"] != remote.tag or (start and response.status != http.client.PARTIAL_CONTENT):
                raise CommandFailed("the file was changed while it was fetched; try again")
            while left and (piece := response.read(min(_PIECE_BYTES, left))):
                left -= len(piece)
                yield piece
        if left:
            raise http.client.IncompleteRead(b"", left)


def fetch(
    client: Client,
    datasource: str,
    path: str,
    target: Path,
    *,
    replace: bool = True,
    pause_seconds: float = PAUSE_SECONDS,
) -> int:
    """Fetch a file and return how many bytes it has; CommandFailed if it does not come, OSError if it cannot be kept.

    Without `replace` it fails also where something has taken the target's name meanwhile.
    """
    source = Source(client, datasource, path)
    remote = source.look()
    prefix = f".rota-{source.digest}-"
    draft = target.parent / f"{prefix}{remote.tag.strip(chr(34))}.part"
    for older in target.parent.glob(f"{prefix}*.part"):
        if older != draft:
            older.unlink(missing_ok=True)
    with _opened(draft) as file:
        _lock(file, draft)
        _fill(file, source, remote, pause_seconds)
        file.flush()
        os.fsync(file.fileno())
        if not replace and os.path.lexists(target):
            raise CommandFailed(f"{target} has come meanwhile; give --force to replace it", ExitCode.REFUSED)
        draft.replace(target)
    return remote.size


def _opened(draft: Path) -> BinaryIO:
    """Open a draft at its end; what others put there, in a folder that they may write to, leads nowhere else."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.fdopen(os.open(draft, flags, 0o666), "ab")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise CommandFailed(f"{draft} is no file; remove it first", ExitCode.REFUSED)
    return file


def _fill(file: BinaryIO, source: Source, remote: Remote, pause_seconds: float) -> None:
    # Another command may have written to it before this one had the lock.
    done, lost = file.seek(0, os.SEEK_END), 0
    with progress_bar() as bar:
        while done < remote.size:
            before = done
            try:
                for piece in source.pieces(remote, done):
                    file.write(piece)
                    done += len(piece)
                    bar.show({"state": "fetching", "progress": {"done": done, "total": remote.size, "unit": "bytes"}})
            except Lost as error:
                lost = 1 if done > before else lost + 1
                if lost >= _TRIES:
                    said = f"the connection was lost {_TRIES} times; what has come is kept, so try again"
                    raise CommandFailed(said, ExitCode.UNREACHABLE) from error
                time.sleep(pause_seconds * lost)


def _lock(file: BinaryIO, draft: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CommandFailed("another command fetches this file just now", ExitCode.REFUSED) from error
    try:
        is_ours = os.path.samestat(draft.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        is_ours = False
    if not is_ours:
        raise CommandFailed("another command has just fetched this file", ExitCode.REFUSED)


def _told(response: http.client.HTTPResponse) -> Remote:
    tag, size = response.headers["ETag"], response.headers["Content-Length"]
    if tag is None or size is None or not tag.strip('"').isalnum():
        raise CommandFailed("what answers is no Rota console", ExitCode.UNREACHABLE)
    return Remote(tag, int(size))


def _asked(path: str) -> dict[str, str]:
    """Return how a path is asked for: one that is not UTF-8 as the API's `raw`."""
    with suppress(UnicodeEncodeError):
        path.encode()
        return {"path": path}
    return {"raw": base64.urlsafe_b64encode(path.encode("utf-8", "surrogateescape")).rstrip(b"=").decode()}
