"""What a datasource's bin is for: which deletions go there, how long and how much is kept, and what is never purged.

Pure: the same rules decide where something is deleted, what a purge takes, and what the console says about both.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from rota.fields import Count, Flag, Glob, Line, Part, PositiveDuration
from rota.names import is_own_text
from rota.problems import FieldError
from rota.times import duration_ms

Per = Literal["datasource", "user", "folder"]
"""What has a bin of its own: the datasource, each user who deletes, or each folder of the root."""
MAX_PARTS = 200
DEFAULT_KEEP = "P30D"


def _about_paths(text: str) -> str:
    if any(part in {".", ".."} for part in text.split("/")):
        raise ValueError("must be about paths of the datasource: '.' and '..' are in none, so it would hold nothing")
    return text


def _folder(text: str) -> str:
    path = text.strip("/")
    if not path or "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise ValueError("must be a folder of the datasource such as projects/2026, without '.' and '..'")
    if is_own_text(path):
        raise ValueError("must not be in Rota's own folders: '.rota' and what begins with '.rota-'")
    return path


Pattern = Annotated[Glob, AfterValidator(_about_paths)]
FolderPath = Annotated[str, Field(max_length=4096), AfterValidator(_folder)]


def fits(path: str, user: str | None, *, folder: str | None, deleted_by: str | None) -> bool:
    """Say whether what this user deleted at this path is meant by a folder and a user; None of either means any."""
    if deleted_by is not None and deleted_by != user:
        return False
    return folder is None or path == folder or path.startswith(folder + "/")


class Keeping(Part):
    """How long and how much is kept; what is left out sets no limit."""

    keep: PositiveDuration | None = Field(
        default=None, description="How long after its deletion an item is kept, such as P30D."
    )
    max_size: Annotated[Count, Field(ge=1, le=2**62)] | None = Field(
        default=None, description="Most bytes that are kept; the oldest items go first."
    )
    max_items: Annotated[Count, Field(ge=1, le=2**62)] | None = Field(
        default=None, description="Most items that are kept; the oldest go first."
    )

    @property
    def keep_ms(self) -> int | None:
        """How long an item is kept, in milliseconds; None for ever."""
        return None if self.keep is None else duration_ms(self.keep)


class BinPart(Keeping):
    """Other rules for what was deleted in one folder, or by one user; of several that fit the first counts."""

    folder: FolderPath | None = Field(default=None, description="What was deleted in this folder and below it.")
    user: Line | None = Field(default=None, description="What this user deleted.")
    enabled: Flag = Field(default=True, description="Whether deletions go to the bin; if not, they are for good.")

    @model_validator(mode="after")
    def _about_something(self) -> BinPart:
        if self.folder is None and self.user is None:
            raise FieldError(("folder",), "is required, or user: without them it would be about everything")
        return self

    def fits(self, path: str, user: str | None) -> bool:
        """Say whether it is about what this user deletes at this path."""
        return fits(path, user, folder=self.folder, deleted_by=self.user)


class BinRules(Keeping):
    """The rules of a datasource's bin."""

    enabled: Flag = Field(default=True, description="Whether deletions go to the bin; if not, they are for good.")
    keep: PositiveDuration | None = Field(
        default=DEFAULT_KEEP, description="How long after its deletion an item is kept; null for ever."
    )
    per: Per = Field(
        default="datasource",
        description="What has a bin with limits of its own: the datasource, each user, or each folder of its root.",
    )
    parts: tuple[BinPart, ...] = Field(
        default=(), max_length=MAX_PARTS, description="Other rules for a folder or a user; the first that fits counts."
    )
    hold: tuple[Pattern, ...] = Field(
        default=(), max_length=MAX_PARTS, description="Never purged while one of these matches where it was deleted."
    )
    max_purged: float = Field(
        default=0.5, ge=0, le=1, description="Largest share of a bin that a limit may take in one purge unasked."
    )

    def part_of(self, path: str, user: str | None) -> tuple[int, Keeping]:
        """Give the rules for what this user deleted at this path, with their number; -1 for the general ones."""
        for number, part in enumerate(self.parts):
            if part.fits(path, user):
                return number, part
        return -1, self

    def takes(self, path: str, user: str | None) -> bool:
        """Say whether what this user deletes at this path goes to the bin."""
        part = self.part_of(path, user)[1]
        return self.enabled and (not isinstance(part, BinPart) or part.enabled)

    def bin_of(self, path: str, user: str | None) -> str:
        r"""Give the name of the bin that something goes to: empty, `user:NAME` or `folder:NAME`.

        Bytes of a folder that are no UTF-8 are told as `\xff`, for a name is a text that can be stored.
        """
        if self.per == "user":
            return f"user:{user or ''}"
        if self.per == "folder":
            folder = path.partition("/")[0] if "/" in path else ""
            return f"folder:{folder.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')}"
        return ""
