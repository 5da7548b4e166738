"""What differs in folders of which a scan told only the few rows that differ.

The catalog is asked for the rows of those names alone. All rows of a folder are read only where some of them are gone,
which have a print and no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from actors.catalog import BATCH, Catalog, Folder
from actors.datasources.prints import print_of
from actors.datasources.storage import Altered
from actors.syncing.difference import WIDTH, Difference, KnownRow, compare

_MOST_ROWS = 4 * BATCH


def differences(
    catalog: Catalog, altered: Sequence[Altered], known: Mapping[bytes, Folder]
) -> dict[bytes, Difference | None]:
    """Give what differs in each folder, by its path; None where the catalog's rows are not those that its prints tell.

    `known` has all of these folders.
    """
    named = catalog.rows_named([(known[each.path], [row.name for row in each.rows]) for each in altered])
    before = {each.path: rows_before(each, named[each.path]) for each in altered}
    with_gone = [each for each in altered if _is_short(before[each.path], each)]
    for some in _together(with_gone, known):
        whole = catalog.rows([known[each.path] for each in some])
        for each in some:
            rows = rows_before(each, whole[each.path])
            before[each.path] = None if _is_short(rows, each) else rows
    return {each.path: _difference(each, before[each.path]) for each in altered}


def rows_before(altered: Altered, known: Iterable[KnownRow]) -> list[KnownRow] | None:
    """Give those rows of the catalog that are not there any more as they were; pure.

    `known` are those of the altered names, or all of the folder. None if one of an altered name is not among those that
    the prints tell.
    """
    names = {row.name for row in altered.rows}
    before: list[KnownRow] = []
    for row in known:
        if print_of(row[:WIDTH]) in altered.missing:
            before.append(row)
        elif row[0] in names:
            return None
    return before


def _together(altered: Iterable[Altered], known: Mapping[bytes, Folder]) -> Iterator[list[Altered]]:
    """Give the folders in lists whose rows are read at once."""
    some: list[Altered] = []
    rows = 0
    for each in altered:
        some.append(each)
        rows += known[each.path].entries
        if rows >= _MOST_ROWS:
            yield some
            some, rows = [], 0
    yield some


def _is_short(before: Sequence[KnownRow] | None, altered: Altered) -> bool:
    """Say whether more rows are missing than these."""
    return before is not None and len(before) < len(altered.missing)


def _difference(altered: Altered, before: Sequence[KnownRow] | None) -> Difference | None:
    return None if before is None else compare(altered.path, altered.rows, before)
