"""Reads how long a web service asks to be left alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_LONGEST_DELAY_MS = 24 * 3_600_000


def retry_after_ms(headers: Mapping[str, str], *, now: datetime) -> int | None:
    """Give how long a service asks to be left alone, at most a day; None if it doesn't say."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]) * 1000, _LONGEST_DELAY_MS)
    try:
        # Against the service's own clock, if it shows one.
        since = parsedate_to_datetime(headers["date"]) if "date" in headers else now
        wait = (parsedate_to_datetime(value) - since).total_seconds()
    except (ValueError, TypeError):  # no date at all, or one without a zone beside one with
        return None
    return min(max(int(wait * 1000), 0), _LONGEST_DELAY_MS)
