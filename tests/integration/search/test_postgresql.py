"""What PostgreSQL alone has to bear: the limits of its text search, locks and lost connections, and its own schema."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from rota.errors import NotFound, PermanentError, StoreUnavailable, TemporaryError, TooBroad
from rota.search.query import Below, Either, Phrase, Word
from store.engine import Store
from store.schema import alembic_config
from store.search.engine import Document, Index, Shape
from store.search.postgresql.compared import MOST_FOUND
from store.search.postgresql.engine import PostgresqlEngine
from tests.searches.documents import SHAPE, document, every_hit, fill, ids, names, search
from tests.waiting import wait_until

_WRITES_AND_WAITS = """
import sys
from store.engine import Store
from store.search.postgresql.engine import PostgresqlEngine
from tests.searches.documents import SHAPE, document

writer = PostgresqlEngine(Store(sys.argv[1])).writer("alpha", 1, SHAPE)
writer.add([document("half.txt", "done")])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    with closing(Store(postgres_url)) as store:
        yield store


@pytest.fixture
def engine(store: Store) -> PostgresqlEngine:
    return PostgresqlEngine(store)


def _write(store: Store, statement: str) -> None:
    with store.writing() as conn:
        conn.execute(text(statement))


def test_another_database_is_refused(sqlite_url: str) -> None:
    with closing(Store(sqlite_url)) as store, pytest.raises(PermanentError, match="the database is sqlite"):
        PostgresqlEngine(store)


@pytest.mark.parametrize("language", ["none", "english"])
def test_a_text_of_too_many_words_is_found_by_the_first(engine: PostgresqlEngine, language: str) -> None:
    many = " ".join(f"{number}running" for number in range(90_000))
    index = fill(engine, [document("many.txt", f"first of all {many}", meta="title: something")], language=language)

    for found in (Phrase(("first", "of")), Word("80running"), Word("20000running"), Word("something")):
        assert names(engine, found, index) == ["many.txt"], found


def test_a_word_is_found_wherever_it_is_in_a_long_text(engine: PostgresqlEngine) -> None:
    index = fill(engine, [document("long.txt", "so it goes " * 80_000 + "and ends")])

    assert names(engine, Word("ends"), index) == ["long.txt"]
    assert names(engine, Phrase(("it", "goes")), index) == ["long.txt"]
    assert names(engine, Phrase(("goes", "it")), index) == []


def test_words_that_postgresql_would_take_apart_are_whole(engine: PostgresqlEngine) -> None:
    index = fill(engine, [document("hashes.txt", "of 1e5abc and 5e8f, one-two, a.b.com")])

    for word in ("1e5abc", "5e8f", "one", "com"):
        assert names(engine, Word(word), index) == ["hashes.txt"], word
    assert names(engine, Word("1e5a", is_prefix=True), index) == ["hashes.txt"]
    assert names(engine, Word("1e5"), index) == []


def test_frequent_words_are_found_in_a_language(engine: PostgresqlEngine) -> None:
    index = fill(engine, [document("a.txt", "to be or not to be"), document("b.txt", "be it")], language="english")

    assert names(engine, Word("not"), index) == ["a.txt"]
    assert names(engine, Phrase(("to", "be", "or")), index) == ["a.txt"]


def test_what_has_no_place_in_the_database_is_replaced(engine: PostgresqlEngine) -> None:
    odd = Document(7, 8, b"\xff\x00", b"a\x00b\xfe.txt", "file", 1, 1, "one\x00two \ud800 three", "x\x00: y")
    index = fill(engine, [odd])

    (hit,) = search(engine, Word("three"), index).hits

    assert hit.path == b"\xff\x00/a\x00b\xfe.txt"
    with closing(engine.writer("alpha", 1, SHAPE)) as writer:
        assert writer.texts([8])[8].text == "one two ? three"
        assert list(writer.folders()) == [b"\xff\x00"]


def test_folders_with_long_paths_are_told_apart(engine: PostgresqlEngine) -> None:
    folders = [b"x" * length + end for length in (511, 512, 513, 4000) for end in (b"", b"/a", b"/b")]
    made = [document(f"{number}.txt", folder=folder) for number, folder in enumerate(folders)]
    index = fill(engine, made)

    for folder in folders:
        below = {one.id for one in made if one.folder == folder or one.folder.startswith(folder + b"/")}
        assert ids(engine, Below(folder.decode()), index) == below
    with closing(engine.writer("alpha", 1, SHAPE)) as writer:
        assert sorted(writer.folders()) == sorted(folders)
        known = writer.known(folders)
        assert {folder: set(ids) for folder, ids in known.items()} == {one.folder: {one.id} for one in made}


def test_where_very_many_match_those_with_the_name_come_first(engine: PostgresqlEngine) -> None:
    common = [document(f"{number}.txt", "a report") for number in range(MOST_FOUND + 100)]
    index = fill(engine, [*common, document("report.pdf")])

    found = search(engine, Word("report"), index, limit=10, facets=True)

    assert found.hits[0].path == b"report.pdf"
    assert (found.is_more, found.is_exact) == (True, False)
    assert found.total == MOST_FOUND + 1
    assert sum(found.types.values()) == found.total
    turned = every_hit(engine, Word("report"), [index], limit=500)
    assert len({hit.id for hit in turned}) == len(turned) == found.total


def test_where_very_many_match_every_datasource_has_its_share(engine: PostgresqlEngine) -> None:
    common = [document(f"{number}.txt", "a report") for number in range(MOST_FOUND + 100)]
    many = fill(engine, common)
    few = fill(engine, [document("last.txt", "a report")], datasource="beta")

    found = search(engine, Word("report"), many, few, limit=10, facets=True)

    assert found.datasources["beta"] == 1


def test_a_search_ends_when_its_time_is_over(engine: PostgresqlEngine, store: Store) -> None:
    index = fill(engine, [document("a.txt", "word")])

    with store.writing() as conn:
        conn.execute(text("LOCK TABLE documents_1 IN ACCESS EXCLUSIVE MODE"))
        for root in (Word("word"), None):
            with pytest.raises(TooBroad, match=r"longer than 0\.2 s"):
                search(engine, root, index, seconds=0.2)

    assert names(engine, Word("word"), index) == ["a.txt"]


def test_a_search_of_very_many_words_is_no_error(engine: PostgresqlEngine) -> None:
    index = fill(engine, [document("a.txt", "word5")], language="english")

    assert names(engine, Either(tuple(Word(f"word{number}") for number in range(300))), index) == ["a.txt"]


def test_a_database_that_is_away_is_a_temporary_error(engine: PostgresqlEngine, store: Store) -> None:
    index = fill(engine, [document("a.txt")])
    away = PostgresqlEngine(Store("postgresql://rota@/rota?host=/nowhere"))

    with pytest.raises(StoreUnavailable):
        search(away, None, index)


def test_a_killed_writer_leaves_nothing_and_lets_others_write(engine: PostgresqlEngine, postgres_url: str) -> None:
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITES_AND_WAITS, postgres_url],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(TemporaryError, match="somebody else"):
            engine.writer("alpha", 1, SHAPE)
        process.kill()

    wait_until(lambda: _opens(engine), what="the lock is free")

    assert names(engine, None, Index("alpha", 1, SHAPE)) == []


def _opens(engine: PostgresqlEngine) -> bool:
    try:
        engine.writer("alpha", 1, SHAPE).close()
    except TemporaryError:
        return False
    return True


def test_a_writer_that_lost_its_connection_never_writes_again(engine: PostgresqlEngine, store: Store) -> None:
    index = fill(engine, [document("a.txt")])
    with closing(engine.writer("alpha", 1, SHAPE)) as writer:
        writer.add([document("b.txt")])
        _write(
            store,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND"
            " database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        for write in (writer.commit, writer.commit, lambda: writer.add([document("c.txt")])):
            with pytest.raises(StoreUnavailable):
                write()

    assert names(engine, None, index) == ["a.txt"]


def test_a_commit_into_a_dropped_generation_is_a_temporary_error(engine: PostgresqlEngine) -> None:
    fill(engine, [document("a.txt")])
    with closing(engine.writer("alpha", 1, SHAPE)) as writer:
        writer.add([document("b.txt")])
        engine.drop("alpha", 1)

        with pytest.raises(TemporaryError, match="dropped"):
            writer.commit()
        with pytest.raises(TemporaryError, match="dropped"):
            writer.known([b""])

    assert engine.generations("alpha") == []


def test_a_failed_commit_can_be_repeated(engine: PostgresqlEngine, store: Store) -> None:
    index = fill(engine, [])
    with closing(engine.writer("alpha", 1, SHAPE)) as writer:
        writer.add([document("a.txt")])
        with store.writing() as conn:
            conn.execute(text("LOCK TABLE documents_1 IN EXCLUSIVE MODE"))
            with pytest.raises(StoreUnavailable):
                writer.commit()
        writer.commit()

    assert names(engine, None, index) == ["a.txt"]


def test_searches_go_on_while_another_generation_is_built_and_dropped(engine: PostgresqlEngine) -> None:
    index = fill(engine, [document("a.txt", "word")])
    seen: list[list[str]] = []
    is_over = threading.Event()

    def keep_searching() -> None:
        while not is_over.is_set():
            seen.append(names(engine, Word("word"), index))

    searching = threading.Thread(target=keep_searching)
    searching.start()
    try:
        for generation in range(2, 6):
            fill(engine, [document(f"{n}.txt", "word") for n in range(200)], generation=generation)
            engine.drop("alpha", generation)
        wait_until(lambda: len(seen) > 5)
    finally:
        is_over.set()
        searching.join()

    assert all(found == ["a.txt"] for found in seen)
    with pytest.raises(NotFound):
        search(engine, None, Index("alpha", 2, SHAPE))


def test_the_tables_of_generations_go_with_the_schema(engine: PostgresqlEngine, store: Store) -> None:
    fill(engine, [document("a.txt")])
    engine.writer("beta", 1, Shape(True, "english", "x")).close()

    with store.writing() as conn:
        command.downgrade(alembic_config(conn), "0003")
        assert not [name for name in inspect(conn).get_table_names() if name.startswith("documents_")]
        left = "SELECT count(*) FROM pg_ts_dict WHERE dictname LIKE 'rota%'"
        assert conn.execute(text(left)).scalar() == 0
