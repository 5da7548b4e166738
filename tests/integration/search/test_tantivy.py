"""What only the embedded engine has to fear: processes that are killed, foreign folders, many open files."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rota.errors import NotFound, PermanentError, TemporaryError, TooBroad
from rota.search.query import Either, Node, Query, Word
from store.search.engine import Index, Position
from store.search.tantivy import ranking
from store.search.tantivy.borders import translated
from store.search.tantivy.engine import TantivyEngine
from store.search.tantivy.reading import MOST_OPEN
from store.search.tantivy.translating import MOST_EXPANDED, check_breadth
from tests.integration.search.tantivy_process import IN_ROUND
from tests.searches.documents import SHAPE, document, fill, ids, names, search

ALPHA = Index("alpha", 1, SHAPE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search"


def writing(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.integration.search.tantivy_process", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_a_killed_writer_leaves_a_committed_state(folder: Path) -> None:
    chance, told = random.Random(5), 0
    for _ in range(20):
        with writing(folder) as process:
            assert process.stdout is not None
            told = int(process.stdout.readline())
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
            rest = process.stdout.read().split()
        told = int(rest[-1]) if rest and rest[-1].isdigit() else told

        engine = TantivyEngine(folder)
        found = ids(engine, None, ALPHA)
        [number] = {one // IN_ROUND for one in found}
        assert number >= told
        assert found == set(range(number * IN_ROUND, (number + 1) * IN_ROUND))
        assert ids(engine, Word(f"round{number}"), ALPHA) == found
        engine.close()


def test_a_writer_in_another_process_is_waited_for(folder: Path) -> None:
    with writing(folder) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(TemporaryError, match="another process"):
            TantivyEngine(folder).writer("alpha", 1, SHAPE)
        assert len(ids(TantivyEngine(folder), None, ALPHA)) == IN_ROUND
        process.kill()
    TantivyEngine(folder).writer("alpha", 1, SHAPE).close()


@pytest.mark.parametrize("spoilt", ["rota.json", "meta.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_spoilt_index_is_told_with_what_to_do(folder: Path, spoilt: str, content: bytes | None) -> None:
    fill(TantivyEngine(folder), [document()])
    file = folder / "alpha" / "1" / spoilt
    file.unlink() if content is None else file.write_bytes(content)

    for use in (
        lambda: TantivyEngine(folder).writer("alpha", 1, SHAPE),
        lambda: search(TantivyEngine(folder), Word("x"), ALPHA),
    ):
        with pytest.raises(PermanentError, match="remove this folder, and index the datasource anew"):
            use()
    TantivyEngine(folder).drop("alpha", 1)
    fill(TantivyEngine(folder), [document("again.txt")])
    assert names(TantivyEngine(folder), None, ALPHA) == ["again.txt"]


def test_spoilt_segments_never_stop_the_process(folder: Path) -> None:
    fill(TantivyEngine(folder), [document(f"{number}.txt", "word " * number) for number in range(50)])
    files = [file for file in (folder / "alpha" / "1").iterdir() if len(file.stem) == 32]
    assert len(files) > 3
    for file in files:
        whole = file.read_bytes()
        for spoilt in (b"", whole[: len(whole) // 2], bytes(len(whole))):
            file.write_bytes(spoilt)
            with contextlib.suppress(PermanentError):
                search(TantivyEngine(folder), Word("word"), ALPHA, facets=True)
        file.write_bytes(whole)


def test_a_foreign_folder_is_no_index(folder: Path) -> None:
    (folder / "alpha" / "1").mkdir(parents=True)
    (folder / "alpha" / "1" / "letter.txt").write_text("mine")
    (folder / "alpha" / "notes").mkdir()
    (folder / "file").write_text("mine")

    with pytest.raises(PermanentError):
        TantivyEngine(folder).writer("alpha", 1, SHAPE)
    assert TantivyEngine(folder).generations("alpha") == [1]
    assert TantivyEngine(folder).datasources() == ["alpha"]


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a\0"])
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(PermanentError, match="no name of a datasource"):
        TantivyEngine(folder).writer(name, 1, SHAPE)


def test_where_nothing_can_be_made_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "search").write_text("a file")

    with pytest.raises(PermanentError, match="check search_dir"):
        TantivyEngine(tmp_path / "search").writer("alpha", 1, SHAPE)


def test_what_a_killed_process_left_aside_is_removed_with_the_next_generation(folder: Path) -> None:
    fill(TantivyEngine(folder), [document()])
    for left in (".dropped-1", ".made-1"):
        (folder / "alpha" / left).mkdir()
        (folder / "alpha" / left / "file").write_text("left")
        os.utime(folder / "alpha" / left, (0, 0))
    fill(TantivyEngine(folder), [document()], generation=2)
    TantivyEngine(folder).drop("alpha", 1)

    assert sorted(file.name for file in (folder / "alpha").iterdir()) == ["2"]


def test_many_indexes_are_searched_at_once_with_few_open(folder: Path) -> None:
    engine = TantivyEngine(folder)
    indexes = [fill(engine, [document("x.txt")], datasource=f"d{number}") for number in range(MOST_OPEN + 10)]
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(2):
        found = search(engine, Word("x"), *indexes, limit=1000)
        assert found.total == len({hit.datasource for hit in found.hits}) == MOST_OPEN + 10
    assert len(os.listdir("/proc/self/fd")) <= before + 5
    engine.close()


def test_small_commits_are_merged(folder: Path) -> None:
    engine = TantivyEngine(folder)
    for number in range(40):
        fill(engine, [document(f"{number}.txt")])

    assert len({file.stem for file in (folder / "alpha" / "1").glob("*.idx")}) < 30
    assert len(ids(engine, None, ALPHA)) == 40


def test_an_index_of_another_form_is_built_anew(folder: Path) -> None:
    fill(TantivyEngine(folder), [])
    said = folder / "alpha" / "1" / "rota.json"
    said.write_bytes(said.read_bytes().replace(b'"form":1', b'"form":0'))

    with pytest.raises(PermanentError, match="form 0"):
        TantivyEngine(folder).writer("alpha", 1, SHAPE)


def test_without_a_folder_there_is_nothing(folder: Path) -> None:
    engine = TantivyEngine(folder)
    assert (list(engine.datasources()), list(engine.generations("alpha"))) == ([], [])
    with pytest.raises(NotFound):
        search(engine, None, ALPHA)


def test_many_short_beginnings_are_too_broad_for_many_documents() -> None:
    root = Either(tuple(Word(letter, is_prefix=True) for letter in "abcdefgh"))

    check_breadth(Query("", root), MOST_EXPANDED // 8)
    with pytest.raises(TooBroad, match="8 beginnings"):
        check_breadth(Query("", root), MOST_EXPANDED // 8 + 1)


@pytest.mark.parametrize("root", [None, Word("x")])
def test_a_search_without_time_is_too_broad(folder: Path, root: Node | None) -> None:
    engine = TantivyEngine(folder)
    index = fill(engine, [document("x.txt")])

    with pytest.raises(TooBroad, match="too long"):
        search(engine, root, index, seconds=-1.0)


@pytest.mark.parametrize(
    ("said", "ours", "told"),
    [
        ('Os { code: 24, kind: Uncategorized, message: "Too many open files" }', TemporaryError, "cannot be used now"),
        ('Os { code: 28, kind: StorageFull, message: "No space left on device" }', TemporaryError, "no space is left"),
        ('Os { code: 13, kind: PermissionDenied, message: "Permission denied" }', PermanentError, "let Rota's user"),
        ("Data corrupted", PermanentError, "remove this folder"),
    ],
)
def test_an_error_says_what_to_do(tmp_path: Path, said: str, ours: type[Exception], told: str) -> None:
    with pytest.raises(ours, match=told), translated(tmp_path):
        raise ValueError(said)


def test_pages_end_where_nobody_turns_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "MOST_DEEP", 700)
    engine = TantivyEngine(folder)
    index = fill(engine, [document(f"report {number}.txt") for number in range(1_500)])
    page = search(engine, Word("report"), index)
    for _ in range(3):
        page = search(engine, Word("report"), index, after=page.hits[-1].position)
    assert len(page.hits) == 100

    with pytest.raises(TooBroad, match="pages end after some 700 hits"):
        search(engine, Word("report"), index, limit=20, after=Position(0.0, "alpha", 1))
    engine.close()
