"""What is said about a run: why it started, how far it is, and how it failed."""

from __future__ import annotations

import traceback
from typing import Any, Literal

import msgspec

CauseKind = Literal["tick", "event", "person", "parent"]

SYSTEM_OWNER = "system"
"""Owner of the jobs that keep the platform healthy; any other one is a person's or a service's name."""
MAX_TEXT_BYTES = 64 * 1024
"""The most that an error text, a result or a report may take, in bytes of UTF-8."""
MAX_MESSAGE_BYTES = 4 * 1024
"""The most that the message of an error or a line of the log may take, in bytes of UTF-8."""


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a run exists.

    `key` is unique within a job: two runs of one job never share it, so what is admitted twice becomes one run. The
    field named like `kind` (`due` for a tick) holds what a person wants to know.
    """

    kind: CauseKind
    key: str
    due: int | None = None
    since: int | None = None
    """With one record for many skipped ticks the first of them; `due` is the last."""
    event: dict[str, Any] | None = None
    count: int | None = None
    """How many events were gathered; `event` is the last of them."""
    person: str | None = None
    parent: str | None = None

    @classmethod
    def of_tick(cls, trigger_key: str, due: int, *, since: int | None = None) -> Cause:
        """Return the cause of a run that a trigger made due at `due` (milliseconds)."""
        return cls(kind="tick", key=f"tick:{trigger_key}:{due}", due=due, since=since)

    @classmethod
    def of_backfill(cls, trigger_key: str, due: int, person: str) -> Cause:
        """Return the cause of a run that a person asked for in place of a tick that became none."""
        return cls(kind="tick", key=f"backfill:{trigger_key}:{due}", due=due, person=person)

    @classmethod
    def of_window(cls, window: str, *, source: str, event_id: str, event_type: str, count: int) -> Cause:
        """Return the cause of a run that gathered events start; the last of them is named."""
        event = {"source": source, "id": event_id, "type": event_type}
        return cls(kind="event", key=f"window:{window}", event=event, count=count)

    @classmethod
    def of_event(cls, *, source: str, event_id: str, event_type: str) -> Cause:
        """Return the cause of a run that an event started; source and id together name the event."""
        # The length keeps source and id apart: without it ("a:b", "c") and ("a", "b:c") would be one event.
        key = f"event:{len(source)}:{source}:{event_id}"
        return cls(kind="event", key=key, event={"source": source, "id": event_id, "type": event_type})

    @classmethod
    def of_person(cls, person: str, request_id: str) -> Cause:
        """Return the cause of a run that a person started; `request_id` is their idempotency key or a new id."""
        return cls(kind="person", key=f"person:{request_id}", person=person)

    @classmethod
    def of_parent(cls, run: str, part: str) -> Cause:
        """Return the cause of a run that another run started; `part` tells its children apart."""
        return cls(kind="parent", key=f"parent:{run}:{part}", parent=run)


def person_of(cause: Cause, owner: str) -> str:
    """Return whose doing a run is: who started it, or else whom it belongs to."""
    return cause.person or owner


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a task is: `done` of `total` in `unit`s; a total of None means that nobody knows."""

    done: float = 0
    total: float | None = None
    unit: str = ""
    text: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt failed, as text that fits into a report and into any database."""

    type: str
    message: str = ""
    traceback: str = ""

    @classmethod
    def from_exception(cls, error: BaseException, *, limit: int = MAX_TEXT_BYTES // 4) -> Failure:
        """Return what a person needs of an exception, its traceback cut to `limit` bytes in the middle."""
        lines = "".join(traceback.format_exception(error))
        return cls(
            type=type(error).__name__,
            message=cut_middle(plain_text(_message_of(error)), MAX_MESSAGE_BYTES),
            traceback=cut_middle(plain_text(lines), limit),
        )


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # a broken __str__ of somebody's exception must not hide that it was raised
        return f"(its text cannot be shown: {type(broken).__name__})"


def plain_text(text: str) -> str:
    """Return the text with a replacement character for what no database can hold: lone surrogates and NUL."""
    if text.isascii() and "\0" not in text:
        return text
    replaced = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return replaced.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cut_middle(text: str, limit: int) -> str:
    """Return the text in at most `limit` bytes of UTF-8; what is too long loses its middle, and says how much.

    The start tells what it was and the end tells what went wrong, so both stay.
    """
    if len(text) * 4 <= limit:
        return text
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    note = f"\n[… {len(data)} bytes, middle cut …]\n".encode()
    if limit <= len(note):
        return data[: max(limit, 0)].decode("utf-8", "ignore")
    head = (limit - len(note)) // 2
    tail = limit - len(note) - head
    return (data[:head] + note).decode("utf-8", "ignore") + data[-tail:].decode("utf-8", "ignore")
