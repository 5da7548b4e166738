"""FTP by fsspec's driver, without its kindness: it tells a folder that cannot be read as an empty one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from ftplib import FTP, FTP_TLS, error_perm
from functools import partial
from typing import Any

from fsspec.implementations.ftp import FTPFileSystem

from rota.certificates import trust
from rota.errors import PermanentError

_KINDS = {"file": "file", "dir": "directory"}
_UNKNOWN_COMMAND = ("500", "502")


class CarefulFtp(FTPFileSystem):
    """An FTP server that has MLSD; one without it has no listing that can be relied on."""

    def __init__(self, *, addresses: tuple[str, ...], **options: Any) -> None:
        """Connect to the first of these addresses that takes the connection, whatever the host's name leads to now."""
        self._addresses = addresses
        start: Any = super().__init__
        start(**options)

    def _connect(self) -> None:
        *others, last = self._addresses
        for address in others:
            with suppress(OSError):
                self._connect_to(address)
                return
        self._connect_to(last)

    def _connect_to(self, address: str) -> None:
        kind: Any = partial(FTP_TLS, context=trust()) if self.tls else FTP
        self.ftp = kind(timeout=self.timeout, encoding=self.encoding)
        try:
            self.ftp.connect(address, self.port)
            # The certificate has to be the host's, whatever address it answers at.
            self.ftp.host = self.host
            self.ftp.login(*self.cred)
        except BaseException:
            self.ftp.close()
            raise

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """List a folder; raises OSError if it cannot be read, and gives a file as the only entry of itself."""
        path = "/" + path.strip("/")
        try:
            found = list(self.ftp.mlsd(path))
        except error_perm as error:
            if str(error).startswith(_UNKNOWN_COMMAND):
                raise PermanentError("the FTP server has no MLSD, the only listing to rely on") from error
            return [self._explain(path, error)]
        entries = [_entry(path, name, facts) for name, facts in found if facts.get("type") not in {"cdir", "pdir"}]
        return entries if detail else sorted(entry["name"] for entry in entries)

    def __del__(self) -> None:
        # The original takes it for granted that there has been a connection.
        if hasattr(self, "ftp"):
            self.close()

    def close(self) -> None:
        """Hang up without a word: a server that no longer answers would be waited for."""
        self.ftp.close()

    def _explain(self, path: str, error: error_perm) -> dict[str, Any]:
        """Give what is at a path that is no readable folder; servers have one number for all reasons."""
        if path == "/":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from error
        info: Any = self.info
        entry: dict[str, Any] = info(path)
        if entry["type"] == "directory":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from error
        return entry


def _entry(folder: str, name: str, facts: dict[str, str]) -> dict[str, Any]:
    kind = facts.get("type", "").lower()
    size = facts.get("size", "")
    return {
        **facts,
        "name": f"{folder.rstrip('/')}/{name}",
        "type": "link" if kind.startswith(("os.unix=slink", "os.unix=symlink")) else _KINDS.get(kind, "other"),
        "size": int(size) if size.isdigit() else None,
    }
