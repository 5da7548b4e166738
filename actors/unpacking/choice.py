"""Which members are wanted: those that match a pattern, and what is in the folders that do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.datasources.globs import Selection
from actors.datasources.rows import Kind
from rota.errors import PermanentError

_MOST_RECENT = 4096
_MOST_NAMED = 5


class Choice:
    """The patterns that members are chosen by, and which of them chose any; for one thread."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [(pattern, Selection(include=[pattern])) for pattern in patterns]
        self._idle = set(patterns)
        self._folders: dict[bytes, bool] = {}
        self.is_any = bool(patterns)
        """Whether there is a pattern."""

    def takes(self, path: bytes, *, is_folder: bool) -> bool:
        """Say whether the member of a path is wanted; all are without a pattern."""
        if not self.is_any:
            return True
        # Every one is asked, so that each pattern is known to be of use that is.
        is_within = [self._takes_folder(folder) for folder in _folders_of(path)]
        return self._matches(path, is_folder=is_folder) or any(is_within)

    def refuse_idle(self) -> None:
        """Raise PermanentError with the patterns that matched nothing."""
        if self._idle:
            some = sorted(self._idle)
            more = f" and {len(some) - _MOST_NAMED:,} more" if len(some) > _MOST_NAMED else ""
            raise PermanentError(
                f"members: nothing in the archive matches {', '.join(map(repr, some[:_MOST_NAMED]))}{more}"
            )

    def _takes_folder(self, path: bytes) -> bool:
        known = self._folders.get(path)
        if known is None:
            known = self._matches(path, is_folder=True)
            if len(self._folders) >= _MOST_RECENT:
                self._folders.clear()
            self._folders[path] = known
        return known

    def _matches(self, path: bytes, *, is_folder: bool) -> bool:
        is_matched = False
        for pattern, selection in self._patterns:
            # `photos/` stands for what begins so.
            if selection.takes(path, Kind.FILE) or (is_folder and selection.takes(path + b"/", Kind.FILE)):
                self._idle.discard(pattern)
                is_matched = True
        return is_matched


def _folders_of(path: bytes) -> Iterator[bytes]:
    """Give the folders that a path lies in, the outermost first."""
    at = path.find(b"/")
    while at >= 0:
        yield path[:at]
        at = path.find(b"/", at + 1)
