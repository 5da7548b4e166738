"""Lists a whole local tree: the first folders in the calling process, the rest of a large tree in helper processes.

Work is given out by folder, not by branch, so a tree of any shape keeps all helpers busy. The caller looks folders up
in its catalog while the helpers list others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors.datasources.frontier import Frontier, Place
from actors.datasources.local.reading import Content
from actors.datasources.local.walkers import Walkers
from actors.datasources.packed import rows_of_chunks
from actors.datasources.scanning import told
from actors.datasources.storage import Altered, End, Found, Known, Listing, Lookup, Same, Unlisted

_FEW_FOLDERS = 32
_FEWER_FOLDERS = 8  # so many are listed here between two looks at whether the helpers have started
_MOST_FOLDERS = 128
_ASKED_ENTRIES = 4_000  # about 12 ms of work: small enough that the helpers come to an end together
_FOLDER_COSTS = 20  # opening a folder takes as long as looking at so many entries
_ALONE = 20_000  # a tenth of a second of work; starting helpers would take half as long


class LocalScan:
    """One scan of a local tree."""

    def __init__(
        self,
        paths: Sequence[bytes],
        known: Lookup,
        *,
        read: Callable[[bytes], Content | Unlisted],
        start: Callable[[], Walkers] | None,
        check: Callable[[], None],
    ) -> None:
        """Prepare it; `start` starts the helpers, None for a scan without any."""
        self._frontier = Frontier(paths)
        self._known = known
        self._read = read
        self._start = start
        self._check = check
        self._seen = 0  # entries, and folders as what they cost
        self._folders = 0

    def run(self) -> Iterator[Found]:
        """Tell what is found."""
        while not self._frontier.is_done and not self._is_large:
            yield from self._few(_FEW_FOLDERS)
        if self._frontier.is_done or self._start is None:
            return
        with self._start() as walkers:
            # Their start takes as long as listing ten thousand entries.
            while self._frontier.waiting and not walkers.have_started:
                yield from self._few(_FEWER_FOLDERS)
            while not self._frontier.is_done:
                self._ask(walkers)
                for place, found, folders in walkers.told(self._check):
                    yield from self._note(place, found, folders)

    @property
    def _is_large(self) -> bool:
        return self._start is not None and self._seen >= _ALONE and self._frontier.waiting > 1

    def _few(self, most: int) -> Iterator[Found]:
        """List some folders in this process; of large ones, one."""
        begin = self._seen
        places = self._frontier.take(most)
        known = self._known([place.path for place in places])
        for number, place in enumerate(places):
            content = self._read(place.path)
            if isinstance(content, Unlisted):
                yield from self._note(place, content, [])
            else:
                yield from self._note(place, _told(place.path, content, known.get(place.path)), content.folders)
            if self._seen - begin >= _ASKED_ENTRIES:
                self._frontier.put_back(places[number + 1 :])
                return

    def _ask(self, walkers: Walkers) -> None:
        """Give the helpers as much to do as they take, in equal lists."""
        room, waiting = walkers.room, self._frontier.waiting
        if not room or not waiting:
            return
        each = max(1, min(self._folders * _ASKED_ENTRIES // self._seen, _MOST_FOLDERS, -(-waiting // room)))
        places = self._frontier.take(each * room)
        known = self._known([place.path for place in places])
        for start in range(0, len(places), each):
            walkers.ask(places[start : start + each], known)

    def _note(self, place: Place, found: Listing | Altered | Same | Unlisted, folders: list[bytes]) -> Iterator[Found]:
        self._folders += 1
        self._seen += _FOLDER_COSTS
        if isinstance(found, Listing):
            self._seen += len(found.rows)
        elif isinstance(found, Altered | Same):
            self._seen += found.entries
        self._frontier.tell(place, folders)
        yield found
        for path in self._frontier.ended():
            yield End(path=path)


def listing_of(path: bytes, content: Content) -> Listing:
    """Give the listing of a folder that was read."""
    return Listing(path=path, token=content.token, rows=rows_of_chunks(content.chunks), special=content.special)


def _told(path: bytes, content: Content, before: Known | None) -> Listing | Altered | Same | Unlisted:
    if before is None or not content.is_known(before.token, before.digest):
        return told(listing_of(path, content), before)
    return Same(path=path, entries=content.entries, bytes=content.size, special=content.special)
