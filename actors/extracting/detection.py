"""Tells text from other bytes by the beginning of a file."""

from __future__ import annotations

import codecs

_MARKS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# All below the blank but tab, line feed, form feed, carriage return, backspace and escape, which logs and manuals have.
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\f\r\b\x1b"})
_CONTROLS_IN = 500  # bytes of text that may have one such character
_HALF_ZEROS = 0.4  # of the bytes at even or at odd places: Latin text in UTF-16
_FEW_ZEROS = 0.02


def encoding_by_mark(head: bytes) -> str | None:
    """Give the encoding that a byte order mark tells."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def encoding_by_zeros(head: bytes) -> str | None:
    """Give the encoding of UTF-16 without a mark: in it, half of the bytes of Latin text are zero."""
    evens, odds = head[0::2], head[1::2]
    if not odds:
        return None
    even, odd = evens.count(0) / len(evens), odds.count(0) / len(odds)
    if odd >= _HALF_ZEROS and even <= _FEW_ZEROS:
        return "utf-16-le"
    if even >= _HALF_ZEROS and odd <= _FEW_ZEROS:
        return "utf-16-be"
    return None


def is_utf8(head: bytes) -> bool:
    """Whether this is UTF-8; its last character may be cut off."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def looks_like_text(head: bytes) -> bool:
    """Whether bytes at the beginning of a file read as text, in whatever encoding; nothing is no text."""
    if not head:
        return False
    encoding = encoding_by_mark(head) or encoding_by_zeros(head)
    if encoding is not None:
        return _reads_in(head, encoding)
    return _controls_in(head) * _CONTROLS_IN <= len(head)


def _reads_in(head: bytes, encoding: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return _controls_in(text.encode("utf-8", "replace")) * _CONTROLS_IN <= len(head)


def _controls_in(content: bytes) -> int:
    return len(content) - len(content.translate(None, _CONTROLS))
