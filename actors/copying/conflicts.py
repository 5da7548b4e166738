"""Decides what becomes of an entry where something has its name in the target already. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from actors.copying.order import Conflict
from actors.datasources.storage import Kind, Row
from actors.transferring.sides import Times
from rota.names import numbered

_MOST_NUMBERS = 100_000


class Deed(StrEnum):
    """What is done about a file."""

    WRITE = "write"  # it gets its name, in place of the file that has it if there is one
    NUMBER = "number"  # it gets a name with a number
    SKIP = "skip"  # it stays where it is
    CLASH = "clash"  # what has its name is no file: nothing replaces that


def decide(conflict: Conflict, row: Row, there: Row | None, *, times: Times) -> Deed:
    """Say what is done about a file of the source; `there` is what has its name in the target."""
    if there is None:
        return Deed.WRITE
    if conflict is Conflict.NUMBER:
        return Deed.NUMBER
    if conflict is Conflict.SKIP:
        return Deed.SKIP
    if there.kind != Kind.FILE:
        return Deed.CLASH
    if conflict is Conflict.NEWER:
        # A time that nobody knows is not newer than any.
        is_newer = bool(row.modified_ns) and row.modified_ns - there.modified_ns >= times.step_ns
        return Deed.WRITE if is_newer else Deed.SKIP
    return Deed.WRITE


def free_number(name: bytes, is_free: Callable[[bytes], bool], *, after: int = 1) -> int:
    """Give the lowest number above `after` with which a name is free; raises FileExistsError for a hundred thousand."""
    for number in range(after + 1, after + _MOST_NUMBERS):
        if is_free(numbered(name, number)):
            return number
    raise FileExistsError(0, "all names with a number are taken")


def named(name: bytes, number: int) -> bytes:
    """Give the name with a number; 1 stands for the name itself."""
    return name if number == 1 else numbered(name, number)
