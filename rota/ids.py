"""Ids that sort by the time they were made."""

from __future__ import annotations

import os
import re
import time

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_id() -> str:
    """Return a UUIDv7 as text of 36 characters.

    The twelve bits behind the milliseconds hold the fraction of the millisecond (RFC 9562, 6.2, method 3): ids made one
    after the other sort so, without a counter that threads and forked children would have to share. The other 62 bits
    are random.
    """
    ms, fraction_ns = divmod(time.time_ns(), 1_000_000)
    fraction = fraction_ns * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{ms << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def made_at(text: str) -> int | None:
    """Return when an id of `new_id` was made, in milliseconds since 1970; None for any other text."""
    if not _UUID7.fullmatch(text):
        return None
    return int(text[:8] + text[9:13], 16)
