"""When a trigger is due: pure functions of the trigger and an instant, in milliseconds of UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, takewhile

from rota.cron_words import cron_words
from rota.crons import next_cron, parse_cron
from rota.repeats import next_repeat, parse_repeat
from rota.times import MAX_MS, duration_ms, iso_duration, parse_duration, parse_rfc3339, rfc3339
from rota.triggers import AtTrigger, CronTrigger, EventTrigger, EveryTrigger, RepeatTrigger, Trigger
from rota.zones import Fold, Gap

MAX_UPCOMING = 1000

_instant = lru_cache(maxsize=65_536)(parse_rfc3339)
_length = lru_cache(maxsize=65_536)(duration_ms)


def next_due(trigger: Trigger, after: int, *, gap: Gap = "run_after", fold: Fold = "first") -> int | None:
    """Return the first due time strictly later than `after`, None if there is none any more.

    `gap` and `fold` are the job's `dst` rules. Any instant may be asked about, in any order; nothing is remembered.
    """
    if isinstance(trigger, EveryTrigger):
        start = 0 if trigger.start is None else _instant(trigger.start)
        if after < start:
            due = start
        else:
            length = _length(trigger.every)
            due = after + length - (after - start) % length
        return due if due <= (MAX_MS if trigger.end is None else _instant(trigger.end)) else None
    if isinstance(trigger, EventTrigger):
        return None
    if isinstance(trigger, AtTrigger):
        at = _instant(trigger.at)
        return at if at > after else None
    return _next_bounded(trigger, after, gap, fold)


def _next_bounded(trigger: CronTrigger | RepeatTrigger, after: int, gap: Gap, fold: Fold) -> int | None:
    if trigger.start is not None:
        after = max(after, _instant(trigger.start) - 1)
    if isinstance(trigger, CronTrigger):
        cron = parse_cron(trigger.cron)
        seconds = next_cron(cron, trigger.timezone, after // 1000, gap=gap, fold=fold)
        due = None if seconds is None else seconds * 1000
    else:
        due = next_repeat(parse_repeat(trigger.repeat, trigger.timezone), after, gap=gap, fold=fold)
    if due is None or (trigger.end is not None and due > _instant(trigger.end)):
        return None
    return due


def upcoming(trigger: Trigger, after: int, count: int, *, gap: Gap = "run_after", fold: Fold = "first") -> list[int]:
    """Return the next due times after `after`, at most `count` of them and never more than MAX_UPCOMING."""
    return list(islice(due_times(trigger, after, gap, fold), min(count, MAX_UPCOMING)))


def due_between(
    trigger: Trigger,
    start: int,
    end: int,
    *,
    gap: Gap = "run_after",
    fold: Fold = "first",
    limit: int = MAX_UPCOMING,
) -> list[int]:
    """Return the due times from `start`, included, to `end`, excluded: the first `limit` of them.

    Who must know whether there are more asks for one more than is shown.
    """
    within = takewhile(lambda due: due < end, due_times(trigger, start - 1, gap, fold))
    return list(islice(within, limit))


def due_times(trigger: Trigger, after: int, gap: Gap = "run_after", fold: Fold = "first") -> Iterator[int]:
    """Yield the due times after `after`, each when it is asked for; they may have no end."""
    due = next_due(trigger, after, gap=gap, fold=fold)
    while due is not None:
        yield due
        due = next_due(trigger, due, gap=gap, fold=fold)


def jittered(job: str, trigger_key: str, due: int, jitter_ms: int) -> int:
    """Return when a tick really starts: up to `jitter_ms` after it is due, always the same for the same tick.

    The due time stays the name of the tick; only its start moves, so jitter can neither lose nor double it.
    """
    if jitter_ms <= 0:
        return due
    digest = hashlib.blake2b(f"{job}\0{trigger_key}\0{due}".encode(), digest_size=8).digest()
    return due + int.from_bytes(digest) % (jitter_ms + 1)


def describe(trigger: Trigger) -> str:
    """Return in a few words when a trigger is due, for people: with its time zone, without its next times."""
    if isinstance(trigger, EventTrigger):
        return f"on {trigger.event}" + (f" where {trigger.where}" if trigger.where else "")
    if isinstance(trigger, AtTrigger):
        return f"once at {_short(trigger.at)}"
    if isinstance(trigger, CronTrigger):
        words = f"{cron_words(trigger.cron)} ({trigger.timezone})"
    elif isinstance(trigger, EveryTrigger):
        words = f"every {duration_words(trigger.every)}"
    else:
        words = _repeat_words(trigger)
    first = f", from {_short(trigger.start)}" if trigger.start else ""
    last = f", until {_short(trigger.end)}" if trigger.end else ""
    return words + first + last


def duration_words(text: str) -> str:
    """Return an ISO 8601 duration in words: `15 minutes`, `1 day 2 hours`, `month`."""
    parsed = parse_duration(text)
    years, months = divmod(parsed.months, 12)
    weeks, days = divmod(parsed.days, 7) if parsed.days % 7 == 0 else (0, parsed.days)
    hours, rest = divmod(parsed.ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [(years, "year"), (months, "month"), (weeks, "week"), (days, "day"), (hours, "hour"), (minutes, "minute")]
    named = [(value, unit) for value, unit in parts if value]
    if rest:
        named.append((rest / 1000 if rest % 1000 else rest // 1000, "second"))  # type: ignore[arg-type]
    if len(named) == 1 and named[0][0] == 1:
        return named[0][1]
    return " ".join(f"{value:g} {unit}{'' if value == 1 else 's'}" for value, unit in named)


def _repeat_words(trigger: RepeatTrigger) -> str:
    repeat = parse_repeat(trigger.repeat, trigger.timezone)
    once = repeat.period.is_zero or repeat.count == 1
    on_wall = repeat.floating or not (once or repeat.period.is_exact)
    anchor = _short(rfc3339(repeat.local)).removesuffix(" UTC") if on_wall else _short(rfc3339(repeat.anchor))
    where = f" ({trigger.timezone})" if on_wall else ""
    if once:
        return f"once at {anchor}{where}"
    text = next((part for part in trigger.repeat.split("/") if part.startswith("P")), iso_duration(repeat.period.ms))
    often = "" if repeat.count is None else f", {repeat.count} times"
    return f"every {duration_words(text)} {'until' if repeat.backwards else 'from'} {anchor}{often}{where}"


def _short(text: str) -> str:
    return rfc3339(_instant(text)).replace(":00.000Z", "Z").replace(".000Z", "Z").replace("T", " ").replace("Z", " UTC")
