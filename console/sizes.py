"""Sizes as people write them on a command line: `500MB`, `64KiB`, `1.5G`."""

from __future__ import annotations

import argparse
import re
from decimal import Decimal

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(i?)b?", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size_in_bytes(text: str) -> int:
    """Return a size in bytes; ArgumentTypeError for what is none. K, M, G and T are powers of 1000, Ki of 1024."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 2GB, 500MB, 64KiB or a number of bytes")
    number, unit, binary = found.groups()
    return int(Decimal(number) * (1024 if binary else 1000) ** _POWERS[unit.lower()])
