"""Makes a listing out of what a driver was told: sorted, without what does not count. Pure."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from actors.datasources.globs import Selection
from actors.datasources.paths import is_private, join
from actors.datasources.storage import Kind, Listing, Row, Unlisted, Why

_NO_NAMES = frozenset({b"", b".", b".."})
_WHY = {
    # Renamed, removed, or replaced by a link or a file since its parent was listed.
    errno.ENOENT: Why.VANISHED,
    errno.ENOTDIR: Why.VANISHED,
    errno.ELOOP: Why.VANISHED,
    errno.EXDEV: Why.FOREIGN,
}


def make_listing(
    path: bytes, rows: Iterable[Row], *, selection: Selection, token: str = "", special: int = 0
) -> Listing:
    """Give the listing of a folder.

    Private names and what the globs leave out are dropped, nothing of it where the selection is whole. What cannot be a
    row is counted as special: a name that is none, and all but one of several rows of the same name, of which a folder
    is kept first and else the last.
    """
    kept: dict[bytes, Row] = {}
    for row in rows:
        name = row.name
        if name in _NO_NAMES or b"/" in name or b"\0" in name:
            special += 1
        elif selection.is_whole or (
            not is_private(name) and (selection.takes_all or selection.takes(join(path, name), row.kind))
        ):
            known = kept.get(name)
            if known is not None:
                special += 1
                if known.kind == Kind.FOLDER:
                    continue
            kept[name] = row
    return Listing(path=path, token=token, rows=[kept[name] for name in sorted(kept)], special=special)


def folders_of(listing: Listing) -> list[bytes]:
    """Give the names of the folders in a listing, sorted."""
    return [row.name for row in listing.rows if row.kind == Kind.FOLDER]


def unlisted(path: bytes, number: int, reason: str) -> Unlisted:
    """Tell of a folder that the operating system did not let us list, by the number of its error."""
    return Unlisted(path=path, why=_WHY.get(number, Why.FAILED), reason=reason)
