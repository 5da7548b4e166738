"""Looks through a selection once: what goes in, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors.compressing.order import Order
from actors.compressing.spool import Item
from actors.datasources.abilities import Linking
from actors.datasources.globs import Selection
from actors.datasources.paths import is_within, text_of
from actors.datasources.storage import Kind, Storage
from actors.threads import Threads
from actors.walking import Place, Walk
from rota.errors import PermanentError


class Survey:
    """Finds the entries of a selection, sorted by the bytes of their paths."""

    def __init__(
        self,
        storage: Storage,
        order: Order,
        threads: Threads | None,
        *,
        check: Callable[[], None],
        keeps_links: bool,
        owns: Callable[[bytes], bool],
    ) -> None:
        """Take the threads that list ahead, see `Walk`; `owns` says which paths are the archive's own."""
        self._storage = storage
        self._order = order
        self._threads = threads
        self._check = check
        self._links = storage if keeps_links and isinstance(storage, Linking) else None
        self._link_note = "a link, and its storage does not tell where it leads" if keeps_links else "a link"
        self._owns = owns
        self._waiting: list[Item] = []
        """Folders of which nobody knows yet whether anything in them is included."""

    def items(self, roots: Sequence[Place], *, after: bytes | None = None) -> Iterator[Item]:
        """Give all of them, or those behind a path in the order of a walk."""
        left_out: list[Item] = []

        def note(path: bytes, why: str) -> None:
            left_out.append(self._left_out(path, why))

        walk = Walk(
            self._storage,
            self._threads,
            skip=note,
            fail=lambda path, error: note(path, str(error.args[-1])),
            after=after,
        )
        for place in walk.entries(roots):
            self._check()
            yield from left_out
            left_out.clear()
            yield from self._taken(place)
        yield from left_out

    def _taken(self, place: Place) -> Iterator[Item]:
        path, row = place
        if self._owns(path):
            return
        if self._order.include is None:
            yield self._item(place)
            return
        self._waiting = [folder for folder in self._waiting if is_within(path, folder.path)]
        if row.kind == Kind.FOLDER:
            self._waiting.append(self._item(place))
        elif self._order.include.takes(path, row.kind):
            yield from self._waiting
            self._waiting.clear()
            yield self._item(place)

    def _item(self, place: Place) -> Item:
        path, row = place
        link = b""
        if row.kind == Kind.LINK:
            if self._links is None:
                return self._left_out(path, self._link_note)
            try:
                link = self._links.read_link(path)
            except OSError as error:
                return self._left_out(path, f"cannot be read: {error.strerror or error}")
        size = row.size if row.kind == Kind.FILE else 0
        return Item(self._order.name_of(path), row.kind, size, row.modified_ns, path, link)

    def _left_out(self, path: bytes, why: str) -> Item:
        return Item(self._order.name_of(path), "", 0, 0, path, b"", why)


def roots_of(storage: Storage, order: Order, rules: Selection) -> list[Place]:
    """Look at what was selected; raises PermanentError for what is not there, or is left out by the datasource."""
    roots = []
    for path in order.paths:
        row = storage.stat(path)
        if row is None:
            raise PermanentError(f"{text_of(path)!r} is not there")
        if not rules.takes_whole(path, row.kind):
            raise PermanentError(f"{text_of(path)!r} is left out by the patterns of the datasource")
        if order.exclude.takes_whole(path, row.kind):
            roots.append(Place(path, row))
    return roots
