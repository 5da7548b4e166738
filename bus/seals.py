"""What people typed that nobody may read, as ciphertexts: kept for a while, read by the workers of their runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from bus.errors import translated

if TYPE_CHECKING:
    import redis

    from bus.keys import Keys


class Seals:
    """Keeps ciphertexts by their ids; every method raises BusUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def keep(self, sealed_id: str, ciphertext: bytes, *, seconds: int) -> None:
        """Keep a ciphertext for so many seconds."""
        with translated("keeping what was sealed"):
            self._client.set(self._keys.sealed(sealed_id), ciphertext, ex=seconds)

    def drop(self, sealed_ids: Iterable[str]) -> None:
        """Forget ciphertexts that nobody will ask for."""
        names = [self._keys.sealed(each) for each in sealed_ids]
        if names:
            with translated("dropping what was sealed"):
                self._client.unlink(*names)

    def read(self, sealed_id: str) -> bytes | None:
        """Return a ciphertext, None once its time is over."""
        with translated("asking for what was sealed"):
            return cast("bytes | None", self._client.get(self._keys.sealed(sealed_id)))
