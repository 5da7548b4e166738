"""Tells where a storage was changed, however the work ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from actors.run import Run
from actors.transferring.telling import ChangedFolders
from rota.errors import LeaseLost, RotaError


@contextmanager
def telling(run: Run, datasource: str, changed: ChangedFolders) -> Iterator[None]:
    """Emit `storage.changed` at the end of the block if anything was changed, unless the task is another's now."""

    def tell() -> None:
        if paths := changed.paths():
            run.emit("storage.changed", {"datasource": datasource, "paths": paths}, datasource)

    try:
        yield
    except LeaseLost:
        raise
    except Exception:
        # Whatever went wrong is worth more than an event that cannot be sent.
        with suppress(RotaError):
            tell()
        raise
    tell()
