"""Deletes items of the bin of a folder of this machine for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from actors.datasources.abilities import Doomed, Ended
from actors.datasources.burials import Burial
from actors.datasources.graves import Fate, parts_of
from actors.datasources.local.diggers import LocalDiggers
from actors.datasources.local.graves import open_ground
from actors.datasources.paths import Root


def bury_locally(root: Root, items: Iterable[Doomed], *, processes: int, check: Callable[[], None]) -> Iterator[Ended]:
    """Delete items of the bin beneath a root; see `burying.bury` for the promises.

    Raises PermanentError if the bin or the tomb is not what it seems to be, see `graves.open_ground`.
    """
    ground = open_ground(root)
    if ground is None:
        for item in items:
            check()
            try:
                parts_of(item.bin_path)
            except ValueError as error:
                yield Ended(item, Fate.FAILED, reason=str(error))
            else:
                yield Ended(item, Fate.MISSING)
        return
    yield from Burial(items, LocalDiggers(ground, root.opener, processes=processes), check=check).run()
