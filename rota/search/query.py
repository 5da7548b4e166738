"""A query as it was understood: what the parser makes, and what every engine turns into its own form.

Words are as people wrote them: each engine folds and stems them as it did the texts. All of it is frozen, and small:
the parser bounds how many parts there are and how deep they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["any", "name", "text"]
"""Where a word shall be: in the name, in what the file says of itself and contains, or in any of them."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or the beginning of one: letters and digits, and marks behind them; see `rota.search.words`.

    An engine that cuts it into several words takes them as a phrase.
    """

    text: str
    where: Where = "any"
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other, at least two."""

    words: tuple[str, ...]
    where: Where = "any"


@dataclass(frozen=True, slots=True)
class Extension:
    """The end of a name, in lower case and without its dot; empty for names that have none."""

    text: str


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a file, in bytes; both ends belong to it, None is open. Folders have none and never match."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Modified:
    """The time of the last change, in ms; from `since` on and before `until`, None is open."""

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class In:
    """The datasource, by name."""

    datasource: str


@dataclass(frozen=True, slots=True)
class Of:
    """The type of an entry; see `rota.search.types`."""

    type: str


@dataclass(frozen=True, slots=True)
class Below:
    """The folder that an entry is in, or in a folder of: a path from the datasource's root, without `/` at its ends."""

    path: str


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be so."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """Everything must be so; at least two parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of them must be so; at least two parts."""

    parts: tuple[Node, ...]


Node = Word | Phrase | Extension | Size | Modified | In | Of | Below | Not | All | Either


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody searches for; a root of None is everything."""

    text: str
    """As it was written."""
    root: Node | None
