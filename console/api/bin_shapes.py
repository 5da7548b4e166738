"""The shapes of answers about bins; see `console.api.shapes` for what holds for all of them."""

from __future__ import annotations

from typing import Literal

from console.api.shapes import EntryKind, Shape

Origin = Literal["deleted", "rebuilt", "found"]


class BinItemShape(Shape, frozen=True, kw_only=True):
    """A file, a link, or a folder with everything in it that was deleted into the bin.

    `path` is where it was, `raw` as that of an entry. `origin` is `deleted`, or `rebuilt` from what lies beside it, or
    `found` where nothing was known. `hold` is why somebody keeps it, `hold_pattern` the pattern of the rules that does.
    `due_at` is when the age rule takes it, null if never; `leaving` is `purge` or `restore` while it is on its way out.
    """

    id: str
    path: str
    raw: str | None
    name: str
    kind: EntryKind
    size: int
    items: int
    deleted_at: str
    deleted_by: str | None
    bin: str
    origin: Origin
    hold: str | None
    hold_pattern: str | None
    keep_until: str | None
    due_at: str | None
    leaving: str | None
    run: str | None


class HeldBackShape(Shape, frozen=True, kw_only=True):
    """What a purge would not take of one bin until somebody confirms it, because it is so much."""

    bin: str
    reason: str
    items: int
    bytes: int


class NextPurgeShape(Shape, frozen=True, kw_only=True):
    """What the next purge would take if the bin stayed as it is.

    `at` is when the job that purges all bins is due, null if it is not: then it is told as of now. `reasons` and `kept`
    count items by why they go and why they stay; `first` are those that go first, `held_back` is what would be asked
    about before.
    """

    at: str | None
    items: int
    bytes: int
    reasons: dict[str, int]
    kept: dict[str, int]
    first: list[BinItemShape]
    held_back: list[HeldBackShape]
