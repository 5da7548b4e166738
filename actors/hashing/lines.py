r"""The lines of checksum files: as coreutils, b3sum and the BSDs write them. Pure.

`<hex>  <name>` and `<hex> *<name>`, or `<TAG> (<name>) = <hex>`. A line that begins with a backslash has a name in
which `\\`, `\n` and `\r` stand for those characters. Names are bytes, relative to the folder of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.datasources.paths import is_private
from actors.hashing.algorithms import ALGORITHMS, algorithm_of_digits, algorithm_of_tag

MOST_LINE_BYTES = 64 * 1024
"""Longer than any path that a storage takes."""

_ESCAPED = re.compile(rb"[\\\n\r]")
_ESCAPES = {b"\\": rb"\\", b"\n": rb"\n", b"\r": rb"\r"}
_UNESCAPES = {escape: sign for sign, escape in _ESCAPES.items()}
_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)
_PLAIN = re.compile(rb"([0-9A-Fa-f]{32,128}) [ *](.+)", re.DOTALL)
_TAGGED = re.compile(rb"([A-Z0-9-]{2,16}) ?\((.+)\) ?= ?([0-9A-Fa-f]{32,128})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a line says of a file."""

    name: bytes
    """Relative to the folder of the manifest, `/`-separated, without odd parts."""
    algorithm: str
    hex: str


class BadLine(ValueError):
    """Raised for a line that says nothing about a file below the manifest's folder; the text says why."""


def written(hex_digest: str, name: bytes) -> bytes:
    """Give the line of a file, its end included."""
    escaped = _ESCAPED.sub(lambda found: _ESCAPES[found[0]], name)
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", hex_digest.encode(), escaped)


def read_line(line: bytes, *, algorithm: str | None, file_name: str) -> Promise | None:
    """Read a line without its end; None for an empty one and a comment.

    `algorithm` is the one that was asked for, `file_name` the name of the manifest, which may tell it otherwise.
    """
    text = line.removesuffix(b"\r")
    if not text.strip() or text.startswith(b"#"):
        return None
    is_escaped = text.startswith(b"\\")
    body = text[1:] if is_escaped else text
    tagged = _TAGGED.fullmatch(body)
    plain = None if tagged else _PLAIN.fullmatch(body)
    if tagged:
        tag, name, digits = tagged.groups()
        meant = algorithm_of_tag(tag.decode())
        if meant is None:
            raise BadLine(f"{tag.decode()} is no checksum that is known here")
    elif plain:
        digits, name = plain.groups()
        meant = algorithm or algorithm_of_digits(len(digits), file_name=file_name)
    else:
        raise BadLine("it is no line of a checksum file")
    if meant is None or ALGORITHMS[meant].digits != len(digits):
        raise BadLine(f"a checksum of {len(digits)} digits is none of {meant or 'those known here'}")
    return Promise(_checked(_unescaped(name) if is_escaped else name), meant, digits.decode().lower())


def _unescaped(name: bytes) -> bytes:
    def sign(found: re.Match[bytes]) -> bytes:
        if found[0] not in _UNESCAPES:
            raise BadLine("it has a backslash that stands for nothing")
        return _UNESCAPES[found[0]]

    return _ESCAPE.sub(sign, name)


def _checked(name: bytes) -> bytes:
    """Give a name that leads to something below the folder; `find` and others put `./` before it."""
    while name.startswith(b"./"):
        name = name[2:]
    if name.startswith(b"/"):
        raise BadLine("it names an absolute path")
    parts = name.split(b"/")
    if b"\0" in name or any(part in {b"", b".", b".."} for part in parts):
        raise BadLine("the path in it has empty parts, '.', '..' or a NUL character")
    if any(map(is_private, parts)):
        raise BadLine("it names a file of Rota's own")
    return name
