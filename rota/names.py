"""What a file or folder may be called, and how a copy beside another one is called. Pure.

Names are bytes as a storage has them. Some rules hold everywhere: a name is one part of a path, has 255 bytes at most,
and is none of Rota's own. The portable rules say besides what Windows and SMB can have; they are never imposed unasked.
"""

from __future__ import annotations

import re

MAX_NAME_BYTES = 255
"""As much as nearly all file systems take."""

_PRIVATE = b".rota"
_UNPORTABLE = re.compile(r'[\x00-\x1f\x7f<>:"\\|?*]')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"}
)
# Two that belong together: `archive.tar.gz` becomes `archive (2).tar.gz`.
_EXTENSION = re.compile(rb"(?:\.tar)?\.[0-9A-Za-z_~-]{1,16}")
_TAR = b".tar"
_SHOWN = 40


def name_problem(name: bytes, *, portable: bool = False) -> str | None:
    """Say what is wrong with a name, in words that follow it in a sentence; None if nothing is."""
    if not name or name in {b".", b".."}:
        return "is empty" if not name else "stands for a folder by itself"
    if b"/" in name or b"\0" in name:
        return "has a '/' in it" if b"/" in name else "has a NUL character in it"
    if len(name) > MAX_NAME_BYTES:
        return f"has {len(name):,} bytes; at most {MAX_NAME_BYTES} are allowed"
    if is_private(name):
        return "is one of Rota's own: '.rota' and what begins with '.rota-'"
    return _portable_problem(name) if portable else None


def is_private(name: bytes) -> bool:
    """Say whether a name is Rota's own (`.rota`, `.rota-…`) and so no part of a datasource's content."""
    return name.startswith(_PRIVATE) and (len(name) == len(_PRIVATE) or name[len(_PRIVATE)] == ord("-"))


def is_own(path: bytes) -> bool:
    """Say whether a path leads to, or through, what is Rota's own."""
    return any(map(is_private, path.split(b"/")))


def is_own_text(path: str) -> bool:
    """Say the same of a path as people write it."""
    return is_own(path.encode("utf-8", "surrogateescape"))


def numbered(name: bytes, number: int) -> bytes:
    """Give the name with a number before its extension: `report (2).pdf`.

    What would be longer than 255 bytes is cut before the number, between characters where the name is UTF-8.
    """
    stem, extension = split_extension(name)
    end = b" (%d)" % number + extension
    if len(end) >= MAX_NAME_BYTES:  # no extension that anybody uses
        stem, end = name, b" (%d)" % number
    return _cut(stem, MAX_NAME_BYTES - len(end)) + end


def split_extension(name: bytes) -> tuple[bytes, bytes]:
    """Divide a name before its extension, `.tar.gz` and the like as one; a dot at the start begins none."""
    at = name.rfind(b".")
    if at <= 0 or not name[:at].strip(b".") or not _EXTENSION.fullmatch(name[at:]):
        return name, b""
    if name[:at].endswith(_TAR) and len(name[:at]) > len(_TAR):
        at -= len(_TAR)
    return name[:at], name[at:]


def _portable_problem(name: bytes) -> str | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return "is no UTF-8"
    if found := _UNPORTABLE.search(text):
        return f"has {found[0]!r} in it, which Windows does not take"
    if text[-1] in ". ":
        return "ends with a dot or a space, which Windows drops"
    if text.partition(".")[0].rstrip().lower() in _DEVICES:
        return f"is the name of a device of Windows: {text.partition('.')[0][:_SHOWN]}"
    return None


def _cut(name: bytes, most: int) -> bytes:
    if len(name) <= most:
        return name
    # A byte that begins with the bits 10 goes on with a character that began before it.
    while most > 0 and name[most] & 0xC0 == 0x80 and is_utf8(name):
        most -= 1
    return name[:most]


def is_utf8(name: bytes) -> bool:
    """Say whether a name is UTF-8."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
