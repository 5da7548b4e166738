"""CloudEvents, by every way in."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.errors import InvalidEvent
from rota.events import (
    MAX_EVENT_BYTES,
    Event,
    context_of,
    decode_batch,
    decode_binary,
    decode_fields,
    decode_structured,
    encode_binary,
    encode_fields,
    encode_structured,
    matches,
)

ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/files", "type": "entry.deleted"}

names = st.text(st.characters(categories=["L", "N", "P", "Zs"], codec="utf-8"), min_size=1, max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    Event,
    id=names,
    source=names,
    type=names,
    time=st.none() | st.integers(0, 4_000_000_000_000),
    subject=st.none() | names,
    data=json_values,
    chain=st.lists(st.sampled_from(["sync", "purge-bins"]), max_size=3).map(tuple),
    extensions=st.dictionaries(st.sampled_from(["tenant", "traceparent"]), names, max_size=2),
)


@given(events)
def test_an_event_survives_every_encoding(event: Event) -> None:
    assert decode_structured(encode_structured(event)) == event
    assert decode_fields(encode_fields(event)) == event
    binary = decode_binary(*encode_binary(event))
    assert msgspec.structs.replace(binary, datacontenttype=None) == event


def test_a_stream_entry_needs_no_version_and_holds_data_as_json() -> None:
    event = decode_fields({"id": "1", "source": "/files", "type": "entry.created", "data": '{"size": 3}'})

    assert event == Event(id="1", source="/files", type="entry.created", data={"size": 3})


def test_a_binary_request_has_attributes_in_headers_and_text_or_json_in_its_body() -> None:
    headers = {"CE-SpecVersion": "1.0", "ce-id": "1", "ce-source": "/a%20b", "ce-type": "t", "Host": "x"}

    assert decode_binary({**headers, "Content-Type": "text/plain"}, b"hello").data == "hello"
    assert decode_binary({**headers, "content-type": "application/vnd.x+json"}, b"[1]").data == [1]
    assert decode_binary(headers, b"").source == "/a b"


def test_base64_data_stays_text() -> None:
    assert decode_structured({**ENVELOPE, "data_base64": "AAEC"}).data == "AAEC"


def test_a_batch_keeps_the_good_ones_beside_the_bad_one() -> None:
    good, bad, also_good = decode_batch(json.dumps([ENVELOPE, {**ENVELOPE, "id": ""}, {**ENVELOPE, "id": "3"}]))

    assert (good.id, also_good.id) == ("1", "3")
    assert isinstance(bad, InvalidEvent)


@pytest.mark.parametrize("body", [b"{}", b"nonsense", json.dumps([ENVELOPE] * 501), b"[" * 10_000])
def test_a_batch_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_batch(body)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": None}, "specversion"),
        ({"id": ""}, "id: is required"),
        ({"id": 7}, "id: must be text"),
        ({"type": None}, "type: is required"),
        ({"source": "a\nb"}, "control characters"),
        ({"source": "x" * 2000}, "2000 characters"),
        ({"time": "yesterday"}, "time:"),
        ({"Tenant": "x"}, "lower-case"),
        ({"tenant": {"a": 1}}, "tenant: must be text"),
        ({"data": "a\0b"}, "NUL"),
        ({"data": 1, "data_base64": "AA=="}, "exclude each other"),
        ({"data_base64": 5}, "base64"),
        ({"rotachain": 5}, "rotachain"),
        ({"rotachain": ["x"] * 300}, "rotachain"),
        ({"rotachain": ["a,b"]}, "rotachain"),
        ({"data": "x" * MAX_EVENT_BYTES}, "allowed are"),
        ({"data": object()}, "JSON"),
    ],
)
def test_a_wrong_attribute_is_named(change: dict, message: str) -> None:
    with pytest.raises(InvalidEvent, match=message):
        decode_structured({**ENVELOPE, **change})


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 50_000])
def test_what_is_not_an_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_structured(body)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "image/png"}, b"\x89PNG"),
        ({"content-type": "text/plain"}, b"\xff"),
        ({"content-type": "application/json"}, b"{"),
        ({"ce-data": "x"}, b""),
    ],
)
def test_a_body_that_is_neither_json_nor_text_is_refused(headers: dict, body: bytes) -> None:
    attributes = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}

    with pytest.raises(InvalidEvent):
        decode_binary({**attributes, **headers}, body)


@pytest.mark.parametrize(
    ("pattern", "event_type", "expected"),
    [
        ("entry.deleted", "entry.deleted", True),
        ("entry.deleted", "entry.deleted2", False),
        ("entry.*", "entry.deleted", True),
        ("entry.*", "entry.deleted.v2", True),
        ("entry.*", "entry", False),
        ("*.deleted", "entry.deleted", True),
        ("*", "anything", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("a*a", "a", False),
        ("ab*ba", "aba", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
    ],
)
def test_a_star_stands_for_any_characters(pattern: str, event_type: str, expected: bool) -> None:
    assert matches(pattern, event_type) is expected


def test_expressions_see_every_attribute_also_those_left_out() -> None:
    context = context_of(Event(id="1", source="s", type="t", extensions={"tenant": "x"}))

    assert (context["subject"], context["data"], context["time"], context["tenant"]) == (None, None, None, "x")
