"""Small files are fetched ahead, several at a time."""

from __future__ import annotations

import io
import threading

import pytest

from actors.extracting.feeding import INLINE_BYTES, Source
from actors.indexing.fetching import fetched_ahead


def source(key: int, content: bytes = b"x", *, size: int = 1, before=lambda: None) -> Source[int]:
    def open_() -> io.BytesIO:
        before()
        return io.BytesIO(content)

    return Source(key, b"a.txt", size, open_)


def read_all(sources) -> list[tuple[int, bytes]]:
    return [(each.key, each.open().read()) for each in sources]


def test_files_are_fetched_at_the_same_time_and_given_in_order() -> None:
    meeting = threading.Barrier(4, timeout=60)
    sources = [source(n, b"%d" % n, before=meeting.wait) for n in range(8)]

    assert read_all(fetched_ahead(sources, in_flight=4)) == [(n, b"%d" % n) for n in range(8)]


def test_a_large_file_is_opened_when_it_is_its_turn() -> None:
    opened: list[int] = []
    large = source(1, size=INLINE_BYTES + 1, before=lambda: opened.append(1))

    (given,) = fetched_ahead([large], in_flight=2)

    assert opened == []
    assert given is large


def test_a_file_that_has_grown_is_opened_anew_and_whole() -> None:
    content = b"y" * (INLINE_BYTES + 10)

    assert read_all(fetched_ahead([source(1, content)], in_flight=2)) == [(1, content)]


def test_what_fetching_raises_is_raised_when_the_file_is_opened() -> None:
    def fail() -> None:
        raise FileNotFoundError("gone")

    bad, good = fetched_ahead([source(1, before=fail), source(2)], in_flight=2)

    with pytest.raises(FileNotFoundError, match="gone"):
        bad.open()
    assert good.open().read() == b"x"
