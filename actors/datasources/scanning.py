"""Lists whole trees through any storage."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace

from actors.datasources.digest import digest_of_chunks, folder_digest
from actors.datasources.frontier import Frontier, Place
from actors.datasources.listing import folders_of
from actors.datasources.packed import decode_rows, encode_rows
from actors.datasources.prints import MOST_ROWS, prints_of_chunks
from actors.datasources.storage import (
    Altered,
    End,
    Found,
    Kind,
    Known,
    Listing,
    Lookup,
    Same,
    Scanner,
    Storage,
    Unlisted,
)

_CHECK_SECONDS = 0.5
_LEAVE_SECONDS = 1.0


def scan(
    storage: Storage, paths: Sequence[bytes], known: Lookup, *, check: Callable[[], None] = lambda: None
) -> Iterator[Found]:
    """List these folders and everything below them.

    Each folder is told once, in any order, as a `Listing`, as `Same` where token and digest are those that `known`
    gives, as `Altered` where its prints tell the few rows that differ, or as an `Unlisted`. When all below a path has
    been told, its `End` follows; ends come in the order of `paths`, which are sorted and do not contain each other. The
    iterator works ahead of its caller by a bounded amount, with as many folders at a time as the storage takes; closing
    it stops it, and what is under way then is waited for a second at most. `check` is called at least once a second
    while an answer is waited for, in the caller's own thread; what it raises ends the scan. Raises TemporaryError or
    PermanentError when the storage as a whole fails.
    """
    if isinstance(storage, Scanner):
        return storage.scan(paths, known, check=check)
    return _scan_folders(storage, Frontier(paths), known, check)


def _scan_folders(storage: Storage, frontier: Frontier, known: Lookup, check: Callable[[], None]) -> Iterator[Found]:
    with closing(listed(storage, frontier, check)) as batches:
        for results in batches:
            before = known([place.path for place in results])
            for place, found in results.items():
                frontier.tell(place, folders_of(found) if isinstance(found, Listing) else ())
                yield told(found, before.get(place.path))
            for path in frontier.ended():
                yield End(path=path)


def listed(
    storage: Storage, frontier: Frontier, check: Callable[[], None]
) -> Generator[Mapping[Place, Listing | Unlisted]]:
    """List what waits at a frontier, as many folders at a time as the storage takes, and give what comes together.

    The caller tells the frontier of each place before it asks for more, and closes the iterator. The rest is as in
    `scan`.
    """
    in_flight = storage.capabilities.in_flight
    under_way: dict[Future[Listing | Unlisted], Place] = {}
    pool = ThreadPoolExecutor(in_flight, thread_name_prefix="scan")
    try:
        while not frontier.is_done:
            for place in frontier.take(in_flight - len(under_way)):
                under_way[pool.submit(storage.list_folder, place.path)] = place
            check()
            # Each call of a driver has its own time limit, so this comes to an end.
            done = wait(under_way, timeout=_CHECK_SECONDS, return_when=FIRST_COMPLETED).done
            if done:
                yield {under_way.pop(future): future.result() for future in done}
    finally:
        for future in under_way:
            future.cancel()
        # Nobody needs the answers any more; a thread that still waits for one ends with its time limit.
        late = wait(under_way, timeout=_LEAVE_SECONDS).not_done
        pool.shutdown(wait=not late, cancel_futures=True)


def told(found: Listing | Unlisted, before: Known | None) -> Listing | Altered | Same | Unlisted:
    """Give `Same` in place of what was known before, `Altered` in place of what differs from that in little."""
    if isinstance(found, Unlisted) or before is None:
        return found
    digest, chunks = _digested(found)
    size = sum(row.size for row in found.rows if row.kind == Kind.FILE)
    if (before.token, before.digest) == (found.token, digest):
        return Same(path=found.path, entries=len(found.rows), bytes=size, special=found.special)
    prints = prints_of_chunks(chunks)
    few = prints.few(before.prints)
    if few is None:
        return replace(found, digest=digest, prints=prints.packed())
    return Altered(
        path=found.path,
        token=found.token,
        digest=digest,
        prints=prints.packed(),
        entries=len(found.rows),
        bytes=size,
        rows=decode_rows(few.rows),
        missing=frozenset(few.missing),
        special=found.special,
    )


def marked(listing: Listing) -> Listing:
    """Give a listing with its digest and prints."""
    if listing.digest:
        return listing
    digest, chunks = _digested(listing)
    return replace(listing, digest=digest, prints=prints_of_chunks(chunks).packed())


def _digested(listing: Listing) -> tuple[bytes, list[bytes]]:
    """Give the digest of the rows, and the rows encoded if there are few enough for prints."""
    if len(listing.rows) > MOST_ROWS:
        return folder_digest(listing.rows), []
    chunks = [encode_rows(listing.rows)] if listing.rows else []
    return digest_of_chunks(chunks), chunks
