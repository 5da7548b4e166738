"""Analyzers as an index's settings declare them: tokens with their positions and places in the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import tantivy

from tests.searches.twin.refusing import argument, only

_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "ø": "o", "Ø": "O", "đ": "d", "ł": "l", "þ": "th", "ı": "i"}
_LANGUAGES = [
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "turkish",
]
_CLASS = re.compile(r"\[\^((?:\\p\{[A-Z]\})+)\]\+")


class Token(NamedTuple):
    """A word of a text."""

    term: str
    position: int
    start: int
    end: int


Filter = Callable[[list[Token]], list[Token]]


class Analyzer:
    """A chain of character filters, a tokenizer and token filters."""

    def __init__(self, replaced: Mapping[str, str], categories: str, filters: list[Filter]) -> None:
        self._replaced = replaced
        self._longest = max(map(len, replaced), default=0)
        self._categories = categories
        self._filters = filters

    def __call__(self, text: str) -> list[Token]:
        """Take a text apart."""
        tokens = self._split(text)
        for change in self._filters:
            tokens = change(tokens)
        return tokens

    def _split(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        letters: list[str] = []
        start = end = 0
        for letter, place, after in [*self._letters(text), (" ", len(text), len(text))]:
            if unicodedata.category(letter)[0] in self._categories:
                start = start if letters else place
                letters.append(letter)
                end = after
            elif letters:
                tokens.append(Token("".join(letters), len(tokens), start, end))
                letters = []
        return tokens

    def _letters(self, text: str) -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = []
        place = 0
        while place < len(text):
            for length in range(self._longest, 0, -1):
                part = text[place : place + length]
                if len(part) == length and part in self._replaced:
                    found += [(letter, place, place + length) for letter in self._replaced[part]]
                    place += length
                    break
            else:
                found.append((text[place], place, place + 1))
                place += 1
        return found


def analyzers_of(settings: Mapping[str, Any]) -> dict[str, Analyzer]:
    """Build the analyzers of an index; raises Refused as OpenSearch does when an index is made."""
    only(settings, ("char_filter", "tokenizer", "filter", "analyzer"), "analysis")
    return {name: _analyzer(declared, settings) for name, declared in settings["analyzer"].items()}


def _analyzer(declared: Mapping[str, Any], settings: Mapping[str, Any]) -> Analyzer:
    only(declared, ("type", "char_filter", "tokenizer", "filter"), "analyzer")
    if declared["type"] != "custom":
        raise argument(f"Unknown analyzer type [{declared['type']}]")
    replaced: dict[str, str] = {}
    for name in declared.get("char_filter", ()):
        replaced |= _mappings(settings["char_filter"][name])
    tokenizer = settings["tokenizer"][declared["tokenizer"]]
    only(tokenizer, ("type", "pattern"), "tokenizer")
    pattern = _CLASS.fullmatch(tokenizer["pattern"]) if tokenizer["type"] == "pattern" else None
    if pattern is None:
        raise argument("the twin knows patterns of classes of letters only")
    filters = [_filter(name, settings.get("filter", {}).get(name)) for name in declared.get("filter", ())]
    return Analyzer(replaced, "".join(re.findall(r"[A-Z]", pattern.group(1))), filters)


def _mappings(declared: Mapping[str, Any]) -> dict[str, str]:
    only(declared, ("type", "mappings"), "char_filter")
    if declared["type"] != "mapping":
        raise argument(f"Unknown char_filter type [{declared['type']}]")
    pairs = [re.fullmatch(r"(.*)\s*=>\s*(.*)\s*", line) for line in declared["mappings"]]
    if None in pairs:
        raise argument("Invalid Mapping Rule")
    found = [(_unescaped(pair.group(1)), _unescaped(pair.group(2))) for pair in pairs if pair]
    if len({written for written, _ in found}) != len(found):
        raise argument("match already exists")
    return dict(found)


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match.group(1), 16)), text)


def _filter(name: str, declared: Mapping[str, Any] | None) -> Filter:
    if declared is None:
        if name not in _PLAIN:
            raise argument(f"failed to find filter under name [{name}]")
        return _PLAIN[name]
    if declared["type"] == "truncate":
        only(declared, ("type", "length"), "filter")
        return lambda tokens: [token._replace(term=token.term[: declared["length"]]) for token in tokens]
    only(declared, ("type", "language"), "filter")
    if declared["type"] != "stemmer" or declared["language"] not in _LANGUAGES:
        raise argument(f"Invalid stemmer class specified: {declared}")
    stem = _stemmer(declared["language"])
    # A word that keyword_repeat marks is written twice: the first one stays as it is.
    return lambda tokens: [
        token if _is_kept(tokens, place) else token._replace(term=stem(token.term))
        for place, token in enumerate(tokens)
    ]


def _is_kept(tokens: list[Token], place: int) -> bool:
    return place + 1 < len(tokens) and tokens[place] == tokens[place + 1]


@lru_cache
def _stemmer(language: str) -> Callable[[str], str]:
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).filter(tantivy.Filter.stemmer(language)).build()
    return lru_cache(maxsize=10_000)(lambda term: analyzer.analyze(term)[0])


def _lowercase(tokens: list[Token]) -> list[Token]:
    # Java lowers each character by itself, to one.
    return [token._replace(term="".join(letter.lower()[0] for letter in token.term)) for token in tokens]


def _asciifolding(tokens: list[Token]) -> list[Token]:
    return [token._replace(term="".join(map(_ascii, token.term))) for token in tokens]


def _ascii(letter: str) -> str:
    if letter in _LETTERS:
        return _LETTERS[letter]
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", errors="ignore").decode()
    return plain or letter


_PLAIN: dict[str, Filter] = {
    "lowercase": _lowercase,
    "asciifolding": _asciifolding,
    "keyword_repeat": lambda tokens: [token for token in tokens for _ in range(2)],
    "remove_duplicates": lambda tokens: list(dict.fromkeys(tokens)),
}
