"""Goes through a storage folder by folder, several at a time, and stays out of those it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from actors.datasources.frontier import Frontier
from actors.datasources.paths import join
from actors.datasources.scanning import listed
from actors.datasources.storage import Kind, Listing, Storage, Unlisted


def walk(
    storage: Storage, top: bytes, *, enters: Callable[[bytes], bool], check: Callable[[], None]
) -> Iterator[Listing | Unlisted]:
    """List a folder and all below it that are entered; each once, a folder before what is in it.

    Memory is bounded by the listings of as many folders as the storage takes at once, and the names of the folders that
    wait beside them. `check` and what is raised are as in `scanning.scan`.
    """
    frontier = Frontier([top])
    with closing(listed(storage, frontier, check)) as batches:
        for results in batches:
            for place, found in results.items():
                frontier.tell(place, _entered(found, enters) if isinstance(found, Listing) else ())
                yield found


def _entered(found: Listing, enters: Callable[[bytes], bool]) -> Iterator[bytes]:
    for row in found.rows:
        if row.kind == Kind.FOLDER and enters(join(found.path, row.name)):
            yield row.name
