import pytest

from rota.search.dates import parse_modified
from rota.search.query import Modified, Size
from rota.search.sizes import parse_size
from rota.times import parse_rfc3339, rfc3339

NOW = parse_rfc3339("2026-03-31T10:00:00Z")


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (">10MB", 10_000_001, None),
        (">=1k", 1000, None),
        ("<5MiB", None, 5 * 1024**2 - 1),
        ("<=5mib", None, 5 * 1024**2),
        ("1MB..5MB", 1_000_000, 5_000_000),
        ("10MB..", 10_000_000, None),
        ("..1GiB", None, 1024**3),
        ("0", 0, 0),
        ("12B", 12, 12),
        ("1.5k", 1500, 1500),
        (">1.5", 2, None),
        (">=1.5", 2, None),
        ("<1.5", None, 1),
        ("1T..1TiB", 10**12, 1024**4),
        ("2P", 2 * 10**15, 2 * 10**15),
        ("..9P", None, 9 * 10**15),
        ("..9999999P", None, 2**63 - 1),
    ],
)
def test_sizes_are_understood(text, least, most):
    assert parse_size(text) == Size(least=least, most=most)


@pytest.mark.parametrize(
    "text", ["big", "10XB", "..", ">", "5MB..1MB", "<0", ">1MB..", "1.5", "-1", ">9999999P", "1e3", "١"]
)
def test_a_size_that_is_none_is_refused_with_what_is_allowed(text):
    with pytest.raises(ValueError, match=r"write "):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026", "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2026-12", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2026-01-15", "2026-01-15T00:00:00.000Z", "2026-01-16T00:00:00.000Z"),
        ("2026-01-15T08:30", "2026-01-15T08:30:00.000Z", "2026-01-15T08:31:00.000Z"),
        ("2026-01-15T08:30:05+01:00", "2026-01-15T07:30:05.000Z", "2026-01-15T07:30:06.000Z"),
        ("2026-01-15T08:30:05.250Z", "2026-01-15T08:30:05.250Z", "2026-01-15T08:30:05.251Z"),
        ("2026-01..", "2026-01-01T00:00:00.000Z", None),
        ("..2025", None, "2026-01-01T00:00:00.000Z"),
        ("2025..2026-03-15", "2025-01-01T00:00:00.000Z", "2026-03-16T00:00:00.000Z"),
        (">2026-01-01", "2026-01-02T00:00:00.000Z", None),
        (">=2026-01-01", "2026-01-01T00:00:00.000Z", None),
        ("<2026-01-01", None, "2026-01-01T00:00:00.000Z"),
        ("<=2026-01-01", None, "2026-01-02T00:00:00.000Z"),
        ("today", "2026-03-31T00:00:00.000Z", "2026-04-01T00:00:00.000Z"),
        ("Yesterday", "2026-03-30T00:00:00.000Z", "2026-03-31T00:00:00.000Z"),
        ("yesterday..", "2026-03-30T00:00:00.000Z", None),
        ("7d", "2026-03-24T10:00:00.000Z", None),
        ("<=P7D", "2026-03-24T10:00:00.000Z", None),
        ("<P7D", "2026-03-24T10:00:00.001Z", None),
        (">7d", None, "2026-03-24T10:00:00.000Z"),
        (">=1w", None, "2026-03-24T10:00:00.001Z"),
        ("90min", "2026-03-31T08:30:00.000Z", None),
        ("pt12h", "2026-03-30T22:00:00.000Z", None),
        ("1mo", "2026-02-28T10:00:00.000Z", None),
        ("1y", "2025-03-31T10:00:00.000Z", None),
        ("30d..7d", "2026-03-01T10:00:00.000Z", "2026-03-24T10:00:00.001Z"),
    ],
)
def test_times_are_understood(text, since, until):
    assert told(parse_modified(text, now_ms=NOW, zone="UTC")) == (since, until)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-03-29", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"),
        ("today", "2026-03-30T22:00:00.000Z", "2026-03-31T22:00:00.000Z"),
        ("2026-03-29T02:30", "2026-03-29T01:30:00.000Z", "2026-03-29T01:31:00.000Z"),
        ("2025-10-26T02:30", "2025-10-26T00:30:00.000Z", "2025-10-26T00:31:00.000Z"),
        ("2026-01-15T08:30Z", "2026-01-15T08:30:00.000Z", "2026-01-15T08:31:00.000Z"),
        ("1mo", "2026-02-28T11:00:00.000Z", None),
        ("7d", "2026-03-24T10:00:00.000Z", None),
    ],
)
def test_days_are_those_of_the_zone(text, since, until):
    assert told(parse_modified(text, now_ms=NOW, zone="Europe/Paris")) == (since, until)


@pytest.mark.parametrize(
    "text",
    [
        "soon", "..", ">", "2026-13", "2026-02-30", "2026-00", "2026-00-10", "2026-01-00", "26", "0000", "1899", "3000-01", "2026-01-15T25:00",
        "2026-02-30T10:00", "2026..2025", "7d..30d", "999999y", "P999999999Y", "30m", "200y", "today..yesterday",
        "2026-01-15T10:00:00.1234567890", "٢٠٢٦",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_modified(text, now_ms=NOW, zone="UTC")


def told(found: Modified) -> tuple[str | None, str | None]:
    since, until = found.since, found.until
    return (None if since is None else rfc3339(since), None if until is None else rfc3339(until))
