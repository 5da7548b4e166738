"""`/datasources/{name}/bin/next`: what the next purge would take, found out without touching anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from starlette.responses import Response

from console.api.answers import documented, reply
from console.api.bin_shapes import HeldBackShape, NextPurgeShape
from console.api.bin_shaping import ShownBin, text_of
from console.api.parts import Given, Parts
from console.api.routing import new_router
from rota.errors import Refused
from rota.purging import Candidate, Plan, Wish
from rota.times import rfc3339
from store.engine import Connection
from store.queries import bin_items, datasources, jobs
from store.records import RecycledRecord

router = new_router(tag="bin")

PURGE_ALL_JOB = "purge-bins"
MOST_PLANNED = 100_000
"""Items of a bin about which this can be found out while somebody waits: it takes some ten microseconds for each."""
_FIRST = 20


@router.get("/datasources/{name}/bin/next", **documented("NextPurge"))
def get_next(name: str, parts: Given) -> Response:
    """Return when the bin is purged next, and what that would take; 409 for a bin that is too large to look through."""
    return reply(next_purge(parts, name, most=MOST_PLANNED))


def next_purge(parts: Parts, name: str, *, most: int) -> NextPurgeShape:
    """Return what the next purge of a bin would take; Refused for one with more than `most` items."""
    with parts.store.reading() as conn:
        shown = ShownBin.of(datasources.get(conn, name))
        count = bin_items.counts(conn, name).items
        if count > most:
            raise Refused(f"the bin of {name} has {count:,} items; start a dry run, and a worker looks through it")
        due = next_tick(conn)
        now = parts.clock.now_ms() if due is None else max(due, parts.clock.now_ms())
        last = (bin_items.state(conn, name).last_purge or {}).get("whole_at")
        plan = Plan(shown.rules, Wish(), now_ms=now, last_purge_ms=last)
        # The oldest first: of one moment, what came first goes first.
        for item in reversed(list(bin_items.all_items(conn, name))):
            plan.add(_candidate(item, shown))
        plan.decide()
        first = bin_items.with_numbers(conn, [number for number, _ in islice(plan.going(), _FIRST)])
    items, size = plan.total()
    return NextPurgeShape(
        at=None if due is None else rfc3339(due),
        items=items,
        bytes=size,
        reasons=dict(Counter(why.value for _, why in plan.going())),
        kept={why.value: number for why, number in plan.kept().items()},
        first=[shown.shape(item) for item in first],
        held_back=list(_held_back(plan)),
    )


def next_tick(conn: Connection) -> int | None:
    """Return when all bins are purged next, in ms; None while that is not scheduled."""
    job = jobs.find(conn, PURGE_ALL_JOB)
    return job.next_due if job is not None and job.enabled else None


def _candidate(item: RecycledRecord, shown: ShownBin) -> Candidate:
    assert item.id is not None, "what was read has a number"
    return Candidate(
        id=item.id,
        path=text_of(item),
        user=item.deleted_by,
        bin=item.bin,
        bytes=item.bytes,
        deleted_at=item.deleted_at,
        keep_until=item.keep_until,
        is_held=shown.is_held(item),
        is_claimed=item.claimed_by is not None,
    )


def _held_back(plan: Plan) -> Iterator[HeldBackShape]:
    for doubt in plan.doubts:
        yield HeldBackShape(bin=doubt.bin, reason=doubt.reason, items=doubt.items, bytes=doubt.bytes)
