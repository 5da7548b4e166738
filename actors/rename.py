"""The actor `rename`: renames files and folders by a pattern.

The plan:

1. The storage is verified. The folders are gone through, each behind those that are in it, so that no path changes
   while it is needed: what is in the selected folders first (if `recursive`), at last the selected entries themselves.
2. In each, the pattern is matched with the names; a process of its own does that, and is ended if it takes too long.
3. What is to be called what is decided for the whole folder: an entry whose new name is taken stays as it is, or gets a
   number, and so do all but one of those that would get the same; names that make room for each other are done in turn.
4. Before the first entry of a folder is renamed, its plan is kept in the storage (`.rota/renames/<task>`). A crash may
   leave a plan half done; the next attempt does the rest of it and goes on behind it. So a pattern that matches what it
   made is not applied twice.
5. `storage.changed` tells in which folders something was renamed.

A dry run does all but the renaming, and lists what would be called what. Links are renamed as files are. Object stores
cannot rename folders: that is told. A failure of one entry is told, the rest goes on, and the run fails at the end;
where it may get better the run stops at once, and its next attempt goes on there.

Not guaranteed: two renamings in one folder at the same time. One that ends for good in the middle leaves the rest as it
was.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

import re
from contextlib import closing, suppress
from typing import Literal

from pydantic import BaseModel, Field

from actors.copying.order import MOST_PATHS, own_path_of
from actors.datasources.opening import open_storage
from actors.datasources.paths import outermost
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.registry import actor
from actors.renaming.matching import MAX_PATTERN_CHARS, Matcher
from actors.renaming.work import Order, RenameCounts, Renamer, RenameTally
from actors.run import Run
from actors.transferring.telling import ChangedFolders, telling
from rota.errors import Cancelled, PermanentError, RotaError
from rota.names import MAX_NAME_BYTES


class RenameParams(Params):
    """What to rename, and how."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    paths: tuple[str, ...] = Field(
        min_length=1, max_length=MOST_PATHS, description="The files and folders; an empty path for the root."
    )
    pattern: str = Field(
        min_length=1, max_length=MAX_PATTERN_CHARS, description="What is looked for in a name, its extension included."
    )
    syntax: Literal["regex", "text"] = Field(
        default="regex", description="What the pattern is: a regular expression, or the text itself."
    )
    ignore_case: bool = Field(default=False, description="Whether upper and lower case are the same.")
    replacement: str = Field(
        default="",
        max_length=MAX_NAME_BYTES,
        description=r"What each place becomes that matches; with a regular expression, \\1 stands for its first group.",
    )
    scope: Literal["files", "folders", "both"] = Field(default="files", description="What is renamed.")
    recursive: bool = Field(default=False, description="Whether what is in the selected folders is renamed too.")
    conflict: Literal["skip", "number"] = Field(
        default="skip", description="What happens to an entry whose new name is taken: it stays, or gets a number."
    )
    portable: bool = Field(default=False, description="Refuse names that Windows cannot have.")
    dry_run: bool = Field(default=False, description="List what would be done, and change nothing.")


class Renamed(BaseModel):
    """An entry that was renamed."""

    path: str
    name: str
    """The new one."""


class RenameResult(Result):
    """What was done, all attempts together; what would be done, for a dry run."""

    renamed: int
    skipped: int
    """Entries that keep their names because the new one is taken or not allowed; the log names them."""
    items: list[Renamed]
    """The first 500 of them."""


@actor("rename", queue="sync")
def rename(run: Run, params: RenameParams) -> RenameResult:
    """Rename files and folders by a pattern."""
    datasource = find_datasource(run, params.datasource)
    order = _order_of(params)
    tally = RenameTally(run, counts=RenameCounts())
    changed = ChangedFolders()
    is_text = params.syntax == "text"
    with telling(run, datasource.name, changed):
        try:
            with (
                closing(open_storage(datasource, check=run.check)) as storage,
                closing(
                    Matcher(
                        re.escape(params.pattern) if is_text else params.pattern,
                        params.replacement.replace("\\", r"\\") if is_text else params.replacement,
                        ignore_case=params.ignore_case,
                        check=run.check,
                    )
                ) as matcher,
            ):
                renamer = Renamer(run, order, storage, matcher, tally=tally, changed=changed, check=run.check)
                try:
                    matcher.open()
                    renamer.execute()
                except (PermanentError, Cancelled):
                    with suppress(OSError, RotaError):
                        renamer.forget()
                    raise
                renamer.forget()
        finally:
            _tell(run, params, tally)
    items = [Renamed(path=path, name=name) for path, name in renamer.items.pairs]
    return RenameResult(renamed=tally.counts.renamed, skipped=tally.counts.skipped, items=items)


def _order_of(params: RenameParams) -> Order:
    paths = dict.fromkeys(map(own_path_of, params.paths))
    if params.recursive:
        # What lies in another selected folder is gone through with that.
        kept = set(outermost(paths))
        paths = dict.fromkeys(path for path in paths if path in kept)
    return Order(
        paths=tuple(paths),
        files=params.scope != "folders",
        folders=params.scope != "files",
        recursive=params.recursive,
        numbers=params.conflict == "number",
        portable=params.portable,
        dry_run=params.dry_run,
    )


def _tell(run: Run, params: RenameParams, tally: RenameTally) -> None:
    counts = tally.counts
    tally.report(ended=True)
    would = "would have " if params.dry_run else ""
    run.log.info(
        f"{params.datasource}: {would}renamed {counts.renamed:,} entries; {counts.skipped:,} left as they are,"
        f" {tally.failed:,} failed"
    )
