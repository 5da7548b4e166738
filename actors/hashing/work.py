"""Carries out a `hash`: walks, has files hashed, writes the manifest, and remembers how far it is."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from actors.datasources.paths import text_of
from actors.datasources.storage import Row
from actors.hashing.algorithms import ALGORITHMS, Hasher
from actors.hashing.content import Content, Digest
from actors.hashing.etags import EtagHasher, OddEtag, part_sizes
from actors.hashing.lines import written
from actors.hashing.manifest import Manifest
from actors.hashing.ordering import InOrder
from actors.hashing.resume import Resume
from actors.hashing.setting import Setting
from actors.walking import Place, Walk
from rota.errors import TemporaryError

ETAG = "etag"
_KEEP_SECONDS = 20.0


class Left(NamedTuple):
    """Something on the way that is not hashed."""

    path: bytes
    why: str | BaseException
    """A reason if that is on purpose, an error if it is not."""


class Hashing:
    """One pass over the files; memory does not grow with their number."""

    def __init__(
        self,
        setting: Setting,
        resume: Resume,
        *,
        algorithm: str,
        part_size: int | None,
        manifest: Manifest | None,
        base: bytes = b"",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`base` is the folder of the manifest, which names are relative to; the manifest itself is left out."""
        self._setting = setting
        self._resume = resume
        self._algorithm = algorithm
        self._part_size = part_size
        self._manifest = manifest
        self._base_length = len(base) + 1 if base else 0
        self._clock = clock
        self._kept = clock()
        self._content = Content(setting.storages[0], setting.reader)
        self._crew: InOrder[Place | Left, Digest | str | BaseException] = InOrder(
            setting.threads, self._hash, done=self._done, at_once=setting.at_once
        )

    def execute(self, roots: Sequence[Place], *, leave_out: bytes | None) -> None:
        """Hash everything in the roots but for one path."""
        walk = Walk(
            self._setting.storages[0],
            self._setting.threads,
            skip=lambda path, why: self._crew.give(Left(path, why)),
            fail=lambda path, error: self._crew.give(Left(path, error)),
            after=self._resume.after,
        )
        for place in walk.files(roots):
            if place.path != leave_out:
                self._crew.give(place, size=place.row.size)
        self._crew.finish()

    def _hash(self, place: Place | Left) -> Digest | str | BaseException:
        """Give the checksum of a file, or why there is none; in any thread."""
        if isinstance(place, Left):
            return place.why
        try:
            return self._setting.repeats.call(partial(self._content.digest, place.path, place.row, self._hasher))
        except FileNotFoundError:
            return "gone since it was listed"
        except (OSError, TemporaryError, OddEtag) as error:
            return error

    def _hasher(self, row: Row) -> Hasher:
        if self._algorithm != ETAG:
            return ALGORITHMS[self._algorithm].new()
        return EtagHasher(part_sizes(row.size, etag=row.etag, given=self._part_size), known=row.etag)

    def _done(self, place: Place | Left, came: Digest | str | BaseException) -> None:
        path, tally, resume = place.path, self._setting.tally, self._resume
        if isinstance(came, Digest):
            tally.add(files=1, bytes=came.size)
            resume.show(text_of(path), f"{self._algorithm}:{came.hex}")
            if self._manifest is not None:
                self._manifest.lines.add(written(came.hex, path[self._base_length :]))
        elif isinstance(came, str):
            tally.skip(path, came)
        else:
            tally.fail(path, came)
        resume.after = path
        now = self._clock()
        if now - self._kept >= _KEEP_SECONDS or (self._manifest is not None and self._manifest.lines.is_worth_keeping):
            self._kept = now
            self._keep()

    def _keep(self) -> None:
        """Make safe what was done, so that another attempt goes on from here."""
        resume, counts = self._resume, self._setting.tally.counts
        if self._manifest is not None:
            self._keep_lines(self._manifest)
        resume.files, resume.bytes, resume.skipped = counts.files, counts.bytes, counts.skipped
        resume.failed = self._setting.tally.failed
        if resume.fits:
            self._setting.run.checkpoint(resume.to_json())

    def _keep_lines(self, manifest: Manifest) -> None:
        try:
            manifest.lines.keep()
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise TemporaryError(f"what there is of the manifest cannot be kept: {error.strerror or error}") from error
        self._resume.pieces, self._resume.kept_bytes = manifest.lines.pieces, manifest.lines.kept_bytes
