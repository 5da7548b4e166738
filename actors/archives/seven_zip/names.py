"""Turns paths into the UTF-16 names of 7z and back, so that every path comes back as it was. Pure.

Bytes that are no UTF-8 become U+EF80 to U+EFFF, as 7-Zip itself does it, and what stands in a path as one of these
characters already is written byte by byte in the same way. A backslash becomes U+F05C, as other systems have it too:
7z takes a plain one for a separator.
"""

from __future__ import annotations

import re

_ESCAPED = 0xEF00
_BACKSLASH = "\uf05c"
_OURS = re.compile("[\uef80-\uefff\uf05c]")
_BYTES = re.compile("[\uef80-\uefff]+")


def encoded(path: bytes) -> str:
    """Give the name of a path of the datasource."""
    text = path.decode("utf-8", "surrogateescape")
    if _OURS.search(text):
        text = _OURS.sub(lambda found: "".join(map(_escape, found[0].encode())), text)
    if not text.isascii():
        text = "".join(_escape(ord(one) - 0xDC00) if "\udc80" <= one <= "\udcff" else one for one in text)
    return text.replace("\\", _BACKSLASH)


def decoded(name: str) -> bytes:
    """Give the path of a name."""
    if name.isascii():
        return name.encode()
    text = name.replace(_BACKSLASH, "\\")
    pieces, at = [], 0
    for found in _BYTES.finditer(text):
        pieces.append(text[at : found.start()].encode("utf-8", "surrogatepass"))
        pieces.append(bytes(ord(one) - _ESCAPED for one in found[0]))
        at = found.end()
    pieces.append(text[at:].encode("utf-8", "surrogatepass"))
    return b"".join(pieces)


def _escape(byte: int) -> str:
    return chr(_ESCAPED + byte)
