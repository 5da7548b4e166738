from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actors.retry_after import retry_after_ms

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "120"}, 120_000),
        ({"retry-after": "99999999999999"}, 86_400_000),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30_000),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:30 GMT"}, 0),
        ({"retry-after": "Thu, 01 Jan 2026 01:00:30 GMT", "date": "Thu, 01 Jan 2026 01:00:00 GMT"}, 30_000),
        ({"retry-after": "Thu, 01 Jan 2026 01:00:30 -0000", "date": "x"}, None),
    ],
)
def test_retry_after(headers, expected):
    assert retry_after_ms(headers, now=NOW) == expected
