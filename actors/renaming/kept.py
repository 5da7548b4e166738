"""Keeps the plan of the folder that is being renamed, in the storage itself, so that a crash leaves no half of it.

A pattern may match what it made: `new ` before every name would come twice. So what is to become what is written down
before the first entry of a folder is renamed, and the next attempt does the rest of that, and nothing else, there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from actors.datasources.paths import is_private, text_of
from actors.datasources.storage import Storage
from actors.renaming.planning import Renaming
from rota.errors import PermanentError

FOLDER = b".rota/renames"
"""Its files are named by the task's id; those of tasks that have ended are left over."""

_NO_NAMES = frozenset({b"", b".", b".."})
_MOST_BYTES = 256 * 1024 * 1024


class KeptPlan(NamedTuple):
    """What is being done, and how far the walk is: all folders that come before this one are done."""

    top: int
    """Number of the selected entry."""
    folder: bytes
    steps: Sequence[Renaming]
    renamed: int
    """How many were renamed before."""
    skipped: int
    items: list[tuple[str, str]]
    """Some of those that were renamed before."""


_decode = msgspec.msgpack.Decoder(KeptPlan).decode
_encode = msgspec.msgpack.Encoder().encode


class Kept:
    """The plan of one task."""

    def __init__(self, storage: Storage, task: str) -> None:
        self._storage = storage
        self._path = FOLDER + b"/" + task.encode()
        self._made = False

    def read(self) -> KeptPlan | None:
        """Give the plan, if there is one; raises PermanentError for one that cannot be ours."""
        try:
            with self._storage.open_file(self._path) as file:
                plan = _decode(file.read(_MOST_BYTES))
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise PermanentError(f"the plan of the renaming, {text_of(self._path)}, cannot be read: {error}") from error
        # Who can write into the storage can write this file as well, and must not gain by it.
        names = [*(plan.folder.split(b"/") if plan.folder else ()), *(name for step in plan.steps for name in step[:2])]
        if any(name in _NO_NAMES or b"/" in name or is_private(name) for name in names):
            raise PermanentError(f"the plan of the renaming, {text_of(self._path)}, has names that no plan has")
        return plan

    def write(self, plan: KeptPlan) -> None:
        """Keep a plan in place of the last one."""
        if not self._made:
            self._storage.make_folder(FOLDER.partition(b"/")[0])
            self._storage.make_folder(FOLDER)
            self._made = True
        self._storage.write(self._path, [_encode(plan)])

    def drop(self) -> None:
        """Keep none any more."""
        self._storage.delete(self._path)
