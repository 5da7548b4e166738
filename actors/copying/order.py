"""What a copy or move is asked to do, and how it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from actors.datasources.paths import is_own, path_of
from actors.params import Params
from rota.errors import PermanentError

MOST_PATHS = 500


class Conflict(StrEnum):
    """What happens where a file of that name is in the target already."""

    SKIP = "skip"  # it stays, and the other one stays away
    OVERWRITE = "overwrite"  # it is replaced
    NUMBER = "number"  # it stays, and the other one gets a number in its name
    NEWER = "newer"  # it is replaced if it is older


class TransferParams(Params):
    """What to carry where."""

    datasource: str = Field(min_length=1, description="Name of the datasource with the files and folders.")
    paths: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=MOST_PATHS, description="The files and folders, each with all that is in it."
    )
    target: str = Field(default="", description="The folder that they go into; empty for the root. Made if missing.")
    target_datasource: str = Field(default="", description="Name of the datasource it is in; empty for the same one.")
    conflict: Conflict = Field(
        default=Conflict.SKIP,
        description="What happens where a file of that name is there already. Folders are merged in any case.",
    )
    verify: bool = Field(default=True, description="Read every copy back and compare it.")
    portable: bool = Field(default=False, description="Refuse names that Windows cannot have.")
    max_bytes_per_second: int | None = Field(
        default=None, ge=1024, description="Most bytes a second in each direction; no limit if unset."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done, checked."""

    paths: tuple[bytes, ...]
    """None twice."""
    target: bytes
    conflict: Conflict
    moves: bool
    """Whether the entries go from where they were."""
    verify: bool
    portable: bool

    @classmethod
    def of(cls, params: TransferParams, *, moves: bool) -> Order:
        """Check what was asked for; raises PermanentError."""
        return cls(
            paths=selection_of(params.paths),
            target=own_path_of(params.target),
            conflict=params.conflict,
            moves=moves,
            verify=params.verify,
            portable=params.portable,
        )


def selection_of(texts: Sequence[str]) -> tuple[bytes, ...]:
    """Give the paths of a selection, none twice; raises PermanentError for one that is none, or is the root."""
    paths = dict.fromkeys(map(own_path_of, texts))
    if b"" in paths:
        raise PermanentError("the root of a datasource cannot be selected itself: name what is in it")
    return tuple(paths)


def own_path_of(text: str) -> bytes:
    """Give the path; raises PermanentError for one that is none, or leads to what is private to Rota."""
    path = path_of(text)
    if is_own(path):
        raise PermanentError(f"path {text!r} leads to what is Rota's own: names like '.rota' and '.rota-…' are private")
    return path
