r"""Turns the names of members into paths beneath a folder, or refuses them. Pure.

Refused is what leads outside on any system that the files may get to: absolute names, `..`, the drives and shares of
Windows, and a `\` where one who takes it for a slash would be led outside. Any other `\` is a character like others: a
name may have one where the archive was made, and gets it back. Refused as well is what cannot be a name: with nothing
between two slashes, `.`, a NUL, more than 255 bytes, and Rota's own names, which nobody would ever see.
"""

from __future__ import annotations

import functools
import re

from actors.archives.telling import shown
from actors.unpacking.refusals import Refused
from rota.names import name_problem

MAX_PATH_BYTES = 4096
"""As much as systems take of a path in one call."""

_DRIVE = re.compile(rb"[A-Za-z]:(?:[/\\]|\Z)")
_HERE = b"./"
_MOST_RECENT = 1024


def path_of_member(name: bytes, *, is_folder: bool) -> bytes:
    """Give the path of a member beneath the folder that it is unpacked into; raises Refused.

    `./` in front, and a slash behind the name of a folder, say nothing. Empty for the folder itself, as tar writes it.
    """
    if len(name) > MAX_PATH_BYTES:
        raise _refusal(name, f"has {len(name):,} bytes; at most {MAX_PATH_BYTES:,} are allowed")
    path = name
    while path.startswith(_HERE):
        path = path.removeprefix(_HERE)
    if is_folder:
        path = path.removesuffix(b"/")
        if (not path and name) or path == b".":
            return _own(name)
    if problem := _problem(path):
        raise _refusal(name, problem)
    return path


def _own(name: bytes) -> bytes:
    if name.startswith(b"/"):
        raise _refusal(name, "is absolute")
    return b""


def _problem(path: bytes) -> str | None:
    if path.startswith(b"/"):
        return "is absolute"
    if _DRIVE.match(path):
        return "leads to a drive of Windows"
    if b"\\" in path and (problem := _separator_problem(path)):
        return problem
    folder, _, name = path.rpartition(b"/")
    if (folder or name != path) and (problem := _folder_problem(folder)):
        return problem
    return _part_problem(name, is_all=name == path)


@functools.lru_cache(_MOST_RECENT)
def _folder_problem(folder: bytes) -> str | None:
    """Say what is wrong with the folders on the way; many members have the same ones."""
    return next(filter(None, (_part_problem(part, is_all=False) for part in folder.split(b"/"))), None)


def _part_problem(part: bytes, *, is_all: bool) -> str | None:
    if part == b"..":
        return "leads outside by '..'"
    problem = name_problem(part)
    return problem if problem is None or is_all else f"has a part that {problem}"


def _separator_problem(path: bytes) -> str | None:
    if path.startswith(b"\\"):
        return r"begins with '\', and so is absolute for Windows"
    if b".." in re.split(rb"[/\\]", path):
        return r"leads outside by '..' where '\' divides folders"
    return None


def _refusal(name: bytes, problem: str) -> Refused:
    return Refused(f"the member {shown(name)} cannot be unpacked: its name {problem}")
