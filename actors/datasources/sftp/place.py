"""Where an SFTP storage lies, read from the root of its datasource. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from rota.errors import PermanentError

_PORT = 22
_HOME = b"/~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The parts of `sftp://user@host:port/path`."""

    user: str
    host: str
    port: int
    path: bytes
    """Absolute and without a slash at its end (empty for `/`), or below the user's home folder if `in_home`."""
    in_home: bool

    def __str__(self) -> str:
        """Name the server for messages."""
        return f"{self.user}@{self.host}:{self.port}"


def parse_place(root: str) -> Place:
    """Read `sftp://user@host:port/path`; `%XX` stands for a byte, `/~/path` is below the user's home folder.

    Raises PermanentError, which never quotes a password that somebody put there.
    """
    try:
        parts = urlsplit(root)
        port = parts.port
    except ValueError:
        # Not quoted: what looks like a port may be the beginning of a password.
        raise PermanentError("root: is no address: write %XX for what is not plain in a user or a path") from None
    if parts.password is not None:
        raise PermanentError("root: must not hold a password: options.password takes a reference to it")
    if parts.scheme != "sftp" or not parts.hostname:
        raise PermanentError(f"root: {root!r} must be an address such as sftp://user@host/folder")
    if not parts.username:
        raise PermanentError(f"root: {root!r} must name the user: sftp://user@{parts.hostname}{parts.path}")
    if port == 0:
        raise PermanentError(f"root: {root!r} must not name port 0")
    path = unquote_to_bytes(parts.path.encode("utf-8", "surrogateescape")).rstrip(b"/")
    if b"\0" in path:
        raise PermanentError(f"root: {root!r} must not hold a NUL character")
    in_home = path == _HOME or path.startswith(_HOME + b"/")
    return Place(
        user=unquote(parts.username),
        host=parts.hostname,
        port=port or _PORT,
        path=path.removeprefix(_HOME) if in_home else path,
        in_home=in_home,
    )
