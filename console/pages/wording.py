"""How values are said on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from markupsafe import Markup

from console.api.applying import SET_PREFIX
from console.api.definitions import EDITED
from console.output import MISSING, duration
from console.work_words import GOES, why_in_words
from rota.schedules import duration_words
from rota.times import parse_rfc3339, to_datetime
from scheduler.jobs.shipping import MERGED, SHIPPED

_ATTEMPTS = {"queued": "Handed back", "lost": "Worker lost", "retrying": "Failed, again later"}
_SOURCES = {EDITED: "the console or the command line", SHIPPED: "Rota itself", MERGED: "an upgrade of Rota"}


def when(at: int | None, missing: str = MISSING) -> Markup:
    """Return an instant as a `time` element; the page's script makes it relative and local."""
    if at is None:
        return Markup('<span class="muted">{}</span>').format(missing)
    moment = to_datetime(at)
    # No %-d: it is not known everywhere.
    text = f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="milliseconds"), text)


def at(text: str | None, missing: str = MISSING) -> Markup:
    """Return an instant that the API gave as text as a `time` element."""
    return when(None if text is None else parse_rfc3339(text), missing)


def both(at: int | None) -> Markup:
    """Return an instant as a `time` element that the page's script shows in full, with how long ago it was."""
    return Markup(str(when(at)).replace("<time ", "<time data-both ", 1))  # noqa: S704 - made of escaped parts


def clock(at: int) -> Markup:
    """Return the time of day of a log line; the page's script makes it local."""
    moment = to_datetime(at)
    return Markup('<time datetime="{}" data-clock>{}</time>').format(
        moment.isoformat(timespec="milliseconds"), f"{moment:%H:%M:%S}"
    )


def hour(at: int) -> Markup:
    """Return the begin of an hour with its day; the page's script makes it local."""
    moment = to_datetime(at)
    return Markup('<time datetime="{}" data-hour>{}</time>').format(
        moment.isoformat(timespec="milliseconds"), f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M} UTC"
    )


def took(started: int | None, ended: int | None) -> Markup:
    """Return how long something took; for what still runs, a mark that the page's script counts up from."""
    if started is None:
        return Markup('<span class="muted">{}</span>').format(MISSING)
    if ended is None:
        since = to_datetime(started).isoformat(timespec="milliseconds")
        return Markup('<span data-since="{}">running</span>').format(since)
    return Markup("<span>{}</span>").format(duration(max(0, ended - started) / 1000))


def number(value: float) -> str:
    """Return a number with thin spaces between thousands."""
    whole = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return whole.replace(",", "\N{NARROW NO-BREAK SPACE}")


def keeping(length: str | None) -> str:
    """Return how long something is kept, in words; None is for ever."""
    if length is None:
        return "for ever"
    words = duration_words(length)
    return f"for {words if words[:1].isdigit() else f'1 {words}'}"


def why(reasons: Mapping[str, int]) -> str:
    """Return counts of items by why they go, in words."""
    return why_in_words(reasons, GOES)


def pretty(value: object) -> str:
    """Return a value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def cause(said: Any) -> Markup:
    """Return why a run started, in a few words."""
    if said.kind == "tick":
        return Markup("due {}").format(when(said.due))
    if said.kind == "event":
        return Markup("event <code>{}</code>").format((said.event or {}).get("type", "?"))
    if said.kind == "parent":
        return Markup('run <a href="/runs/{0}"><code>{1}</code></a>').format(said.parent, (said.parent or "")[:8])
    return Markup("by {}").format(said.person)


def source_word(source: str) -> str:
    """Return where a definition came from, in a few words."""
    if source.startswith(SET_PREFIX):
        return f"the set {source.removeprefix(SET_PREFIX)}"
    return _SOURCES.get(source) or f"the file {source}"


def state_word(state: str) -> str:
    """Return a state as a pill says it."""
    return state.capitalize()


def attempt_word(state: str) -> str:
    """Return how an attempt ended, as a pill says it."""
    return _ATTEMPTS.get(state) or state_word(state)
