"""`/queues`, `/workers`, `/dead`, `/actors`: what waits, who works, what was set aside, and what can be done."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import Request
from starlette.responses import Response

from actors.registry import ActorSpec
from bus.census import QueueFigures, WorkerFigures
from bus.dead import DeadLetter
from console.api.answers import documented, nothing, reply, reply_list
from console.api.deeds import deed
from console.api.fleet_shapes import ActorShape, DeadLetterShape, QueueShape, WorkerShape
from console.api.identity import Asking, Who
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Cursor, Limit
from console.api.routing import new_router
from rota.errors import NotFound
from rota.states import TERMINAL
from rota.times import iso_duration, rfc3339
from scheduler.runs import retrying
from store.queries import audit, runs

logger = logging.getLogger(__name__)

router = new_router(tag="fleet")


@router.get("/queues", **documented("Queue[]"))
def list_queues(request: Request, parts: Given) -> Response:
    """List the queues with what waits in them."""
    return reply_list(request, map(queue_shape, parts.bus.census.queues()), None)


@router.get("/workers", **documented("Worker[]"))
def list_workers(request: Request, parts: Given) -> Response:
    """List the worker processes that were heard of within their lease."""
    return reply_list(request, map(worker_shape, parts.bus.census.workers()), None)


@router.get("/dead", **documented("DeadLetter[]"))
def list_dead(request: Request, parts: Given, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """List messages that were set aside, newest first."""
    offset = _offset(cursor)
    letters = parts.bus.dead.list(offset=offset, limit=limit)
    following = str(offset + limit) if len(letters) == limit else None
    return reply_list(request, map(letter_shape, letters), following)


@router.get("/dead/{letter_id}", **documented("DeadLetter"))
def get_dead(letter_id: str, parts: Given) -> Response:
    """Return one with its bytes; each that is no text is written as a backslash, x and two digits."""
    return reply(letter_shape(parts.bus.dead.get(letter_id), with_body=True))


@router.post("/dead/{letter_id}/redrive", **documented(status=204))
def redrive_dead(letter_id: str, parts: Given, who: Asking) -> Response:
    """Put it back on its queue, with a new count of crashes."""
    redrive(parts, who, letter_id)
    return nothing()


@router.delete("/dead/{letter_id}", **documented(status=204))
def discard_dead(letter_id: str, parts: Given, who: Asking) -> Response:
    """Drop it for good."""
    discard(parts, who, letter_id)
    return nothing()


@router.get("/actors", **documented("Actor[]"))
def list_actors(request: Request, parts: Given) -> Response:
    """List the actors that steps may call, with the schemas of their parameters."""
    return reply_list(request, [_actor_shape(parts.actors[name]) for name in sorted(parts.actors)], None)


def redrive(parts: Parts, who: Who, letter_id: str) -> None:
    """Put a dead letter back on its queue, or start its run again where that has ended, and note who did it."""
    run = parts.bus.dead.get(letter_id).run
    if run is None or not _has_ended(parts, run):
        parts.bus.dead.redrive(letter_id)
    else:
        # Its task would run for a run that has been closed with its failure: nobody would hear how that ends.
        again = retrying.retry(
            parts.store,
            parts.bus,
            run,
            person=who.name,
            now=parts.clock.now_ms(),
            actors=parts.actors,
            request_id=letter_id,
        )
        parts.bus.dead.discard(letter_id)
        logger.info("dead.run_again", extra={"letter": letter_id, "run": again.run})
    _note(parts, who, "dead.redrive", letter_id)


def _has_ended(parts: Parts, run_id: str) -> bool:
    try:
        with parts.store.reading() as conn:
            return runs.get_run(conn, run_id).state in TERMINAL
    except NotFound:
        return False


def discard(parts: Parts, who: Who, letter_id: str) -> None:
    """Drop a dead letter and note who did it."""
    parts.bus.dead.discard(letter_id)
    _note(parts, who, "dead.discard", letter_id)


def queue_shape(queue: QueueFigures) -> QueueShape:
    """Return what waits in a queue."""
    return QueueShape(
        name=queue.name,
        waiting=sum(queue.waiting.values()),
        levels=queue.waiting,
        oldest_seconds=None if queue.oldest_ms is None else queue.oldest_ms / 1000,
    )


def worker_shape(worker: WorkerFigures) -> WorkerShape:
    """Return what a worker last said of itself."""
    about = worker.about
    return WorkerShape(
        id=worker.id,
        seen_at=rfc3339(worker.seen_at),
        host=about.get("host"),
        pid=about.get("pid"),
        queues=list(about.get("queues") or ()),
        threads=about.get("threads"),
        busy=about.get("busy"),
        held=worker.held,
        resident_bytes=about.get("resident_bytes"),
        version=about.get("version"),
    )


def letter_shape(letter: DeadLetter, *, with_body: bool = False) -> DeadLetterShape:
    """Return a message that was set aside."""
    return DeadLetterShape(
        id=letter.id,
        at=rfc3339(letter.at),
        reason=letter.reason,
        crashes=letter.crashes,
        queue=letter.queue,
        run=letter.run,
        body=letter.body.decode("utf-8", "backslashreplace") if with_body else None,
    )


def _note(parts: Parts, who: Who, action: str, letter_id: str) -> None:
    with parts.store.writing() as conn:
        audit.add(conn, [deed(who, action, f"dead:{letter_id}", parts.clock.now_ms())])


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise Problem(422, "this cursor was not made by this list", name="invalid-request")
    return int(cursor)


def _actor_shape(spec: ActorSpec) -> ActorShape:
    result: dict[str, Any] | None = spec.result.model_json_schema() if spec.result is not None else None
    return ActorShape(
        name=spec.name,
        queue=spec.queue,
        isolate=spec.isolate,
        timeout=None if spec.timeout_ms is None else iso_duration(spec.timeout_ms),
        description=spec.doc,
        params=spec.params.model_json_schema(),
        result=result,
    )
