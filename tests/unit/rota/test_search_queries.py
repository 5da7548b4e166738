import pytest

from rota.errors import InvalidQuery
from rota.search.parsing import parse_query
from rota.search.query import All, Below, Either, Extension, In, Node, Not, Of, Phrase, Size, Word
from rota.search.writing import written


def root(text: str) -> Node | None:
    return parse_query(text, now_ms=0).root


def refusal(text: str) -> InvalidQuery:
    with pytest.raises(InvalidQuery) as caught:
        root(text)
    return caught.value


A, B, C = Word("a"), Word("b"), Word("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("a b", All((A, B))),
        ("a AND b", All((A, B))),
        ('"a b" c', All((Phrase(("a", "b")), C))),
        ('"a"', A),
        ("rep*", Word("rep", is_prefix=True)),
        ("rep**", Word("rep", is_prefix=True)),
        ("foo-bar", Phrase(("foo", "bar"))),
        ("foo_bar.txt", Phrase(("foo", "bar", "txt"))),
        ("foo-bar*", All((Word("foo"), Word("bar", is_prefix=True)))),
        ("a-b-a-b*", All((A, B, Word("b", is_prefix=True)))),
        ("a-b-a-c*", All((A, B, Word("c", is_prefix=True)))),
        ("name:word", Word("word", "name")),
        ('name:"a phrase"', Phrase(("a", "phrase"), "name")),
        ("name:pre*", Word("pre", "name", is_prefix=True)),
        ("text:word", Word("word", "text")),
        ("ext:pdf", Extension("pdf")),
        ("ext:.PDF", Extension("pdf")),
        ("ext:jpg,png", Either((Extension("jpg"), Extension("png")))),
        ('ext:""', Extension("")),
        ("*.pdf", Extension("pdf")),
        ("name:*.pdf", Extension("pdf")),
        ("type:image,video", Either((Of("image"), Of("video")))),
        ("size:>10MB", Size(least=10_000_001)),
        ("datasource:files", In("files")),
        ("in:folder/path", Below("folder/path")),
        ("in:/folder//path/", Below("folder/path")),
        ('in:"my folder"', Below("my folder")),
        ("in:copy(1)/x", Below("copy(1)/x")),
        ("(in:a)", Below("a")),
        ("in:/", None),
        ("-a", Not(A)),
        ("NOT a", Not(A)),
        ("NOT -a", A),
        ("-ext:tmp", Not(Extension("tmp"))),
        ("-(a OR b)", Not(Either((A, B)))),
        ("a OR b", Either((A, B))),
        ("a OR b c", Either((A, All((B, C))))),
        ("(a OR b) c", All((Either((A, B)), C))),
        ("((a) (b c))", All((A, B, C))),
        ("a a", A),
        ('"OR"', Word("OR")),
        ("or and not", All((Word("or"), Word("and"), Word("not")))),
        ("EXT:pdf", Extension("pdf")),
        ("“a b”", Phrase(("a", "b"))),
        ("«a b»", Phrase(("a", "b"))),
        ("cafe\u0301 हिन्दी", All((Word("cafe\u0301"), Word("हिन्दी")))),
    ],
)
def test_a_query_is_understood(text, expected):
    assert root(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "!!!", "- -- *", "*.*", "a_".strip("a"), '""', "()", "!? OR ()", "-!"])
def test_without_a_letter_or_digit_it_is_for_everything(text):
    assert root(text) is None


@pytest.mark.parametrize("text", ["a !!", "!! OR a", "(a) ()", "a -…"])
def test_what_asks_for_nothing_is_left_out(text):
    assert root(text) == A


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://example", ("http", "example")),
        ("12:30", ("12", "30")),
        (r"C:\letters", ("C", "letters")),
        ("std::vector", ("std", "vector")),
        ("id:7", ("id", "7")),
        ('note:"well done"', ("note", "well", "done")),
    ],
)
def test_a_colon_within_a_text_is_no_field(text, words):
    assert root(text) == Phrase(words)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("nmae:x", "name:"),
        ("names:x", "name:"),
        ("sixe:>1", "size:"),
        ("modifed:7d", "modified:"),
        ("datasorce:x", "datasource:"),
        ("filename:x", "name:"),
        ("path:x", "in:"),
        ("before:2026", "modified:"),
    ],
)
def test_a_misspelt_field_is_told_with_the_one_that_is_meant(text, meant):
    error = refusal(f"word {text}")
    assert f"did you mean {meant}" in str(error)
    assert (error.position, error.length) == (5, text.index(":"))


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ('a "b c', 2, "never closed"),
        ("a (b", 2, "never closed"),
        ("a) b", 1, "closes nothing"),
        ("a OR", 2, "both sides"),
        ("OR a", 0, "both sides"),
        ("a OR OR b", 2, "both sides"),
        ("a AND", 2, "both sides"),
        ("AND a", 0, "both sides"),
        ("a NOT", 2, "NOT word"),
        ("a -)", 2, "-word"),
        ("a*b", 1, "behind a word"),
        ("*ab", 0, "behind a word"),
        ("foo-*", 4, "behind a word"),
        ("a name:*b", 7, "behind a word"),
        ("report*.pdf", 6, "ext:pdf"),
        ("a ext:", 2, "right behind it"),
        ("a name: b", 2, "right behind it"),
        ("name:(a b)", 5, "no parentheses"),
        ("a ext:tar.gz", 6, "ext:gz"),
        ("ext:jpg,,png", 4, "lacks one"),
        ("a type:imag", 7, "did you mean image?"),
        ("a size:big", 7, "size:>10MB"),
        ("modified:soon", 9, "modified:today"),
        ("in:a/../b", 3, "without . and .."),
        ("datasource:Files", 11, "lower-case"),
        ("((((((((((a))))))))))", 8, "8 parentheses"),
        ("(((((((((a)))))))))", 8, "8 parentheses"),
        ("((((((((b ext:a,b))))))))", 10, "8 parentheses"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, position, says):
    error = refusal(text)
    assert says in str(error)
    assert error.position == position
    assert 1 <= error.length <= len(text) - position


def test_a_query_has_bounds():
    assert refusal("x" * 1001).position == 1000
    assert refusal(" ".join(f"w{n}" for n in range(61))).position == len(" ".join(f"w{n}" for n in range(60))) + 1
    assert "60 words" in str(refusal('"' + "w " * 61 + '"'))
    assert "60 words" in str(refusal("ext:" + ",".join(f"e{n}" for n in range(61))))
    assert root("((((((((a))))))))") == A


def test_the_text_is_kept_as_it_was_written():
    assert parse_query("  a   OR b", now_ms=0).text == "  a   OR b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a   AND b", "a b"),
        ("(a OR b) -(c d)", "(a OR b) -(c d)"),
        ("ext:a OR ext:b OR c", "ext:a,b OR c"),
        ('ext:"c++" OR ext:b', 'ext:"c++" OR ext:b'),
        ('in:"a \\"b\\" \\\\"', 'in:"a \\"b\\" \\\\"'),
        ("foo-bar name:OR", '"foo bar" name:"OR"'),
        ("size:>1k size:<=2k", "size:1001.. size:..2000"),
        ("modified:1970", "modified:1970-01-01T00:00:00.000Z..1970-12-31T23:59:59.999Z"),
    ],
)
def test_it_is_written_as_it_was_understood(text, expected):
    assert written(root(text)) == expected
