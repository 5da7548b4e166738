"""What is asked of the actors that read archives, and how it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from actors.copying.order import own_path_of
from actors.datasources.paths import split
from actors.params import Params
from actors.unpacking.budgets import Limits
from rota.archives import parse_name
from rota.errors import PermanentError
from rota.fields import Glob, PositiveDuration
from rota.names import name_problem

MOST_PATTERNS = 500
_DEEPEST = 512


class Conflict(StrEnum):
    """What happens where something has the name already that the folder, or the one file, shall get."""

    NUMBER = "number"  # it gets a number in its name
    FAIL = "fail"  # nothing is unpacked
    SKIP = "skip"  # what is new goes into that folder, file by file; what is there stays
    OVERWRITE = "overwrite"  # the files go into that folder one by one, in place of those that are there
    NEWER = "newer"  # the files go into that folder one by one, in place of those that are older


class Links(StrEnum):
    """What becomes of symbolic links."""

    SKIP = "skip"  # they are left out, and noted
    KEEP = "keep"  # those are made that stay inside


class ArchiveParams(Params):
    """Which archive, and how it is read."""

    datasource: str = Field(min_length=1, description="Name of the datasource with the archive.")
    path: str = Field(min_length=1, description="The archive; of a divided one any part.")
    password: str | None = Field(
        default=None, min_length=1, description="Where the password is: env:NAME or file:/PATH. None for no password."
    )
    encoding: str | None = Field(
        default=None,
        min_length=1,
        max_length=40,
        description="Encoding of names that are not UTF-8, such as cp437; found out if unset.",
    )


class LimitedParams(ArchiveParams):
    """How much may come out of it."""

    max_entries: int = Field(default=100_000, ge=1, description="Most entries that may be in the archive.")
    max_bytes: int = Field(default=10 * 1024**3, ge=1, description="Most bytes that may come out of it.")
    max_ratio: int = Field(
        default=200, ge=1, description="Most bytes that may come out for each byte of the archive, from 10 MiB on."
    )
    max_depth: int = Field(default=128, ge=1, le=_DEEPEST, description="Most parts that a path may have.")
    max_time: PositiveDuration | None = Field(default=None, description="Longest time it may take; no limit if unset.")

    @property
    def limits(self) -> Limits:
        """The limits as they are counted."""
        return Limits.of(
            entries=self.max_entries,
            size=self.max_bytes,
            ratio=self.max_ratio,
            depth=self.max_depth,
            time=self.max_time,
        )


class ExtractParams(LimitedParams):
    """What to unpack where."""

    target: str = Field(
        default="",
        description="The folder, or for a .gz and the like the file, to be made; empty: beside the archive, called"
        " after it. In another datasource that is its root.",
    )
    target_datasource: str = Field(default="", description="Name of the datasource it is in; empty for the same one.")
    members: tuple[Glob, ...] = Field(
        default=(),
        max_length=MOST_PATTERNS,
        description="Patterns of what is unpacked, a folder with what is in it; all of it if empty.",
    )
    conflict: Conflict = Field(
        default=Conflict.NUMBER, description="What happens where something of that name is there already."
    )
    links: Links = Field(
        default=Links.SKIP, description="Leave symbolic links out, or keep those that lead to what is unpacked."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be unpacked where, checked."""

    path: bytes
    target: bytes
    """Empty if it is called after the archive."""
    is_elsewhere: bool
    """Whether the target is in another datasource than the archive."""
    members: tuple[str, ...]
    conflict: Conflict
    keeps_links: bool
    limits: Limits

    @classmethod
    def of(cls, params: ExtractParams) -> Order:
        """Check what was asked for; raises PermanentError."""
        return cls(
            path=archive_path_of(params.path),
            target=own_path_of(params.target),
            is_elsewhere=params.target_datasource not in {"", params.datasource},
            members=params.members,
            conflict=params.conflict,
            keeps_links=params.links is Links.KEEP,
            limits=params.limits,
        )

    def goal_of(self, archive_name: str) -> bytes:
        """Give the path of what is made from an archive of this name; raises PermanentError where it can have none."""
        if self.target:
            return self.target
        name = parse_name(archive_name).stem.encode("utf-8", "surrogateescape")
        if problem := name_problem(name):
            raise PermanentError(f"target: give one, for the name of what is in {archive_name!r} {problem}")
        folder = b"" if self.is_elsewhere else split(self.path)[0]
        return folder + b"/" + name if folder else name


def archive_path_of(text: str) -> bytes:
    """Give the path of an archive; raises PermanentError for what cannot be one."""
    path = own_path_of(text)
    if not path:
        raise PermanentError("path: the root of a datasource is no archive")
    return path
