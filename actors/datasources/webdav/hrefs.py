"""Turns paths into the addresses that WebDAV has for them, and back. Pure.

Names are bytes: each byte that is not plain goes out percent-encoded and comes back decoded, so a name needs no
character set. An address is cut at its slashes before it is decoded: an encoded slash is part of a name.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

from actors.datasources.webdav.answers import BadAnswer

_AUTHORITY = re.compile(r"(?i:https?)://([^/]*)")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})|[?#\\\x00-\x1f]", re.ASCII)
_STEPS = frozenset({b".", b".."})


def segments_of(path: str) -> tuple[bytes, ...]:
    """Give the decoded parts of the path of an address."""
    return tuple(unquote_to_bytes(part) for part in path.split("/") if part)


def encode(segments: tuple[bytes, ...], *, folder: bool) -> str:
    """Give the path of an address; that of a folder ends in a slash."""
    path = "/" + "/".join(quote(part, safe="") for part in segments)
    return path + "/" if folder and segments else path


class Hrefs:
    """Reads the addresses in an answer about one resource: its own, and those of what is directly in it."""

    def __init__(self, host: str, segments: tuple[bytes, ...]) -> None:
        self._host = host.lower()
        self._segments = segments
        # What all addresses of one answer begin with, as it stands there; decoded once.
        self._known_start: str | None = None

    def name(self, href: str) -> bytes | None:
        """Give the name of an entry, None for the resource itself.

        Raises BadAnswer for what is neither: something deeper, elsewhere, or no address.
        """
        path = href.removesuffix("/")
        start, _, last = path.rpartition("/")
        if start == self._known_start and last and not _BROKEN.search(last):
            return self._named(unquote_to_bytes(last), href)
        segments = self._segments_in(path, href)
        if segments == self._segments:
            return None
        if not segments or segments[:-1] != self._segments:
            raise BadAnswer(f"the server lists {href!r}, which is not in the folder")
        self._known_start = start
        return self._named(segments[-1], href)

    def _segments_in(self, path: str, href: str) -> tuple[bytes, ...]:
        authority = _AUTHORITY.match(path)
        if authority:
            # Scheme and port may be those behind a proxy; nothing is asked at this address anyway.
            if (urlsplit(path).hostname or "") != self._host:
                raise BadAnswer(f"the server lists {href!r}, which is on another host")
            path = path[authority.end() :]
        if _BROKEN.search(path) or (path and not path.startswith("/")):
            raise BadAnswer(f"the server lists {href!r}, which is no plain address")
        segments = tuple(unquote_to_bytes(part) for part in path.split("/")[1:])
        if b"" in segments or not _STEPS.isdisjoint(segments):
            raise BadAnswer(f"the server lists {href!r}, which is no plain address")
        return segments

    def _named(self, name: bytes, href: str) -> bytes:
        if name in _STEPS:
            raise BadAnswer(f"the server lists {href!r}, which is no plain address")
        return name
