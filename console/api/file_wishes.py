"""What requests about files may wish for; the actors of the jobs check the same and more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from actors.renaming.matching import MAX_PATTERN_CHARS
from console.api.file_paths import MOST_PATHS, EntryPaths, FolderOrRoot
from rota.fields import Count, Flag, Part
from rota.problems import FieldError

DatasourceName = Annotated[str, Field(max_length=63)]


class PathsWish(Part):
    """Which files and folders; of a folder everything in it too."""

    paths: EntryPaths = Field(min_length=1, description="Relative to the datasource.")


class CarryWish(PathsWish):
    """What is copied or moved, and where to."""

    target: FolderOrRoot = Field(default="", description="Folder that they are put in; the root if left out.")
    target_datasource: DatasourceName = Field(
        default="", description="Datasource of that folder; the same one if left out."
    )
    conflict: Literal["skip", "overwrite", "number", "newer"] = Field(
        default="skip",
        description="Where a file of that name is there already: leave it, replace it, number the new name, or replace "
        "it if it is older. Folders are merged.",
    )
    verify: Flag = Field(default=True, description="Read every copy back and compare it.")
    portable: Flag = Field(default=False, description="Refuse names that Windows cannot have.")
    max_bytes_per_second: Annotated[Count, Field(ge=1024)] | None = Field(
        default=None, description="Most bytes a second in each direction; no limit if left out."
    )


class HashWish(Part):
    """Of what checksums are computed, and where they are written."""

    paths: EntryPaths = Field(default=(), description="Only these files and folders; everything if left out.")
    algorithm: Literal["sha256", "blake3", "sha1", "md5", "xxh3-128", "etag"] = Field(
        default="sha256", description="Which checksum; etag is the one that S3 makes of the content."
    )
    target: FolderOrRoot = Field(default="", description="Path of the manifest that is written; none if left out.")
    target_datasource: DatasourceName = Field(
        default="", description="Datasource that the manifest goes to; the same one if left out."
    )


class VerifyWish(Part):
    """What is compared, and with what: a manifest, another datasource, or the catalog."""

    paths: EntryPaths = Field(default=(), description="Only these files and folders; everything if left out.")
    manifest: FolderOrRoot = Field(default="", description="Path of a checksum file that says what the files are.")
    manifest_datasource: DatasourceName = Field(
        default="", description="Datasource that the manifest is in; the same one if left out."
    )
    algorithm: Literal["sha256", "blake3", "sha1", "md5", "xxh3-128"] | None = Field(
        default=None, description="Which checksum the manifest has; found out by its lines and name if left out."
    )
    target_datasource: DatasourceName = Field(default="", description="Datasource that has the same files.")
    target: FolderOrRoot = Field(default="", description="Folder in it that stands for the root.")
    catalog: Flag = Field(default=False, description="Compare with the hashes that the catalog has.")
    allow_extra: Flag = Field(default=False, description="Files that are there and should not be are right.")

    @model_validator(mode="after")
    def _against_one_thing(self) -> VerifyWish:
        if [bool(self.manifest), bool(self.target_datasource), self.catalog].count(True) != 1:
            raise FieldError(("manifest",), "is required, or target_datasource, or catalog: exactly one of the three")
        if self.algorithm is not None and not self.manifest:
            raise FieldError(("algorithm",), "is that of a manifest, and none is given")
        return self


class FoldersWish(PathsWish):
    """Which folders are made."""

    portable: Flag = Field(default=False, description="Refuse names that Windows cannot have.")


class RenameWish(Part):
    """Which names change, and how."""

    paths: Annotated[tuple[FolderOrRoot, ...], Field(min_length=1, max_length=MOST_PATHS)] = Field(
        description="Files and folders; an empty path for the root."
    )
    pattern: str = Field(
        min_length=1, max_length=MAX_PATTERN_CHARS, description="What is looked for in a name, with its extension."
    )
    syntax: Literal["regex", "text"] = Field(
        default="regex", description="What the pattern is: a regular expression, or the text itself."
    )
    ignore_case: Flag = Field(default=False, description="Upper and lower case are the same.")
    replacement: str = Field(
        default="", max_length=255, description="What takes its place; of a regular expression \\1 is the first group."
    )
    scope: Literal["files", "folders", "both"] = Field(default="files", description="What is renamed.")
    recursive: Flag = Field(default=False, description="What is in the folders too.")
    conflict: Literal["skip", "number"] = Field(
        default="skip", description="Where the new name is taken: keep the old one, or number the new one."
    )
    portable: Flag = Field(default=False, description="Refuse names that Windows cannot have.")
    dry_run: Flag = Field(default=False, description="Tell what would be renamed, and change nothing.")
