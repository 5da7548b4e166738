"""What a sync is about: which parts of a datasource, how closely, and what it may do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.datasources.paths import outermost, split
from rota.datasources import Rules

MOST_PATHS = 1_000
"""More parts than these are widened to the folders that they are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a pass is about."""

    datasource: str
    paths: tuple[bytes, ...] = (b"",)
    """Sorted, none below another one; the empty path for everything."""
    rules: Rules = field(default_factory=Rules)
    hash: bool = False
    allow_deletions: bool = False
    confirmed_deletions: int = 0
    """So many deletions a person has confirmed."""

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole datasource."""
        return self.paths == (b"",)

    @property
    def top(self) -> bytes:
        """The folder or file that has all of it."""
        return common_parent(self.paths)


def collapse(paths: Iterable[bytes], *, most: int = MOST_PATHS) -> tuple[bytes, ...]:
    """Drop paths that are below others; if too many are left, take the folders that they are in instead."""
    left = _outermost(paths)
    while len(left) > most:
        # The deepest first: so the least is added to what was asked for.
        depth = max(path.count(b"/") for path in left)
        left = _outermost(split(path)[0] if path.count(b"/") == depth else path for path in left)
    return left


def common_parent(paths: Iterable[bytes]) -> bytes:
    """Give the deepest path that is, or is above, all of these."""
    split_up = [path.split(b"/") if path else [] for path in paths]
    shared: list[bytes] = []
    for parts in zip(*split_up, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return b"/".join(shared)


def _outermost(paths: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted(outermost(paths)))
