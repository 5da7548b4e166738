"""Names that Rota accepts, made from names that Pydio Cells accepts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from itertools import count

MAX_NAME = 100
MAX_IDENTIFIER = 64


def job_name(text: str, taken: Collection[str] = ()) -> str:
    """Return a name of a-z, 0-9, '.', '_' and '-' that is not taken; a name that is one already stays as it is."""
    base = re.sub(r"[^a-z0-9_.-]+", "-", _plain(text).lower()).strip("-_.")
    return _distinct(base or "job", taken, "-", MAX_NAME)


def identifier(text: str, taken: Collection[str] = (), *, default: str) -> str:
    """Return a name that expressions can follow: a letter, then letters, digits and '_'; not one of the taken."""
    base = re.sub(r"[^A-Za-z0-9]+", "_", _plain(text)).strip("_")
    if not base or not base[0].isalpha():
        base = f"{default}_{base}".rstrip("_")
    return _distinct(base, taken, "_", MAX_IDENTIFIER)


def one_line(text: str, limit: int = 200) -> str:
    """Return a text as one line without control characters, cut to a length."""
    return re.sub(r"[\0-\x1f\x7f\s]+", " ", text).strip()[:limit].rstrip()


def several_lines(text: str, limit: int = 10_000) -> str:
    """Return a text without control characters but line ends and tabs, cut to a length."""
    return re.sub(r"[\0-\x08\x0b-\x1f\x7f]", " ", text.replace("\r\n", "\n")).strip()[:limit].rstrip()


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _distinct(base: str, taken: Collection[str], joint: str, limit: int) -> str:
    for n in count(1):
        ending = "" if n == 1 else f"{joint}{n}"
        name = base[: limit - len(ending)].rstrip("-_.") + ending
        if name not in taken:
            return name
    raise AssertionError("counting does not end")
