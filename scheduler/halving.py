"""Finds the one bad item that a whole batch is refused for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rota.errors import StaleEpoch, TemporaryError

Item = TypeVar("Item")


def each_alone(
    items: Sequence[Item], act: Callable[[Sequence[Item]], None], refuse: Callable[[Item, Exception], None]
) -> None:
    """Act on all items at once; where that fails, on halves of them, until each bad one is refused alone.

    Errors that say nothing about an item are passed on: what is temporary, and an epoch that is over.
    """
    if not items:
        return
    try:
        act(items)
    except (TemporaryError, StaleEpoch):
        raise
    except Exception as error:  # whatever is wrong with one item must not hold back its neighbours
        if len(items) == 1:
            refuse(items[0], error)
            return
        middle = len(items) // 2
        each_alone(items[:middle], act, refuse)
        each_alone(items[middle:], act, refuse)
