"""The fields of the query language: what each takes, and what becomes of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rota.problems import allowed_names
from rota.search.dates import parse_modified
from rota.search.query import Below, Either, Extension, In, Node, Of
from rota.search.sizes import parse_size
from rota.search.types import LONGEST_EXTENSION, TYPES

WORD_FIELDS = ("name", "text")
"""Those that take words and phrases; the parser reads them."""

_DATASOURCE = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_NO_PATH = re.compile("[\0\ud800-\udfff]")
_NO_EXTENSION = re.compile(r"[\0\ud800-\udfff\s./\\*()]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a query is read in: the time and its zone, and the names of the datasources, None if any will do."""

    now_ms: int
    zone: str
    datasources: Collection[str] | None = None


def value_of(field: str, text: str, *, is_quoted: bool, around: Around) -> Node | None:
    """Return what a field with this value asks for, None for everything; ValueError says what is allowed."""
    if not text and not (field == "ext" and is_quoted):
        raise ValueError(f"{field}: needs a value right behind it, such as {field}:{FIELDS[field]}")
    if text.startswith("(") and not is_quoted:
        raise ValueError(
            f"{field}: takes no parentheses; write {field}:{FIELDS[field]}, or (… OR …) around whole terms"
        )
    match field:
        case "size":
            return parse_size(text)
        case "modified":
            return parse_modified(text, now_ms=around.now_ms, zone=around.zone)
        case "in":
            return _below(text)
    values = [text] if is_quoted else text.split(",")
    if not is_quoted and not all(values):
        raise ValueError(f"between commas stands a value, such as {field}:{FIELDS[field]}; {text!r} lacks one")
    found = tuple(dict.fromkeys(_listed(field, value, around) for value in values))
    return found[0] if len(found) == 1 else Either(found)


def extension(text: str) -> Extension:
    """Return the extension that `pdf`, `.pdf` or `*.pdf` asks for; ValueError if it cannot be one."""
    bare = text.removeprefix("*").removeprefix(".").lower()
    if (text and not bare) or len(bare) > LONGEST_EXTENSION or _NO_EXTENSION.search(bare):
        last = bare.rpartition(".")[2]
        if "." in bare and last.isalnum():
            raise ValueError(f"of {text} the extension is {last}; write ext:{last}")
        raise ValueError(f'{text!r} is no extension; write ext:pdf or ext:jpg,png, or ext:"" for names without one')
    return Extension(bare)


def _listed(field: str, value: str, around: Around) -> Node:
    match field:
        case "ext":
            return extension(value)
        case "type":
            return _type(value)
    return _datasource(value, around.datasources)


def _below(text: str) -> Below | None:
    """Return the folder that is meant, None for the root, which everything is below."""
    parts = [part for part in text.split("/") if part]
    if "." in parts or ".." in parts or _NO_PATH.search(text):
        raise ValueError(
            "in: takes a folder's path from the datasource's root, such as in:reports/2026, without . and .."
        )
    return Below("/".join(parts)) if parts else None


def _type(text: str) -> Of:
    if text.lower() not in TYPES:
        close = difflib.get_close_matches(text.lower(), TYPES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ValueError(f"{text!r} is no type; {hint}allowed: {', '.join(TYPES)}")
    return Of(text.lower())


def _datasource(text: str, known: Collection[str] | None) -> In:
    if not _DATASOURCE.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a datasource; they have lower-case letters, digits and '-'")
    if known is not None and text not in known:
        raise ValueError(f"there is no datasource {text}; {allowed_names(text, known)}")
    return In(text)


FIELDS: Mapping[str, str] = {
    "name": "report",
    "text": "budget",
    "ext": "pdf",
    "type": "image",
    "size": ">10MB",
    "modified": "2026-01",
    "datasource": "files",
    "in": "reports/2026",
}
"""All fields, each with a value that it takes."""
