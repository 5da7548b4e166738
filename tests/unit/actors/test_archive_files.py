"""Archives of this machine as files that are read at any place: whole ones, divided ones, and those that change."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from actors.archives.aside import put_aside
from actors.archives.files import ArchiveChanged, open_archive_file
from actors.archives.ranges import BLOCK_BYTES, SeekingRanges, Short
from actors.archives.reading import ArchiveError, Damaged
from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource
from rota.errors import Cancelled, TemporaryError
from tests.trees import make_tree

MIB = 1024 * 1024
DATA = os.urandom(10_000)


@pytest.fixture
def local(root: Path) -> Iterator[LocalStorage]:
    """A folder of this machine."""
    storage = LocalStorage(Datasource(name="files", root=str(root)))
    yield storage
    storage.close()


def parts(data: bytes, size: int, name: str = "x.zip.{:03d}") -> dict[str, bytes]:
    """Give the parts of a divided archive by name."""
    return {name.format(at // size + 1): data[at : at + size] for at in range(0, len(data), size)}


def test_a_file_is_read_at_any_place(local, root):
    make_tree(root, {"a": {"x.zip": DATA}})

    with open_archive_file(local, b"a/x.zip") as file:
        assert (file.name, file.size) == ("x.zip", 10_000)
        assert file.read_at(5_000, 100) == DATA[5_000:5_100]
        assert file.read_at(9_990, 100) == DATA[9_990:]
        assert file.read_at(20_000, 100) == b""
        file.confirm()


def test_a_stream_is_read_once_and_can_be_sought_in(local, root):
    make_tree(root, {"x.zip": DATA})

    with open_archive_file(local, b"x.zip") as file, file.stream() as one, file.stream() as other:
        assert one.read(100) + other.read(100) == DATA[:100] * 2
        assert one.read() == DATA[100:]
        assert one.read(1) == b""
        other.seek(-10, os.SEEK_END)
        buffer = bytearray(20)
        assert (other.tell(), other.readinto(buffer), bytes(buffer[:10])) == (9_990, 10, DATA[-10:])


def test_threads_read_at_once(local, root):
    make_tree(root, parts(DATA, 999))

    with open_archive_file(local, b"x.zip.001") as file, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: file.read_at(at, 1500), range(0, 10_000, 37)))

    assert found == [DATA[at : at + 1500] for at in range(0, 10_000, 37)]


@pytest.mark.parametrize("size", [1, 100, 3_333, 5_000, 10_000])
def test_a_divided_archive_is_one_file(local, root, size):
    data = DATA[:60] if size == 1 else DATA
    make_tree(root, {"a": parts(data, size)})

    with open_archive_file(local, b"a/x.zip.001") as file, file.stream() as stream:
        assert (file.name, file.size) == ("x.zip", len(data))
        assert stream.read() == data
        assert file.read_at(10, len(data)) == data[10:]


def test_more_parts_than_digits_and_other_widths_are_found(local, root):
    make_tree(
        root, {**parts(DATA[:1200], 1), **parts(DATA, 1_000, "y.7z.{:04d}"), "x.zip.01": b"no", "x.zip.0003": b"no"}
    )

    with open_archive_file(local, b"x.zip.001") as file:
        assert file.read_at(0, 2_000) == DATA[:1200]
    with open_archive_file(local, b"y.7z.0001") as file:
        assert file.read_at(0, 20_000) == DATA


def test_a_missing_part_is_named(local, root):
    make_tree(root, parts(DATA, 3_000))
    (root / "x.zip.003").unlink()

    with pytest.raises(ArchiveError, match=r"'x\.zip\.003' is missing: the archive has at least 4 parts"):
        open_archive_file(local, b"x.zip.001")


def test_a_later_part_is_no_archive(local, root):
    make_tree(root, {"a": parts(DATA, 3_000)})

    with pytest.raises(ArchiveError, match=r"name its first part, 'a/x\.zip\.001'"):
        open_archive_file(local, b"a/x.zip.002")


def test_a_date_at_the_end_of_a_name_makes_no_part(local, root):
    make_tree(root, {"backup.tar.20240101": DATA, "backup.tar.20240102": b""})

    with open_archive_file(local, b"backup.tar.20240101") as file:
        assert (file.name, file.size) == ("backup.tar.20240101", 10_000)


def test_what_is_no_file_is_no_archive(local, root):
    make_tree(root, {"folder": {}})

    with pytest.raises(ArchiveError, match="there is no archive 'x.zip'"):
        open_archive_file(local, b"x.zip")
    with pytest.raises(ArchiveError, match="'folder' is a folder; an archive is a file"):
        open_archive_file(local, b"folder")


def test_a_file_that_becomes_shorter_is_changed(local, root):
    make_tree(root, {"x.zip": DATA})

    with open_archive_file(local, b"x.zip") as file:
        os.truncate(root / "x.zip", 5_000)
        assert file.read_at(0, 100) == DATA[:100]
        with pytest.raises(ArchiveChanged, match="became shorter"):
            file.read_at(4_990, 100)


def raise_damage(storage: LocalStorage, changed: Path | None) -> None:
    """Open an archive and find damage in it, which is changed meanwhile or not."""
    with open_archive_file(storage, b"x.zip"):
        if changed is not None:
            changed.write_bytes(b"other")
        raise Damaged("this looks odd")


def test_damage_in_a_file_that_was_changed_is_the_change(local, root):
    make_tree(root, {"x.zip": DATA})

    with pytest.raises(Damaged, match="odd"):
        raise_damage(local, None)
    with pytest.raises(ArchiveChanged, match="'x.zip' was changed"):
        raise_damage(local, root / "x.zip")


def test_a_change_is_seen_when_it_is_asked_for(local, root):
    make_tree(root, parts(DATA, 3_000))

    with open_archive_file(local, b"x.zip.001") as file:
        file.confirm()
        (root / "x.zip.003").write_bytes(bytes(3_000))
        with pytest.raises(ArchiveChanged, match=r"x\.zip\.003"):
            file.confirm()


def test_every_read_asks_whether_the_work_goes_on(local, root):
    make_tree(root, {"x.zip": DATA})
    ended = threading.Event()

    def check() -> None:
        if ended.is_set():
            raise Cancelled("enough")

    with open_archive_file(local, b"x.zip", check=check) as file:
        file.read_at(0, 1)
        ended.set()
        with pytest.raises(Cancelled):
            file.read_at(0, 1)


class Breaking(io.BytesIO):
    """A file whose connection breaks after some reads."""

    def __init__(self, data: bytes, reads: int) -> None:
        super().__init__(data)
        self.reads = reads
        self.seeks = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.reads:
            raise ConnectionResetError("broken")
        self.reads -= 1
        return super().read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.seeks += 1
        return super().seek(offset, whence)


def never(error: Exception, _: int) -> io.BytesIO:
    """Take an error for good."""
    raise error


def test_neighbouring_places_are_read_in_one_go():
    data = os.urandom(6 * MIB)
    file = Breaking(data, 100)
    ranges = SeekingRanges(file, size=len(data), reopen=never)

    found = [ranges.read_at(at, 300_000) for at in (0, 2_900_000, 1_000_000, 5_900_000, 10)]

    assert found == [data[at : at + 300_000] for at in (0, 2_900_000, 1_000_000, 5_900_000, 10)]
    assert (file.seeks, 100 - file.reads) == (0, 6)
    ranges.close()


def test_far_places_are_sought_and_the_memory_is_bounded():
    size = 100 * BLOCK_BYTES
    file = Breaking(bytes(size), 1000)
    ranges = SeekingRanges(file, size=size, reopen=never)
    for number in (90, 10, 50):
        assert ranges.read_at(number * BLOCK_BYTES, 10) == bytes(10)

    assert (file.seeks, 1000 - file.reads) == (3, 3)
    assert ranges.read_at(5, size - 5) == bytes(size - 5)
    ranges.close()


def test_a_connection_that_breaks_is_made_again():
    data = os.urandom(4 * MIB + 5)
    tries = []

    def reopen(error: Exception, tried: int) -> Breaking:
        tries.append((str(error), tried))
        return Breaking(data, len(tries) - 1)

    ranges = SeekingRanges(Breaking(data, 2), size=len(data), reopen=reopen)

    assert ranges.read_at(0, len(data)) == data
    assert tries[:3] == [("broken", 1), ("broken", 2), ("broken", 1)]
    ranges.close()


def test_a_connection_that_stays_broken_is_told_as_it_is():
    ranges = SeekingRanges(Breaking(DATA, 0), size=len(DATA), reopen=never)

    with pytest.raises(ConnectionResetError):
        ranges.read_at(0, 1)
    ranges.close()


def test_a_file_that_ends_too_early_is_short():
    ranges = SeekingRanges(io.BytesIO(DATA), size=len(DATA) + 1, reopen=never)

    with pytest.raises(Short):
        ranges.read_at(0, 1)
    ranges.close()


def test_a_copy_has_no_name_and_needs_room(tmp_path):
    copy = put_aside([DATA, b"", DATA], size=20_000, scratch=tmp_path)

    assert copy.read_at(9_000, 2_000) == DATA[9_000:] + DATA[:1_000]
    assert list(tmp_path.iterdir()) == []
    copy.close()
    with pytest.raises(
        TemporaryError, match=r"an archive of 1,000,000,000,000,000 bytes has to be put aside.*bytes are free"
    ):
        put_aside([], size=1_000_000_000_000_000, scratch=tmp_path)
    with pytest.raises(TemporaryError, match="No such file"):
        put_aside([], size=1, scratch=tmp_path / "gone")
