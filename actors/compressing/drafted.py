"""Writes an archive into drafts, which outlive the process: another attempt goes on where this one ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from actors.compressing.goal import Goal
from actors.compressing.output import Confirm, count_parts, part_length, refuse_too_many
from actors.datasources.abilities import Draft, Drafting
from actors.datasources.drafts import draft_of
from actors.datasources.storage import Storage
from rota.errors import TemporaryError


class Drafted:
    """An archive in drafts of a task, one for each part."""

    def __init__(self, storage: Storage, goal: Goal, *, key: str, split_bytes: int | None) -> None:
        assert isinstance(storage, Drafting)
        self._storage = storage
        self._drafts: Drafting = storage
        self._goal = goal
        self._key = key
        self._most = split_bytes
        self._draft: Draft | None = None
        self._filled = 0
        """Bytes of the part that is being written."""
        self.parts = 0

    def resume(self, written: int) -> bool:
        """Go on behind so many bytes; false if they are not there any more."""
        self.close()
        full, rest = divmod(written, self._most) if self._most else (0, written)
        for number in range(1, full + 1):
            with closing(self._open(number)) as draft:
                if draft.size != self._most:
                    return False
        self.parts = full
        if rest:
            self._begin(self._open(full + 1), rest)
        if self._draft is None:
            return True
        if self._draft.size < rest:
            return False
        self._draft.cut(rest)
        return self._draft.size == rest

    def restart(self) -> None:
        """Begin with nothing.

        What there is is thrown away and not cut off: an attempt that was taken for dead may still write into it.
        """
        self.close()
        self.discard()
        self.parts = 0

    def keep(self) -> None:
        """Make safe what was written."""
        if self._draft is not None:
            self._draft.keep()

    def make(self, pieces: Iterator[bytes], *, ready: Callable[[], None], confirm: Confirm) -> None:
        """Write the pieces, call `ready` when they are safe, and give everything its name."""
        for piece in pieces:
            self._append(piece)
        self.keep()
        size = self._size
        self.close()
        ready()
        if not self.publish(size, confirm=confirm):
            raise TemporaryError("what was written of the archive is not there any more as it was")

    def publish(self, size: int, *, confirm: Confirm) -> bool:
        """Give an archive of so many bytes its name that an earlier attempt wrote; false if it is not as it was."""
        self.parts = count_parts(size, self._most)
        return all(
            self._publish_part(number, part_length(number, size, self._most), confirm)
            for number in range(self.parts, 0, -1)
        )

    def discard(self) -> None:
        """Remove the drafts, also those of an attempt that was killed before it could tell of them."""
        self.close()
        number = max(self.parts, 1)
        while self._most is not None and self._has_draft(number + 1):
            number += 1
        # The last one first: killed in the middle of it, another attempt finds the others.
        for each in range(number, 0, -1):
            with closing(self._open(each)) as draft:
                draft.discard()

    def close(self) -> None:
        """Let go of the drafts."""
        if self._draft is not None:
            self._draft.close()
            self._draft = None

    def _append(self, piece: bytes) -> None:
        if self._most is None:
            self._write(piece)
            return
        with memoryview(piece) as left:
            start = 0
            while start < len(left):
                room = self._most - self._filled if self._draft is not None else self._most
                self._write(bytes(left[start : start + room]))
                start += room
                if self._filled == self._most:
                    self.keep()
                    self.close()

    def _write(self, piece: bytes) -> None:
        if self._draft is None:
            refuse_too_many(self.parts + 1)
            draft = self._open(self.parts + 1)
            if draft.size:  # of an attempt that was killed
                draft.discard()
                draft.close()
                draft = self._open(self.parts + 1)
            self._begin(draft, 0)
        assert self._draft is not None
        self._draft.append(piece)
        self._filled += len(piece)

    def _begin(self, draft: Draft, filled: int) -> None:
        self._draft = draft
        self._filled = filled
        self.parts += 1

    def _publish_part(self, number: int, size: int, confirm: Confirm) -> bool:
        """Give a part its name; false if neither its draft is as it was, nor the part itself is there."""
        path = self._goal.part(number)
        with closing(self._open(number)) as draft:
            if draft.size == size:
                draft.publish(confirm=lambda: confirm(path))
                return True
            there = self._storage.stat(path)
            if there is None or there.size != size:
                return False
            draft.discard()
            return True

    @property
    def _size(self) -> int:
        """How many bytes were written."""
        if self._most is None:
            return self._filled
        return self._filled + (self.parts - 1) * self._most if self.parts else 0

    def _has_draft(self, number: int) -> bool:
        return self._storage.stat(draft_of(self._goal.part(number), self._key)) is not None

    def _open(self, number: int) -> Draft:
        return self._drafts.draft(self._goal.part(number), self._key)
