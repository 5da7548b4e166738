"""Limits that the kernel keeps for a reading process: memory, time on the processor, files."""

from __future__ import annotations

import contextlib
import math
import resource
import time

from actors.extracting.extractor import Limits

_FILES = 64
# Libraries reserve room that they never use, and map their own files; only what can be written to is limited tightly.
_RESERVED = 4


def limit_process(limits: Limits) -> None:
    """Limit this process for all that it reads; a limit that a system does not know is left out."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_DATA, limits.memory)
    _limit(resource.RLIMIT_AS, _RESERVED * limits.memory)


def limit_file(limits: Limits) -> None:
    """Let the next file have its time on the processor, and a little more: the clock is to tell first."""
    used = math.ceil(time.process_time())
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (used + math.ceil(limits.seconds) + 1, hard))


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (most, most))
