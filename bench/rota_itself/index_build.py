"""Rota: how fast an index of small real documents is built, beside SQLite's FTS5.

Both stem English, keep what hits are shown with, and commit every 10,000 documents. FTS5 keeps no texts (contentless,
with deletion); Rota keeps them, for snippets and for files that move, and the words as they are written besides their
stems. Each is a process of its own (`python -m bench.rota_itself.index_build ENGINE FILE`), which reads the documents
first and then tells how long it took to the last commit, when all is found. What Rota still merges then, before the
writer is closed, is said beside.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.measurement import Measurement, median_of
from bench.rota_itself.documents import find_corpus, read_documents
from store.search.engine import Document, Shape
from store.search.tantivy.engine import TantivyEngine

FTS5 = "SQLite FTS5"
_ENTRIES_PER_TEXT = 20
_COMMIT = 10_000
_TABLES = """
CREATE VIRTUAL TABLE words USING fts5(
    name, text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TABLE kept (
    id INTEGER PRIMARY KEY, content INTEGER, folder BLOB, name BLOB, kind TEXT, size INTEGER, modified_ns INTEGER
);
"""


def measure_index_build(*, entries: int, rounds: int, what: str) -> list[Measurement]:
    """Build with both engines in turn, a document for every 20 entries; the median counts."""
    corpus = find_corpus(entries // _ENTRIES_PER_TEXT)
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as name:
        file = Path(name) / "paths"
        file.write_text(json.dumps(corpus.paths))
        passes = [[_measured(engine, file, corpus.note, what) for engine in _ENGINES] for _ in range(rounds)]
    return [median_of(column) for column in zip(*passes, strict=True)]


def _measured(engine: str, file: Path, note: str, what: str) -> Measurement:
    command = [sys.executable, "-m", "bench.rota_itself.index_build", engine, str(file)]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Measurement(
        what=what,
        name=engine,
        version=said["version"],
        per_second=said["documents"] / said["seconds"],
        note=(
            f"{note}; closed {said['closing']:.1f} s later; {said['cpu']:.1f} s of processors;"
            f" {said['bytes'] / 1e6:,.0f} MB"
        ),
    )


def _build_rota(documents: Sequence[Document], folder: Path) -> tuple[str, float]:
    engine = TantivyEngine(folder)
    writer = engine.writer("bench", 1, Shape(contents=True, language="english", extractors=""))
    for some in _batches(documents):
        writer.add(some)
        writer.commit()
    done = time.monotonic()
    writer.close()
    return version("rota"), done


def _build_fts5(documents: Sequence[Document], folder: Path) -> tuple[str, float]:
    import apsw

    folder.mkdir()
    database = apsw.Connection(str(folder / "index.db"))
    database.execute("PRAGMA journal_mode = wal; PRAGMA synchronous = normal")
    database.execute(_TABLES)
    for some in _batches(documents):
        with database:
            database.executemany(
                "INSERT INTO words (rowid, name, text) VALUES (?, ?, ?)",
                ((one.id, one.name.decode("utf-8", "replace"), one.text) for one in some),
            )
            database.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?)", (one[:7] for one in some))
    done = time.monotonic()
    database.close()
    return str(apsw.sqlitelibversion()), done


_ENGINES: dict[str, Callable[[Sequence[Document], Path], tuple[str, float]]] = {"rota": _build_rota, FTS5: _build_fts5}


def _batches(documents: Sequence[Document]) -> list[Sequence[Document]]:
    return [documents[first : first + _COMMIT] for first in range(0, len(documents), _COMMIT)]


def _main(engine: str, file: str) -> None:
    documents = read_documents(tuple(json.loads(Path(file).read_text())))
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as name:
        folder = Path(name) / "index"
        began, cpu = time.monotonic(), _cpu()
        built_by, done = _ENGINES[engine](documents, folder)
        told = {
            "version": built_by,
            "documents": len(documents),
            "seconds": done - began,
            "closing": time.monotonic() - done,
            "cpu": _cpu() - cpu,
            "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        }
    print(json.dumps(told))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    _main(*sys.argv[1:])
