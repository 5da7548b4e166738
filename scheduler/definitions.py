"""Job definitions from files: the folder of the settings, and the jobs that ship with Rota.

The folder is looked at once a second by the times and sizes of its files. That costs less than a watcher would (the
asyncio that its library needs takes ten megabytes) and works on every file system. A file that changes is read once it
has stopped changing. What is wrong with it is logged and kept in `problems`; its jobs stay as they were last good.

Files are followed, not obeyed blindly: a job that was edited elsewhere stays as it was edited until its file changes,
and one whose file is gone is disabled with that reason, never deleted. A folder that cannot be read is no empty one.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rota.definitions import SUFFIXES, ActorSpec, parse_definition, read_definitions
from rota.errors import InvalidDefinition
from rota.jobs import Job
from rota.loop import Loop
from scheduler.jobs.shipping import AUTHOR, save_shipped
from store.queries import jobs

if TYPE_CHECKING:
    from rota.clock import Clock
    from scheduler.leader import Leader
    from store.engine import Connection, Store

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 0.3
SHIPPED_FOLDER = Path(__file__).parent / "jobs" / "shipped"
GONE = "it is no longer in its file"

Fingerprint = Mapping[str, tuple[int, int, int]]
"""Of each file of definitions its time, size and inode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """What is wrong with a file, in words for a person."""

    file: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a folder holds: good jobs with the file of each, files of which nothing or not all is good, and why."""

    jobs: tuple[tuple[str, Job], ...]
    problems: tuple[FileProblem, ...]
    files: frozenset[str]


class Definitions:
    """The duty of the definitions; only the leader's does anything."""

    def __init__(
        self, store: Store, folder: Path, leader: Leader, *, actors: Mapping[str, ActorSpec], clock: Clock
    ) -> None:
        self._store = store
        self._folder = folder
        self._leader = leader
        self._actors = actors
        self._clock = clock
        self._epoch: int | None = None
        self._seen: Fingerprint | None = None
        self._applied: Fingerprint | None = None
        self._problems: tuple[FileProblem, ...] = ()
        self.loop = Loop("definitions", self.step, interval=LOOK_SECONDS)

    def problems(self) -> tuple[FileProblem, ...]:
        """Return what was wrong with the files at the last look."""
        return self._problems

    def read_under(self, epoch: int) -> bool:
        """Say whether the files were looked at since this scheduler leads under an epoch."""
        return self._epoch == epoch

    def step(self) -> float:
        """Look once, and apply what has changed."""
        epoch = self._leader.leading()
        if epoch is None:
            return LOOK_SECONDS
        first = epoch != self._epoch
        if first:
            self._save_shipped()
        here = fingerprint(self._folder)
        if here is None or (not first and here == self._applied):
            self._epoch = epoch
            return LOOK_SECONDS
        if not first and here != self._seen:
            # Somebody may be in the middle of writing: a part of a file may look like a whole one.
            self._seen = here
            return SETTLE_SECONDS
        self.apply(read_files(self._folder, here, self._actors))
        self._applied = here
        self._epoch = epoch
        return LOOK_SECONDS

    def apply(self, found: Found) -> None:
        """Save what is new in the files, and keep and tell what is wrong with them."""
        now = self._clock.now_ms()
        self._store.write(lambda conn: _apply(conn, found, now))
        for problem in found.problems:
            if problem not in self._problems:
                logger.error(
                    "definition.refused", extra={"file": problem.file, "problem": problem.problem, "kept": "last good"}
                )
        self._problems = found.problems

    def _save_shipped(self) -> None:
        """Save the jobs that ship with this version."""
        found = read_files(SHIPPED_FOLDER, fingerprint(SHIPPED_FOLDER) or (), self._actors, tried=True)
        for problem in found.problems:
            logger.error("definition.refused", extra={"file": problem.file, "problem": problem.problem})
        shipped = [job for _, job in found.jobs]
        now = self._clock.now_ms()
        self._store.write(lambda conn: save_shipped(conn, shipped, actors=self._actors, at=now))


def fingerprint(folder: Path) -> Fingerprint | None:
    """Return what tells whether the folder's definitions changed; None if it cannot be read or is not there."""
    try:
        with os.scandir(folder) as entries:
            return dict(sorted(_marks(entries)))
    except OSError:
        return None


def _marks(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    for entry in entries:
        if entry.name.startswith(".") or not entry.name.lower().endswith(SUFFIXES):
            continue
        try:
            about = entry.stat()
        except OSError:  # gone since it was listed, or a link to nowhere
            continue
        # A pipe or a device with such a name would never end to be read.
        if stat.S_ISREG(about.st_mode):
            yield entry.name, (about.st_mtime_ns, about.st_size, about.st_ino)


def read_folder(folder: Path, actors: Mapping[str, ActorSpec]) -> Found:
    """Return all definitions of a folder; what is wrong with one of them does not touch the others."""
    return read_files(folder, fingerprint(folder) or (), actors)


def read_files(folder: Path, files: Iterable[str], actors: Mapping[str, ActorSpec], *, tried: bool = False) -> Found:
    """Return the definitions of these files of a folder: one that is gone meanwhile is a problem, not an empty one.

    Those that ship with Rota were `tried` by its tests, so their expressions cost no process the library.
    """
    good: dict[str, tuple[str, Job]] = {}
    problems: list[FileProblem] = []
    for name in files:
        for result in _read_file(folder / name, actors, tried):
            if isinstance(result, FileProblem):
                problems.append(result)
            elif result.name in good:
                other = good[result.name][0]
                problems.append(FileProblem(file=name, problem=f"the job {result.name} is defined in {other} too"))
            else:
                good[result.name] = (name, result)
    return Found(jobs=tuple(good.values()), problems=tuple(problems), files=frozenset(files))


def _read_file(path: Path, actors: Mapping[str, ActorSpec], tried: bool) -> Iterator[Job | FileProblem]:
    try:
        raw = read_definitions(path)
    except InvalidDefinition as error:
        yield FileProblem(file=path.name, problem=str(error))
        return
    for definition in raw:
        try:
            yield parse_definition(definition.data, source=definition.source, actors=actors, tried=tried)
        except InvalidDefinition as error:
            yield FileProblem(file=path.name, problem=str(error))


def _apply(conn: Connection, found: Found, now: int) -> None:
    for file, job in found.jobs:
        _apply_one(conn, file, job, now)
    present = {job.name for _, job in found.jobs}
    # A file that is partly wrong may still mean to define what cannot be read of it.
    doubtful = {problem.file for problem in found.problems}
    for name, source in jobs.enabled_from(conn, SUFFIXES):
        if name not in present and source not in doubtful:
            jobs.set_enabled(conn, [name], False, at=now, reason=f"{GONE} {source}")
            logger.warning("definition.gone", extra={"job": name, "file": source})


def _apply_one(conn: Connection, file: str, job: Job, now: int) -> None:
    record = jobs.find(conn, job.name)
    last = jobs.last_from(conn, job.name, file)
    if record is None or last is None or last.definition != job.definition():
        jobs.save(conn, job, author=AUTHOR, source=file, at=now)
        logger.info("definition.saved", extra={"job": job.name, "file": file})
    came_back = record is not None and not record.enabled and (record.enabled_reason or "").startswith(GONE)
    if came_back and job.enabled:
        jobs.set_enabled(conn, [job.name], True, at=now, reason=None)
