"""Reads a folder of an SFTP server in one go: its entries with their attributes, and that no link led there."""

from __future__ import annotations

import asyncio
import errno

from actors.datasources.paths import join
from actors.datasources.sftp.rows import Attributes, is_told, row_of
from actors.datasources.sftp.session import Session, all_of
from actors.datasources.storage import Row

_OWN_NAMES = frozenset({b".", b".."})  # every folder lists itself and its parent


class Entries:
    """What a listing has told so far; turned into rows at once, which are small."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.special = 0
        """How many entries are neither file, folder nor link."""
        self.untold: list[bytes] = []
        """Names of entries of which the listing does not tell enough."""

    def take(self, name: bytes, found: Attributes) -> None:
        """Add what the listing tells of an entry."""
        if name in _OWN_NAMES:
            return
        if is_told(found):
            self.keep(name, found)
        else:
            self.untold.append(name)

    def keep(self, name: bytes, found: Attributes) -> None:
        """Add an entry; raises OSError if its kind is not known."""
        row = row_of(name, found)
        if row is None:
            self.special += 1
        else:
            self.rows.append(row)


async def list_entries(session: Session, path: bytes) -> Entries:
    """Read a folder completely.

    Raises OSError if it cannot be read, is none, is gone, or if a link leads to it.
    """
    entries = Entries()
    # Sent together, so that looking for links costs no time; what is wrong with the way is the better reason.
    before, listed = await asyncio.gather(session.enter(path), session.scan(path, entries.take), return_exceptions=True)
    if isinstance(before, BaseException):
        raise before
    if listed is not None:
        raise listed
    found = await all_of(*(session.find(join(path, name)) for name in entries.untold))
    for name, attributes in zip(entries.untold, found, strict=True):
        if attributes is not None:
            entries.keep(name, attributes)
    after = await session.enter(path)
    # A folder that was removed while it was read seems to be an empty one, and another may have its name now.
    if not entries.rows and before.mtime != after.mtime:
        raise FileNotFoundError(errno.ENOENT, "changed while it was listed", path)
    return entries
