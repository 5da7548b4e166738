"""Events: CloudEvents 1.0 envelopes, as they come in by HTTP and by stream, and which patterns they match.

Own lines instead of the SDK, because every way in needs the same bounds and the same errors, and an event is decoded on
the hot path. Data is JSON or text; other bytes travel as `data_base64`, which stays base64 text in `data`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from rota.errors import InvalidEvent
from rota.times import parse_rfc3339, rfc3339

MAX_EVENT_BYTES = 64 * 1024
"""The most that one encoded event may take."""
MAX_BATCH = 500
"""The most events that one batch may hold."""
MAX_ATTRIBUTE_CHARS = 1024
MAX_CHAIN = 256

CHAIN_ATTRIBUTE = "rotachain"
"""The extension attribute that holds the jobs whose runs led to this event, as a JSON list or joined by commas."""

_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_FORBIDDEN = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
_KNOWN = frozenset(
    {
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "subject",
        "data",
        "data_base64",
        "datacontenttype",
        "dataschema",
        CHAIN_ATTRIBUTE,
    }
)


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened somewhere; source and id together name it.

    `time` is in milliseconds, None if the publisher did not say. `chain` names the jobs whose runs led to it, oldest
    first. `extensions` are the attributes that CloudEvents leaves to the publisher.
    """

    id: str
    source: str
    type: str
    time: int | None = None
    subject: str | None = None
    data: Any = None
    chain: tuple[str, ...] = ()
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: dict[str, str | int | bool] = {}


def decode_structured(envelope: Mapping[str, Any] | bytes | str) -> Event:
    """Return the event of a JSON envelope, as text or already parsed; InvalidEvent says what is wrong."""
    if isinstance(envelope, bytes | str):
        _check_size(len(envelope))
        envelope = _json(envelope, "the event")
    else:
        _check_size(len(_encoded(envelope)))
    if not isinstance(envelope, Mapping):
        raise InvalidEvent("the event must be a JSON object")
    if "data" in envelope and "data_base64" in envelope:
        raise InvalidEvent("data and data_base64 exclude each other")
    data = envelope.get("data_base64", envelope.get("data"))
    if "data_base64" in envelope and not isinstance(data, str):
        raise InvalidEvent("data_base64: must be base64 text")
    return _event(envelope, data)


def from_envelope(envelope: Mapping[str, Any]) -> Event:
    """Return the event that `to_envelope` made an envelope of.

    Its size was checked in the form in which it came in; as an envelope the same event may take a little more.
    """
    return _event(envelope, envelope.get("data"))


def decode_batch(body: bytes | str, *, max_bytes: int = 4 * 1024 * 1024) -> list[Event | InvalidEvent]:
    """Return the events of a JSON batch in their order; one that is not valid is its error, its neighbours stay.

    InvalidEvent is raised when the batch as a whole cannot be read or exceeds `max_bytes` or `MAX_BATCH`.
    """
    if len(body) > max_bytes:
        raise InvalidEvent(f"the batch takes {len(body)} bytes, allowed are {max_bytes}")
    envelopes = _json(body, "the batch")
    if not isinstance(envelopes, list):
        raise InvalidEvent("the batch must be a JSON array")
    if len(envelopes) > MAX_BATCH:
        raise InvalidEvent(f"the batch holds {len(envelopes)} events, allowed are {MAX_BATCH}")
    return [_decoded_or_error(envelope) for envelope in envelopes]


def decode_binary(headers: Mapping[str, str], body: bytes) -> Event:
    """Return the event of an HTTP request whose attributes are `ce-…` headers and whose body is the data."""
    lowered = {name.lower(): value for name, value in headers.items()}
    attributes: dict[str, Any] = {name[3:]: unquote(value) for name, value in lowered.items() if name.startswith("ce-")}
    _check_size(len(body) + sum(len(name) + len(value) for name, value in attributes.items()))
    for reserved in ("data", "data_base64"):
        if reserved in attributes:
            raise InvalidEvent(f"ce-{reserved}: the data is the body")
    content_type = lowered.get("content-type", "application/json")
    attributes["datacontenttype"] = content_type
    return _event(attributes, _body_data(content_type, body))


def decode_fields(fields: Mapping[str, str]) -> Event:
    """Return the event of a stream entry: one field per attribute, `data` as JSON."""
    _check_size(_size_of(fields))
    attributes = dict(fields)
    attributes.setdefault("specversion", "1.0")
    if "data" in attributes and "data_base64" in attributes:
        raise InvalidEvent("data and data_base64 exclude each other")
    data: Any = attributes.get("data_base64")
    if attributes.get("data"):
        data = _json(attributes["data"], "data")
    return _event(attributes, data)


def encode_structured(event: Event) -> bytes:
    """Return the event as a JSON envelope; InvalidEvent if it has no JSON form or is too large."""
    data = _encoded(to_envelope(event))
    _check_size(len(data))
    return data


def encode_binary(event: Event) -> tuple[dict[str, str], bytes]:
    """Return the event as HTTP headers and a body of JSON."""
    attributes = _texts(event)
    content_type = attributes.pop("datacontenttype", "application/json")
    if not _is_json(content_type):
        # What was decoded from another type is text or base64 by now; say so instead of claiming the old type.
        content_type = "application/json"
    headers = {f"ce-{name}": quote(value, safe=" !#$&'()*+,/:;=?@[]-._~") for name, value in attributes.items()}
    return {**headers, "content-type": content_type}, _encoded(event.data)


def encode_fields(event: Event) -> dict[str, str]:
    """Return the event as the fields of a stream entry; InvalidEvent if it has no JSON form or is too large."""
    fields = _texts(event)
    if event.data is not None:
        fields["data"] = _encoded(event.data).decode()
    _check_size(_size_of(fields))
    return fields


def to_envelope(event: Event) -> dict[str, Any]:
    """Return the event as a CloudEvents JSON object, for people, programs and expressions."""
    envelope: dict[str, Any] = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
    if event.time is not None:
        envelope["time"] = rfc3339(event.time)
    for name in ("subject", "datacontenttype", "dataschema"):
        value = getattr(event, name)
        if value is not None:
            envelope[name] = value
    if event.chain:
        envelope[CHAIN_ATTRIBUTE] = ",".join(event.chain)
    envelope.update(event.extensions)
    if event.data is not None:
        envelope["data"] = event.data
    return envelope


def context_of(event: Event) -> dict[str, Any]:
    """Return what expressions see as `event`: every attribute is there, null if the publisher left it out."""
    return {"time": None, "subject": None, "data": None, **to_envelope(event)}


def matches(pattern: str, event_type: str) -> bool:
    """Say whether an event type matches a pattern, in which `*` stands for any characters, dots included.

    Linear in both lengths, whatever the pattern: it is written by people and matched against every event.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == event_type
    last = rest.pop()
    if not event_type.startswith(first) or not event_type.endswith(last):
        return False
    at, end = len(first), len(event_type) - len(last)
    for part in rest:
        found = event_type.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _decoded_or_error(envelope: Any) -> Event | InvalidEvent:
    try:
        return decode_structured(envelope) if isinstance(envelope, dict) else decode_structured(_encoded(envelope))
    except InvalidEvent as error:
        return error


def _event(attributes: Mapping[str, Any], data: Any) -> Event:
    version = attributes.get("specversion")
    if version != "1.0":
        raise InvalidEvent(f"specversion: must be 1.0, not {version!r}")
    when = _optional(attributes, "time")
    try:
        time = None if when is None else parse_rfc3339(when)
    except ValueError as error:
        raise InvalidEvent(f"time: {error}") from error
    return Event(
        id=_required(attributes, "id"),
        source=_required(attributes, "source"),
        type=_required(attributes, "type"),
        time=time,
        subject=_optional(attributes, "subject"),
        data=_storable(data),
        chain=_chain(attributes.get(CHAIN_ATTRIBUTE)),
        datacontenttype=_optional(attributes, "datacontenttype"),
        dataschema=_optional(attributes, "dataschema"),
        extensions=_extensions(attributes),
    )


def _required(attributes: Mapping[str, Any], name: str) -> str:
    value = _optional(attributes, name)
    if not value:
        raise InvalidEvent(f"{name}: is required and must not be empty")
    return value


def _optional(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidEvent(f"{name}: must be text, not {type(value).__name__}")
    if len(value) > MAX_ATTRIBUTE_CHARS:
        raise InvalidEvent(f"{name}: has {len(value)} characters, allowed are {MAX_ATTRIBUTE_CHARS}")
    if _FORBIDDEN.search(value):
        raise InvalidEvent(f"{name}: must not hold control characters")
    return value


def _chain(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    if isinstance(value, str):
        value = value.split(",")
    # A comma within a name would make two of it, once they are joined again.
    if not isinstance(value, list) or not all(isinstance(name, str) and name and "," not in name for name in value):
        raise InvalidEvent(f"{CHAIN_ATTRIBUTE}: must be names of jobs joined by commas")
    if len(value) > MAX_CHAIN or any(_FORBIDDEN.search(name) for name in value):
        raise InvalidEvent(f"{CHAIN_ATTRIBUTE}: must hold at most {MAX_CHAIN} names of jobs")
    return tuple(value)


def _extensions(attributes: Mapping[str, Any]) -> dict[str, str | int | bool]:
    extensions: dict[str, str | int | bool] = {}
    for name, value in attributes.items():
        if name in _KNOWN or value is None:
            continue
        if not isinstance(name, str) or not _ATTRIBUTE_NAME.fullmatch(name):
            raise InvalidEvent(f"{name!r}: names of attributes hold lower-case letters and digits only")
        if isinstance(value, bool | int):
            extensions[name] = value
            continue
        text = _optional(attributes, name)
        assert text is not None
        extensions[name] = text
    return extensions


def _texts(event: Event) -> dict[str, str]:
    envelope = to_envelope(event)
    envelope.pop("data", None)
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in envelope.items()}


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media in ("application/json", "text/json") or media.endswith("+json")


def _body_data(content_type: str, body: bytes) -> Any:
    if not body:
        return None
    if _is_json(content_type):
        return _json(body, "the body")
    if not content_type.lower().startswith("text/"):
        raise InvalidEvent(f"content-type: must be JSON or text, not {content_type[:100]!r}")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvent("the body is not UTF-8") from error


def _json(text: bytes | str, what: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidEvent(f"{what} is not JSON: {error}") from error


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidEvent(f"the event has no JSON form: {error}") from error


def _storable(data: Any) -> Any:
    # PostgreSQL refuses NUL in text, even escaped within JSON: better here than in the middle of a batch.
    if data is not None and b"\\u0000" in _encoded(data).replace(b"\\\\", b""):
        raise InvalidEvent("data: must not hold NUL characters")
    return data


def _size_of(fields: Mapping[str, str]) -> int:
    return sum(len(name) + len(value.encode("utf-8", "surrogatepass")) for name, value in fields.items())


def _check_size(size: int) -> None:
    if size > MAX_EVENT_BYTES:
        raise InvalidEvent(f"the event takes {size} bytes, allowed are {MAX_EVENT_BYTES}")
