"""What a source and a target have to do with each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from actors.datasources.globs import Selection
from actors.datasources.paths import join
from actors.datasources.storage import Capabilities, Row
from rota.datasources import Rules


class Pair(NamedTuple):
    """An entry of the source and the one that corresponds to it in the target."""

    source: Row
    target: Row


class Verdict(StrEnum):
    """What sizes and times say about two files."""

    SAME = "same"  # sizes and times agree
    DIFFERENT = "different"  # sizes or times don't
    DOUBTFUL = "doubtful"  # sizes agree, and times say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What times can say about files of two storages."""

    step_ns: int
    """Those that differ by less are the same."""
    kept: bool
    """A copy has the time of its source."""

    @classmethod
    def of(cls, source: Capabilities, target: Capabilities) -> Times:
        """Tell from what the two storages can do."""
        return cls(step_ns=max(source.step_ns, target.step_ns, 1), kept=target.keeps_modified)

    def judge(self, pair: Pair) -> Verdict:
        """Say whether two files agree."""
        source, target = pair
        if source.size != target.size:
            return Verdict.DIFFERENT
        if not self.kept or not source.modified_ns:
            return Verdict.DOUBTFUL
        is_same = abs(source.modified_ns - target.modified_ns) < self.step_ns
        return Verdict.SAME if is_same else Verdict.DIFFERENT


class Scope:
    """What of two datasources counts: what the patterns of both take.

    So nothing is copied that the target would not show, and nothing removed there that the source would not show.
    """

    def __init__(self, source: Rules, target: Rules) -> None:
        self._source, self._target = Selection.of(source), Selection.of(target)
        self.takes_all = self._source.takes_all and self._target.takes_all
        """Whether the patterns leave nothing out."""

    def of(self, folder: bytes, rows: Sequence[Row], goal: bytes | None = None) -> Sequence[Row]:
        """Give those rows of a folder that count; `goal` is the folder of the target, if it has another path there."""
        if self.takes_all:
            return rows
        there = folder if goal is None else goal
        return [
            row
            for row in rows
            if self._source.takes(join(folder, row.name), row.kind)
            and self._target.takes(join(there, row.name), row.kind)
        ]

    def takes_whole(self, path: bytes, kind: str, goal: bytes | None = None) -> bool:
        """Say whether an entry counts, the folders that lead to it included."""
        there = path if goal is None else goal
        return self._source.takes_whole(path, kind) and self._target.takes_whole(there, kind)


def looks_same(one: Row, other: Row, *, step_ns: int) -> bool:
    """Say whether two rows of one path in one storage are about the same content.

    An etag decides where both have one, for a listing may give times more finely than a question about one entry.
    Inodes don't count: some file systems number anew what they forgot, and an opened file stays what it was.
    """
    if (one.kind, one.size) != (other.kind, other.size):
        return False
    if one.etag and other.etag:
        return one.etag == other.etag
    return abs(one.modified_ns - other.modified_ns) < max(step_ns, 1)
