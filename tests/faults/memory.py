"""Folders in memory, for tests that make and compare ten thousand files again and again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = "/dev/shm"  # noqa: S108 -- the one place that is in memory nearly everywhere


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Make a folder in memory where that is possible, and remove it afterwards."""
    folder = tempfile.mkdtemp(prefix="rota-faults-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder)
