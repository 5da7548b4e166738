"""What of a search is decided without an engine: which indexes are asked, what a cursor says, what a refusal is."""

from __future__ import annotations

import pytest

from console.api.problems import problem_of
from console.searching import asked_of, decode_position, encode_position
from rota.errors import InvalidQuery, Refused, SearchUnavailable, TooBroad
from rota.search.parsing import parse_query
from store.search.engine import Index, Position, Shape

LIVE = [Index(name, 1, Shape(contents=True, language="none", extractors="")) for name in ("docs", "media", "old")]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", "docs media old"),
        ("word", "docs media old"),
        ("datasource:docs", "docs"),
        ("datasource:docs,old word", "docs old"),
        ("datasource:docs,old datasource:old,media", "old"),
        ("datasource:docs datasource:old", ""),
        ("datasource:docs OR word", "docs media old"),
        ("(datasource:docs a) OR (datasource:old b)", "docs old"),
        ("(datasource:docs a) OR b", "docs media old"),
        ("-datasource:docs", "docs media old"),
        ("datasource:gone", ""),
    ],
)
def test_only_indexes_that_can_have_hits_are_asked(text: str, asked: str) -> None:
    found = asked_of(LIVE, parse_query(text, now_ms=0).root)

    assert " ".join(index.datasource for index in found) == asked


@pytest.mark.parametrize("score", [1.0, 0.1 + 0.2, 1e-300, -3.5, 12345678.875])
def test_a_cursor_keeps_its_position_to_the_bit(score: float) -> None:
    position = Position(score, "docs", 2**63 - 1)

    assert decode_position(encode_position(position)) == position
    assert decode_position(None) is None


@pytest.mark.parametrize("cursor", ["x", "", "W10", "bnVsbA", "WzEsImEiLC0xXQ", "WzFlOTk5LCJhIiwxXQ", "_-_-", "é"])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Refused, match="not made by this list"):
        decode_position(cursor)


def test_what_is_asked_too_broadly_is_the_askers_to_change_and_an_engine_that_is_away_is_not() -> None:
    too_broad = problem_of(TooBroad("the search took too long; ask for something narrower"))
    away = problem_of(SearchUnavailable("http://user:secret@host does not answer"))
    wrong = problem_of(InvalidQuery("no such field", 3, 4))
    assert too_broad is not None
    assert away is not None
    assert wrong is not None

    assert (too_broad.status, too_broad.detail) == (422, "the search took too long; ask for something narrower")
    assert (away.status, away.detail) == (503, "the search does not answer")
    assert away.headers["Retry-After"]
    assert (wrong.status, wrong.members) == (422, {"position": 3, "length": 4})
