"""From records to shapes: what the API says of what is in a bin, and which items a filter means."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import cast

from actors.datasources.globs import Selection
from console.api.bin_shapes import BinItemShape, Origin
from console.api.datasource_shaping import raw_of
from console.api.shapes import EntryKind
from rota.bins import BinRules
from rota.datasources import Rules
from rota.times import rfc3339
from store.queries import bin_items
from store.records import DatasourceRecord, RecycledRecord


class ShownBin:
    """The rules of a datasource's bin, as far as they tell of its items what the records do not."""

    def __init__(self, rules: BinRules) -> None:
        self.rules = rules
        self._holds = [(pattern, Selection(exclude=[pattern])) for pattern in rules.hold]

    @classmethod
    def of(cls, datasource: DatasourceRecord) -> ShownBin:
        """Return that of a datasource."""
        return cls(Rules.model_validate(datasource.rules).bin)

    def held_by(self, item: RecycledRecord) -> str | None:
        """Return the pattern of the rules that keeps an item, None if none does."""
        kept = (pattern for pattern, rest in self._holds if not rest.takes_whole(item.original_path, item.kind))
        return next(kept, None)

    def is_held(self, item: RecycledRecord) -> bool:
        """Tell whether somebody or a pattern keeps an item."""
        return item.hold is not None or self.held_by(item) is not None

    def due_at(self, item: RecycledRecord) -> int | None:
        """Return when its age lets an item go, in ms; None if it never does."""
        if self.is_held(item):
            return None
        if item.keep_until is not None:
            return item.keep_until
        keep = self.rules.part_of(text_of(item), item.deleted_by)[1].keep_ms
        return None if keep is None else item.deleted_at + keep

    def shape(self, item: RecycledRecord) -> BinItemShape:
        """Return what the API says of an item; a path that is not UTF-8 is shown with replacement characters."""
        path, due_at = item.original_path.decode("utf-8", "replace"), self.due_at(item)
        return BinItemShape(
            id=bin_items.item_of(item.bin_path),
            path=path,
            raw=raw_of(item.original_path),
            name=path.rpartition("/")[2],
            kind=cast("EntryKind", item.kind),  # the table's own check allows no other words
            size=item.bytes,
            items=item.items,
            deleted_at=rfc3339(item.deleted_at),
            deleted_by=item.deleted_by,
            bin=item.bin,
            origin=cast("Origin", item.origin),
            hold=item.hold,
            hold_pattern=self.held_by(item),
            keep_until=None if item.keep_until is None else rfc3339(item.keep_until),
            due_at=None if due_at is None else rfc3339(due_at),
            leaving=None if item.claimed_by is None else item.claimed_for,
            run=item.run,
        )


def text_of(item: RecycledRecord) -> str:
    """Return where an item was, as rules are asked about it."""
    return item.original_path.decode("utf-8", "surrogateescape")


def holding(text: str) -> Callable[[RecycledRecord], bool]:
    """Return what tells whether an item's path holds a text, whatever the case and however it is composed."""
    wanted = _folded(text)

    def holds(item: RecycledRecord) -> bool:
        return wanted in _folded(item.original_path.decode("utf-8", "replace"))

    return holds


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
