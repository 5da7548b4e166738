"""Indexes for the tests of the console, in the real engine that its settings name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from store.queries import indexes
from store.search.engine import Document, Shape
from store.search.opening import open_engine
from tests.integration.console.serving import Console
from tests.integration.console.sources import MODIFIED_NS, add_source

SHAPE = Shape(contents=True, language="none", extractors="test")


def index(console: Console, name: str, files: Mapping[bytes, str], *, kinds: Mapping[bytes, str] | None = None) -> int:
    """Add a datasource if need be, and let these files be searched: text by path. Gives the generation."""
    documents = [
        _document(number, path, kind=(kinds or {}).get(path, "file"), size=1000 * number, text=text)
        for number, (path, text) in enumerate(files.items(), start=1)
    ]
    return _write(console, name, documents)


def index_documents(console: Console, name: str, files: Iterable[tuple[bytes, int, int, str]]) -> int:
    """Let files be searched of which path, size, time in ns and text are given."""
    documents = [
        _document(number, path, size=size, modified_ns=modified_ns, text=text)
        for number, (path, size, modified_ns, text) in enumerate(files, start=1)
    ]
    return _write(console, name, documents)


def _write(console: Console, name: str, documents: Iterable[Document]) -> int:
    with console.parts.store.reading() as conn:
        known = indexes.find(conn, name)
    if known is None:
        add_source(console, name)
    with console.parts.store.writing() as conn:
        generation = indexes.begin(conn, name, SHAPE)
    engine = open_engine(console.parts.settings.search_place, console.parts.store)
    writer = engine.writer(name, generation, SHAPE)
    try:
        writer.add(documents)
        writer.commit()
    finally:
        writer.close()
        engine.close()
    with console.parts.store.writing() as conn:
        indexes.go_live(conn, name, generation)
    return generation


def _document(
    number: int, path: bytes, *, kind: str = "file", size: int, modified_ns: int = MODIFIED_NS, text: str
) -> Document:
    folder, _, last = path.rpartition(b"/")
    return Document(
        id=number,
        content=number if text else 0,
        folder=folder,
        name=last,
        kind=kind,
        size=size,
        modified_ns=modified_ns,
        text=text,
        meta="title: A title" if text else "",
    )
