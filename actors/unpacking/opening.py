"""Opens an archive in a storage: finds its parts, its format and its password."""

from __future__ import annotations

from collections.abc import Iterator
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
        return self.names.read(member.name, utf8=member.utf8).utf8.removeprefix(b"./").removesuffix(b"/")

    def again(self) -> Archive:
        """Open the same archive once more, to go through its members beforehand; the caller closes it."""
        return open_archive(self.file, self.format, password=self.password)


@contextmanager
def opened_archive(run: Run, params: ArchiveParams, storage: Storage, path: bytes) -> Iterator[Opened]:
    """Open the archive at a path; raises ArchiveError for what is none, PermanentError for a secret that is none."""
    password = None if params.password is None else run.secret(params.password)
    names = Names(params.encoding)
    with open_archive_file(storage, path, check=run.check) as file:
        format_ = detect(file)
        with closing(open_archive(file, format_, password=password)) as archive:
            if isinstance(archive, NamesAhead):
                for raw in archive.old_names():
                    names.learn(raw)
            yield Opened(file, format_, archive, names, password)
