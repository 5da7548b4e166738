"""Moves what can be moved within one storage, and removes from a source what was copied elsewhere."""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from contextlib import suppress

from actors.copying.setting import Setting
from actors.datasources.drafts import aside_of, draft_beside, draft_of
from actors.datasources.folders import delete_folder
from actors.datasources.paths import join, split, text_of
from actors.datasources.storage import Kind, Row
from actors.transferring.reading import Changed
from actors.transferring.sides import looks_same
from rota.errors import TemporaryError

# What a storage answers that is one to us and several to itself.
_ELSEWHERE = frozenset({errno.EXDEV, errno.ENOTSUP, errno.ENOSYS})


class Mover:
    """Renames and removes; safe in several threads."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._run = setting.run
        self._source = setting.source
        self._target = setting.target
        self._lock = threading.Lock()
        self._same: dict[tuple[bytes, bytes], bool] = {}

    def can_rename(self, kind: str) -> bool:
        """Say whether an entry of this kind may be moved in one step."""
        return self._setting.is_one and (kind == Kind.FILE or self._source.capabilities.moves)

    def rename(self, path: bytes, row: Row, goal: bytes, *, replaces: bool = False) -> bool:
        """Move an entry in one step, in place of a file if it `replaces`; false where the storage cannot.

        Raises FileExistsError if something is there, unless it replaces; OSError if it could not be moved, and then
        everything is where it was.
        """
        try:
            if replaces:
                self._replace(path, goal)
            else:
                self._source.rename(path, goal)
        except OSError as error:
            if error.errno in _ELSEWHERE:
                return False
            raise
        self._changed(path, goal)
        self._setting.tally.add(moved=1, bytes=row.size if row.kind == Kind.FILE else 0)
        return True

    def is_itself(self, path: bytes, row: Row, goal: bytes, there: Row) -> bool:
        """Say whether what is at the goal is the very file that shall go there, seen by way of another datasource.

        Two addresses may lead to one server. Inodes tell where both sides have them; elsewhere a private file that is
        made in one folder for a moment is looked for in the other.
        """
        if row.inode and there.inode:
            return (row.inode, row.device) == (there.inode, there.device)
        folders = split(path)[0], split(goal)[0]
        with self._lock:
            if folders not in self._same:
                self._same[folders] = self._is_one_folder(*folders)
            return self._same[folders]

    def remove(self, path: bytes, row: Row) -> None:
        """Remove a file of the source that was copied as `row`, unless it is another one by now.

        Raises Changed if it is, and then it stays; OSError if it could not be removed.
        """
        now = self._source.stat(path)
        if now is None:
            return
        is_other = row.inode and now.inode and (now.inode, now.device) != (row.inode, row.device)
        if is_other or not looks_same(now, row, step_ns=self._source.capabilities.step_ns):
            raise Changed(f"{text_of(path)!r} was changed since it was copied, and stays where it is")
        self._run.confirm()
        self._source.delete(path)
        self._setting.source_changed.add(split(path)[0])
        self._setting.tally.add(moved=1)

    def remove_folders(self, paths: Sequence[bytes]) -> None:
        """Remove those folders of the source that are empty now, the deepest first."""
        for path in sorted(paths, key=lambda path: path.count(b"/"), reverse=True):
            self._setting.check()
            try:
                delete_folder(self._source, path)
            except (OSError, TemporaryError) as error:
                reason = error.strerror if isinstance(error, OSError) else None
                self._run.log.info(f"the folder {text_of(path)!r} stays where it was: {reason or error}")
            else:
                self._setting.source_changed.add(split(path)[0])

    def _is_one_folder(self, folder: bytes, goal: bytes) -> bool:
        probe = draft_beside(join(goal, b"probe"))
        self._target.write(probe, [b""])
        try:
            return self._source.stat(join(folder, split(probe)[1])) is not None
        finally:
            self._target.delete(probe)

    def _replace(self, path: bytes, goal: bytes) -> None:
        """Set the file at the goal aside, move the other one there, and only then let the old one go.

        A crash in between leaves the old one in a private folder, from where the clean-up of leftovers puts it back if
        its name is free.
        """
        aside = aside_of(draft_of(goal, self._run.task))
        old = join(aside, split(goal)[1])
        self._source.delete(old)
        self._source.make_folder(aside)
        self._source.rename(goal, old)
        try:
            self._refuse_other(old)
            self._source.rename(path, goal)
        except BaseException:
            with suppress(OSError, TemporaryError):
                self._source.rename(old, goal)
                self._source.delete(aside)
            raise
        self._source.delete(old)
        self._source.delete(aside)

    def _refuse_other(self, path: bytes) -> None:
        """Raise FileExistsError if what was set aside is no file: it was put there since it was looked at."""
        found = self._source.stat(path)
        if found is not None and found.kind != Kind.FILE:
            raise FileExistsError(errno.EEXIST, "something else came to be at its name", path)

    def _changed(self, path: bytes, goal: bytes) -> None:
        self._setting.source_changed.add(split(path)[0])
        self._setting.target_changed.add(split(goal)[0])
