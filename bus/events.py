"""The stream of events that services publish, read by one scheduler at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from bus.client import BLOCK_SECONDS
from bus.errors import translated
from bus.stream import GroupReader
from rota.errors import StreamFull
from rota.events import Event, InvalidEvent, decode_fields, encode_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import redis

    from bus.keys import Keys

GROUP = "scheduler"
#: Events kept in the stream at the most: beyond it publishing is refused, so that none is lost silently.
MOST_WAITING = 1_000_000
MOST_SET_ASIDE = 10_000


class EventStream:
    """Publishes events, and reads them until they are done with."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._reader = GroupReader(client, keys.events, GROUP)
        self.rewind = self._reader.rewind
        self.waiting = self._reader.waiting

    def publish(self, events: Sequence[Event]) -> list[str]:
        """Append events and return their entry ids. Raises BusUnavailable, as StreamFull when too many wait."""
        with translated("publishing events"):
            if self._client.xlen(self._keys.events) + len(events) > MOST_WAITING:
                raise StreamFull(f"{MOST_WAITING:,} events wait already; publish again later")
            pipeline = self._client.pipeline(transaction=False)
            for event in events:
                pipeline.xadd(self._keys.events, cast("Any", encode_fields(event)))
            return [entry.decode() for entry in pipeline.execute()]

    def read(
        self, count: int = 500, *, block_ms: int = int(BLOCK_SECONDS * 1000)
    ) -> list[tuple[str, Event | InvalidEvent, dict[str, str]]]:
        """Return up to `count` entries as (entry id, event or why it is none, its fields)."""
        return [_decode(entry_id.decode(), fields) for entry_id, fields in self._reader.read(count, block_ms)]

    def done(self, entry_ids: Sequence[str]) -> None:
        """Drop entries whose runs are admitted."""
        if not entry_ids:
            return
        with translated("finishing events"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.xack(self._keys.events, GROUP, *entry_ids)
            pipeline.xdel(self._keys.events, *entry_ids)
            pipeline.execute()

    def set_aside(self, entry_id: str, fields: Mapping[str, str], reason: str) -> None:
        """Move an entry that cannot be read to the stream of dead events, with the reason."""
        with translated("setting an event aside"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.xadd(
                self._keys.dead_events,
                cast("Any", {**fields, "rota_reason": reason}),
                maxlen=MOST_SET_ASIDE,
                approximate=True,
            )
            pipeline.xack(self._keys.events, GROUP, entry_id)
            pipeline.xdel(self._keys.events, entry_id)
            pipeline.execute()


def _decode(entry_id: str, fields: dict[bytes, bytes]) -> tuple[str, Event | InvalidEvent, dict[str, str]]:
    text = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in fields.items()}
    try:
        return entry_id, decode_fields(text), text
    except InvalidEvent as error:
        return entry_id, error, text
