"""Writes a query as it was understood, so that reading it again gives the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rota.search.query import (
    All,
    Below,
    Either,
    Extension,
    In,
    Modified,
    Node,
    Not,
    Of,
    Phrase,
    Size,
    Word,
)
from rota.times import rfc3339

_KEYWORDS = ("OR", "AND", "NOT")


def written(root: Node | None) -> str:
    """Return the text of a query; empty for everything. Times are in UTC, and ranges have both ends in them."""
    match root:
        case None:
            return ""
        case All(parts):
            return " ".join(_inside(part) if isinstance(part, Either) else written(part) for part in parts)
        case Either(parts):
            return " OR ".join(_alternatives(parts))
        case Not(part):
            return f"-{_inside(part) if isinstance(part, All | Either) else written(part)}"
    return _leaf(root)


def _inside(part: Node) -> str:
    return f"({written(part)})"


def _alternatives(parts: Sequence[Node]) -> list[str]:
    """Return what stands on the sides of OR; values of one field that follow each other share one."""
    texts: list[str] = []
    for field, group in groupby(parts, key=_list_field):
        if field:
            texts.append(f"{field}:{','.join(_listed(part) for part in group)}")
        else:
            texts += [written(part) for part in group]
    return texts


def _list_field(part: Node) -> str:
    match part:
        case Extension(text) if text.isalnum():
            return "ext"
        case Of():
            return "type"
        case In():
            return "datasource"
    return ""


def _listed(part: Node) -> str:
    match part:
        case In(datasource):
            return datasource
        case Extension(text) | Of(text):
            return text
    raise AssertionError(part)


def _leaf(part: Node) -> str:
    match part:
        case Word() | Phrase():
            return f"{'' if part.where == 'any' else f'{part.where}:'}{_words(part)}"
        case Extension(text) if not text.isalnum():
            return f"ext:{_quoted(text)}"
        case Size(least, most):
            return f"size:{least}" if least == most else f"size:{_range(least, most)}"
        case Modified(since, until):
            ends = (None if since is None else rfc3339(since), None if until is None else rfc3339(until - 1))
            return f"modified:{_range(*ends)}"
        case Below(path):
            return f"in:{_quoted(path)}"
    return f"{_list_field(part)}:{_listed(part)}"


def _words(part: Word | Phrase) -> str:
    if isinstance(part, Phrase):
        return f'"{" ".join(part.words)}"'
    if part.is_prefix:
        return f"{part.text}*"
    return f'"{part.text}"' if part.text in _KEYWORDS else part.text


def _range(low: object, high: object) -> str:
    return f"{'' if low is None else low}..{'' if high is None else high}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
