"""What a scan has told of branches that are not complete, so that it can go on where it broke. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from actors.datasources.paths import split


class Told:
    """The folders that were told, by the path asked for that they belong to; of a bounded number."""

    def __init__(self, paths: Sequence[bytes], *, most: int) -> None:
        """Remember up to `most` folders below these paths, which do not contain each other."""
        self._most = most
        self._branches: dict[bytes, set[bytes]] = {path: set() for path in paths}
        self._forgetful: set[bytes] = set()
        self._size = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that was told of the branches that are left is remembered."""
        return not self._forgetful

    def add(self, path: bytes) -> bool:
        """Note a folder; false if it was told before."""
        branch = self._branch_of(path)
        told = self._branches[branch]
        if path in told:
            return False
        if self._size < self._most:
            told.add(path)
            self._size += 1
        else:
            self._forgetful.add(branch)
        return True

    def end(self, branch: bytes) -> None:
        """Forget a branch that is complete."""
        self._size -= len(self._branches.pop(branch))
        self._forgetful.discard(branch)

    def _branch_of(self, path: bytes) -> bytes:
        branch = path
        while branch not in self._branches:
            if not branch:
                raise ValueError(f"{path!r} is below none of the paths that are scanned")
            branch = split(branch)[0]
        return branch
