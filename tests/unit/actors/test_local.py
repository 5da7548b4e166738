from __future__ import annotations

import os
import socket

import pytest

from actors.datasources.local.reading import fields_of
from actors.datasources.local.storage import LocalStorage
from actors.datasources.opening import open_storage
from actors.datasources.scanning import scan
from actors.datasources.storage import MARKER, Capabilities, Datasource, Kind, Listing, Row, Unlisted, Why
from rota.datasources import Rules
from rota.errors import PermanentError
from tests.trees import Fifo, Link, make_tree


def scanned(storage):
    return list(scan(storage, [b""], lambda _: {}))[:-1]


def names(found):
    return [(listing.path, [row.name for row in listing.rows]) for listing in found]


def test_everything_below_is_told_in_order(storage, root):
    make_tree(root, {"b": {"y": {}, "x": {"f": b""}}, "a": {}, "a-b": {}, "a.b": b"", "Z": b""})

    assert sorted(names(scanned(storage))) == [
        (b"", [b"Z", b"a", b"a-b", b"a.b", b"b"]),
        (b"a", []),
        (b"a-b", []),
        (b"b", [b"x", b"y"]),
        (b"b/x", [b"f"]),
        (b"b/y", []),
    ]


def test_rows_tell_kind_size_time_inode_and_device(storage, root):
    make_tree(root, {"file": b"123", "folder": {}, "link": Link("file")})
    os.utime(root / "file", ns=(1, 1_700_000_000_123_456_789))

    listing = storage.list_folder(b"")

    status = os.stat(root / "file")
    assert listing.rows[0] == Row(b"file", Kind.FILE, 3, 1_700_000_000_123_456_789, status.st_ino, status.st_dev)
    assert [(row.kind, row.size) for row in listing.rows[1:]] == [("folder", 0), ("link", 4)]


def test_special_files_are_counted_and_left_out(storage, root):
    make_tree(root, {"pipe": Fifo(), "file": b""})
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(root / "socket"))

    listing = storage.list_folder(b"")

    assert ([row.name for row in listing.rows], listing.special) == ([b"file"], 2)


def test_odd_names_come_as_they_are(storage, root):
    odd = [b"\xff\xfe", b"line\nend", b"x" * 255, "é".encode(), b"e\xcc\x81", b"A", b"a", b" ", b"-rf", b"$(x)"]
    make_tree(root, dict.fromkeys(odd, b""))

    assert [row.name for row in storage.list_folder(b"").rows] == sorted(odd)


def test_private_names_are_left_out_everywhere(storage, root):
    make_tree(root, {".rota-bin": {"x": b""}, "a": {".rota-part": b"", "b": b""}, ".rotation": b""})

    assert names(scanned(storage)) == [(b"", [b".rotation", b"a"]), (b"a", [b"b"])]


def test_links_to_folders_are_rows_and_not_entered(storage, root):
    make_tree(root.parent / "outside", {"secret": b""})
    make_tree(root, {"out": Link("../outside"), "loop": Link("."), "gone": Link("nowhere")})

    assert names(scanned(storage)) == [(b"", [b"gone", b"loop", b"out"])]


def test_token_moves_with_the_content_of_the_folder(storage, root):
    make_tree(root, {"a": b""})
    os.utime(root, ns=(1, 1))
    first = storage.list_folder(b"").token
    os.utime(root, ns=(2, 2))

    assert storage.list_folder(b"").token != first


def test_missing_folder_is_not_an_empty_one(storage):
    assert storage.list_folder(b"none") == Unlisted(path=b"none", why=Why.VANISHED, reason="No such file or directory")


def test_denied_folder_is_told_and_its_neighbours_are_listed(storage, root, unprivileged_folder):
    found = scanned(storage)

    assert [type(one) for one in found] == [Listing, Unlisted, Listing]
    assert (found[1].path, found[1].why, found[1].reason) == (b"denied", Why.FAILED, "Permission denied")


def test_folder_whose_entries_cannot_be_looked_at_is_told(storage, root, unprivileged_folder):
    os.chmod(root / "denied", 0o444)

    assert storage.list_folder(b"denied").why is Why.FAILED


@pytest.fixture
def unprivileged_folder(root, unprivileged, request):
    if os.getuid() == 0:
        os.seteuid(0)
        os.chown(root, 65534, 65534)
        os.seteuid(65534)
    make_tree(root, {"denied": {"x": b""}, "open": {"y": b""}})
    os.chmod(root / "denied", 0o000)
    yield
    os.chmod(root / "denied", 0o755)


def test_other_file_systems_are_told(opener):
    storage = LocalStorage(Datasource(name="all", root="/"), opener=opener)

    found = storage.list_folder(b"proc")

    assert (found.path, found.why) == (b"proc", Why.FOREIGN)
    storage.close()


def test_stat_gives_one_row(storage, root):
    make_tree(root, {"a": {"b": b"12"}, "link": Link("a"), "pipe": Fifo()})

    assert storage.stat(b"a/b") == storage.list_folder(b"a").rows[0]
    assert storage.stat(b"link").kind == Kind.LINK
    assert [storage.stat(path) for path in (b"none", b"a/none", b"none/x", b"link/b", b"a/b/c", b"pipe")] == [None] * 6


def test_only_regular_files_are_opened(storage, root):
    make_tree(root, {"a": b"12", "folder": {}, "pipe": Fifo(), "link": Link("a")})

    with storage.open_file(b"a") as file:
        assert file.read() == b"12"
    for path in (b"folder", b"pipe", b"link", b"none"):
        with pytest.raises(OSError):
            storage.open_file(path)


def test_missing_root_is_an_error(tmp_path):
    for root in (tmp_path / "none", "relative", ""):
        with pytest.raises(PermanentError, match="files"):
            open_storage(Datasource(name="files", root=str(root)))
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="Not a directory"):
        open_storage(Datasource(name="files", root=str(tmp_path / "file")))


def test_unknown_kind_is_an_error():
    with pytest.raises(PermanentError, match="allowed: local"):
        open_storage(Datasource(name="files", kind="tape", root="/"))


def test_root_that_was_replaced_is_noticed(storage, root):
    storage.verify()
    root.rename(root.with_name("away"))
    with pytest.raises(PermanentError, match="cannot be reached"):
        storage.verify()
    root.mkdir()

    with pytest.raises(PermanentError, match="took the place"):
        storage.verify()


def test_marker_must_be_there_and_right(root):
    storage = LocalStorage(Datasource(name="files", root=str(root), marker="disk-7"))
    with pytest.raises(PermanentError, match="is not there"):
        storage.verify()
    marker = root / os.fsdecode(MARKER)
    marker.write_text("disk-8\n")
    with pytest.raises(PermanentError, match="another one's"):
        storage.verify()
    marker.write_text("disk-7\n")

    storage.verify()
    assert storage.list_folder(b"").rows == []
    storage.close()


def test_folder_removed_while_it_is_open_is_no_empty_folder(storage, root, monkeypatch):
    make_tree(root, {"a": {"b": b""}})
    real = os.scandir

    def scandir_after_removal(descriptor):
        (root / "a" / "b").unlink()
        (root / "a").rmdir()
        return real(descriptor)

    monkeypatch.setattr(os, "scandir", scandir_after_removal)

    assert storage.list_folder(b"a").why is Why.VANISHED


def test_time_beyond_what_a_database_holds(storage, root):
    make_tree(root, {"a": b""})
    os.utime(root / "a", (15_000_000_000, 15_000_000_000))

    assert storage.list_folder(b"").rows[0].modified_ns <= 2**63 - 1


def test_numbers_beyond_what_a_database_holds_become_negative():
    """As some file systems number their inodes; the same number always becomes the same one."""
    status = os.stat_result((0o100644, 2**64 - 5, 2**63, 1, 0, 0, 7, 0, 0, 0), {"st_mtime_ns": 0})

    assert fields_of(b"a", status)[4:6] == (-5, -(2**63))


def test_globs_leave_out_rows_and_what_is_in_folders_left_out(root):
    make_tree(root, {"a.tmp": b"", "a": b"", "cache": {"x": b""}, "sub": {"b.tmp": b"", "b": b""}})
    rules = Rules(exclude=("*.tmp", "cache/"))
    storage = LocalStorage(Datasource(name="files", root=str(root), rules=rules))

    assert names(scanned(storage)) == [(b"", [b"a", b"sub"]), (b"sub", [b"b"])]
    assert storage.stat(b"a.tmp") is not None
    storage.close()


def test_name_listed_twice_is_one_row(storage, root, monkeypatch):
    """Some file systems tell an entry again that is renamed while they are listed."""
    make_tree(root, {f"{number}": b"" for number in range(30)})
    real = os.scandir

    class Twice:
        def __init__(self, descriptor):
            self._entries = list(real(descriptor))

        def __enter__(self):
            return iter(self._entries + self._entries)

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(os, "scandir", Twice)
    expected = sorted(b"%d" % number for number in range(30))

    assert [row.name for row in storage.list_folder(b"").rows] == expected
    monkeypatch.setattr("actors.datasources.local.reading.CHUNK_ROWS", 7)
    assert [row.name for row in storage.list_folder(b"").rows] == expected


def test_capabilities(storage):
    assert storage.capabilities == Capabilities(
        inodes=True, etags=False, folders=True, moves=True, keeps_modified=True, step_ns=1
    )
