"""Cursors of lists: where the next page begins, opaque to whoever carries them."""

from __future__ import annotations

import base64
import binascii

from rota.errors import Refused

MAX_PAGE = 500


def encode_cursor(last: str | bytes | int) -> str:
    """Make the cursor that continues behind this key."""
    data = last if isinstance(last, bytes) else str(last).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> str:
    """Read the key a cursor continues behind; Refused if it is none of ours."""
    try:
        return decode_bytes_cursor(cursor).decode()
    except UnicodeDecodeError as error:
        raise Refused("this cursor was not made by this list") from error


def decode_number_cursor(cursor: str) -> int:
    """Read the number a cursor continues behind; Refused if it is none of ours."""
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 20 and int(key) < 2**63):
        raise Refused("this cursor was not made by this list")
    return int(key)


def decode_bytes_cursor(cursor: str) -> bytes:
    """Read the bytes a cursor continues behind; Refused if it is none of ours."""
    try:
        data = cursor.encode("ascii")
        return base64.b64decode(data + b"=" * (-len(data) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise Refused("this cursor was not made by this list") from error


def page_limit(limit: int) -> int:
    """Give the limit of a page, at least 1 and at most 500."""
    return min(max(limit, 1), MAX_PAGE)
