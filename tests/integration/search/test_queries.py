"""How every engine ranks, shows and pages what it finds."""

from __future__ import annotations

import itertools

import pytest

from rota.errors import NotFound
from rota.search.query import All, Below, Either, Extension, In, Node, Not, Of, Phrase, Word
from store.search.engine import Engine, Hit, Position
from tests.searches.documents import SHAPE, document, every_hit, fill, names, search


def shown(hit: Hit) -> str:
    return "".join(piece.text for piece in hit.snippet)


def highlighted(hit: Hit) -> list[str]:
    return [piece.text for piece in hit.snippet if piece.is_hit]


@pytest.mark.parametrize("asked", ["cafe", "Café", "CAFÉ", "cafe\u0301"])
def test_accents_and_case_are_folded_both_ways(engine: Engine, asked: str) -> None:
    index = fill(
        engine,
        [document("a.txt", "cafe"), document("b.txt", "ein Café"), document("CAFE\u0301.txt"), document("other.txt")],
    )

    assert sorted(names(engine, Word(asked), index)) == ["CAFE\u0301.txt", "a.txt", "b.txt"]


def test_words_are_stemmed_by_their_language(engine: Engine) -> None:
    english = fill(engine, [document("a.txt", "Two reports were running late")], language="english")
    german = fill(engine, [document("b.txt", "Alle Häuser und Gärten")], datasource="beta", language="german")

    assert names(engine, Word("report"), english, german) == ["a.txt"]
    assert names(engine, Word("run"), english, german) == ["a.txt"]
    assert names(engine, Word("haus"), english, german) == ["b.txt"]
    assert names(engine, Phrase(("report", "were")), english, german) == ["a.txt"]


def test_names_are_not_stemmed(engine: Engine) -> None:
    index = fill(engine, [document("reports.txt")], language="english")

    assert names(engine, Word("reports"), index) == ["reports.txt"]
    assert names(engine, Word("report"), index) == []


def test_prefixes_are_of_words_as_they_are_written(engine: Engine) -> None:
    index = fill(engine, [document("a.txt", "They were running, with stories")], language="english")

    for beginning in ("r", "run", "runn", "running", "story", "stories"):
        wanted = [] if beginning == "story" else ["a.txt"]
        assert names(engine, Word(beginning, is_prefix=True), index) == wanted, beginning


def test_a_hit_in_the_name_comes_before_one_in_the_text(engine: Engine) -> None:
    filler = [document(f"{number}.txt", "nothing of that kind is in here at all") for number in range(20)]
    index = fill(
        engine,
        [document("notes.txt", "in the budget of the year there is much"), document("budget.txt", "numbers"), *filler],
    )

    assert names(engine, Word("budget"), index) == ["budget.txt", "notes.txt"]
    assert names(engine, Word("bud", is_prefix=True), index) == ["budget.txt", "notes.txt"]


def test_more_of_a_rarer_word_comes_first(engine: Engine) -> None:
    filler = [document(f"{number}.txt", "common words of all kinds and more of them") for number in range(20)]
    index = fill(
        engine,
        [
            document("much.txt", "rare rare rare rare words of all kinds and more"),
            document("little.txt", "rare words of all kinds and more of them too"),
            *filler,
        ],
    )

    assert names(engine, Word("rare"), index) == ["much.txt", "little.txt"]
    assert names(engine, Either((Word("rare"), Word("common"))), index)[:2] == ["much.txt", "little.txt"]


@pytest.mark.parametrize("root", [None, Not(Word("absent")), Of("text"), All((Of("text"), Not(Extension("pdf"))))])
def test_what_is_only_filtered_has_a_score_of_one(engine: Engine, root: Node | None) -> None:
    index = fill(engine, [document(f"{number}.txt") for number in range(5)])

    hits = search(engine, root, index).hits
    assert [hit.score for hit in hits] == [1.0] * 5
    assert [hit.id for hit in hits] == sorted(hit.id for hit in hits)


def test_a_snippet_is_a_piece_of_the_text_with_the_words_in_it(engine: Engine) -> None:
    text = "Filler goes on. " * 100 + "Here the Reports of\n the café are told.\tAnd then " + "it goes on. " * 100
    index = fill(engine, [document("a.txt", text)], language="english")

    for root, wanted in (
        (Word("report"), ["Reports"]),
        (All((Word("cafe"), Word("reports"))), ["Reports", "café"]),
        (Word("tol", is_prefix=True), ["told"]),
        (Phrase(("are", "told")), ["are", "told"]),
        (All((Word("told"), Not(Word("absent")))), ["told"]),
    ):
        [hit] = search(engine, root, index).hits
        assert shown(hit) in text
        assert 20 < len(shown(hit)) <= 220
        assert highlighted(hit) == wanted
        assert all(piece.text for piece in hit.snippet)


def test_the_best_piece_has_most_of_the_words(engine: Engine) -> None:
    text = "apple " + "filler " * 100 + "banana " + "filler " * 100 + "apple and banana" + " filler" * 100
    index = fill(engine, [document("a.txt", text)])

    [hit] = search(engine, All((Word("apple"), Word("banana"))), index).hits
    assert highlighted(hit) == ["apple", "banana"]


@pytest.mark.parametrize("root", [Word("budget", "name"), None, Extension("txt"), Below("a")])
def test_nothing_is_shown_of_a_text_that_nobody_asked_for(engine: Engine, root: Node | None) -> None:
    index = fill(engine, [document("budget.txt", "The budget", folder=b"a")])

    [hit] = search(engine, root, index).hits
    assert hit.snippet == ()


def test_what_a_file_says_of_itself_is_found_and_told(engine: Engine) -> None:
    index = fill(engine, [document("a.mp3", meta="artist: Someone\ntitle: A song")])

    [hit] = search(engine, All((Word("someone"), Word("song", "text"))), index).hits
    assert hit.meta == "artist: Someone\ntitle: A song"
    assert names(engine, Word("someone", "name"), index) == []


def test_no_phrase_goes_from_the_text_into_what_a_file_says_of_itself(engine: Engine) -> None:
    index = fill(engine, [document("a.txt", "one two", meta="three four")])

    for words in (("two", "three"), ("four", "one")):
        assert names(engine, Phrase(words), index) == []
    assert names(engine, Phrase(("three", "four")), index) == ["a.txt"]


def test_facets_add_up(engine: Engine) -> None:
    first = fill(engine, [document("a.txt"), document("b.pdf"), document("c", kind="folder")])
    second = fill(engine, [document("a.txt"), document("a.md")], datasource="beta")

    found = search(engine, None, first, second, facets=True, limit=1)
    assert found.types == {"text": 3, "document": 1, "folder": 1}
    assert found.datasources == {"alpha": 3, "beta": 2}
    assert (found.total, found.is_more) == (5, True)
    assert search(engine, None, first, second).types == {}
    assert search(engine, In("beta"), first, second, facets=True).datasources == {"beta": 2}


@pytest.mark.parametrize(
    "root",
    [None, Word("report"), Word("rep", is_prefix=True), Either((Word("odd"), Of("text"), Word("report", "text")))],
)
def test_pages_give_each_hit_once_and_in_order(engine: Engine, root: Node | None) -> None:
    made = [document(f"report {n % 3}.txt", "report " * (n % 4) + ("odd " if n % 2 else "")) for n in range(150)]
    indexes = [fill(engine, made[:90]), fill(engine, made[90:], datasource="beta")]

    hits = every_hit(engine, root, indexes, limit=7)
    assert [hit.id for hit in hits] == [hit.id for hit in search(engine, root, *indexes, limit=1000).hits]
    assert {hit.id for hit in hits} == {one.id for one in made}
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.datasource, hit.id))


@pytest.mark.parametrize("root", [None, Word("report")])
def test_what_is_added_between_two_pages_repeats_and_hides_nothing(engine: Engine, root: Node | None) -> None:
    made = [document(f"report {n}.txt") for n in range(40)]
    index = fill(engine, made)
    first = search(engine, root, index, limit=15).hits
    fill(engine, [document(f"other {n}.txt") for n in range(300)])

    position: Position | None = first[-1].position
    rest = []
    while position is not None:
        found = search(engine, root, index, limit=15, after=position)
        rest += found.hits
        position = found.hits[-1].position if found.is_more else None
    seen = [hit.id for hit in itertools.chain(first, rest)]
    assert len(seen) == len(set(seen))
    assert {one.id for one in made} <= set(seen)


def test_a_page_goes_on_though_its_last_hit_was_removed(engine: Engine) -> None:
    made = [document(f"report {n}.txt") for n in range(40)]
    index = fill(engine, made)
    first = search(engine, Word("report"), index, limit=15).hits
    writer = engine.writer("alpha", 1, SHAPE)
    writer.remove([first[-1].id])
    writer.commit()
    writer.close()

    rest = search(engine, Word("report"), index, after=first[-1].position).hits
    assert [hit.id for hit in (*first, *rest)] == list(dict.fromkeys(hit.id for hit in (*first, *rest)))
    assert {hit.id for hit in (*first, *rest)} == {one.id for one in made}


def test_nothing_is_behind_the_last_hit(engine: Engine) -> None:
    index = fill(engine, [document("report.txt")])
    for root in (None, Word("report")):
        [hit] = search(engine, root, index).hits
        found = search(engine, root, index, after=hit.position)
        assert (list(found.hits), found.total, found.is_more) == ([], 1, False)


def test_nothing_is_found_in_no_index(engine: Engine) -> None:
    found = search(engine, Word("report"), facets=True)
    assert (list(found.hits), found.total, found.is_more) == ([], 0, False)


def test_an_index_that_is_not_there_is_not_found(engine: Engine) -> None:
    index = fill(engine, [document()])
    with pytest.raises(NotFound):
        search(engine, None, index, index._replace(generation=9))
