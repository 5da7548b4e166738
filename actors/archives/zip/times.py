"""The three ways in which a zip file tells a time, all of them taken as UTC. Pure."""

from __future__ import annotations

import time
from calendar import timegm

_SECOND = 1_000_000_000
_TICK = 100  # nanoseconds
_NTFS_EPOCH = 11_644_473_600 * (_SECOND // _TICK)
"""From 1601 to 1970, in ticks."""
_DOS_FIRST = timegm((1980, 1, 1, 0, 0, 0))
_DOS_LAST = timegm((2107, 12, 31, 23, 59, 58))


def to_dos(modified_ns: int) -> tuple[int, int]:
    """Give the DOS time and date: even seconds, from 1980 to 2107."""
    second = min(max(modified_ns // _SECOND, _DOS_FIRST), _DOS_LAST)
    year, month, day, hour, minute, second = time.gmtime(second)[:6]
    return hour << 11 | minute << 5 | second >> 1, (year - 1980) << 9 | month << 5 | day


def from_dos(dos_time: int, dos_date: int) -> int | None:
    """Give the nanoseconds since 1970; None for what is no date."""
    month, day = dos_date >> 5 & 15, dos_date & 31
    hour, minute, second = dos_time >> 11, dos_time >> 5 & 63, (dos_time & 31) * 2
    if not (1 <= month <= 12 and day >= 1 and hour < 24 and minute < 60 and second < 60):
        return None
    moment = timegm(((dos_date >> 9) + 1980, month, day, hour, minute, second))
    return moment * _SECOND if time.gmtime(moment).tm_mon == month else None


def to_seconds(modified_ns: int) -> int | None:
    """Give the seconds of the extra field 0x5455; None if they do not fit into 32 signed bits."""
    second = modified_ns // _SECOND
    return second if -(1 << 31) <= second < 1 << 31 else None


def to_ntfs(modified_ns: int) -> int | None:
    """Give the ticks of the extra field 0x000a; None before 1601, and where they do not fit."""
    ticks = modified_ns // _TICK + _NTFS_EPOCH
    return ticks if 0 < ticks < 1 << 64 else None


def from_ntfs(ticks: int) -> int:
    """Give the nanoseconds since 1970."""
    return (ticks - _NTFS_EPOCH) * _TICK


def is_exact(modified_ns: int) -> bool:
    """Tell whether whole seconds of 32 signed bits say all that there is to say."""
    return modified_ns % _SECOND < _TICK and to_seconds(modified_ns) is not None
