"""Keeps the list of files that gave no text true: tries them again, and takes out what is on it no more rightly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.datasources.paths import split
from actors.indexing.side import Side
from actors.indexing.updating import Limit, Updater
from actors.search_index import SearchIndex, Unread
from store.batches import batches

_AT_ONCE = 100


def prune(index: SearchIndex, side: Side) -> int:
    """Forget files that are gone, and those whose text is in the index; gives how many are left.

    A crash between a commit and the note of it leaves such ones behind.
    """
    left = 0
    for some in batches(index.unread(), _AT_ONCE):
        gone = list(_needless(some, side))
        if gone:
            index.settle_unread((), gone)
        left += len(some) - len(gone)
    return left


def retry(index: SearchIndex, updater: Updater) -> Iterator[None]:
    """Read the files that gave no text once more; gives control back between them, after which all is committed."""
    for some in batches(index.unread(), _AT_ONCE):
        folders = sorted({split(each.path)[0] for each in some})
        rests = updater.update(folders, again={each.document for each in some})
        if rests:
            updater.read(rests, Limit(float("inf")))
        yield


def _needless(notes: Sequence[Unread], side: Side) -> Iterator[int]:
    folders = {each.document: split(each.path)[0] for each in notes}
    known = side.known(sorted(set(folders.values())))
    contents = {document: known[folder].get(document) for document, folder in folders.items()}
    texts = side.texts([content for content in contents.values() if content])
    for document, content in contents.items():
        if not side.shape.contents or content is None or content in texts:
            yield document
