from __future__ import annotations

import errno
import os
import stat

import pytest

from actors.datasources.local import writing
from actors.datasources.storage import Kind
from tests.trees import File, Link, make_tree


def here(root):
    return sorted(
        os.path.relpath(os.path.join(folder, name), root) for folder, _, files in os.walk(root) for name in files
    )


def test_file_is_made_with_its_content_time_and_mode(storage, root):
    (root / "a").mkdir()
    before = os.umask(0o077)

    row = storage.write(b"a/b", [b"12", b"", b"345"], modified_ns=1_700_000_000_123_456_789)

    os.umask(before)
    status = os.stat(root / "a" / "b")
    assert (root / "a" / "b").read_bytes() == b"12345"
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o644, 1_700_000_000_123_456_789)
    assert row == storage.stat(b"a/b")


def test_file_is_replaced_by_another_one(storage, root):
    make_tree(root, {"a": File(b"old", modified=1)})
    old = os.stat(root / "a").st_ino
    with open(root / "a", "rb") as reader:
        row = storage.write(b"a", iter([b"new"]))

        assert reader.read() == b"old"
    assert (root / "a").read_bytes() == b"new"
    assert row.inode != old
    assert row.modified_ns > 10**18


def test_link_is_replaced_and_not_followed(storage, root):
    make_tree(root.parent / "outside", {"secret": b"1"})
    make_tree(root, {"link": Link("../outside/secret"), "door": Link("../outside")})

    storage.write(b"link", [b"2"])

    assert storage.stat(b"link").kind == Kind.FILE
    assert (root.parent / "outside" / "secret").read_bytes() == b"1"
    with pytest.raises(OSError):
        storage.write(b"door/new", [b"3"])
    assert here(root.parent / "outside") == ["secret"]


def test_nothing_is_left_of_what_failed(storage, root):
    make_tree(root, {"a": b"old"})

    def pieces():
        yield b"new"
        raise ValueError("broke")

    def refuse():
        assert len(here(root)) == 2, "the draft is complete when it is confirmed"
        raise PermissionError("not the owner any more")

    with pytest.raises(ValueError, match="broke"):
        storage.write(b"a", pieces())
    with pytest.raises(PermissionError, match="not the owner"):
        storage.write(b"a", [b"new"], confirm=refuse)
    storage.make_folder(b"folder")
    with pytest.raises(IsADirectoryError):
        storage.write(b"folder", [b"new"])

    assert here(root) == ["a"]
    assert (root / "a").read_bytes() == b"old"


def test_draft_is_no_part_of_the_content(storage, root):
    seen = []
    storage.write(b"a", [b"1"], confirm=lambda: seen.append((here(root), storage.list_folder(b"").rows)))

    ((names, rows),) = seen
    assert (len(names), names[0].startswith(".rota-draft-"), rows) == (1, True, [])


def test_folder_of_the_target_must_be_there(storage, root):
    make_tree(root, {"file": b""})

    for path in (b"none/a", b"file/a"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            storage.write(path, [b""])
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            storage.make_folder(path)


@pytest.mark.parametrize("path", [b"", b"..", b"a/..", b"a/", b"../outside/x", b"/tmp/x", b"a/../../outside/x"])
def test_paths_that_lead_elsewhere_are_refused(storage, root, path):
    make_tree(root, {"a": {}})

    with pytest.raises(OSError):
        storage.write(path, [b""])
    for act in (storage.delete, lambda path: storage.rename(path, b"b"), lambda path: storage.rename(b"a", path)):
        with pytest.raises(OSError):
            act(path)
    assert sorted(os.listdir(root)) == ["a"]
    assert os.listdir(root.parent / "outside") == []


def test_folders_are_made_once(storage, root):
    storage.make_folder(b"a")
    storage.make_folder(b"a/b")
    storage.make_folder(b"a/b")
    storage.make_folder(b"")

    assert (root / "a" / "b").is_dir()
    make_tree(root, {"file": b"", "link": Link("a")})
    for path in (b"file", b"link"):
        with pytest.raises(FileExistsError):
            storage.make_folder(path)


@pytest.fixture(params=["kernel", "claim"])
def way(request, monkeypatch):
    """The kernel's own call, and a file system that does not know it."""
    if request.param == "claim":

        def refuse(*names):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(writing, "_rename_unless_there", refuse)


@pytest.mark.usefixtures("way")
def test_entries_of_each_kind_are_renamed(storage, root):
    make_tree(root, {"file": b"1", "folder": {"x": b""}, "link": Link("none"), "to": {}})
    before = {name: os.lstat(root / name).st_ino for name in ("file", "folder", "link")}

    for name in before:
        storage.rename(name.encode(), b"to/" + name.encode())

    assert {name: os.lstat(root / "to" / name).st_ino for name in before} == before
    assert os.listdir(root) == ["to"]
    assert os.listdir(root / "to" / "folder") == ["x"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("source", ["file", "folder", "link"])
@pytest.mark.parametrize("target", ["other-file", "full", "empty", "broken"])
def test_nothing_is_replaced_by_a_rename(storage, root, source, target):
    make_tree(
        root,
        {"file": b"1", "folder": {"x": b""}, "link": Link("file")}
        | {"other-file": b"2", "full": {"y": b""}, "empty": {}, "broken": Link("none")},
    )
    before = {name: os.lstat(root / name).st_ino for name in os.listdir(root)}

    with pytest.raises(FileExistsError):
        storage.rename(source.encode(), target.encode())

    assert {name: os.lstat(root / name).st_ino for name in os.listdir(root)} == before


@pytest.mark.usefixtures("way")
def test_folder_is_not_moved_into_itself(storage, root):
    make_tree(root, {"a": {"b": {}}})

    with pytest.raises(OSError):
        storage.rename(b"a", b"a/b/c")

    assert os.listdir(root / "a" / "b") == []


@pytest.mark.usefixtures("way")
def test_what_is_not_there_cannot_be_renamed(storage, root):
    with pytest.raises(FileNotFoundError):
        storage.rename(b"none", b"a")
    assert os.listdir(root) == []


def test_entries_are_deleted_and_links_not_followed(storage, root):
    make_tree(root.parent / "outside", {"kept": b""})
    make_tree(root, {"file": b"", "folder": {}, "link": Link("../outside"), "dead": Link("none")})

    for path in (b"file", b"folder", b"link", b"dead"):
        storage.delete(path)

    assert os.listdir(root) == []
    assert os.listdir(root.parent / "outside") == ["kept"]


def test_deleting_what_is_not_there_does_nothing(storage, root):
    make_tree(root.parent / "outside", {"kept": b""})
    make_tree(root, {"file": b"", "door": Link("../outside")})

    for path in (b"none", b"none/x", b"file/x", b"door/kept"):
        storage.delete(path)

    assert os.listdir(root.parent / "outside") == ["kept"]


def test_folder_that_is_not_empty_stays(storage, root):
    make_tree(root, {"a": {"b": b""}})

    with pytest.raises(OSError) as raised:
        storage.delete(b"a")

    assert raised.value.errno == errno.ENOTEMPTY
    assert here(root) == ["a/b"]


def test_deleting_without_the_right_says_so(storage, root, unprivileged):
    if os.getuid() == 0:
        os.seteuid(0)
        (root / "a").touch()
        os.seteuid(65534)
    else:
        (root / "a").touch()
        root.chmod(0o555)

    with pytest.raises(PermissionError):
        storage.delete(b"a")

    if os.getuid() != 0:
        root.chmod(0o755)


def test_no_descriptor_is_left_open(storage, root):
    make_tree(root, {"a": b"", "folder": {}})
    before = set(os.listdir("/proc/self/fd"))

    storage.write(b"b", [b"1"])
    storage.rename(b"b", b"folder/b")
    storage.delete(b"folder/b")
    storage.make_folder(b"c")
    for act in (lambda: storage.write(b"folder", [b""]), lambda: storage.rename(b"a", b"folder")):
        with pytest.raises(OSError):
            act()

    assert set(os.listdir("/proc/self/fd")) <= before
