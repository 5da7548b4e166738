"""Where tantivy's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rota.errors import NotFound, PermanentError, TemporaryError

_BUSY = "LockBusy"
_NO_SPACE = ("StorageFull", "No space left")
_NOT_ALLOWED = ("Permission denied", "Read-only file system")
# How Rust writes what the operating system refused, such as one file more: the index is not to blame.
_REFUSED = ("Os { code", "os error")


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Raise our errors instead of tantivy's, about the index in a folder.

    NotFound if the folder is gone, TemporaryError while another process writes there, the disk is full or the system
    refuses something, and PermanentError if what is there cannot be read.
    """
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        raise _ours(error, folder) from error
    except BaseException as error:
        # What stops inside tantivy comes as an exception that no `except Exception` sees.
        if type(error).__name__ != "PanicException":
            raise
        raise _ours(error, folder) from error


def _ours(error: BaseException, folder: Path) -> NotFound | TemporaryError | PermanentError:
    said = str(error)
    if _BUSY in said:
        return TemporaryError(f"another process writes to the index {folder}", delay_ms=5000)
    if any(words in said for words in _NO_SPACE):
        return TemporaryError(f"no space is left for the index {folder}; make room, or move search_dir")
    if not folder.exists():
        return NotFound(f"there is no index {folder} any more")
    if any(words in said for words in _NOT_ALLOWED):
        return PermanentError(f"the index {folder} belongs to somebody else: {said[:300]}; let Rota's user write there")
    if any(words in said for words in _REFUSED):
        return TemporaryError(f"the index {folder} cannot be used now: {said[:300]}")
    return broken(folder, said)


def broken(folder: Path, why: str) -> PermanentError:
    """Say that an index cannot be used, and what to do."""
    return PermanentError(
        f"the index {folder} cannot be used: {why[:300]}; remove this folder, and index the datasource anew"
    )
