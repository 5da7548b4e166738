"""What requests about archives may wish for; the actors of the jobs check the same and more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from console.api.file_paths import EntryPath, EntryPaths, FileOrFolder, FolderOrRoot
from console.api.file_wishes import DatasourceName
from rota.archives import ENCRYPTED, Format, parse_name
from rota.fields import Count, Flag, Glob, Part, PositiveDuration
from rota.problems import FieldError

LEAST_SPLIT = 64 * 1024
MOST_PASSWORD_CHARS = 1024
_MOST_GLOBS = 200


def _typed(value: object) -> SecretStr:
    # Checked here, because a message of the library's own would quote what is wrong.
    if not isinstance(value, str) or not 1 <= len(value) <= MOST_PASSWORD_CHARS:
        raise ValueError(f"must be a text of 1 to {MOST_PASSWORD_CHARS:,} characters")
    return SecretStr(value)


Globs = Annotated[tuple[Glob, ...], Field(max_length=_MOST_GLOBS)]
Password = Annotated[SecretStr, BeforeValidator(_typed)]
"""What a person typed; it is sealed at once, and nothing ever shows it."""
_OTHER = "Datasource that it goes to; the same one if left out."
_PASSWORD = "What encrypted members are opened with."  # noqa: S105 -- says what it is for


class CompressWish(Part):
    """What goes into an archive, and what archive that is."""

    paths: EntryPaths = Field(min_length=1, description="Files and folders, relative to the datasource.")
    target: FileOrFolder = Field(
        default="",
        description="Path of the archive, or with a slash at its end the folder that it goes into; beside the first of "
        "the paths, and called after it, if left out.",
    )
    target_datasource: DatasourceName = Field(default="", description=_OTHER)
    format: Literal["zip", "tar", "tar.gz", "tar.zst", "tar.xz", "7z"] | None = Field(
        default=None, description="What kind of archive; what the target's name says, or else zip, if left out."
    )
    level: Annotated[Count, Field(ge=0, le=9)] | None = Field(
        default=None,
        description="How hard to compress: 0 not at all, 9 as much as can be; the format's own if left out.",
    )
    password: Password | None = Field(default=None, description="What the content is encrypted with.")
    split_bytes: Annotated[Count, Field(ge=LEAST_SPLIT)] | None = Field(
        default=None, description="Most bytes of one part, for an archive that is divided; one file if left out."
    )
    include: Globs = Field(default=(), description="Only files that one of these matches; all if left out.")
    exclude: Globs = Field(default=(), description="Not these, nor what is in a folder that one of these matches.")
    links: Literal["skip", "keep"] = Field(default="skip", description="What becomes of symbolic links.")
    manifest: Flag = Field(default=False, description="Write a checksum file of what is in it beside the archive.")
    conflict: Literal["number", "overwrite", "fail"] = Field(
        default="number", description="Where something is at the target: number the new name, replace it, or fail."
    )
    max_bytes: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="Most bytes of content; what is more fails. For the role user, what is reserved."
    )
    max_bytes_per_second: Annotated[Count, Field(ge=1024)] | None = Field(
        default=None, description="Most bytes a second in each direction; no limit if left out."
    )

    @model_validator(mode="after")
    def _can_be_encrypted(self) -> CompressWish:
        format_ = self.format or parse_name(self.target).format or Format.ZIP
        if self.password is not None and format_ not in ENCRYPTED:
            raise FieldError(("password",), f"{format_} knows none; take {' or '.join(ENCRYPTED)}")
        return self


class ReadWish(Part):
    """Which archive is read, and with what."""

    path: EntryPath = Field(description="The archive; of a divided one its first part.")
    password: Password | None = Field(default=None, description=_PASSWORD)
    encoding: str | None = Field(
        default=None, max_length=40, description="Code page of its names, such as cp437; found out if left out."
    )


class ListWish(ReadWish):
    """What of an archive is listed."""

    members: Globs = Field(default=(), description="Only what one of these matches; everything if left out.")
    max_entries: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="Most entries that are read; what lies behind them is not listed."
    )
    max_bytes: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="Most bytes that are unpacked to find them; what lies behind is not listed."
    )
    max_time: PositiveDuration | None = Field(
        default=None, description="Longest time; what was not found until then is not listed."
    )


class ReadThroughWish(ReadWish):
    """How much may come out of an archive that is read to its end."""

    max_entries: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="Most entries.")
    max_bytes: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="Most bytes of content.")
    max_ratio: Annotated[Count, Field(ge=1)] | None = Field(
        default=None, description="Most bytes that may come out of one byte of it."
    )
    max_depth: Annotated[Count, Field(ge=1)] | None = Field(default=None, description="Most folders in one another.")
    max_time: PositiveDuration | None = Field(default=None, description="Longest time.")


class ExtractWish(ReadThroughWish):
    """What comes out of an archive, and where to."""

    target: FolderOrRoot = Field(
        default="", description="Folder that is made; beside the archive, and called after it, if left out."
    )
    target_datasource: DatasourceName = Field(default="", description=_OTHER)
    members: Globs = Field(default=(), description="Only what one of these matches; everything if left out.")
    conflict: Literal["number", "fail", "skip", "overwrite", "newer"] = Field(
        default="number",
        description="Where the folder is there already: number the new one, fail, or put files into it one by one and "
        "leave, replace, or replace older ones of the same name.",
    )
    links: Literal["skip", "keep"] = Field(
        default="skip", description="What becomes of symbolic links that stay inside."
    )
