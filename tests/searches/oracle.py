"""What a query must find, by looking at each document: slow, simple, and the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rota.search.query import All, Below, Either, Extension, In, Modified, Node, Not, Of, Phrase, Size, Where, Word
from rota.search.types import extension_of, type_of
from store.search.engine import Document
from store.search.folding import words_of

ENGLISH: Mapping[str, str] = {"reports": "report", "reported": "report", "running": "run", "houses": "hous"} | {
    "house": "hous"
}
"""Stems of words in tests, on which all stemmers of English agree; other words there are their own stems."""


def is_found(node: Node | None, document: Document, datasource: str, stems: Mapping[str, str]) -> bool:
    """Say whether a query finds a document."""
    match node:
        case None:
            return True
        case All(parts):
            return all(is_found(part, document, datasource, stems) for part in parts)
        case Either(parts):
            return any(is_found(part, document, datasource, stems) for part in parts)
        case Not(part):
            return not is_found(part, document, datasource, stems)
        case Word(text, where, is_prefix):
            return _has_words(document, words_of(text), where, stems, is_prefix=is_prefix)
        case Phrase(words, where):
            return _has_words(document, [word for given in words for word in words_of(given)], where, stems)
        case In(name):
            return name == datasource
        case Of(kind):
            return type_of(_name(document), document.kind) == kind
        case Extension(text):
            return extension_of(_name(document)) == text
        case Size(least, most):
            return document.kind != "folder" and _is_between(document.size, least, most)
        case Modified(since, until):
            ms, rest = divmod(document.modified_ns, 1_000_000)
            return (since is None or since <= ms) and (until is None or ms + (rest > 0) / 2 < until)
        case Below(path):
            return not path or f"{_text(document.folder)}/".startswith(f"{path}/")
    raise AssertionError(node)


def _has_words(
    document: Document, words: Sequence[str], where: Where, stems: Mapping[str, str], *, is_prefix: bool = False
) -> bool:
    places: list[tuple[str, Mapping[str, str]]] = []
    if where != "text":
        places.append((_name(document), {}))
    if where != "name":
        places += [(document.text, stems), (document.meta, stems)]
    for text, known in places:
        written = words_of(text)
        if is_prefix:
            assert len(words) == 1
            if any(word.startswith(words[0]) for word in written):
                return True
        elif words and _follow([known.get(word, word) for word in words], [known.get(word, word) for word in written]):
            return True
    return False


def _follow(words: Sequence[str], written: Sequence[str]) -> bool:
    return any(written[place : place + len(words)] == list(words) for place in range(len(written)))


def _is_between(value: int, least: int | None, most: int | None) -> bool:
    return (least is None or least <= value) and (most is None or value <= most)


def _name(document: Document) -> str:
    return _text(document.name)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "replace")
