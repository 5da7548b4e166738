"""Opens an archive in a storage: finds its parts, its format and its password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from actors.archives.detection import detect
from actors.archives.files import StoredFile, open_archive_file
from actors.archives.formats import open_archive
from actors.archives.names import Names
from actors.archives.reading import Archive, Member, NamesAhead
from actors.datasources.storage import Storage
from actors.run import Run
from actors.unpacking.order import ArchiveParams
from rota.archives import Format


class Opened(NamedTuple):
    """An archive that is open."""

    file: StoredFile
    format: Format
    archive: Archive
    names: Names
    password: str | None

    def path_of(self, member: Member) -> bytes:
        """Give the path of a member as people read it, whatever it may be."""
        return self.names.name_of(member).utf8.removeprefix(b"./").removesuffix(b"/")

    def again(self) -> Archive:
        """Open the same archive once more, to go through its members beforehand; the caller closes it."""
        return open_archive(self.file, self.format, password=self.password)


@contextmanager
def opened_archive(
    run: Run,
    params: ArchiveParams,
    storage: Storage,
    path: bytes,
    *,
    check: Callable[[], None],
    keeps_bytes: bool = False,
) -> Iterator[Opened]:
    """Open the archive at a path; raises ArchiveError for what is none, PermanentError for a secret that is none.

    `check` is called for each read of the file, and raises when the work shall end; for `keeps_bytes` see `Names`.
    """
    password = None if params.password is None else run.secret(params.password)
    names = Names(params.encoding, keeps_bytes=keeps_bytes)
    with open_archive_file(storage, path, check=check) as file:
        format_ = detect(file)
        with closing(open_archive(file, format_, password=password)) as archive:
            if isinstance(archive, NamesAhead):
                for raw in archive.old_names():
                    names.learn(raw)
            yield Opened(file, format_, archive, names, password)
