"""The Lua scripts: each head comment names arguments and answer; all are safe to repeat."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from rota.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from bus.keys import Keys

_INCLUDE = "-- include "


def source(name: str, keys: Keys) -> str:
    """Return the text of one script: the names of the keys, what its first line includes, and its own lines."""
    text = _read(name)
    parts = [keys.prelude()]
    first = text.split("\n", 1)[0]
    if first.startswith(_INCLUDE):
        parts += [_read(included) for included in first.removeprefix(_INCLUDE).split()]
    return "\n".join([*parts, text])


@cache
def _read(name: str) -> str:
    return resources.files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


@cache
def _names() -> tuple[str, ...]:
    files = (path.name for path in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".lua") for name in files if name.endswith(".lua") and name[0] != "_"))


class Scripts:
    """Runs the scripts of one namespace by name.

    `run` raises BusUnavailable when Redis cannot be reached or refuses; it never repeats a script by itself,
    because the answer may be all that was lost.
    """

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._tag = keys.tag
        self._scripts = {name: client.register_script(source(name, keys)) for name in _names()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all scripts."""
        return tuple(self._scripts)

    def run(self, name: str, args: Sequence[Any]) -> Any:
        """Run one script and return what Redis answered."""
        try:
            return self._scripts[name](keys=[self._tag], args=args)
        except RedisError as error:
            raise BusUnavailable(f"script {name}: {error}") from error
