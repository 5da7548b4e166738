"""What a worker and its reading processes tell each other: frames of msgpack on a socket.

The first frame to a reading process is a `Setup`, the others are lists of `Asked`; it answers with `Started`, and then
with one `Answer` for each file, in the order of asking. A file that is not in its frame comes as a descriptor, on a
second socket that carries nothing else, in the same order.
"""

from __future__ import annotations

import msgspec

from actors.extracting.extractor import Limits
from actors.extracting.outcomes import Reason

MOST_META = 100
"""Pairs of meta that are kept of a file."""
MOST_META_NAME = 64
MOST_META_VALUE = 1_000
MOST_MESSAGE = 500


class Setup(msgspec.Struct, array_like=True, frozen=True):
    """What all files have in common."""

    extractors: list[str]
    """As `module:attribute`; files name them by their place in this list."""
    limits: Limits
    readable: list[str]
    """Files and folders that modules and libraries are loaded from."""


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A file to read."""

    extractor: int
    content: bytes | None
    """None if it comes as a descriptor."""


class Started(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """The process is ready."""

    confinement: str
    """How it is confined, for people."""
    peak: int
    """What the kernel counts as the most memory that it had, as `getrusage` gives it: what its parent had counts."""


class Text(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """What a file gave."""

    text: str
    meta: list[tuple[str, str]]


class Nothing(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Why a file gave nothing."""

    reason: Reason
    message: str


Answer = Text | Nothing


def largest_answer(limits: Limits) -> int:
    """Give the bytes that an answer has at most; what announces more is not one of ours."""
    meta = MOST_META * (MOST_META_NAME + MOST_META_VALUE)
    # Four bytes for a character at most; the rest is what msgpack adds.
    return 4 * (limits.most_text + meta + MOST_MESSAGE) + 16 * MOST_META + 1024
