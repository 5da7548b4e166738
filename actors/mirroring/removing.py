"""Removes from the target what the source does not have any more: into the bin, or for good.

It comes last, when everything was seen and copied. What is to go is looked for in the source once more; what the
patterns leave out, and what lies on another file system, stays where it is.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

from actors.datasources.bins import Bin, Recycled
from actors.datasources.folders import delete_folder
from actors.datasources.paths import join, text_of
from actors.datasources.storage import Kind, Row, Unlisted, Why
from actors.mirroring.setting import Setting
from actors.recycling.moment import arrival_of
from rota.bins import BinRules
from rota.errors import TemporaryError

_BATCH = 100


class Removal(NamedTuple):
    """An entry of the target that shall go, with everything in it."""

    path: bytes
    row: Row
    entries: int
    bytes: int
    whole: bool
    """Nothing in it has to stay, so that it may be moved in one step."""
    kind_there: str | None
    """What the source has at the path: nothing, or an entry of another kind."""


class Remover:
    """Removes entries from the target of a mirror; safe in several threads."""

    def __init__(self, setting: Setting, *, name: str, to_bin: bool, rules: BinRules) -> None:
        """Take what is shared; `name` is the target's datasource, whose bin with these rules is filled if `to_bin`."""
        run = setting.run
        self._run = run
        self._source = setting.source
        self._target = setting.target
        self._scope = setting.scope
        self._tally = setting.tally
        self._check = setting.check
        self._name = name
        self._to_bin = to_bin
        self._lock = threading.Lock()
        self._recycled: list[Recycled] = []
        self._bin = Bin(
            setting.target,
            run=run.id,
            deleted_by=run.person,
            now_ms=lambda: arrival_of(run),
            rules=rules,
        )

    def survey(self, path: bytes, row: Row, *, kind_there: str | None = None) -> Removal | None:
        """Count what would go with an entry; None where that cannot be seen, which is told."""
        if row.kind != Kind.FOLDER:
            size = row.size if row.kind == Kind.FILE else 0
            return Removal(path, row, 1, size, True, kind_there)
        entries, size = 1, 0
        whole = self._scope.takes_all and self._target.capabilities.moves
        for found in self._below(path):
            if isinstance(found, Unlisted):
                self._tell_unlisted(found)
                return None
            if found.special:
                whole = False
            entries += len(found.rows)
            size += sum(each.size for each in found.rows if each.kind == Kind.FILE)
        return Removal(path, row, entries, size, whole, kind_there)

    def remove(self, removal: Removal) -> bool:
        """Remove an entry, unless the source has it again; says whether it went, and tells if it could not."""
        try:
            there = self._source.stat(removal.path)
            if (None if there is None else there.kind) != removal.kind_there:
                self._run.log.info(f"{text_of(removal.path)!r} changed in the source meanwhile and stays in the target")
                return False
            self._run.confirm()
            return self._remove(removal)
        except (OSError, TemporaryError) as error:
            self._tally.fail(removal.path, error)
            return False

    def flush(self) -> None:
        """Record what went into the bin and is not recorded yet."""
        with self._lock:
            recycled, self._recycled = self._recycled, []
        if recycled:
            self._run.bin(self._name).add(recycled)

    def _remove(self, removal: Removal) -> bool:
        if removal.row.kind == Kind.FOLDER and not (removal.whole and self._to_bin):
            return self._remove_parts(removal)
        if self._to_bin:
            self._keep(self._bin.put(removal.path, removal.row, items=removal.entries, size=removal.bytes))
        else:
            self._target.delete(removal.path)
        self._tally.add(removed=removal.entries)
        return True

    def _remove_parts(self, removal: Removal) -> bool:
        """Remove the files and links of a folder, and then those folders that are empty."""
        folders = [removal.path]
        parts = self._parts(removal.path, folders)
        if self._to_bin:
            recycled = self._bin.put_parts(removal.path, removal.row, parts, failed=self._tally.fail)
            if recycled is not None:
                self._tally.add(removed=recycled.items - 1)
                self._keep(recycled)
        else:
            for path, _ in parts:
                try:
                    self._target.delete(path)
                except OSError as error:
                    self._tally.fail(path, error)
                else:
                    self._tally.add(removed=1)
        # Deepest first.
        staying = [path for path in sorted(folders, key=len, reverse=True) if not self._remove_folder(path)]
        return not staying

    def _remove_folder(self, path: bytes) -> bool:
        self._check()
        try:
            delete_folder(self._target, path)
        except OSError as error:
            self._run.log.info(f"{text_of(path)!r} stays in the target: {error.strerror or error}")
            return False
        self._tally.add(removed=1)
        return True

    def _parts(self, path: bytes, folders: list[bytes]) -> Iterator[tuple[bytes, Row]]:
        """Give the files and links below a folder, and add the folders below it to `folders`."""
        for found in self._below(path):
            if isinstance(found, Unlisted):
                self._tell_unlisted(found)
                continue
            for row in found.rows:
                if row.kind == Kind.FOLDER:
                    folders.append(join(found.path, row.name))
                else:
                    yield join(found.path, row.name), row

    def _below(self, path: bytes) -> Iterator[_Part | Unlisted]:
        """List a folder of the target and those below it, as far as they count."""
        waiting = [path]
        while waiting:
            self._check()
            found = self._target.list_folder(waiting.pop())
            if isinstance(found, Unlisted):
                yield found
                continue
            rows = list(self._scope.of(found.path, found.rows))
            waiting += [join(found.path, row.name) for row in rows if row.kind == Kind.FOLDER]
            yield _Part(found.path, rows, found.special)

    def _tell_unlisted(self, found: Unlisted) -> None:
        if found.why is Why.FAILED:
            self._tally.fail(found.path, OSError(0, f"cannot be listed in the target: {found.reason}"))
        else:
            self._tally.skip(found.path, f"in the target, {found.reason}")

    def _keep(self, recycled: Recycled) -> None:
        with self._lock:
            self._recycled.append(recycled)
            is_full = len(self._recycled) >= _BATCH
        if is_full:
            self.flush()


class _Part(NamedTuple):
    path: bytes
    rows: list[Row]
    special: int
