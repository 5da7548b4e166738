"""What a writer was given and has not committed yet, in temporary tables of its connection.

So it takes no memory here, however much it is, and nothing is left of it when the process dies.
"""

# ruff: noqa: S608 -- these texts are put together from constants and the names of tables that are made of numbers
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from rota.search.types import extension_of, type_of
from store.bulk import driver_of
from store.search.engine import Document
from store.search.folding import words_of
from store.search.postgresql.generations import Generation
from store.search.postgresql.stems import Stems
from store.search.postgresql.vectors import vector_of

_COLUMNS = {
    "id": "bigint",
    "content": "bigint",
    "folder": "bytea",
    "name": "bytea",
    "kind": "text",
    "type": "text",
    "extension": "text",
    "size": "bigint",
    "modified_ns": "bigint",
    "text": "text",
    "meta": "text",
    "name_words": "tsvector",
    "text_words": "tsvector",
}
_NAMES = ", ".join(_COLUMNS)
_CREATE = f"""
CREATE TEMP TABLE staged ({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())});
ALTER TABLE staged ALTER text_words SET STORAGE EXTERNAL;
CREATE INDEX ON staged (id);
CREATE TEMP TABLE removed (id bigint)
"""

_MOST_DOCUMENTS = 1_000
_MOST_CHARACTERS = 1_000_000

_Row = tuple[Any, ...]


def create(conn: Connection) -> None:
    """Make the tables, once per connection."""
    conn.exec_driver_sql(_CREATE)


def portions(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Give as many documents at a time as take a few megabytes with their words."""
    portion: list[Document] = []
    characters = 0
    for document in documents:
        portion.append(document)
        characters += len(document.text) + len(document.meta)
        if len(portion) >= _MOST_DOCUMENTS or characters >= _MOST_CHARACTERS:
            yield portion
            portion, characters = [], 0
    if portion:
        yield portion


def add(conn: Connection, documents: Sequence[Document], stems: Stems, language: str) -> None:
    """Take documents."""
    texts = [(words_of(document.text), words_of(document.meta)) for document in documents]
    stem_of = stems.of(conn, language, {word for text in texts for words in text for word in words})
    # What a file says of itself comes first: there is room for it, however long the text is.
    copy = f"COPY staged ({_NAMES}) FROM STDIN"
    with driver_of(conn) as driver, driver.cursor() as cursor, cursor.copy(copy) as stream:
        for document, (text, meta) in zip(documents, texts, strict=True):
            stream.write_row(_row(document, vector_of(meta, text, stem_of=stem_of)))


def remove(conn: Connection, ids: Sequence[int]) -> None:
    """Take ids of documents that shall go, and forget those of them that were to come."""
    conn.exec_driver_sql("DELETE FROM staged WHERE id = ANY(%s)", (list(ids),))
    conn.exec_driver_sql("INSERT INTO removed SELECT unnest(%s::bigint[])", (list(ids),))


def apply(conn: Connection, generation: Generation) -> int:
    """Move everything into the table of a generation; gives how many more documents it has since."""
    gone = conn.exec_driver_sql(f"DELETE FROM {generation.table} AS d USING removed WHERE d.id = removed.id").rowcount
    come = conn.exec_driver_sql(
        f"INSERT INTO {generation.table} ({_NAMES}) SELECT {_NAMES} FROM staged"
        # Whoever adds again what is there said the same of it before.
        " ON CONFLICT (id) DO NOTHING"
    ).rowcount
    conn.exec_driver_sql("TRUNCATE staged, removed")
    # What is new waits beside an index until it is worth sorting in, and every search reads all of it there.
    for column in ("name_words", "text_words"):
        conn.exec_driver_sql("SELECT gin_clean_pending_list(%s)", (f"{generation.table}_{column}",))
    return come - gone


def _row(document: Document, text_words: str) -> _Row:
    name = document.name.decode("utf-8", "replace")
    return (
        document.id,
        document.content,
        document.folder,
        document.name,
        document.kind,
        type_of(name, document.kind),
        _storable(extension_of(name)),
        document.size,
        document.modified_ns,
        _storable(document.text),
        _storable(document.meta),
        vector_of(words_of(name)),
        text_words,
    )


def _storable(text: str) -> str:
    """Replace what PostgreSQL has no place for: NUL, and halves of characters."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", " ")
