"""The actor `index`: keeps the search index of a datasource equal to its catalog.

The plan:

1. The index is held: one task at a time writes to it. An incremental run that finds it held ends at once, because the
   holder looks for changes once more after it has let go; a full one is tried again later.
2. What the index is to be (contents or names alone, language, extractors) is compared with what it is. If there is
   none it is built, and searched from the beginning. If it is to be another one, or with `full`, a second generation is
   built beside the one that is searched, and takes its place once it is whole.
3. Incrementally: the catalog has noted which folders changed, in the transactions of the changes themselves. Each is
   compared, by the ids of its documents, which are made of path, size, time and content: ids that no row has are
   removed, rows that no id has are added. All that needs no file comes first, then files are read in child processes.
   A text that was extracted before is found again by its content, so that what moved is not read again; copies are
   not either, where the storage tells that they are (a hash, a digest for an etag).
4. A build goes through all folders by path. Every few seconds what changed meanwhile is brought into the generation
   that is searched, and into the one that is built where the build has passed that folder.
5. A commit makes documents last. After it the folders are settled, by the change that was seen; one that changed again
   stays noted.

What is there twice is added once and what is gone is removed once, so every step may be done again: a crash costs the
work since the last commit. The checkpoint names the generation that is built and the last folder in it.

A file that gives no text is found by its name, and listed with the reason; it is read again when it changes, or with
`unread`. So are files of a known type that are larger than the datasource's `largest_read`; what has no text by its
type (videos, programs) is not listed. A file that is gone, or not what the catalog says, is told by `storage.changed`,
so that the catalog follows. A storage that is away fails the run, and nothing is lost.

Not guaranteed: a file that changes between the sync and the reading is found by what it had when it was read, until the
next sync. Whether files are read that were too large or too unknown so far is decided anew only when they change, with
`unread`, or with `full`.
"""

from __future__ import annotations

from pydantic import Field

from actors.indexing.one import OneIndex
from actors.indexing.setting import Setting
from actors.params import Params, Result
from actors.registry import actor
from actors.run import Run


class IndexParams(Params):
    """What to index, and how thoroughly."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    full: bool = Field(
        default=False,
        description="Read everything anew into a second index, which takes the place of the first when it is whole.",
    )
    unread: bool = Field(default=False, description="Try the files again that gave no text.")


class IndexResult(Result):
    """What was done, all attempts together."""

    documents: int = Field(description="Entries that were added, or put in the place of what they were before.")
    removed: int = Field(description="Entries that were removed without another one in their folder in their place.")
    errors: int = Field(description="Files that gave no text.")
    read: int = Field(description="Files that were read.")
    bytes: int = Field(description="Their size.")
    folders: int = Field(description="Folders that were compared.")
    generation: int | None = Field(description="Number of the index that is searched now; null if there is none.")


@actor("index", queue="index", isolate=True)
def index(run: Run, params: IndexParams) -> IndexResult:
    """Bring the search index of a datasource to what its catalog has."""
    with Setting.of(run, params.datasource) as setting:
        one = OneIndex(setting, full=params.full, unread=params.unread)
        counts = one.execute()
    return IndexResult(**counts.to_json(), generation=one.generation)
