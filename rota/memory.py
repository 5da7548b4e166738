"""What a process does about its memory once everything is imported."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def settle() -> None:
    """Give back what the imports needed only for a moment; what is left stays, so the collector need not look at it."""
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # a C library without it keeps a few megabytes more
        ctypes.CDLL(None).malloc_trim(0)
