"""Indexes that are open for searching: a few are kept, and each is read anew once something was committed to it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from rota.errors import NotFound
from store.search.tantivy.borders import translated
from store.search.tantivy.places import Stamp, shape_of, stamp_of
from store.search.tantivy.schema import register_analyzers

if TYPE_CHECKING:
    import tantivy

MOST_OPEN = 64
"""Indexes kept open; each maps some hundred files into memory, and holds none of them open."""


class Reader:
    """One index, open for searching. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._open(stamp_of(folder))

    def _open(self, stamp: Stamp) -> None:
        import tantivy

        self.language = shape_of(self.folder).language
        with translated(self.folder):
            self._index = tantivy.Index.open(str(self.folder))
            # Otherwise a thread of each index looks for commits twice a second; we look when somebody searches.
            self._index.config_reader("manual")
            self.stemmer = register_analyzers(self._index, self.language)
            self.schema = self._index.schema
            self._index.reload()
        self._stamp = stamp

    @property
    def stemmed(self) -> bool:
        """Whether texts are stemmed."""
        return self.language != "none"

    def searcher(self) -> tantivy.Searcher:
        """Give a view of the newest commit, which stays as it is; NotFound if the index was dropped."""
        stamp = stamp_of(self.folder)
        with self._lock, translated(self.folder):
            if stamp.folder != self._stamp.folder:
                # It was dropped and made again, perhaps for another language.
                self._open(stamp)
            elif stamp != self._stamp:
                self._index.reload()
                self._stamp = stamp
            return self._index.searcher()

    def writer(self, heap_bytes: int, threads: int) -> tantivy.IndexWriter:
        """Give what writes to the index; TemporaryError while another one does."""
        with translated(self.folder):
            return self._index.writer(heap_bytes, threads)


class Readers:
    """The readers of a process, those used last. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, Reader] = OrderedDict()

    def of(self, folder: Path) -> tuple[Reader, tantivy.Searcher]:
        """Give the reader of an index and a view of its newest commit; NotFound if there is none."""
        with self._lock:
            reader = self._open.get(folder)
        try:
            if reader is None:
                reader = Reader(folder)
            searcher = reader.searcher()
        except NotFound:
            with self._lock:
                self._open.pop(folder, None)
            raise
        self._keep(folder, reader)
        return reader, searcher

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            self._open.clear()

    def _keep(self, folder: Path, reader: Reader) -> None:
        with self._lock:
            self._open[folder] = reader
            self._open.move_to_end(folder)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
