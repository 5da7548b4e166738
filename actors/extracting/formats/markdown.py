"""Markdown: the text as it stands, and what its front matter says in simple lines."""

from __future__ import annotations

import re
from typing import BinaryIO

from actors.extracting.detection import looks_like_text
from actors.extracting.extractor import HEAD_BYTES, Extractor, Limits
from actors.extracting.formats.text import ENOUGH_BYTES, read_text
from actors.extracting.outcomes import Extracted

_LONGEST_FRONT = 16 * 1024  # characters
_FRONT = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n(.*?)\r?\n\1[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LINE = re.compile(r"([A-Za-z][\w-]{0,63})[ \t]*[:=][ \t]*(\S.*)")
_LISTED = re.compile(r"\[(.*)\]")


def front_matter(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Give what the front matter says, and the text behind it.

    Lines of `name: value` (YAML) and `name = value` (TOML) are understood, lists in brackets too; nothing that is
    nested. What is not understood is left out.
    """
    found = _FRONT.match(text, 0, _LONGEST_FRONT)
    if found is None:
        return (), text
    said = (_LINE.fullmatch(line.rstrip()) for line in found[2].splitlines())
    pairs = ((line[1].lower(), value) for line in said if line for value in _values(line[2]))
    return tuple(pairs), text[found.end() :]


def _values(written: str) -> list[str]:
    listed = _LISTED.fullmatch(written)
    values = listed[1].split(",") if listed else [written]
    return [plain for value in values if (plain := value.strip().strip("\"'"))]


def _extract(file: BinaryIO, limits: Limits) -> Extracted:
    if not looks_like_text(file.read(HEAD_BYTES)):
        return Extracted("")
    file.seek(0)
    meta, text = front_matter(read_text(file, limits))
    return Extracted(text, meta)


MARKDOWN = Extractor(
    name="markdown",
    version=1,
    extract=_extract,
    extensions=frozenset({"md", "markdown", "mdown", "mkd", "mdx", "qmd", "rmd"}),
    enough_bytes=ENOUGH_BYTES,
)
