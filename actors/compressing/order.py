"""What a `compress` is asked to do, and how it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from actors.copying.order import MOST_PATHS, own_path_of, selection_of
from actors.datasources.globs import Selection
from actors.datasources.paths import join, outermost, split, text_of
from actors.params import Params
from rota.archives import MADE, Format, parse_name
from rota.datasources import MAX_GLOBS
from rota.errors import PermanentError
from rota.fields import Glob

_LEAST_SPLIT_BYTES = 64 * 1024


class CompressParams(Params):
    """What to pack, into what."""

    datasource: str = Field(min_length=1, description="Name of the datasource with the files and folders.")
    paths: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=MOST_PATHS, description="The files and folders, each with all that is in it."
    )
    target: str = Field(
        default="",
        description="Path of the archive; if empty, beside the first path and called after what is in it. With a slash "
        "at its end it is the folder that the archive goes into.",
    )
    target_datasource: str = Field(default="", description="Name of the datasource it goes to; empty for the same one.")
    format: Format | None = Field(
        default=None,
        description="zip, tar, tar.gz, tar.zst, tar.xz or 7z; if unset, what the target's name says, or zip.",
    )
    level: int | None = Field(
        default=None, ge=0, le=9, description="How hard to compress, from 0 (not at all) to 9; what suits if unset."
    )
    password: str | None = Field(
        default=None, description="Reference to the password of a zip or 7z, env:NAME or file:/PATH; none if unset."
    )
    split_bytes: int | None = Field(
        default=None,
        ge=_LEAST_SPLIT_BYTES,
        description="Most bytes of one file; the archive is divided into such parts.",
    )
    include: tuple[Glob, ...] = Field(
        default=(), max_length=MAX_GLOBS, description="Only files and links that match one of these patterns."
    )
    exclude: tuple[Glob, ...] = Field(
        default=(), max_length=MAX_GLOBS, description="Leave out what matches one of these patterns."
    )
    links: Literal["skip", "keep"] = Field(
        default="skip", description="What happens to symbolic links; what they lead to is never packed."
    )
    manifest: bool = Field(default=False, description="Write the checksums of the files beside it, as sha256sum does.")
    conflict: Literal["number", "overwrite", "fail"] = Field(
        default="number", description="What happens where something has the archive's name."
    )
    max_bytes: int | None = Field(default=None, ge=1, description="Most bytes that are packed; more is refused.")
    max_bytes_per_second: int | None = Field(
        default=None, ge=1024, description="Most bytes a second that are read; no limit if unset."
    )

    @field_validator("format")
    @classmethod
    def _is_made(cls, given: Format | None) -> Format | None:
        if given is not None and given not in MADE:
            raise ValueError(f"{given} is only read; allowed: {', '.join(MADE)}")
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done, checked."""

    paths: tuple[bytes, ...]
    """What was selected, none within another."""
    base: bytes
    """The folder that names in the archive are relative to."""
    format: Format
    goal: bytes
    """Path of the archive, as far as nothing has that name; without the number of a part."""
    include: Selection | None
    """Which files and links are packed; None for all that the storage shows."""
    exclude: Selection
    """What the storage does not show, as far as this was asked for."""

    @classmethod
    def of(cls, params: CompressParams) -> Order:
        """Check what was asked for; raises PermanentError."""
        selected = selection_of(params.paths)
        target = own_path_of(params.target)
        is_folder = params.target.endswith("/")
        format_ = _format_of(b"" if is_folder else target, params.format)
        derived = _derived(selected, format_, params)
        goal = join(target, split(derived)[1]) if is_folder else target or derived
        return cls(
            paths=tuple(outermost(selected)),
            base=common_folder(selected),
            format=format_,
            goal=goal,
            include=Selection(params.include) if params.include else None,
            exclude=Selection(exclude=params.exclude),
        )

    def name_of(self, path: bytes) -> bytes:
        """Give what an entry is called in the archive."""
        return path[len(self.base) + 1 :] if self.base else path


def common_folder(paths: Sequence[bytes]) -> bytes:
    """Give the folder that all of these paths are in, as deep as there is one."""
    first, *others = ([*split(path)[0].split(b"/")] for path in paths)
    depth = len(first)
    for other in others:
        depth = next((at for at in range(min(depth, len(other))) if first[at] != other[at]), min(depth, len(other)))
    return b"/".join(first[:depth])


def _format_of(target: bytes, wanted: Format | None) -> Format:
    """Give the format that is wanted, else what the name says; a name that says another one is a mistake."""
    name = text_of(split(target)[1])
    said = parse_name(name).format
    if wanted is not None:
        if said is not None and wanted != said and not wanted.endswith(f".{said}"):
            raise PermanentError(
                f"target: {name!r} is the name of a {said}, and format is {wanted}; change one of them"
            )
        return wanted
    if said is None:
        return Format.ZIP
    if said not in MADE:
        raise PermanentError(f"target: {said} is only read; give a format, one of {', '.join(MADE)}")
    return said


def _derived(selected: Sequence[bytes], format_: Format, params: CompressParams) -> bytes:
    """Give the path of an archive that was given none: beside the first path, elsewhere in the root."""
    folder, name = split(selected[0])
    if len(selected) > 1:
        name = split(folder)[1] or params.datasource.encode()
    is_elsewhere = params.target_datasource not in {"", params.datasource}
    return join(b"" if is_elsewhere else folder, name + b"." + format_.encode())
