"""Lists whole trees through any storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.datasources.digest import folder_digest
from actors.datasources.paths import join
from actors.datasources.storage import End, Found, Kind, Listing, Lookup, Same, Storage


def scan(storage: Storage, paths: Sequence[bytes], known: Lookup) -> Iterator[Found]:
    """List these folders and everything below them.

    Each folder is told once, in any order, as a `Listing`, as `Same` where token and digest are those that `known`
    gives, or as an `Unlisted`. When all below a path has been told, its `End` follows; ends come in the order of
    `paths`, which are sorted and do not contain each other. The iterator works ahead of its caller by a bounded amount;
    closing it stops it. Raises TemporaryError or PermanentError when the storage as a whole fails.
    """
    for path in paths:
        waiting = [path]
        while waiting:
            found = storage.list_folder(waiting.pop())
            if isinstance(found, Listing):
                waiting += [join(found.path, row.name) for row in reversed(found.rows) if row.kind == Kind.FOLDER]
                yield unless_known(found, known)
            else:
                yield found
        yield End(path=path)


def unless_known(listing: Listing, known: Lookup) -> Listing | Same:
    """Give `Same` in place of a listing that is the known one."""
    before = known([listing.path]).get(listing.path)
    if before is None or before.token != listing.token or before.digest != folder_digest(listing.rows):
        return listing
    size = sum(row.size for row in listing.rows if row.kind == Kind.FILE)
    return Same(path=listing.path, entries=len(listing.rows), bytes=size, special=listing.special)
