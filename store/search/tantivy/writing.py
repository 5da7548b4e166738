"""Writes one generation: additions and removals go to tantivy as they come, and count from the commit on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rota.errors import NotFound
from store.search.engine import Document, Texts
from store.search.tantivy.borders import translated
from store.search.tantivy.ranking import total_of
from store.search.tantivy.reading import Reader
from store.search.tantivy.schema import body_of, kept_of, key_of, path_of_text, tantivy_document

if TYPE_CHECKING:
    import tantivy

HEAP_BYTES = 96_000_000
"""Memory for documents that are not on the disk yet, all threads together; full, it goes there without a commit."""
THREADS = 2
"""Into an empty index, besides the one that adds. One is a third slower where two cores are free.

Into others one: what is brought in is little, and each thread makes a segment of it, to be written and merged.
"""
_AT_ONCE = 10_000
_FOLDERS_AT_ONCE = 20_000


class TantivyWriter:
    """The one writer of a generation; tantivy's own lock on the folder sees to that, and goes with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = Reader(folder)
        threads = 1 if self._reader.searcher().num_docs else THREADS
        self._writer: tantivy.IndexWriter | None = self._reader.writer(HEAP_BYTES, threads)

    def known(self, folders: Sequence[bytes]) -> Mapping[bytes, Mapping[int, int]]:
        """Give the ids of the committed documents that are in these folders themselves, with their contents."""
        by_key = {key_of(folder): folder for folder in folders}
        answer: dict[bytes, dict[int, int]] = {folder: {} for folder in folders}
        keys = iter(by_key)
        while batch := list(islice(keys, _AT_ONCE)):
            self._know(batch, by_key, answer)
        return answer

    def _know(self, keys: Sequence[int], by_key: Mapping[int, bytes], answer: Mapping[bytes, dict[int, int]]) -> None:
        import tantivy

        searcher = self._reader.searcher()
        with translated(self._folder):
            query = tantivy.Query.term_set_query(self._reader.schema, "folder", keys)
            total = total_of(searcher.search(query, 1))
            hits = searcher.search(query, max(1, total), count=False, order_by_field="id").hits
            addresses = [address for _, address in hits]
            contents = searcher.fast_field_values("content", addresses)
            places = searcher.fast_field_values("folder", addresses)
        for (number, _), content, key in zip(hits, contents, places, strict=True):
            answer[by_key[int(key or 0)]][number] = int(content or 0)

    def folders(self) -> Iterator[bytes]:
        """Give every folder that committed documents are in, once each; read bit by bit, of one commit."""
        import tantivy

        searcher = self._reader.searcher()
        everything = tantivy.Query.all_query()
        pages: dict[str, object] = {"size": _FOLDERS_AT_ONCE, "sources": [{"path": {"terms": {"field": "path"}}}]}
        while True:
            with translated(self._folder):
                page = searcher.aggregate(everything, {"folders": {"composite": pages}})["folders"]
            yield from (path_of_text(bucket["key"]["path"]) for bucket in page["buckets"])
            if (last := page.get("after_key")) is None:
                return
            pages["after"] = last

    def texts(self, contents: Sequence[int]) -> Mapping[int, Texts]:
        """Give what is stored of those of these contents that committed documents have."""
        searcher = self._reader.searcher()
        found: dict[int, Texts] = {}
        with translated(self._folder):
            # Most are new: one search for all of them says so.
            if not contents or not total_of(searcher.search(_of_contents(self._reader.schema, contents), 1)):
                return found
            for content in contents:
                for _, address in searcher.search(_of_contents(self._reader.schema, (content,)), 1, count=False).hits:
                    document = searcher.doc(address)
                    found[content] = Texts(body_of(document), kept_of(document).meta)
        return found

    def remove(self, ids: Iterable[int]) -> None:
        """Remove documents, of what was added before this."""
        import tantivy

        rest = iter(ids)
        while batch := list(islice(rest, _AT_ONCE)):
            with translated(self._folder):
                self._open().delete_documents_by_query(tantivy.Query.term_set_query(self._reader.schema, "id", batch))

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents."""
        for document in documents:
            made = tantivy_document(document, stemmed=self._reader.stemmed)
            with translated(self._folder):
                self._open().add_document(made)

    def commit(self) -> None:
        """Make all of it last, and let it be searched."""
        with translated(self._folder):
            self._open().commit()

    def close(self) -> None:
        """Let go of the index, and of what was not committed; waits for merges that have begun."""
        if (writer := self._writer) is None:
            return
        self._writer = None
        # Runs are often short: if none waited, small segments would pile up for ever.
        with contextlib.suppress(NotFound), translated(self._folder):
            writer.wait_merging_threads()

    def _open(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise ValueError("the writer is closed")
        return self._writer


def _of_contents(schema: tantivy.Schema, contents: Sequence[int]) -> tantivy.Query:
    import tantivy

    return tantivy.Query.term_set_query(schema, "content", contents)
