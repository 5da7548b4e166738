"""What of a storage is left over, and whether it is old enough to go. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.datasources.bins import BIN
from actors.datasources.drafts import DraftKind, DraftName, parse_draft
from actors.datasources.graves import TOMB
from actors.datasources.paths import is_private, split
from actors.datasources.rows import Kind, Row
from rota.times import DAY_MS, MINUTE_MS

RESTORED_AFTER_MS = 10 * MINUTE_MS
"""Whoever sets a file aside puts another one in its place with the next request: after so long nobody does any more."""
# What the WebDAV driver tries out, and where a server that misunderstands it puts that; see `webdav.moves`.
_TRIED = re.compile(rb"(\.rota-draft-[0-9a-f-]{36})-(?:(?:%41|[A?;#\\\t\r\n])?-)?")


def draft_at(row: Row) -> DraftName | None:
    """Tell what a row says about the draft that it is, or give None if it is none.

    Drafts are files, but for trees and the folders in which something is set aside; anything else that has such a name
    is somebody else's.
    """
    tried = _TRIED.fullmatch(row.name)
    draft = parse_draft(tried[1] if tried else row.name)
    if draft is None:
        return None
    kind = Kind.FOLDER if draft.kind in {DraftKind.ASIDE, DraftKind.TREE} else Kind.FILE
    return draft if row.kind == kind else None


def is_entered(path: bytes) -> bool:
    """Say whether leftovers are looked for in a folder.

    Of private folders only Rota's own in the root is entered, without the bin, which is looked at by itself, and the
    tombs, which the purge finishes.
    """
    if path in {BIN, TOMB}:
        return False
    return path == split(BIN)[0] or not is_private(split(path)[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Judges how old things are, at one moment."""

    now_ms: int
    """What ages are counted from."""
    clock_ms: int
    """What this machine's clock says, which may be later."""
    older_than_ms: int

    def is_old(self, made_ms: int, modified_ns: int, *, than_ms: int | None = None) -> bool:
        """Say whether something is older than asked for; the younger of the time in its name and its own counts.

        A time that lies more than a day ahead is some clock's mistake and says nothing. Without any time left, and
        where the storage knows none of its own, it is as old as the other one says; without both nothing is old.
        """
        limit = self.now_ms - (self.older_than_ms if than_ms is None else than_ms)
        times = [time for time in (made_ms, modified_ns // 1_000_000) if 0 < time <= self.clock_ms + DAY_MS]
        return bool(times) and max(times) < limit
