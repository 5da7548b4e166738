"""Moves on a WebDAV server, and the check that it understands where to.

The target of a MOVE is the text of a header. Some servers decode it before they take it apart, so that `a?b` leads to
`a`, and what was at `a` is lost. Where a target holds a byte with which that can happen, a file under a private name is
moved to another with that byte first, once for each such byte: a wrong move then meets nothing but Rota's own names.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress

from actors.datasources.drafts import draft_beside
from actors.datasources.paths import text_of
from actors.datasources.storage import Row
from actors.datasources.webdav.requests import WebdavRequests
from rota.errors import PermanentError, TemporaryError

_RISKY = frozenset(b"?;#%\\\t\r\n")


class Moves:
    """Moves entries of one storage. Safe to use from several threads."""

    def __init__(self, requests: WebdavRequests, stat: Callable[[bytes], Row | None]) -> None:
        self._requests = requests
        self._stat = stat
        # Two threads may both ask about a byte: that only costs time.
        self._understood: frozenset[int] = frozenset()

    def move(self, path: bytes, target: bytes, *, folder: bool, overwrite: bool) -> None:
        """Move an entry; raises FileExistsError if something is at the target and may not be overwritten.

        Raises OSError (EINVAL), with nothing changed, if the server would take the target for another.
        """
        for byte in _RISKY.intersection(target) - self._understood:
            self._check(b"%41" if byte == ord("%") else bytes([byte]))
            self._understood |= {byte}
        self._move(path, target, folder=folder, overwrite=overwrite)

    def _check(self, risky: bytes) -> None:
        source = draft_beside(b"")
        target = source + b"-" + risky + b"-"
        try:
            with self._requests.ask("PUT", source, content=b""):
                pass
            self._move(source, target, folder=False, overwrite=False)
            arrived = self._stat(target) is not None
        except OSError:
            arrived = False
        finally:
            # Where it ends up when the target is cut, loses the byte, or is decoded twice.
            strays = (source + b"-", source + b"--", source + b"-A-")
            for name in (source, target, *strays):
                with suppress(OSError, TemporaryError, PermanentError), self._requests.ask("DELETE", name):
                    pass
        if not arrived:
            raise OSError(errno.EINVAL, f"the server cannot move to a name with {text_of(risky)!r}")

    def _move(self, path: bytes, target: bytes, *, folder: bool, overwrite: bool) -> None:
        headers = {
            "destination": self._requests.address(target, folder=folder),
            "overwrite": "T" if overwrite else "F",
        }
        with self._requests.ask("MOVE", path, folder=folder, headers=headers) as response:
            if response.status_code == 207:
                raise OSError(errno.EIO, "the server could move it only in part", path)
