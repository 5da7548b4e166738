"""Turns the Redis client's errors into Rota's, at the border of the room."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from rota.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise BusUnavailable, naming what was being done, for any error of the Redis client."""
    try:
        yield
    except RedisError as error:
        raise BusUnavailable(f"{doing}: {error}") from error
