"""The branches of a pass: the folders at the top of its scope, by which it tells how far it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.syncing.resume import Branch


class Branches:
    """Which folders are listed with everything below them, and which need no second visit."""

    def __init__(self, visited: Iterable[bytes], skipped: Iterable[bytes]) -> None:
        self._visited = {path: Branch(path) for path in visited}
        self._skipped = set(skipped)
        self._depths = sorted({_depth(path) for path in (*self._visited, *self._skipped)})

    @property
    def paths(self) -> Sequence[bytes]:
        """The branches to visit, sorted."""
        return sorted(self._visited)

    def of(self, path: bytes) -> Branch | None:
        """Give the visited branch that a folder is in."""
        for depth in self._depths:
            found = self._visited.get(_cut(path, depth))
            if found is not None:
                return found
        return None

    def skips(self, path: bytes) -> bool:
        """Say whether a folder is in a branch that is not visited."""
        return bool(self._skipped) and any(_cut(path, depth) in self._skipped for depth in self._depths)


def _depth(path: bytes) -> int:
    return path.count(b"/") + 1 if path else 0


def _cut(path: bytes, depth: int) -> bytes:
    return b"/".join(path.split(b"/", depth)[:depth])
