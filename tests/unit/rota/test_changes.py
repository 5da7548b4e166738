"""Paths made fewer, and told within bounds."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from rota.changes import MOST_BYTES, MOST_IN_EVENT, MOST_PATHS, events_of, fewer, sayable
from rota.events import encode_fields

_NAMES = st.sampled_from([b"a", b"b", b"c", b"a-b", b"a.b"])
_PATHS = st.lists(_NAMES, min_size=0, max_size=4).map(b"/".join)


def covers(path: bytes, below: bytes) -> bool:
    return path in (b"", below) or below.startswith(path + b"/")


def test_what_lies_below_another_path_is_left_out():
    assert fewer([b"a/b", b"a", b"a-b", b"a/b/c", b"c/d"]) == [b"a", b"a-b", b"c/d"]


def test_the_root_covers_everything():
    assert fewer([b"a", b"", b"b/c"]) == [b""]


def test_many_files_of_one_folder_become_the_folder_and_others_stay():
    many = [b"big/%d" % n for n in range(2000)]

    assert fewer([*many, b"far/away/deep/one.txt", b"other.txt"]) == [b"big", b"far/away/deep/one.txt", b"other.txt"]


def test_paths_that_share_no_folder_come_up_from_the_deepest():
    apart = [b"top/%d/x" % n for n in range(300)]

    assert fewer([*apart, b"one/two"]) == [b"one/two", b"top"]


def test_ten_thousand_paths_are_made_few_in_an_instant():
    chosen = random.Random(1)
    paths = {b"%d/%d/%d" % (chosen.randrange(50), chosen.randrange(100), n) for n in range(10_000)}

    found = fewer(paths)

    assert 0 < len(found) <= MOST_PATHS
    assert b"" not in found


@given(st.lists(_PATHS, max_size=40), st.integers(min_value=1, max_value=10))
def test_what_is_fewer_covers_all_and_nothing_twice(paths, most):
    found = fewer(paths, most)

    assert len(found) <= max(most, 1)
    assert all(any(covers(one, path) for one in found) for path in paths)
    assert not any(covers(one, other) for one in found for other in found if one != other)


def test_what_is_no_utf8_or_too_long_is_widened_to_its_folder():
    assert sayable(b"music/\xff.mp3") == b"music"
    assert sayable(b"music/\xff/b/c.mp3") == b"music"
    assert sayable(b"\xff") == b""
    assert sayable(b"deep/" + b"x" * 300) == b"deep"
    assert sayable(b"deep/" + b"\x01" * 50) == b"deep", "too long once it is written as JSON"
    assert sayable("Ünïcode/é".encode()) == "Ünïcode/é".encode()


@given(st.lists(st.binary(max_size=600).map(lambda name: name.strip(b"/")), max_size=300))
def test_events_stay_within_bounds_whatever_the_names_are(paths):
    events = events_of("docs", paths, source="rota/watch/here", at=0)

    told = [path for event in events for path in event.data["paths"]]
    assert len(told) <= MOST_PATHS
    assert all(len(event.data["paths"]) <= MOST_IN_EVENT for event in events)
    assert all(len(path.encode()) <= MOST_BYTES for path in told)
    assert all(encode_fields(event)["type"] == "storage.changed" for event in events)


def test_an_event_names_its_datasource():
    (event,) = events_of("docs", [b"a", b"b"], source="rota/watch/here", at=1_700_000_000_000)

    assert event.data == {"datasource": "docs", "paths": ["a", "b"]}
    assert (event.subject, event.source, event.time) == ("docs", "rota/watch/here", 1_700_000_000_000)
