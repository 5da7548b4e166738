"""Whether what a search has found is still there, as its catalog and its storage say.

The catalog is asked first: the index is behind with an entry that it does not have. Only what it has is looked for in
the storage, and only where this process can open it: the roots of the workers' machines and their secrets need not be
here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from actors.datasources.opening import hurried, open_storage
from actors.datasources.rows import Kind, Row
from actors.datasources.storage import Storage
from actors.stored import datasource_of
from actors.syncing.difference import known_entry
from actors.transferring.sides import looks_same
from store.engine import Store
from store.queries import catalog, datasources, stale
from store.records import DatasourceRecord

MOST_SECONDS = 5.0
"""For the hits of one datasource on one page; what was not looked at by then is left."""

#: Lets go of the storages that do not answer without making the others wait for long.
_REQUEST_SECONDS = 3.0


class Known(NamedTuple):
    """What the catalog says of some paths of a datasource."""

    datasource: DatasourceRecord
    rows: Mapping[bytes, Row]
    """What it has of them."""
    surplus: Sequence[bytes]
    """Those that it does not have, and of which nobody knows yet that they are to be indexed again."""


def look_up(store: Store, name: str, paths: Sequence[bytes]) -> Known | None:
    """Ask the catalog about paths; None if the datasource is gone or switched off."""
    with store.reading() as conn:
        record = datasources.find(conn, name)
        if record is None or not record.enabled:
            return None
        found = {path: row for path in paths if (row := catalog.find_row(conn, name, path)) is not None}
        missing = [path for path in paths if path not in found]
        waiting = stale.among(conn, name, {folder_of(path) for path in missing})
    return Known(
        datasource=record,
        rows={path: known_entry(folder_of(path), row).row for path, row in found.items()},
        surplus=[path for path in missing if folder_of(path) not in waiting],
    )


def is_within_reach(record: DatasourceRecord) -> bool:
    """Tell whether this process may try to open the storage.

    A folder with a queue of its own is on some machines only. Without a marker nothing would prove that what lies here
    under the same path is the right one.
    """
    return record.kind != "local" or record.queue is None or record.marker is not None


def changed_in_storage(record: DatasourceRecord, rows: Mapping[bytes, Row]) -> list[bytes]:
    """Return the paths at which the storage has nothing, or something else than these rows.

    Raises OSError, PermanentError or TemporaryError if that cannot be found out.
    """
    deadline = time.monotonic() + MOST_SECONDS
    changed = []
    with closing(open_storage(hurried(datasource_of(record), seconds=_REQUEST_SECONDS))) as storage:
        storage.verify()
        for path, row in rows.items():
            if time.monotonic() > deadline:
                break
            if differs(row, _stat(storage, path), step_ns=storage.capabilities.step_ns):
                changed.append(path)
        # What was unmounted in between has lost nothing.
        storage.verify()
    return changed


def differs(known: Row, found: Row | None, *, step_ns: int) -> bool:
    """Tell whether an entry is gone or another one; what is in a folder, and when it changed, is not the question."""
    if found is None or found.kind != known.kind:
        return True
    return known.kind != Kind.FOLDER and not looks_same(known, found, step_ns=step_ns)


def folder_of(path: bytes) -> bytes:
    """Return the path of the folder that an entry is in."""
    return path.rpartition(b"/")[0]


def _stat(storage: Storage, path: bytes) -> Row | None:
    try:
        return storage.stat(path)
    except FileNotFoundError:
        return None
