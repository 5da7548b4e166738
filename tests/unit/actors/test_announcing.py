from __future__ import annotations

from base64 import b64decode

import msgspec

from actors.catalog import Changes
from actors.datasources.storage import Row
from actors.syncing.announcing import announce, describe
from actors.syncing.difference import Change, Entry
from actors.testing import RecordingRun
from rota.events import MAX_EVENT_BYTES, Event, encode_structured


def entry(path=b"f/a", **fields):
    folder, _, name = path.rpartition(b"/")
    return Entry(
        folder, Row(name, **{"kind": "file", "size": 5, "modified_ns": 1_500_000, "inode": 255, "device": 1} | fields)
    )


def announced(**changes):
    run = RecordingRun()
    announce(run, "files", Changes(**changes))
    return run


def test_entry_is_described_as_the_api_shows_it():
    assert describe(entry()) == {
        "path": "f/a",
        "kind": "file",
        "size": 5,
        "modified": "1970-01-01T00:00:00.001Z",
        "etag": "ff-5-16e360",
    }


def test_etag_is_the_storages_own_where_it_has_one():
    assert describe(entry(etag='"abc"'))["etag"] == '"abc"'
    assert describe(entry(inode=-1))["etag"].startswith("ffffffffffffffff-")


def test_each_kind_of_change_is_one_event():
    old, new = entry(b"old"), entry(b"new")
    run = announced(created=[new], updated=[Change(old, new)], moved=[Change(old, new)], deleted=[old])

    assert [event.type for event in run.events] == ["entry.created", "entry.updated", "entry.moved", "entry.deleted"]
    assert {event.subject for event in run.events} == {"files"}
    assert run.events[2].data["entries"][0]["from"] == "old"
    assert run.events[3].data["entries"][0]["path"] == "old"


def test_touched_entries_are_not_announced():
    assert announced(touched=[Change(entry(), entry())]).events == []


def test_name_that_is_not_utf8_is_whole_in_base64():
    described = describe(entry(b"f/\xff"))

    assert described["path"] == "f/\N{REPLACEMENT CHARACTER}"
    assert b64decode(described["path_base64"]) == b"f/\xff"


def test_an_event_carries_at_most_500_entries():
    run = announced(created=[entry(b"%d" % n) for n in range(1100)])

    lengths = [len(event.data["entries"]) for event in run.events]
    assert sum(lengths) == 1100
    assert max(lengths) <= 500


def test_an_event_fits_into_the_bus():
    names = [(b"%04d" % n + b"\x01" * 240) for n in range(600)]
    run = announced(created=[entry(b"d/" * 100 + name) for name in names])

    for event in run.events:
        envelope = Event(id="1", source="rota", type=event.type, data=event.data, chain=("j" * 64,) * 64)
        assert len(encode_structured(envelope)) <= MAX_EVENT_BYTES
    assert sum(len(event.data["entries"]) for event in run.events) == 600


def test_endless_path_is_left_out_and_told():
    run = announced(created=[entry(b"d/" * 40_000 + b"a"), entry(b"b")])

    assert [len(event.data["entries"]) for event in run.events] == [1]
    assert run.log.lines[0][0] == "warning"


def test_events_have_a_json_form():
    assert msgspec.json.encode(announced(deleted=[entry(b"\xf0\x28")]).events[0].data)
