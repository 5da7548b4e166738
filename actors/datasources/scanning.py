"""Lists whole trees through any storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from actors.datasources.digest import decode_rows, digest_of_chunks, encode_rows, folder_digest
from actors.datasources.frontier import Frontier, Place
from actors.datasources.listing import folders_of
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

IN_FLIGHT = 8


def scan(storage: Storage, paths: Sequence[bytes], known: Lookup, *, in_flight: int = IN_FLIGHT) -> Iterator[Found]:
    """List these folders and everything below them.

    Each folder is told once, in any order, as a `Listing`, as `Same` where token and digest are those that `known`
    gives, as `Altered` where its prints tell the few rows that differ, or as an `Unlisted`. When all below a path has
    been told, its `End` follows; ends come in the order of `paths`, which are sorted and do not contain each other. The
    iterator works ahead of its caller by a bounded amount, with `in_flight` folders at a time unless the storage has
    its own way; closing it stops it. Raises TemporaryError or PermanentError when the storage as a whole fails.
    """
    if isinstance(storage, Scanner):
        return storage.scan(paths, known)
    return _scan_folders(storage, Frontier(paths), known, in_flight)


def _scan_folders(storage: Storage, frontier: Frontier, known: Lookup, in_flight: int) -> Iterator[Found]:
    under_way: dict[Future[Listing | Unlisted], Place] = {}
    pool = ThreadPoolExecutor(in_flight, thread_name_prefix="scan")
    try:
        while not frontier.is_done:
            for place in frontier.take(in_flight - len(under_way)):
                under_way[pool.submit(storage.list_folder, place.path)] = place
            # Each call of a driver has its own time limit, so this ends.
            done = wait(under_way, return_when=FIRST_COMPLETED).done
            results = {under_way.pop(future): future.result() for future in done}
            before = known([place.path for place in results])
            for place, found in results.items():
                frontier.tell(place, folders_of(found) if isinstance(found, Listing) else ())
                yield told(found, before.get(place.path))
            for path in frontier.ended():
                yield End(path=path)
    finally:
        pool.shutdown(cancel_futures=True)


def unless_known(listing: Listing, known: Lookup) -> Listing | Altered | Same:
    """Give `Same` in place of a listing that is the known one, `Altered` in place of one that differs in little."""
    found = told(listing, known([listing.path]).get(listing.path))
    assert not isinstance(found, Unlisted)
    return found


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
