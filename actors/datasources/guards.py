"""Guards against taking a storage that is doubtful for one that is empty; for whatever deletes because of a listing."""

from __future__ import annotations

MOST_SHARE = 0.5
"""The largest share of a datasource that may go in one run without being asked for, where its rules say nothing."""
FEWEST = 20
"""So few entries may always go: half of a small folder is an ordinary afternoon's work."""


def doubt_about_deletions(
    *, deleted: int, known: int, root_is_empty: bool, most_share: float = MOST_SHARE, confirmed: int = 0
) -> str | None:
    """Say why this many of the known entries should not just go, or None if they may.

    `root_is_empty` means that the whole datasource was listed and has no entry: what an unmounted disk looks like.
    `most_share` is the `max_deleted` of its rules: 0 asks about every deletion of `FEWEST` entries or more, 1 about an
    emptied storage only. `confirmed` is how many deletions a person has agreed to; more than those are in doubt again.
    """
    if deleted <= confirmed:
        return None
    if root_is_empty:
        return f"the storage is empty and the catalog has {known:,} entries"
    if deleted >= FEWEST and deleted > known * most_share:
        return f"{deleted:,} of {known:,} entries are gone, more than {most_share:.0%}"
    return None
