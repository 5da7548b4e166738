"""Deletes items of a bin for good, from any storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from actors.datasources.abilities import Doomed, Ended, Gravedigger
from actors.datasources.burials import Burial
from actors.datasources.digging import ThreadDiggers
from actors.datasources.storage import Storage
from actors.datasources.storage_digging import StorageDigger


def bury(storage: Storage, items: Iterable[Doomed], *, check: Callable[[], None] = lambda: None) -> Iterator[Ended]:
    """Delete items of the bin of a storage for good, and tell the end of each, in any order.

    `storage` must have been opened `whole`, or what is private in a folder keeps it from being deleted. No item may
    come twice. Nothing happens before the first end is asked for; closing the iterator stops it.

    - An item's folder `.rota/bin/<folder>` is moved to `.rota/tomb/<folder>`, never over something. There `<name>` is
      compared with the row, see `graves.difference`; if it is another thing, the folder goes back (`REPLACED`). Then
      `<name>` is deleted with everything in it, children first, no link followed and no other file system entered, and
      at last the folder and `.rota/bin/<folder>.trashinfo`.
    - Only `<name>` is deleted. If somebody put other things beside it, the folder goes back into the bin with these,
      and the reason says so; the item is `GONE` all the same.
    - If another file system is mounted in the item, that and what leads there goes back into the bin (`FOREIGN`); the
      rest is gone. What cannot be deleted stays in the tomb with what leads there, and its information in the bin
      (`FAILED`).
    - A path that is not exactly `<folder>/<name>`, without `.`, `..`, empty parts and NUL, is `FAILED`, and nothing is
      touched.
    - After a crash at any point, or whatever this raises, the same items can be given again: what lies in the tomb is
      taken for this purge's and finished, after it was compared once more. An item that is neither in the bin nor in
      the tomb is `MISSING`; information left of it is removed. Nothing is synced to the disk: after a loss of power
      something that was told as gone may lie in the tomb again, or in the bin with its information.
    - Where nothing can be moved in one step (object stores), there is no tomb: files are compared and deleted where
      they are, a folder is all objects below its prefix, and nothing but its kind can be compared. In a bucket with
      versions, what is deleted stays as an older version until a rule of the bucket takes it away.

    `entries` and `bytes` count what this call deleted, `bytes` the sizes of files. Items are taken as they can be
    worked on: at most some thousands ahead of the ends that were told, and fewer if handing them out takes time, so a
    caller who wants to go slowly hands them out slowly. Memory does not grow with the number of items, nor with that of
    the files in a folder where the storage lists it piece by piece. `check` is called at least every quarter second
    while this waits, in the caller's own thread; what it raises ends it. Raises TemporaryError or PermanentError when
    the storage as a whole fails.
    """
    if isinstance(storage, Gravedigger):
        return storage.bury(items, check=check)
    return _dug(storage, items, check)


def _dug(storage: Storage, items: Iterable[Doomed], check: Callable[[], None]) -> Iterator[Ended]:
    digger = StorageDigger(storage)
    # Each entry is a request: a list of several would only make others wait.
    diggers = ThreadDiggers(digger.dig, threads=storage.capabilities.in_flight, list_entries=1)
    yield from Burial(items, diggers, check=check).run()
