"""The shapes of the search: what other people's tools rely on. Fields are added, never renamed or removed."""

from __future__ import annotations

from console.api.shapes import EntryKind, Shape


class PieceShape(Shape, frozen=True, kw_only=True):
    """A piece of a snippet; `hit` says that it is one of the words that were asked for."""

    text: str
    hit: bool


class HitShape(Shape, frozen=True, kw_only=True):
    """One entry that was found; `path` is relative to the datasource.

    `raw` is there where the path is not UTF-8: it leads there, and `path` has replacement characters. `snippet` is
    empty where the text of the file has none of the words, and `meta` is what the file says of itself, a line each.
    """

    datasource: str
    path: str
    raw: str | None
    name: str
    kind: EntryKind
    type: str
    size: int
    modified: str
    score: float
    snippet: list[PieceShape]
    meta: str


class SearchShape(Shape, frozen=True, kw_only=True):
    """A page of hits, the best first. `total` is how many there are; at least so many unless `total_is_exact`.

    `types` and `datasources` tell how many hits there are of each; empty unless `facets` are asked for. `understood` is
    the query as it was read. `left_out` are datasources that should have been searched and could not, because their
    index is lost or broken; the next index run builds it anew.
    """

    items: list[HitShape]
    next: str | None
    total: int
    total_is_exact: bool
    types: dict[str, int]
    datasources: dict[str, int]
    left_out: list[str]
    understood: str
    took_ms: float
