"""Leads the deletion of items for good: gives out tasks, follows what is left of each item, and tells its end.

An item is one task if it is small. Of a large one, folders are given out one by one as they are found, so that all who
dig have work whatever the shape of the tree. A folder of which parts were given out is visited again when they are
done. Nothing is remembered of what is gone, and of what waits about the siblings of what is under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from actors.datasources.abilities import Doomed, Ended
from actors.datasources.digging import Diggers
from actors.datasources.graves import (
    Answer,
    Clear,
    Cleared,
    Fate,
    Fill,
    Filled,
    Grave,
    Laid,
    Lay,
    Place,
    Remains,
    Task,
    parts_of,
)

_STEP_COSTS = 20  # opening a folder takes as long as deleting so many entries, or rather less
_MOST_TASKS = 256
_LOOK_SECONDS = 0.2  # between two calls of `check`; those who dig offer it more often
_FEED_SECONDS = 0.02  # a caller who hands out items more slowly gets each begun, and the ends of others told


class Burial:
    """The deletion of some items."""

    def __init__(self, items: Iterable[Doomed], diggers: Diggers, *, check: Callable[[], None]) -> None:
        """Prepare it; nothing is asked for yet."""
        self._items = iter(items)
        self._are_all_begun = False
        self._diggers = diggers
        self._check = check
        self._checked = 0.0
        self._numbers = 0
        self._asked: dict[int, tuple[_Open, list[_Node]]] = {}
        self._waiting: list[_Siblings] = []
        self._places = 0
        self._fills: list[Task] = []
        self._ended: list[Ended] = []
        self._lay_costs, self._clear_costs = _Average(), _Average()

    def run(self) -> Iterator[Ended]:
        """Tell the end of each item; the diggers are closed afterwards."""
        try:
            while True:
                self._look()
                self._ask()
                yield from self._taken()
                if not self._asked:
                    if self._are_all_begun:
                        return
                    continue
                for answer in self._diggers.told(self._look):
                    self._take(answer)
                    yield from self._taken()
        finally:
            self._diggers.close()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._checked >= _LOOK_SECONDS:
            self._checked = now
            self._check()

    def _taken(self) -> list[Ended]:
        ended, self._ended = self._ended, []
        return ended

    def _ask(self) -> None:
        """Give those who dig as much to do as they take, or as the caller hands out at once.

        Items that are begun come first.
        """
        until = time.monotonic() + _FEED_SECONDS
        while self._diggers.room > 0:
            tasks, self._fills = self._fills, []
            tasks = tasks or self._clears() or self._lays()
            if not tasks:
                return
            self._diggers.ask(tasks)
            if time.monotonic() > until:
                return

    def _lays(self) -> list[Task]:
        """Begin items: as many as fill a list, or those that the caller hands out at once."""
        tasks: list[Task] = []
        most = self._lay_costs.fitting(self._diggers.list_entries)
        until = time.monotonic() + _FEED_SECONDS
        while not self._are_all_begun and len(tasks) < most:
            item = next(self._items, None)
            if item is None:
                self._are_all_begun = True
                break
            try:
                folder, name = parts_of(item.bin_path)
            except ValueError as error:
                self._ended.append(Ended(item, Fate.FAILED, reason=str(error)))
            else:
                tasks.append(Lay(self._number(_Open(item), []), folder, name, item.row, item.bytes is None))
            if time.monotonic() > until:
                break
        return tasks

    def _clears(self) -> list[Task]:
        """Take places that wait, those of one item together."""
        if not self._places:
            return []
        most = self._clear_costs.fitting(self._diggers.list_entries)
        most = min(most, -(-self._places // self._diggers.room))
        tasks: list[Task] = []
        while self._waiting and most:
            siblings = self._waiting[-1]
            nodes = [_Node(siblings.parent, place) for place in siblings.places[-most:]]
            del siblings.places[-most:]
            if not siblings.places:
                self._waiting.pop()
            most -= len(nodes)
            tasks.append(self._clear(siblings.item, nodes))
        return tasks

    def _clear(self, item: _Open, nodes: list[_Node]) -> Task:
        self._places -= len(nodes)
        assert item.grave is not None
        return Clear(self._number(item, nodes), item.grave, [node.place for node in nodes])

    def _number(self, item: _Open, nodes: list[_Node]) -> int:
        self._numbers += 1
        self._asked[self._numbers] = (item, nodes)
        return self._numbers

    def _take(self, answer: Answer) -> None:
        item, nodes = self._asked.pop(answer.number)
        if isinstance(answer, Filled):
            if item.grave is None:
                self._lay_costs.add(answer.entries)
            reason = "; ".join(filter(None, [item.reason, answer.reason]))
            fate, known = Fate(answer.fate), item.doomed.bytes
            size = item.size + answer.size if known is None or fate is not Fate.GONE else known
            self._ended.append(Ended(item.doomed, fate, item.entries + answer.entries, size, reason))
        elif isinstance(answer, Laid):
            self._lay_costs.add(answer.remains.entries)
            item.grave = answer.grave
            self._settle(item, _Node(None, Place(b"")), answer.remains)
        elif isinstance(answer, Cleared):
            for node, remains in zip(nodes, answer.remains, strict=True):
                self._clear_costs.add(remains.entries)
                self._settle(item, node, remains)

    def _settle(self, item: _Open, node: _Node, remains: Remains) -> None:
        """Note what came of a place, and let wait what is left of it."""
        item.entries += remains.entries
        item.size += remains.size
        item.is_foreign |= remains.foreign
        item.reason = item.reason or remains.reason
        if remains.left:
            node.pending = len(remains.left)
            node.kept += remains.kept
            self._wait(item, node, remains.left[::-1])
        elif node.parent is None:
            self._fill(item, is_gone=remains.gone)
        else:
            self._leave(item, node, node.parent, remains)

    def _leave(self, item: _Open, node: _Node, parent: _Node, remains: Remains) -> None:
        """Go on with the folder above once all that was left of it is done."""
        if not remains.gone:
            parent.kept += remains.kept if node.place.names else [node.place.path]
        parent.pending -= 1
        if not parent.pending:
            self._wait(item, parent.parent, [Place(parent.place.path, kept=parent.kept)])

    def _wait(self, item: _Open, parent: _Node | None, places: list[Place]) -> None:
        self._waiting.append(_Siblings(item, parent, places))
        self._places += len(places)

    def _fill(self, item: _Open, *, is_gone: bool) -> None:
        assert item.grave is not None
        if is_gone or item.is_foreign:
            self._fills.append(Fill(self._number(item, []), item.grave, back=not is_gone))
        else:
            self._ended.append(Ended(item.doomed, Fate.FAILED, item.entries, item.size, item.reason))


class _Open:
    """An item that is begun."""

    __slots__ = ("doomed", "entries", "grave", "is_foreign", "reason", "size")

    def __init__(self, doomed: Doomed) -> None:
        self.doomed = doomed
        self.grave: Grave | None = None
        self.entries = self.size = 0
        self.is_foreign = False
        self.reason = ""


class _Node:
    """A place that was given out."""

    __slots__ = ("kept", "parent", "pending", "place")

    def __init__(self, parent: _Node | None, place: Place) -> None:
        self.parent = parent
        self.place = place
        self.pending = 0
        self.kept = list(place.kept)


class _Siblings(NamedTuple):
    """Places that wait, the next one last."""

    item: _Open
    parent: _Node | None
    places: list[Place]


class _Average:
    """What a task costs on average, in entries."""

    def __init__(self) -> None:
        self._sum, self._count = 0, 0

    def add(self, entries: int) -> None:
        self._sum += entries + _STEP_COSTS
        self._count += 1

    def fitting(self, entries: int) -> int:
        """Give how many tasks are worth so many entries; a few as long as nothing is known."""
        if not self._count:
            return max(1, entries // 1000)
        return max(1, min(entries * self._count // self._sum, _MOST_TASKS))
