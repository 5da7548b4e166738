"""Long lists in pieces, so that no statement has more parameters than a database takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

BATCH = 500


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """Give the items in lists of at most `size`."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
