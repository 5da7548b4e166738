"""The stream of what workers report, read by one recorder at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.client import BLOCK_SECONDS
from bus.stream import GroupReader
from rota.errors import InvalidMessage
from rota.messages import Outcome, decode_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from bus.keys import Keys
    from bus.scripts import Scripts

GROUP = "recorder"
#: Entries dropped in one script call.
BATCH = 500


class OutcomeStream:
    """Reads outcomes and drops them once they are recorded."""

    def __init__(self, client: redis.Redis, scripts: Scripts, keys: Keys) -> None:
        self._reader = GroupReader(client, keys.outcomes, GROUP)
        self._scripts = scripts
        self.rewind = self._reader.rewind
        self.waiting = self._reader.waiting

    def read(self, count: int = 500, *, block_ms: int = int(BLOCK_SECONDS * 1000)) -> list[tuple[str, Outcome | None]]:
        """Return up to `count` entries as (entry id, outcome); the outcome is None where it could not be decoded."""
        return [(entry_id.decode(), _outcome(fields)) for entry_id, fields in self._reader.read(count, block_ms)]

    def done(
        self, entry_ids: Sequence[str], ended: Sequence[tuple[str, int]] = (), paused: Sequence[tuple[str, int]] = ()
    ) -> None:
        """Drop recorded entries, and the marks of the tasks (id, fence) that they ended or paused.

        What has ended is not taken again for about a minute, whoever sends it; what is paused is.
        """
        marks = [*((task, fence, 1) for task, fence in ended), *((task, fence, 0) for task, fence in paused)]
        for start in range(0, max(len(entry_ids), len(marks)), BATCH):
            ids = entry_ids[start : start + BATCH]
            values = [value for mark in marks[start : start + BATCH] for value in mark]
            self._scripts.run("recorded", [GROUP, len(ids), *ids, *values])


def _outcome(fields: dict[bytes, bytes]) -> Outcome | None:
    # A deleted entry that is still pending comes back without fields.
    body = fields.get(b"b") if fields else None
    if body is None:
        return None
    try:
        return decode_outcome(body)
    except InvalidMessage:
        return None
