"""Puts messages into the bus; the same message twice is one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.messages import body_of, header_of
from rota.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bus.scripts import Scripts
    from rota.messages import TaskMessage

#: Messages in one script call.
BATCH = 500


class Sender:
    """Sends tasks. Every method raises BusUnavailable when Redis does not take them."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def send(self, messages: Sequence[TaskMessage], *, delays: Mapping[str, int] | None = None) -> int:
        """Put tasks on their queues; return how many the bus did not hold already.

        `delays` says by task id how many ms a task waits first; one that is not named waits for nothing.
        """
        waits = delays or {}
        return self.put(
            (message.task, header_of(message), body_of(message), waits.get(message.task, 0)) for message in messages
        )

    def put(self, items: Iterable[tuple[str, str, bytes, int]]) -> int:
        """Put encoded messages (id, header line, body, delay in ms) on their queues; return how many are new."""
        new = 0
        for batch in _batches(items):
            arguments = [value for item in batch for value in item]
            try:
                new += self._scripts.run("enqueue", arguments)
            except BusUnavailable:
                # A pooled connection may have died since its last use; enqueue is safe to repeat, so once more.
                new += self._scripts.run("enqueue", arguments)
        return new

    def known(self, ids: Sequence[str]) -> set[str]:
        """Return those tasks that the bus still holds: waiting, delayed, leased, or ended and not recorded."""
        found: set[str] = set()
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            answer = self._scripts.run("known", batch)
            found.update(task for task, known in zip(batch, answer, strict=True) if known)
        return found


def _batches(items: Iterable[tuple[str, str, bytes, int]]) -> Iterator[list[tuple[str, str, bytes, int]]]:
    batch: list[tuple[str, str, bytes, int]] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
