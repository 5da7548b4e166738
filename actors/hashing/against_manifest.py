"""Verifies files against a checksum file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from actors.datasources.globs import Selection
from actors.datasources.paths import join, split, text_of
from actors.datasources.retrying import is_temporary
from actors.datasources.storage import Datasource, Kind, Row, Storage
from actors.hashing.checking import digests, is_within, judged, verdict
from actors.hashing.content import agree
from actors.hashing.findings import Came, Differs, Fault, Findings, Skipped, Unread
from actors.hashing.lines import BadLine, Promise
from actors.hashing.ordering import InOrder
from actors.hashing.promises import Names, promises
from actors.hashing.setting import Setting, roots_of
from actors.walking import Walk
from rota.errors import PermanentError, TemporaryError

MOST_BYTES = 4 * 1024**3
"""A larger manifest is refused; one of a million files has some 100 MB."""
_MOST_BYTES_IN_MEMORY = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Where a manifest is, and how it is read."""

    storage: Storage
    path: bytes
    base: bytes
    """The folder that its names are relative to."""
    is_inside: bool
    """Whether it is in the datasource that is verified."""
    algorithm: str | None
    """The one that lines mean that do not say it; told by their length if None."""


class _Task(NamedTuple):
    number: int
    path: bytes
    row: Row | None
    says: Promise | BadLine


class AgainstManifest:
    """Verifies each file that a manifest names, then looks for files that it does not name.

    Memory: 8 bytes for each line, and 40 more for a moment where files that are not named count.
    """

    def __init__(
        self,
        setting: Setting,
        findings: Findings,
        manifest: Manifest,
        *,
        source: Datasource,
        scope: Sequence[bytes],
        allow_extra: bool,
    ) -> None:
        self._setting = setting
        self._findings = findings
        self._manifest = manifest
        self._source = source
        self._storage = setting.storages[0]
        self._scope = scope
        self._allow_extra = allow_extra
        self._digest = digests(setting, self._storage)
        self._names = Names()

    def execute(self, position: object) -> None:
        """Verify the lines behind a position, which is a line and how the manifest looked."""
        row = self._setting.repeats.call(self._row)
        looks = [row.size, row.modified_ns, row.etag]
        done = 0
        if isinstance(position, list):
            done = position[0]
            if position[1:] != looks:
                raise PermanentError("the manifest was changed since the verification began: begin again")
        with SpooledTemporaryFile(_MOST_BYTES_IN_MEMORY) as copy:
            self._setting.repeats.call(partial(self._copy, row, copy))
            self._verify_lines(copy, done, looks)
        if not self._allow_extra:
            self._find_extra()

    def _row(self) -> Row:
        path = self._manifest.path
        row = self._manifest.storage.stat(path)
        if row is None or row.kind != Kind.FILE:
            raise PermanentError(f"there is no manifest {text_of(path)!r}")
        if row.size > MOST_BYTES:
            raise PermanentError(f"the manifest {text_of(path)!r} has {row.size:,} bytes, more than {MOST_BYTES:,}")
        return row

    def _copy(self, row: Row, copy: IO[bytes]) -> None:
        """Copy the manifest, so that nobody is kept waiting with an open file for as long as everything takes."""
        storage, path = self._manifest.storage, self._manifest.path
        copy.seek(0)
        copy.truncate()
        try:
            with storage.open_file(path) as file:
                size = self._setting.reader.feed(file, row.size, copy.write)
        except OSError as error:
            if is_temporary(error):
                raise
            raise PermanentError(f"{text_of(path)!r} cannot be read: {error.strerror or error}") from error
        after = storage.stat(path)
        if size != row.size or after is None or not agree(row, after):
            raise TemporaryError(f"the manifest {text_of(path)!r} was changed while it was read")
        copy.seek(0)

    def _verify_lines(self, file: IO[bytes], done: int, looks: list[object]) -> None:
        def finish(task: _Task, came: Came) -> None:
            self._findings.take(f"line {task.number:,}" if isinstance(task.says, BadLine) else task.path, came)
            self._findings.keep([task.number, *looks])

        crew: InOrder[_Task, Came] = InOrder(
            self._setting.threads, self._check, done=finish, at_once=self._setting.at_once
        )
        scope, name = frozenset(self._scope), text_of(split(self._manifest.path)[1])
        said = 0
        for number, says in promises(file, algorithm=self._manifest.algorithm, file_name=name):
            self._setting.threads.check()
            path = b""
            if isinstance(says, Promise):
                said += 1
                path = join(self._manifest.base, says.name)
                if not is_within(path, scope):
                    continue
                if not self._allow_extra:
                    self._names.add(path)
            if number > done:
                self._give(crew, _Task(number, path, None, says))
        crew.finish()
        if not said:
            raise PermanentError(f"{text_of(self._manifest.path)!r} is no checksum file: no line of it is one")

    def _give(self, crew: InOrder[_Task, Came], task: _Task) -> None:
        if self._setting.at_once > 1 and isinstance(task.says, Promise):
            # Only the size tells which files can be handed over together; what is wrong is found again in the thread.
            with suppress(OSError):
                task = task._replace(row=self._storage.stat(task.path))
        crew.give(task, size=task.row.size if task.row else 0)

    def _check(self, task: _Task) -> Came:
        says = task.says
        if isinstance(says, BadLine):
            return Differs(Fault.BAD_LINE, str(says))
        return verdict(lambda: judged(self._digest(task.path, task.row, says.algorithm), says.hex))

    def _find_extra(self) -> None:
        self._names.close()
        walk = Walk(
            self._storage,
            self._setting.threads,
            skip=lambda path, why: self._findings.take(path, Skipped(why)),
            fail=lambda path, error: self._findings.take(path, Unread(error)),
        )
        itself = self._manifest.path if self._manifest.is_inside else None
        for path, _ in walk.files(roots_of(self._storage, self._scope, Selection.of(self._source.rules))):
            if path != itself and path not in self._names:
                self._findings.take(path, Differs(Fault.EXTRA, "it should not be there"))
