"""What writers of every engine promise."""

from __future__ import annotations

import threading

import pytest

from rota.errors import NotFound, PermanentError, TemporaryError
from rota.search.query import Below, Word
from store.search.engine import MOST_TEXT, Engine, Index, Shape, Statistics, Texts
from tests.searches.documents import SHAPE, document, fill, ids, names, search
from tests.searches.engines import Opener

ALPHA = Index("alpha", 1, SHAPE)


def test_nothing_is_found_before_the_commit_and_all_of_it_after(engine: Engine) -> None:
    writer = engine.writer("alpha", 1, SHAPE)
    writer.add(document(f"{number}.txt") for number in range(50))
    assert ids(engine, None, ALPHA) == set()
    assert writer.known([b""]) == {b"": {}}

    writer.commit()

    assert len(ids(engine, None, ALPHA)) == len(writer.known([b""])[b""]) == 50
    writer.close()


def test_what_was_not_committed_is_lost_with_the_writer(engine: Engine) -> None:
    kept, removed, added = document("kept.txt"), document("removed.txt"), document("added.txt")
    fill(engine, [kept, removed])
    writer = engine.writer("alpha", 1, SHAPE)
    writer.remove([removed.id])
    writer.add([added])
    writer.close()
    writer.close()

    assert ids(engine, None, ALPHA) == {kept.id, removed.id}
    other = engine.writer("alpha", 1, SHAPE)
    other.commit()
    assert set(other.known([b""])[b""]) == {kept.id, removed.id}
    other.close()


def test_another_process_finds_a_commit(opener: Opener) -> None:
    writing, searching = opener(), opener()
    writer = writing.writer("alpha", 1, SHAPE)
    for number in range(3):
        writer.add([document(f"{number}.txt")])
        writer.commit()
        assert len(ids(searching, None, ALPHA)) == number + 1
    writer.close()


def test_removing_applies_to_what_was_added_before_and_not_after(engine: Engine) -> None:
    one = document("before.txt")
    fill(engine, [one])
    writer = engine.writer("alpha", 1, SHAPE)
    writer.remove([one.id])
    writer.add([one._replace(name=b"after.txt")])
    two = document("never.txt")
    writer.add([two])
    writer.remove([two.id, 2**62])
    writer.commit()

    assert names(engine, None, ALPHA) == ["after.txt"]
    assert writer.known([b""]) == {b"": {one.id: one.content}}
    writer.close()


def test_a_second_writer_may_try_again_later(opener: Opener) -> None:
    first, second = opener(), opener()
    writer = first.writer("alpha", 1, SHAPE)
    with pytest.raises(TemporaryError):
        second.writer("alpha", 1, SHAPE)

    second.writer("alpha", 2, SHAPE).close()
    second.writer("beta", 1, SHAPE).close()
    writer.close()
    second.writer("alpha", 1, SHAPE).close()


def test_another_shape_needs_another_generation(engine: Engine) -> None:
    fill(engine, [])

    for shape in (
        SHAPE._replace(contents=False),
        SHAPE._replace(language="english"),
        SHAPE._replace(extractors="plain-2"),
    ):
        with pytest.raises(PermanentError):
            engine.writer("alpha", 1, shape)
    engine.writer("alpha", 1, SHAPE).close()


def test_known_tells_ids_and_contents_by_folder(engine: Engine) -> None:
    at_root, inside = document("x", content=5), document("y", folder=b"a", content=6)
    deeper, copy = document("z", folder=b"a/b"), document("y2", folder=b"a", content=6)
    fill(engine, [at_root, inside, deeper, copy])
    writer = engine.writer("alpha", 1, SHAPE)

    assert writer.known([b"", b"a", b"none", b"a/b"]) == {
        b"": {at_root.id: 5},
        b"a": {inside.id: 6, copy.id: 6},
        b"none": {},
        b"a/b": {deeper.id: 0},
    }
    assert writer.known([]) == {}
    assert sorted(writer.folders()) == [b"", b"a", b"a/b"]
    writer.close()


def test_folders_of_removed_documents_are_told_no_more(engine: Engine) -> None:
    gone, kept = document("x", folder=b"gone"), document("x", folder=b"kept")
    fill(engine, [gone, kept])
    writer = engine.writer("alpha", 1, SHAPE)
    writer.remove([gone.id])
    writer.commit()

    assert list(writer.folders()) == [b"kept"]
    writer.close()


def test_many_folders_are_known_at_once(engine: Engine) -> None:
    made = [document(f"{number}", folder=b"%d" % (number % 1500), content=number) for number in range(1, 4501)]
    fill(engine, made)
    writer = engine.writer("alpha", 1, SHAPE)

    known = writer.known([b"%d" % number for number in range(1500)])
    assert {key: content for inside in known.values() for key, content in inside.items()} == {
        one.id: one.content for one in made
    }
    assert all(len(inside) == 3 for inside in known.values())
    assert len(list(writer.folders())) == len(set(writer.folders())) == 1500
    writer.close()


def test_texts_are_found_again_by_content(engine: Engine) -> None:
    text = "Café\n\n  over two lines\t" + "\U0001f600"
    first = document("a.txt", text, content=7, meta="title: Of it")
    fill(engine, [first, document("b.txt", text, content=7, meta="title: Of it"), document("empty", content=8)])
    writer = engine.writer("alpha", 1, SHAPE)

    assert writer.texts([7, 8, 9]) == {7: Texts(text, "title: Of it"), 8: Texts("", "")}
    assert writer.texts([]) == {}
    writer.close()


def test_names_and_paths_come_back_as_they_were(engine: Engine) -> None:
    odd = [b"\xff\xfe", "na\u00efve".encode(), b"new\nline", b"back\\slash", b"\x01", b" ", b"%41", b"x" * 255]
    made = [document(name, folder=folder) for name in odd for folder in (b"", b"\xff/\xc3", b"a b\n")]
    index = fill(engine, made)

    assert {hit.path for hit in search(engine, None, index).hits} == {
        one.folder + b"/" + one.name if one.folder else one.name for one in made
    }
    writer = engine.writer("alpha", 1, SHAPE)
    assert set(writer.folders()) == {b"", b"\xff/\xc3", b"a b\n"}
    assert {folder: len(inside) for folder, inside in writer.known([b"\xff/\xc3", b"a b\n"]).items()} == {
        b"\xff/\xc3": len(odd),
        b"a b\n": len(odd),
    }
    writer.close()


def test_numbers_may_be_as_large_as_they_are(engine: Engine) -> None:
    made = [
        document("a", id=2**63 - 1, content=2**63 - 1, size=2**62, modified_ns=2**62),
        document("b", id=0, content=1, size=0, modified_ns=-(2**62)),
    ]
    index = fill(engine, made)
    writer = engine.writer("alpha", 1, SHAPE)

    assert writer.known([b""]) == {b"": {2**63 - 1: 2**63 - 1, 0: 1}}
    assert {(hit.id, hit.size, hit.modified_ns) for hit in search(engine, None, index).hits} == {
        (one.id, one.size, one.modified_ns) for one in made
    }
    writer.remove([2**63 - 1])
    writer.commit()
    assert ids(engine, None, index) == {0}
    writer.close()


def test_the_longest_text_is_kept_and_found(engine: Engine) -> None:
    text = ("word " * (MOST_TEXT // 5))[: MOST_TEXT - 6] + " ended"
    index = fill(engine, [document("long.txt", text, content=1), document("line.txt", "x" * MOST_TEXT, content=2)])

    assert names(engine, Word("word"), index) == ["long.txt"]
    writer = engine.writer("alpha", 1, SHAPE)
    assert {key: len(found.text) for key, found in writer.texts([1, 2]).items()} == {1: MOST_TEXT, 2: MOST_TEXT}
    writer.close()


def test_generations_are_beside_each_other(engine: Engine) -> None:
    live = fill(engine, [document("old.txt")])
    built = fill(engine, [document("new.txt")], generation=12)
    fill(engine, [], datasource="beta", generation=3)

    assert names(engine, None, live) == ["old.txt"]
    assert names(engine, None, built) == ["new.txt"]
    assert engine.generations("alpha") == [1, 12]
    assert engine.datasources() == ["alpha", "beta"]
    assert list(engine.generations("gamma")) == []


def test_a_dropped_generation_is_gone_for_everybody(opener: Opener) -> None:
    dropping, searching = opener(), opener()
    index = fill(dropping, [document("x.txt")])
    assert names(searching, None, index) == ["x.txt"]

    dropping.drop("alpha", 1)
    dropping.drop("alpha", 1)
    dropping.drop("gamma", 1)

    for engine in (dropping, searching):
        with pytest.raises(NotFound):
            search(engine, Word("x"), index)
        assert engine.statistics("alpha", 1) == Statistics(0, 0)
        assert list(engine.generations("alpha")) == []
        assert list(engine.datasources()) == []


def test_a_generation_can_be_made_again(opener: Opener) -> None:
    first, second = opener(), opener()
    fill(first, [document("old.txt")])
    assert names(second, None, ALPHA) == ["old.txt"]
    first.drop("alpha", 1)
    english = fill(first, [document("new.txt", "reports")], language="english")

    assert names(second, Word("report"), english) == ["new.txt"]


def test_dropping_while_others_search_leads_to_not_found_and_nothing_else(opener: Opener) -> None:
    writing, searching = opener(), opener()
    ended: list[BaseException] = []

    def search_on() -> None:
        try:
            while True:
                assert len(search(searching, Below("a"), ALPHA).hits) == 20
        except BaseException as error:
            ended.append(error)

    for _ in range(3):
        fill(writing, [document(f"{number}.txt", "of it", folder=b"a") for number in range(20)])
        threads = [threading.Thread(target=search_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        writing.drop("alpha", 1)
        for thread in threads:
            thread.join()
    assert [type(error) for error in ended] == [NotFound] * 12


def test_threads_that_search_see_whole_commits(opener: Opener) -> None:
    writing, searching = opener(), opener()
    made = [document(f"{number}.txt", "first") for number in range(30)]
    fill(writing, made)
    stop, seen = threading.Event(), set()

    def search_on() -> None:
        while not stop.is_set():
            found = search(searching, None, ALPHA, facets=True)
            seen.add((found.total, len(found.hits), sum(found.types.values())))

    threads = [threading.Thread(target=search_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    writer = writing.writer("alpha", 1, SHAPE)
    for _ in range(8):
        writer.remove(one.id for one in made)
        made = [document(one.name, "again") for one in made]
        writer.add(made)
        writer.commit()
    stop.set()
    for thread in threads:
        thread.join()
    writer.close()
    assert seen == {(30, 30, 30)}


def test_statistics_count_what_is_there(engine: Engine) -> None:
    assert engine.statistics("alpha", 1) == Statistics(0, 0)
    made = [document(f"{number}.txt", "of it") for number in range(10)]
    fill(engine, made)
    writer = engine.writer("alpha", 1, SHAPE)
    writer.remove([made[0].id])
    writer.commit()
    writer.close()

    documents, size = engine.statistics("alpha", 1)
    assert documents == 9
    assert size > 0


def test_a_closed_engine_is_closed_twice(opener: Opener) -> None:
    engine = opener()
    fill(engine, [document()])
    engine.close()
    engine.close()


def test_a_shape_of_any_language_can_be_built(engine: Engine) -> None:
    for generation, language in enumerate(("arabic", "german", "greek", "russian", "tamil", "turkish"), start=1):
        fill(engine, [document("x.txt", "Häuser δρόμος дома வீடு evler بيوت")], generation=generation, language=language)
    shape = Shape(contents=True, language="german", extractors=SHAPE.extractors)
    assert names(engine, Word("haus"), Index("alpha", 2, shape)) == ["x.txt"]
