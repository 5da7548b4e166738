"""The end of a sync: what was put aside is paired into moves, guarded, looked at again, and written.

Order matters, because a crash may come between any two transactions and the next sync must find what is left: first
what arrives, then what goes, children before the folder that leads to them, and the digests of the folders
concerned last. Until its digest is written, a folder is compared again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from actors.catalog import FolderState
from actors.datasources.guards import doubt_about_deletions
from actors.datasources.paths import split, text_of
from actors.datasources.storage import Kind
from actors.syncing.aside import Aside, entry_of
from actors.syncing.difference import Change
from actors.syncing.scope import Scope
from actors.syncing.second_look import SecondLook
from actors.syncing.writer import Writer

_EXAMPLES = 20


class Doubt(NamedTuple):
    """Deletions that are held back until somebody confirms them."""

    path: str
    reason: str
    deleted: int
    known: int
    examples: list[str]

    def said(self) -> dict[str, Any]:
        """Give it as it is remembered."""
        return self._asdict()


def settle(
    aside: Aside, second_look: SecondLook, writer: Writer, scope: Scope, *, known: int, root_is_empty: bool
) -> Doubt | None:
    """Write all that waits; give the doubt that keeps deletions back, if there is one.

    `known` is how many entries the whole datasource had.
    """
    aside.pair_moves()
    doubt = _doubt(aside, scope, known=known, root_is_empty=root_is_empty)
    if doubt:
        aside.part_folders()
    second_look.look(only_moved=doubt is not None)
    for item in aside.arriving():
        if isinstance(item, Change):
            writer.move(item)
        else:
            writer.create(item)
    if doubt is None:
        _let_go(aside, writer)
    writer.flush()
    return doubt


def _let_go(aside: Aside, writer: Writer) -> None:
    for item in aside.leaving():
        if not isinstance(item, Change):
            writer.delete(item)
        elif item.new.row.kind == Kind.FOLDER:
            writer.move(item)
        else:
            writer.update(item)
    for path in aside.orphans():
        writer.close_folder(path)
    for state in aside.states():
        writer.complete(FolderState(*state))


def _doubt(aside: Aside, scope: Scope, *, known: int, root_is_empty: bool) -> Doubt | None:
    deleted = aside.count_deleted()
    if scope.allow_deletions:
        return None
    reason = doubt_about_deletions(
        deleted=deleted,
        known=known,
        root_is_empty=root_is_empty,
        most_share=scope.rules.max_deleted,
        confirmed=scope.confirmed_deletions,
    )
    if reason is None:
        return None
    examples = [text_of(entry_of(flat).path) for flat in aside.deleted(_EXAMPLES)]
    return Doubt(path=text_of(_utf8_top(scope.top)), reason=reason, deleted=deleted, known=known, examples=examples)


def _utf8_top(path: bytes) -> bytes:
    """Give the path, or the one above it that has a text which leads back to it."""
    while path and text_of(path).encode() != path:
        path = split(path)[0]
    return path
