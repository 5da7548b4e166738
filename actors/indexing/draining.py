"""Brings what changed in the catalog into the generations that are written, until nothing is left.

It goes in turns. In the first of them every stale folder is compared, and all is done for which no file must be read:
names, and texts that are in the index already. Only at its end is removed what a folder further on might have taken
over, so what moved is not read again. In the second turn files are read for some seconds; then what changed meanwhile
comes first again. So a new name is found within seconds, however many files wait to be read.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.indexing.books import Books
from actors.indexing.updating import MOST_LEFT, Limit, Rest, Updater
from actors.run import Run
from actors.search_index import SearchIndex
from store.records import StaleFolder

READ_SECONDS = 5.0
_PAGE = 500
_MOST_PUT_OFF = 1_000_000


class Draining:
    """Drains the stale folders of one index into all generations that are written."""

    def __init__(self, run: Run, index: SearchIndex, updaters: Sequence[Updater], books: Books) -> None:
        self._run = run
        self._index = index
        self._updaters = updaters
        self._books = books
        self._waiting: dict[bytes, StaleFolder] = {}
        self._rests: list[dict[bytes, Rest]] = [{} for _ in updaters]
        self._cut: set[bytes] = set()

    def drain(self) -> None:
        """Go on until no folder is stale that any generation covers."""
        self._books.commit()
        while not self._look() or self._waiting:
            self._read()

    def _look(self) -> bool:
        """Compare what is stale and read nothing; says whether that was all that is stale."""
        done: list[StaleFolder] = []
        after: bytes | None = None
        is_all = False
        while not is_all and not self._is_full:
            page = self._index.stale(after=after, limit=_PAGE)
            after = page[-1].path if page else after
            is_all = len(page) < _PAGE or not self._is_covered(page[-1].path)
            news = [each for each in page if self._is_covered(each.path) and self._waiting.get(each.path) != each]
            self._update(news)
            for each in news:
                if any(each.path in rests for rests in self._rests):
                    self._waiting[each.path] = each
                else:
                    self._waiting.pop(each.path, None)
                    done.append(each)
            if self._books.is_due and not self._put_off:
                self._finish(done)
        for updater in self._updaters:
            updater.remove_put_off()
        self._finish(done)
        return is_all

    def _update(self, folders: Sequence[StaleFolder]) -> None:
        for updater, rests in zip(self._updaters, self._rests, strict=True):
            paths = [each.path for each in folders if updater.side.covers(each.path)]
            for path in paths:
                rests.pop(path, None)
            if paths:
                rests.update(updater.update(paths, puts_off=True))

    def _read(self) -> None:
        """Read files for some seconds."""
        limit = Limit(READ_SECONDS)
        for updater, rests in zip(self._updaters, self._rests, strict=True):
            if rests:
                before = set(rests)
                whole = set(updater.read(rests, limit))
                self._cut |= before - set(rests) - whole
        for path in [path for path in self._waiting if not any(path in rests for rests in self._rests)]:
            folder = self._waiting.pop(path)
            # One of which only a part was compared stays stale, and is compared again.
            if path not in self._cut:
                self._books.finish((folder,))
        self._cut &= self._waiting.keys()
        self._books.commit()

    def _finish(self, folders: list[StaleFolder]) -> None:
        self._books.finish(folders)
        self._books.commit()
        folders.clear()

    @property
    def _put_off(self) -> int:
        return sum(updater.put_off for updater in self._updaters)

    @property
    def _is_full(self) -> bool:
        waiting = sum(len(rest.wanted) for rests in self._rests for rest in rests.values())
        return waiting >= MOST_LEFT or self._put_off >= _MOST_PUT_OFF

    def _is_covered(self, path: bytes) -> bool:
        return any(updater.side.covers(path) for updater in self._updaters)
