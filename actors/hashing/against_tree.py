"""Verifies a tree against the same tree in another place, by reading both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actors.datasources.globs import Selection
from actors.datasources.paths import join
from actors.datasources.storage import Datasource, Row
from actors.hashing.checking import digests, verdict
from actors.hashing.findings import Came, Differs, Fault, Findings, Skipped, Unread, Verified
from actors.hashing.ordering import InOrder
from actors.hashing.setting import Setting, roots_of
from actors.transferring.sides import Scope
from actors.walking import Place, Walk

_ALGORITHM = "xxh3-128"


class _Task(NamedTuple):
    path: bytes
    source: Row | None
    target: Row | None
    came: Came | None = None
    """What is known without looking."""


class AgainstTree:
    """Walks two trees side by side, and compares the contents of files that both have."""

    def __init__(
        self,
        setting: Setting,
        findings: Findings,
        *,
        source: Datasource,
        target: Datasource,
        goal: bytes,
        paths: Sequence[bytes],
        allow_extra: bool,
    ) -> None:
        """`goal` is the folder of the target that stands for the root of the source."""
        self._setting = setting
        self._findings = findings
        self._source, self._target = setting.storages
        self._selection = Selection.of(source.rules)
        self._scope = Scope(source.rules, target.rules)
        self._goal = goal
        self._paths = paths
        self._allow_extra = allow_extra
        self._source_digest = digests(setting, self._source)
        self._target_digest = digests(setting, self._target)
        self._crew: InOrder[_Task, Came] = InOrder(
            setting.threads, self._check, done=self._done, at_once=setting.at_once
        )

    def execute(self, position: object) -> None:
        """Verify all files behind a position, which is a path in hexadecimal."""
        after = bytes.fromhex(position) if isinstance(position, str) else None
        for path, source, target in side_by_side(self._ours(after), self._theirs(after)):
            row = source or target
            assert row is not None
            if self._scope.takes_all or self._scope.takes_whole(path, row.kind, join(self._goal, path)):
                self._crew.give(_Task(path, source, target), size=row.size)
        self._crew.finish()

    def _ours(self, after: bytes | None) -> Iterator[Place]:
        walk = Walk(self._source, self._setting.threads, skip=self._skip, fail=self._fail, after=after)
        return walk.files(roots_of(self._source, self._paths, self._selection))

    def _theirs(self, after: bytes | None) -> Iterator[Place]:
        start = len(self._goal) + 1 if self._goal else 0
        walk = Walk(
            self._target,
            self._setting.threads,
            # What is left out there is told as missing if it should be there.
            skip=lambda _path, _why: None,
            fail=lambda path, error: self._fail(path[start:], error),
            after=None if after is None else join(self._goal, after),
        )
        goals = [join(self._goal, path) for path in self._paths]
        there = [Place(goal, row) for goal in goals if (row := self._target.stat(goal)) is not None]
        return (Place(path[start:], row) for path, row in walk.files(there))

    def _check(self, task: _Task) -> Came:
        if task.came is not None:
            return task.came
        source, target = task.source, task.target
        if source is None:
            return Differs(Fault.EXTRA, "it should not be there")
        if target is None:
            return Differs(Fault.MISSING, "it is not there")
        if source.size != target.size:
            return Differs(Fault.DIFFERENT, f"it has {target.size:,} bytes and should have {source.size:,}")
        return verdict(lambda: self._compared(task.path, source, target))

    def _compared(self, path: bytes, source: Row, target: Row) -> Came:
        expected = self._source_digest(path, source, _ALGORITHM)
        found = self._target_digest(join(self._goal, path), target, _ALGORITHM)
        if found.hex != expected.hex:
            return Differs(Fault.DIFFERENT, "it has another content")
        return Verified(found.size)

    def _done(self, task: _Task, came: Came) -> None:
        if not (self._allow_extra and isinstance(came, Differs) and came.fault is Fault.EXTRA):
            self._findings.take(task.path, came)
        # What a walk tells besides files may be ahead of files that the other one has yet to tell.
        if task.came is None:
            self._findings.keep(task.path.hex())

    def _skip(self, path: bytes, why: str) -> None:
        self._crew.give(_Task(path, None, None, Skipped(why)))

    def _fail(self, path: bytes, error: BaseException) -> None:
        self._crew.give(_Task(path, None, None, Unread(error)))


def side_by_side(ours: Iterator[Place], theirs: Iterator[Place]) -> Iterator[tuple[bytes, Row | None, Row | None]]:
    """Give each path that either has, with the rows of both; both come in the order of their paths."""
    source, target = next(ours, None), next(theirs, None)
    while source is not None or target is not None:
        if target is None or (source is not None and source.path < target.path):
            assert source is not None
            yield source.path, source.row, None
            source = next(ours, None)
        elif source is None or target.path < source.path:
            yield target.path, None, target.row
            target = next(theirs, None)
        else:
            yield source.path, source.row, target.row
            source, target = next(ours, None), next(theirs, None)
