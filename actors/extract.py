"""The actor `extract`: unpacks an archive into a folder that appears when it is whole.

The plan:

1. The archive's parts and its format are found, by content and name; its storage and the target's are verified. What it
   says of itself, where it does so beforehand, is held against the limits and the room that is left.
2. A private folder is begun beside the target. One member after the other is judged: names that lead outside or cannot
   be names, and anything more than the limits allow, counted on what really comes out, end it all. What other systems
   take for the same name gets a number; links, devices and the like are left out; both are noted. So is the code page
   that names are taken to be in, where the archive does not say; those it says to be bytes come back as they were.
3. Files are written by several threads, readable by everybody, executable or not, without owners and special rights,
   and with their times. A hard link becomes a copy. Links that are asked for are made after all files, if they stay
   inside.
4. When all is whole and on the disk, and the archive still is what it was, the folder gets its name. If it shall go
   into a folder that is there, the files are moved there one by one, each whole; nothing replaces what is no file.
5. `storage.changed` tells where something was made.

A `.gz` and the like gives one file. It is written the same way: under a private name first, unless it replaces one.

Whatever goes wrong, nothing of it is left; folders that were made for the target to be in go as well. A crash leaves
them, and the private folder: the next attempt removes that and begins again, for an extraction is not gone on with in
the middle; the clean-up of leftovers takes those of tasks that have ended. An attempt that was killed after its folder
got the name is known by that, so that it is not made twice.

In object stores, and others where a folder cannot be renamed, files get their names one after another at the end; an
attempt that is killed meanwhile is gone on with. Folders with nothing in them, times and rights are as the storage has
them. Not guaranteed: what somebody else puts at the name of a single file in the moment before it is replaced there,
or where a storage cannot rename, is replaced; a merge that was killed may tell its own files as skipped afterwards.

The process has no memory limit of its own: readers bound what they take, and the setting for isolated actors counts.
"""

from __future__ import annotations

from pydantic import Field

from actors.params import Result
from actors.registry import actor
from actors.run import Run
from actors.unpacking.extracting import extract_archive
from actors.unpacking.notes import Note
from actors.unpacking.order import ExtractParams


class ExtractResult(Result):
    """What was made."""

    datasource: str
    """The target's."""
    path: str
    """Of the folder, or the file."""
    format: str
    entries: int
    """Files, folders and links that were made."""
    bytes: int
    """In the files."""
    skipped: int
    """Files that were there already and stayed, or had something else in their place."""
    noted: int
    """What was left out or changed; the log names it."""
    notes: list[Note] = Field(default=[])
    """The first of them."""


@actor("extract", queue="archive", isolate=True)
def extract(run: Run, params: ExtractParams) -> ExtractResult:
    """Unpack an archive into a folder, or a compressed file."""
    made, notes = extract_archive(run, params)
    return ExtractResult(
        datasource=params.target_datasource or params.datasource,
        path=made.path,
        format=made.format,
        entries=made.entries,
        bytes=made.bytes,
        skipped=made.skipped,
        noted=notes.count,
        notes=notes.kept,
    )
