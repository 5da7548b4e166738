"""Dead letters: messages set aside with their reason and their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bus.errors import translated
from rota.errors import NotFound, Refused

if TYPE_CHECKING:
    import redis

    from bus.keys import Keys
    from bus.scripts import Scripts


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was set aside; `at` is the server's time in ms, `body` the bytes as they came."""

    id: str
    at: int
    reason: str
    crashes: int
    queue: str
    run: str | None
    body: bytes


class DeadLetters:
    """Lists, redrives and discards dead letters."""

    def __init__(self, client: redis.Redis, scripts: Scripts, keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys

    def list(self, *, offset: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return dead letters, newest first; at most 500 at a time."""
        with translated("listing dead letters"):
            ids = cast(
                "list[tuple[bytes, float]]",
                self._client.zrevrange(self._keys.dead, offset, offset + min(limit, 500) - 1, withscores=True),
            )
            if not ids:
                return []
            letters = cast("list[bytes | None]", self._client.hmget(self._keys.dead_letters, [i for i, _ in ids]))
        return [
            _read(name.decode(), int(at), letter)
            for (name, at), letter in zip(ids, letters, strict=True)
            if letter is not None
        ]

    def get(self, letter_id: str) -> DeadLetter:
        """Return one dead letter. Raises NotFound."""
        with translated("reading a dead letter"):
            letter = cast("bytes | None", self._client.hget(self._keys.dead_letters, letter_id))
            at = self._client.zscore(self._keys.dead, letter_id)
        if letter is None or at is None:
            raise NotFound(f"no dead letter {letter_id!r}")
        return _read(letter_id, int(at), letter)

    def redrive(self, letter_id: str) -> None:
        """Put a dead letter back on its queue. Raises NotFound, and Refused when its bytes name no queue."""
        answer = self._scripts.run("redrive", [letter_id, "redrive"])
        if answer == 0:
            raise NotFound(f"no dead letter {letter_id!r}")
        if answer == -1:
            raise Refused(f"dead letter {letter_id!r} names no queue; it can only be discarded")

    def discard(self, letter_id: str) -> None:
        """Drop a dead letter for good. Raises NotFound."""
        if self._scripts.run("redrive", [letter_id, "discard"]) == 0:
            raise NotFound(f"no dead letter {letter_id!r}")

    def count(self) -> int:
        """Return how many dead letters there are."""
        with translated("counting dead letters"):
            return self._client.zcard(self._keys.dead)


def _read(letter_id: str, at: int, letter: bytes) -> DeadLetter:
    crashes, reason, stored = letter.split(b"\n", 2)
    header, _, body = stored.partition(b"\n")
    words = header.decode("utf-8", "replace").split(" ")
    # An older version named no owner.
    queue, run = (words[2], words[3]) if len(words) in {5, 6} else ("", "-")
    return DeadLetter(
        id=letter_id,
        at=at,
        reason=reason.decode("utf-8", "replace"),
        crashes=int(crashes),
        queue=queue,
        run=None if run == "-" else run,
        body=body,
    )
