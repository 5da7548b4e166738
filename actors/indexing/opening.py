"""Opens generations for writing; one that is gone or broken is told, so that it is built anew."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from actors.run import Run
from actors.search_index import SearchIndex
from rota.errors import PermanentError
from store.records import IndexRecord
from store.search.engine import Shape, Writer


def open_writer(run: Run, index: SearchIndex, generation: int, shape: Shape) -> Writer | None:
    """Open a generation for writing; None if it cannot be used any more. Raises TemporaryError as `writer` does."""
    try:
        return index.writer(generation, shape)
    except PermanentError as error:
        _tell(run, generation, str(error))
        return None


def is_lost(run: Run, index: SearchIndex, record: IndexRecord) -> bool:
    """Say whether the live generation had documents and is broken now, or without any: somebody removed its files."""
    if record.live is None or not record.documents:
        return False
    try:
        if index.statistics(record.live).documents:
            return False
        reason = "it has lost its documents"
    except PermanentError as error:
        reason = str(error)
    _tell(run, record.live, reason)
    return True


def _tell(run: Run, generation: int, reason: str) -> None:
    run.log.error(f"generation {generation} of the index is built anew: {reason}")
