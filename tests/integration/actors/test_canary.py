"""Whatever lies in a bin, is said of it, or leads to it: a purge deletes nothing else, and a restore replaces nothing.

Ten thousand files beside the bin and outside of the datasource are compared to the last detail after each of them.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.datasources.abilities import Doomed
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource, Kind, Row
from rota.ids import new_id
from tests.faults.binned import FILES, Binned
from tests.faults.canary import LOOK_ALIKES, Canary
from tests.faults.forking import Forking
from tests.faults.memory import memory_folder
from tests.trees import Link, make_tree

DEEP = "canary/00/deep"


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with memory_folder() as folder:
        yield Canary(folder)


@pytest.fixture
def binned(canary: Canary, sqlite_template: Path) -> Iterator[Binned]:
    """The canary's datasource, with an empty folder `home` and an empty bin."""
    file = canary.root.parent / "rota.db"
    shutil.copyfile(sqlite_template, file)
    opened = Binned(f"sqlite:///{file}")
    opened.define(FILES, canary.root)
    (canary.root / "home").mkdir()
    yield opened
    opened.close()
    for each in file.parent.glob("rota.db*"):
        each.unlink()
    shutil.rmtree(canary.root / "home")
    private = canary.root / ".rota"
    if private.is_symlink():
        private.unlink()
    elif private.exists():
        shutil.rmtree(private)


def test_links_in_items_are_deleted_and_not_followed(canary: Canary, binned: Binned) -> None:
    root = canary.root
    links = {
        "file": Link("../../canary/00/deep/file1"),
        "folder": Link("../../canary/00"),
        "absolute": Link(str(canary.outside)),
        "absolute file": Link(str(canary.outside / "00" / "deep" / "file1")),
        "above": Link("../../../.."),
        "root": Link("../.."),
        "bin": Link("../../.rota/bin"),
        "chain": Link("folder"),
        "round": Link("round"),
        "nothing": Link("nothing else"),
        "through": Link("/proc/self/cwd"),
        "slash": Link(str(canary.outside) + "/"),
    }
    make_tree(root / "home", {"tree": {"deep": {**links}, **links}, **links})

    binned.delete(*(f"home/{name}" for name in ("tree", *links)))
    purged = binned.purge_everything()

    assert purged.removed == len(links) + 1
    assert list((root / "home").iterdir()) == []
    assert binned.is_empty()
    canary.check()


def test_the_other_names_of_hard_linked_files_stay(canary: Canary, binned: Binned) -> None:
    root = canary.root
    make_tree(root / "home", {"tree": {"inner": {}}})
    for number in range(10, 20):
        os.link(root / DEEP / f"file{number}", root / "home" / f"item{number}")
        os.link(root / DEEP / f"file{number}", root / "home" / "tree" / f"file{number}")
        os.link(canary.outside / "00" / "deep" / f"file{number}", root / "home" / "tree" / "inner" / f"file{number}")

    binned.delete("home/tree", *(f"home/item{number}" for number in range(10, 20)))
    binned.purge_everything()

    assert binned.is_empty()
    canary.check()


def test_names_that_look_like_rotas_own_are_names_like_others(canary: Canary, binned: Binned) -> None:
    names = [name for name in LOOK_ALIKES if not name.startswith(".rota-")]
    item = new_id()
    for name in (*names, item, f"{item}.trashinfo", "new\nline", "-rf", "*", "~"):
        make_tree(canary.root / "home" / name, {"bin": {item: {"file": b""}}, "tomb": {"file": b""}})

    binned.delete(*(f"home/{path.name}" for path in (canary.root / "home").iterdir()))
    purged = binned.purge_everything()

    assert purged.removed == len(names) + 6
    assert binned.is_empty()
    canary.check()


HOSTILE_PATHS = [
    b"",
    b".",
    b"..",
    b"/",
    b"//",
    b"../..",
    b"../../canary",
    b"../../canary/00",
    b"../../../outside",
    b"../../../outside/00",
    b"..//..//canary/00",
    b"./../../canary",
    b"id",
    b"id/",
    b"id/.",
    b"id/..",
    b"id/../..",
    b"id/../../../canary",
    b"id/../../../canary/00",
    b"id/to-canary/00",
    b"id/to-canary",
    b"to-canary/00",
    b"to-canary",
    b"to-canary/..",
    b"to-outside/00",
    b"to-root/canary",
    b"to-root/home",
    b"id\0/item",
    b"id/item\0",
    b"\0",
    b"canary/00",
    b".trashinfo",
    b"/etc/hostname",
    b"id/" + b"x" * 300,
    b"x" * 300 + b"/item",
    b"../" * 2000 + b"canary",
    b"\xff/\xff",
]


@pytest.mark.parametrize("kind", list(Kind))
def test_records_that_lead_out_of_the_bin_lead_nowhere(canary: Canary, binned: Binned, kind: Kind) -> None:
    root = canary.root
    make_tree(root / "home", {"item": {"file": b"x"}})
    binned.delete("home/item")
    make_tree(root / ".rota" / "bin", {"id": {"to-canary": Link("../../../canary")}, "to-canary": Link("../../canary")})
    make_tree(root / ".rota" / "bin", {"to-outside": Link(str(canary.outside)), "to-root": Link(str(root))})
    absolute = [os.fsencode(place) for place in (root / "canary" / "00", canary.outside, canary.outside / "00")]
    paths = [*HOSTILE_PATHS, *absolute]

    for path in paths:
        binned.record(path, kind=kind)
    binned.purge_everything()
    canary.check()
    # And the item that is one went.
    assert not list((root / ".rota" / "bin").glob("*/item"))

    # Those that somebody had begun to take out need not be in the bin.
    for purpose in ("purge", "restore"):
        binned.doctor("DELETE FROM recycled")
        for path in paths:
            binned.record(path, kind=kind)
        binned.doctor("UPDATE recycled SET claimed_by = 'a task that has ended', claimed_for = ?", purpose)
        binned.purge_everything()
        canary.check()

    with closing(open_storage(Datasource(name=FILES, root=str(root), whole=True))) as storage:
        doomed = [Doomed(path, Row(path.rpartition(b"/")[2], kind, 0, 0, 0, 0, "")) for path in paths]
        fates = Counter(ended.fate for ended in bury(storage, doomed))
    canary.check()
    assert fates.total() == len(paths)
    assert fates.keys() <= {Fate.FAILED, Fate.MISSING, Fate.REPLACED}


@pytest.mark.parametrize("name", [".rota", ".rota/bin", ".rota/tomb"])
@pytest.mark.parametrize("target", ["root", "canary", "outside", "everything"])
def test_private_folders_that_are_links_are_not_followed(
    canary: Canary, binned: Binned, name: str, target: str
) -> None:
    root = canary.root
    everything = root.parent / "everything"
    make_tree(everything, {"etc": {"passwd": b"root"}, "home": {}, "tmp": {}})
    places = {"root": root / "home", "canary": root / "canary", "outside": canary.outside, "everything": everything}
    make_tree(root / "home", {"item": {"file": b"x"}, "file": b"x"})
    binned.delete("home/item", "home/file")
    # What the records know lies behind the link, with the same inodes: it is the link that must stop it.
    private, place = root / name, places[target]
    times = place.stat()
    moved = []
    if private.exists():
        for entry in list(private.iterdir()):
            entry.rename(place / entry.name)
            moved.append(place / entry.name)
        private.rmdir()
    # A relative one: an absolute one is refused for another reason as well.
    private.symlink_to(os.path.relpath(place, private.parent))

    binned.age(400)
    binned.try_purge()

    assert private.is_symlink()
    assert [entry for entry in moved if not entry.exists()] == []
    if name != ".rota/tomb":
        assert len([found for entry in moved for found in (entry, *entry.rglob("*")) if found.name == "file"]) == 2
    for entry in moved:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    private.unlink()
    canary.check()
    assert sorted(entry.name for entry in everything.rglob("*")) == ["etc", "home", "passwd", "tmp"]
    shutil.rmtree(everything)


def test_a_root_that_is_a_link_has_its_own_bin(canary: Canary, binned: Binned, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(canary.root)
    binned.define(FILES, tmp_path / "link")
    make_tree(canary.root / "home", {"item": {"file": b"x"}})

    binned.delete("home/item")
    purged = binned.purge_everything()

    assert purged.removed == 1
    assert binned.is_empty()
    assert (tmp_path / "link").is_symlink()
    canary.check()


def test_what_took_the_place_of_an_item_stays(canary: Canary, binned: Binned) -> None:
    root = canary.root
    make_tree(root / "home", {"folder": {"file": b"x"}, "file": b"x", "other": {"file": b"mine"}})
    binned.delete("home/folder", "home/file")
    (folder,) = (root / ".rota" / "bin").glob("*/folder")
    (file,) = (root / ".rota" / "bin").glob("*/file")
    folder.rename(root / "home" / "aside")
    (root / "home" / "other").rename(folder)
    file.unlink()
    os.link(root / DEEP / "file1", file)

    purged = binned.purge_everything()

    assert purged.removed == 0
    assert (folder / "file").read_bytes() == b"mine"
    assert os.path.samefile(file, root / DEEP / "file1")
    file.unlink()
    canary.check()


def test_another_datasources_records_are_not_about_this_bin(canary: Canary, binned: Binned) -> None:
    make_tree(canary.root / "home", {"item": {"file": b"x"}, "inner": {}})
    binned.delete("home/item")
    # The same place, seen from further below, and from above; both have all the records.
    binned.define("below", canary.root / "home")
    binned.define("above", canary.root.parent)
    for name in ("below", "above"):
        binned.doctor("UPDATE recycled SET datasource = ?", name)
        binned.purge_everything(name)
        assert list((canary.root / ".rota" / "bin").glob("*/item/file"))
        canary.check()


def test_another_file_system_inside_an_item_stays(canary: Canary, binned: Binned, tmp_path: Path) -> None:
    root = canary.root
    make_tree(root / "home", {"item": {"mounted": {}, "file": b"x", "inner": {"file": b"x"}}})
    binned.delete("home/item")
    (item,) = (root / ".rota" / "bin").glob("*/item")
    binned.age(400)
    forking = Forking("tests.integration.actors.bin_process", environment={})
    try:
        mount = [str(canary.outside), str(item / "mounted")]
        ending = forking.ask(
            actor="purge",
            params={"datasource": FILES, "confirmed": 9},
            url=binned.url,
            notes=str(tmp_path / "notes"),
            mount=mount,
        )
    finally:
        forking.close()
    if "OSError" in ending.error and ("unshare" in ending.error or "mount:" in ending.error):
        pytest.skip("this machine lets nobody mount a folder at another place")

    assert ending.error == ""
    assert ending.answer["result"]["removed"] == 0
    canary.check()
    # What the item had of its own is gone, or not even begun with; the place of the mount is there.
    assert [entry.name for entry in (root / ".rota").rglob("mounted")] == ["mounted"]
    # Without the mount it is an item that was changed: its time begins anew, and then it goes.
    assert binned.purge_everything().kept == {"touched": 1}
    binned.purge_everything()
    assert binned.is_empty()
    canary.check()


# --- where a restore puts things ----------------------------------------------------------------------------------

ORIGINS = [
    b"",
    b".",
    b"..",
    b"../outside/new",
    b"../../new",
    b"canary/../../outside/new",
    b"canary/00/../../../outside/new",
    b"canary/to-outside/new",
    b"canary/to-outside/00/deep/file1",
    b"canary/to-root/canary/00/deep/file1",
    b"canary/00/deep/file1",
    b"canary/00/deep",
    b"canary/00/deep/file1/new",
    b"canary/to-nothing",
    b"canary/to-nothing/new",
    b"./canary/00/deep/file1",
    b"canary//00//deep//file1",
    b"canary/00/deep/file1/",
    b".rota/bin/new",
    b".rota/tomb/new",
    b".rota",
    b"new\0",
    b"../" * 1000 + b"tmp/new",
    b"x" * 5000,
    b"x/" * 3000,
]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_items_that_came_from_nowhere_good_are_not_restored_there(canary: Canary, binned: Binned, kind: str) -> None:
    root = canary.root
    absolute = [os.fsencode(canary.outside / "new"), os.fsencode(root / DEEP / "file1")]
    beside = sorted(entry.name for entry in root.parent.iterdir())
    for number, path in enumerate([*ORIGINS, *absolute]):
        name = f"item{number}"
        make_tree(root / "home", {name: b"x" if kind == "file" else {"file": b"x"}})
        binned.delete(f"home/{name}")
        binned.doctor("UPDATE recycled SET original_path = ? WHERE original_path = ?", path, f"home/{name}".encode())

        binned.try_restore(name)

        # It is somewhere within the datasource, and whole.
        found = [entry for entry in root.rglob("*") if entry.name == name or (entry.parent != root / "canary")]
        assert found
        assert sorted(entry.name for entry in root.parent.iterdir()) == beside
        binned.doctor("UPDATE recycled SET original_path = ? WHERE original_path = ?", b"home/done", path)
    canary.check()


TRASHINFOS = {
    "above": b"Path=../../outside/new",
    "quoted": b"Path=%2e%2e/%2e%2e/outside/new",
    "quoted slash": b"Path=..%2foutside%2fnew",
    "canary": b"Path=canary/00/deep/file1",
    "twice": b"Path=home/new\nPath=../outside/new",
    "nul": b"Path=home/new%00",
    "raw nul": b"Path=home/\0new",
    "absolute": b"Path=/tmp/new",
    "empty": b"Path=",
    "none": b"",
    "bad escapes": b"Path=%zz%/%2",
    "huge": b"Path=" + b"x/" * 100_000,
    "long": b"Path=" + b"x" * 5_000,
    "crlf": b"Path=../outside/new\r\nDeletionDate=2020-01-01T00:00:00\r\n",
    "no utf-8": b"Path=\xff\xfe",
    "private": b"Path=.rota/bin/new",
    "restoring": b"Path=home/new\nX-Rota-Restoring=../outside/new",
    "restoring canary": b"Path=home/new\nX-Rota-Restoring=canary/00/deep/file1",
    "link": b"Path=canary/to-outside/new",
    "time": b"Path=home/new\nX-Rota-At=99999999999999999999",
}


def test_what_lies_beside_items_cannot_lead_a_restore_or_a_purge_astray(canary: Canary, binned: Binned) -> None:
    root = canary.root
    bin_ = root / ".rota" / "bin"
    for name, lines in TRASHINFOS.items():
        item = new_id()
        make_tree(bin_, {item: {name: b"mine"}})
        head = f"[Trash Info]\nDeletionDate={datetime.now(UTC):%Y-%m-%dT%H:%M:%S}\n"
        (bin_ / f"{item}.trashinfo").write_bytes(head.encode() + lines + b"\n")
    linked = new_id()
    make_tree(bin_, {linked: {"linked": b"mine"}, f"{linked}.trashinfo": Link(str(canary.outside / "00/deep/file1"))})
    fifo = new_id()
    make_tree(bin_, {fifo: {"fifo": b"mine"}})
    os.mkfifo(bin_ / f"{fifo}.trashinfo")

    # The first purge takes in what it finds, and lets it lie: nothing of it is old.
    binned.purge()
    canary.check()
    assert len(binned.records()) == len(TRASHINFOS) + 2
    there = set(root.iterdir())
    for name in (*TRASHINFOS, "linked", "fifo"):
        binned.try_restore(name)
    mine = [entry for entry in root.rglob("*") if entry.is_file() and entry.read_bytes() == b"mine"]
    assert len(mine) == len(TRASHINFOS) + 2
    # Some were where nothing was; what was there before is what it was.
    for new in set(root.iterdir()) - there:
        shutil.rmtree(new) if new.is_dir() else new.unlink()
    canary.check()

    binned.purge_everything()
    canary.check()
