"""Paths that requests name: of files and folders of a datasource, checked before anything is started."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from rota.names import is_own_text


def _entry(text: str) -> str:
    path = _folder(text)
    if not path:
        raise ValueError("must name a file or folder of the datasource, such as reports/2026.pdf")
    return path


def _folder(text: str) -> str:
    path = text.strip("/")
    if path and ("\0" in path or any(part in {"", ".", ".."} for part in path.split("/"))):
        raise ValueError("must be relative to the datasource such as reports/2026, without '.', '..' and empty names")
    if is_own_text(path):
        raise ValueError("must not lead to what is Rota's own: '.rota' and what begins with '.rota-'")
    return path


def _file_or_folder(text: str) -> str:
    path = _folder(text)
    return f"{path}/" if path and text.endswith("/") else path


EntryPath = Annotated[str, Field(max_length=8192), AfterValidator(_entry)]
"""A file or a folder."""
FolderOrRoot = Annotated[str, Field(max_length=8192), AfterValidator(_folder)]
"""A folder; the empty path is the root."""
FileOrFolder = Annotated[str, Field(max_length=8192), AfterValidator(_file_or_folder)]
"""A file that is made; with a slash at its end the folder that it goes into, under a name of its own."""
MOST_PATHS = 500
"""Paths that one run may be about: they are kept with it."""
EntryPaths = Annotated[tuple[EntryPath, ...], Field(max_length=MOST_PATHS)]
