"""How much may come out of an archive: counted on what really comes, never on what the archive says of itself.

Pure: who unpacks hands in the counts and the clock. Safe in several threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from actors.archives.telling import shown
from actors.syncing.meter import lasting, sized
from actors.unpacking.refusals import Refused
from rota.times import duration_ms

FREE_BYTES = 10 * 1024 * 1024
"""So much may come out of an archive of any size; from there on the ratio counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may come out of one archive at most."""

    entries: int = 100_000
    bytes: int = 10 * 1024**3
    ratio: int = 200
    """How many bytes may come out for each byte that was read."""
    depth: int = 128
    """How many parts a path may have."""
    seconds: float | None = None

    @classmethod
    def of(cls, *, entries: int, size: int, ratio: int, depth: int, time: str | None) -> Limits:
        """Make them from parameters; `time` is an ISO 8601 duration."""
        seconds = None if time is None else duration_ms(time) / 1000
        return cls(entries=entries, bytes=size, ratio=ratio, depth=depth, seconds=seconds)


class Budget:
    """What has come out of an archive so far; raises Refused as soon as it is too much."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._until = float("inf") if limits.seconds is None else clock() + limits.seconds
        self._lock = threading.Lock()
        self.entries = 0
        self.bytes = 0

    def declare(self, *, entries: int, size: int) -> None:
        """Refuse at once what the archive itself says to be too much; what it says less counts for nothing."""
        if entries > self._limits.entries:
            raise self._too_many()
        if size > self._limits.bytes:
            raise self._too_large()

    def enter(self, path: bytes) -> None:
        """Count an entry."""
        self.entries += 1
        if self.entries > self._limits.entries:
            raise self._too_many()
        if path.count(b"/") >= self._limits.depth:
            raise Refused(
                f"the member {shown(path)} lies {path.count(b'/') + 1:,} folders deep:"
                f" more than the {self._limits.depth:,} that are allowed (max_depth)"
            )
        self.watch()

    def produce(self, path: bytes, size: int, *, consumed: int) -> None:
        """Count bytes of content that came out, when so many bytes of the archive were used."""
        with self._lock:
            self.bytes += size
            produced = self.bytes
        if produced > self._limits.bytes:
            raise self._too_large()
        if produced > FREE_BYTES and produced > self._limits.ratio * max(consumed, 1):
            raise Refused(
                f"with the member {shown(path)} more than {self._limits.ratio:,} bytes come out for each byte of the"
                " archive: more than is allowed (max_ratio)"
            )
        self.watch()

    def watch(self) -> None:
        """Refuse what takes too long; asked at every read of the file as well, whatever comes out of it."""
        if self._clock() > self._until:
            assert self._limits.seconds is not None
            raise Refused(
                f"unpacking takes longer than the {lasting(self._limits.seconds)} that are allowed (max_time)"
            )

    def _too_many(self) -> Refused:
        return Refused(f"more than {self._limits.entries:,} entries are in it: more than is allowed (max_entries)")

    def _too_large(self) -> Refused:
        return Refused(f"more than {sized(self._limits.bytes)} come out of it: more than is allowed (max_bytes)")
