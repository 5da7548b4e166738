"""Archives on every kind of storage: read at any place, from start to end, and in parts."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import closing

import pytest

from actors.archives.detection import detect
from actors.archives.files import HEAD_BYTES, ArchiveChanged, open_archive_file
from actors.archives.formats import open_archive
from actors.datasources.opening import open_storage
from actors.datasources.storage import Storage
from rota.archives import Format
from rota.errors import Cancelled
from tests.storages.served import Served

MIB = 1024 * 1024
DATA = os.urandom(3 * MIB + 77)


@pytest.fixture
def storage(served: Served) -> Iterator[Storage]:
    """The storage, open."""
    with closing(open_storage(served.datasource)) as opened:
        yield opened


def test_any_place_of_an_archive_is_read(served, storage, tmp_path):
    served.write(b"a/x.zip", DATA)

    with open_archive_file(storage, b"a/x.zip", scratch=tmp_path) as file:
        assert (file.name, file.size) == ("x.zip", len(DATA))
        for at in (0, 100, len(DATA) - 22, 2 * MIB - 3, 0):
            assert file.read_at(at, 5_000) == DATA[at : at + 5_000]
        with file.stream() as stream:
            assert stream.read() == DATA
        file.confirm()


def test_what_is_read_once_is_not_put_aside(served, storage, tmp_path):
    content = os.urandom(2 * HEAD_BYTES)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        member = tarfile.TarInfo("large")
        member.size = len(content)
        made.addfile(member, io.BytesIO(content))
    served.write(b"x.tar.gz", gzip.compress(packed.getvalue(), 1))
    served.write(b"x.tar", packed.getvalue())

    # No copy can be made there.
    for name, expected in ((b"x.tar.gz", Format.TAR_GZ), (b"x.tar", Format.TAR)):
        with open_archive_file(storage, name, scratch=tmp_path / "gone") as file:
            assert detect(file) == expected
            with closing(open_archive(file, expected)) as archive:
                found = {member.name: b"".join(archive.open(member)) for member in archive.members()}
        assert found == {b"large": content}


def test_a_divided_archive_is_one_file(served, storage, tmp_path):
    for number in range(4):
        served.write(b"a/x.zip.%03d" % (number + 1), DATA[number * MIB : (number + 1) * MIB])

    with open_archive_file(storage, b"a/x.zip.001", scratch=tmp_path) as file:
        assert (file.name, file.size) == ("x.zip", len(DATA))
        with file.stream() as stream:
            assert stream.read(2 * MIB) + stream.read() == DATA
        assert file.read_at(MIB - 10, MIB + 20) == DATA[MIB - 10 : 2 * MIB + 10]


def test_an_archive_that_is_replaced_is_noticed(served, storage, tmp_path):
    served.write(b"x.zip", DATA)

    with open_archive_file(storage, b"x.zip", scratch=tmp_path) as file:
        file.read_at(0, 10)
        served.write(b"x.zip", DATA[:-1])
        with pytest.raises(ArchiveChanged):
            file.confirm()


def test_reading_ends_when_the_work_shall(served, storage, tmp_path):
    served.write(b"x.zip", DATA)
    is_over = False

    def check() -> None:
        if is_over:
            raise Cancelled("enough")

    with open_archive_file(storage, b"x.zip", scratch=tmp_path, check=check) as file, file.stream() as stream:
        assert stream.read(10) == DATA[:10]
        is_over = True
        with pytest.raises(Cancelled):
            stream.read()
