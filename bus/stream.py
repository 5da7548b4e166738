"""Reads one stream through one consumer group, under one name whoever reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from bus.errors import translated
from rota.errors import BusUnavailable

if TYPE_CHECKING:
    import redis

Entry = tuple[bytes, dict[bytes, bytes]]


class GroupReader:
    """Pages through what was read and never finished, then goes on with what is new.

    Only a leader reads, and every leader reads under the group's own name: so a new one finds at once what
    the last one left unfinished, and nothing has to be claimed from a dead consumer.
    """

    def __init__(self, client: redis.Redis, stream: str, group: str) -> None:
        self._client = client
        self._stream = stream
        self._group = group
        self._from = "0"

    def rewind(self) -> None:
        """Read again what was read and never finished; call it when a new leader takes over."""
        self._from = "0"

    def read(self, count: int, block_ms: int) -> list[Entry]:
        """Return up to `count` entries; wait up to `block_ms` for the first when none is there."""
        if self._from != ">":
            entries = self._read(count, None)
            if entries:
                self._from = entries[-1][0].decode()
                return entries
            self._from = ">"
        return self._read(count, block_ms)

    def waiting(self) -> int:
        """Return how many entries the stream holds, finished ones excepted."""
        with translated(f"measuring {self._stream}"):
            return self._client.xlen(self._stream)

    def _read(self, count: int, block_ms: int | None) -> list[Entry]:
        try:
            return self._read_once(count, block_ms)
        except BusUnavailable as error:
            # The group is gone with everything else when Redis was emptied.
            if "NOGROUP" not in str(error):
                raise
            self._make_group()
            return self._read_once(count, block_ms)

    def _read_once(self, count: int, block_ms: int | None) -> list[Entry]:
        with translated(f"reading {self._stream}"):
            answer = self._client.xreadgroup(
                self._group, self._group, {self._stream: self._from}, count=count, block=block_ms
            )
        return _entries(answer)

    def _make_group(self) -> None:
        with translated(f"making the group {self._group}"):
            try:
                self._client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise


def _entries(answer: Any) -> list[Entry]:
    if not answer:
        return []
    if isinstance(answer, dict):
        # RESP3: a map of streams, its entries wrapped in one more list.
        pages = next(iter(answer.values()))
        return list(pages[0]) if pages else []
    return list(answer[0][1])
