"""What can be said of an item that nobody has recorded."""

from __future__ import annotations

from collections.abc import Callable

from actors.datasources.bins import BIN, Recycled, read_info
from actors.datasources.paths import join
from actors.datasources.storage import Row, Storage
from actors.datasources.trashinfo import TrashInfo
from actors.recycling.measuring import measure
from rota.bins import BinRules


def recycled_of(
    storage: Storage,
    folder: bytes,
    row: Row,
    *,
    rules: BinRules,
    now_ms: int,
    check: Callable[[], None],
    top: bytes = BIN,
) -> Recycled:
    """Give what can be said of an item, from the information beside it or else from what can be seen of it.

    Where nothing is known it counts as deleted at `now_ms`. It lies in `folder` of the bin, or of another `top`.
    """
    try:
        info = read_info(storage, folder)
    except OSError:
        info = None  # whatever is in its place is no information
    size = measure(storage, join(join(top, folder), row.name), row, check=check)
    known = info or TrashInfo(path=row.name, deleted_at=now_ms)
    return Recycled(
        join(folder, row.name),
        known.path,
        row.kind,
        size.entries,
        size.bytes,
        known.deleted_at,
        known.deleted_by,
        rules.bin_of(known.path.decode("utf-8", "surrogateescape"), known.deleted_by),
        keep_until=known.keep_until,
        run=known.run,
        origin="found" if info is None else "rebuilt",
    ).looking(row)
