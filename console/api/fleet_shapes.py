"""The shapes of answers about the fleet; see `console.api.shapes` for what holds for all of them."""

from __future__ import annotations

from typing import Any

from console.api.shapes import Shape


class QueueShape(Shape, frozen=True, kw_only=True):
    """What waits in a queue."""

    name: str
    waiting: int
    levels: dict[str, int]
    oldest_seconds: float | None


class WorkerShape(Shape, frozen=True, kw_only=True):
    """What a worker process last said of itself."""

    id: str
    seen_at: str
    host: str | None
    pid: int | None
    queues: list[str]
    threads: int | None
    busy: int | None
    held: int
    resident_bytes: int | None
    version: str | None


class DeadLetterShape(Shape, frozen=True, kw_only=True):
    """A message that was set aside; `body` is there when one is asked for by its id."""

    id: str
    at: str
    reason: str
    crashes: int
    queue: str
    run: str | None
    body: str | None = None


class ActorShape(Shape, frozen=True, kw_only=True):
    """An actor that steps may call, with the JSON schema of its parameters and result."""

    name: str
    queue: str
    isolate: bool
    timeout: str | None
    description: str
    params: dict[str, Any]
    result: dict[str, Any] | None
