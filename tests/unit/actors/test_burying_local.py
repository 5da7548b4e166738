"""Deleting items of the bin of a local folder for good: links, mounts, modes, depth, odd names, and helpers."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import tracemalloc
from contextlib import closing

import pytest

from actors.datasources.abilities import Doomed
from actors.datasources.burying import bury
from actors.datasources.graves import Fate
from actors.datasources.local.reading import fields_of
from actors.datasources.local.storage import LocalStorage
from actors.datasources.storage import Datasource, Row
from rota.errors import PermanentError, TemporaryError
from tests.processes import children_with, is_running
from tests.trees import Fifo, Link, make_tree, walked
from tests.waiting import wait_until

MANY = 3_000  # folders of a few files: more than is deleted without helpers


@pytest.fixture
def storage(root, opener):
    with closing(LocalStorage(Datasource(name="files", root=str(root), whole=True), opener=opener)) as opened:
        yield opened


def put(root, item, tree):
    """Put a folder into the bin, with the information about it."""
    make_tree(root / ".rota/bin" / item, tree)
    (root / ".rota/bin" / f"{item}.trashinfo").write_text("[Trash Info]\n")


def doomed(root, bin_path, **changes):
    path = os.fsencode(bin_path)
    found = os.lstat(os.fsencode(root / ".rota/bin") + b"/" + path)
    return Doomed(path, Row(*fields_of(os.path.basename(path), found))._replace(**changes))


def purged(storage, *items):
    return {os.fsdecode(ended.item.bin_path): ended for ended in bury(storage, iter(items))}


def fates(storage, *items):
    return {path: ended.fate for path, ended in purged(storage, *items).items()}


def left(root):
    """What is below bin and tomb."""
    rota = root / ".rota"
    return {os.fsdecode(path) for path in walked(rota)} - {"bin", "tomb"}


def test_link_is_deleted_and_not_what_it_leads_to(root, storage, tmp_path):
    outside = tmp_path / "outside"
    make_tree(outside, {"file": b"precious", "sub": {"x": b"1"}})
    put(root, "one", {"link": Link(str(outside))})
    put(root, "two", {"f": {"in": Link(str(outside)), "dangling": Link("nowhere"), "up": Link("../../..")}})
    before = walked(outside)

    told = purged(storage, doomed(root, "one/link"), doomed(root, "two/f"))

    assert {path: (ended.fate, ended.entries, ended.bytes) for path, ended in told.items()} == {
        "one/link": (Fate.GONE, 1, 0),
        "two/f": (Fate.GONE, 4, 0),
    }
    assert left(root) == set()
    assert walked(outside) == before


@pytest.mark.parametrize("level", ["item", "name"])
def test_item_that_became_a_link_goes_back(root, storage, tmp_path, level):
    make_tree(tmp_path / "outside", {"f": {"file": b"precious"}})
    put(root, "one", {"f": {"file": b"x"}})
    item = doomed(root, "one/f")
    place = root / ".rota/bin/one" if level == "item" else root / ".rota/bin/one/f"
    place.rename(tmp_path / "aside")
    place.symlink_to(tmp_path / "outside" if level == "item" else tmp_path / "outside/f")

    assert fates(storage, item) == {"one/f": Fate.REPLACED}
    assert place.is_symlink()
    assert (tmp_path / "outside/f/file").read_bytes() == b"precious"
    assert (root / ".rota/bin/one.trashinfo").exists()


def test_another_folder_of_the_same_name_goes_back(root, storage, tmp_path):
    put(root, "one", {"f": {"file": b"x"}})
    item = doomed(root, "one/f")
    (root / ".rota/bin/one/f").rename(tmp_path / "aside")
    make_tree(root / ".rota/bin/one/f", {"file": b"x"})
    before = left(root)

    assert fates(storage, item) == {"one/f": Fate.REPLACED}
    assert left(root) == before


def test_recorded_device_does_not_count_for_its_number_changes_with_a_restart(root, storage):
    put(root, "one", {"x": b"1"})

    assert fates(storage, doomed(root, "one/x", device=4711)) == {"one/x": Fate.GONE}


@pytest.mark.parametrize("name", [".rota", ".rota/bin", ".rota/tomb"])
@pytest.mark.parametrize("goal", ["elsewhere", "root"])
def test_bin_that_is_a_link_is_refused(root, storage, tmp_path, name, goal):
    make_tree(tmp_path / "elsewhere", {"one": {"x": b"precious"}, "bin": {"one": {"x": b"precious"}}})
    make_tree(root, {"one": {"x": b"precious"}, ".rota": {"bin": {}, "tomb": {}}})
    place = root / name
    place.rename(tmp_path / "aside")
    place.symlink_to(root if goal == "root" else tmp_path / "elsewhere")

    with pytest.raises(PermanentError, match="cannot be used"):
        fates(storage, Doomed(b"one/x", Row(b"x", "file", 8, 0)))

    assert (root / "one/x").exists()
    assert (tmp_path / "elsewhere/bin/one/x").exists()


def test_hard_links_elsewhere_keep_their_content(root, storage, tmp_path):
    put(root, "one", {"f": {"file": b"shared"}})
    outside = tmp_path / "another name"
    os.link(root / ".rota/bin/one/f/file", outside)
    before = outside.stat()

    assert fates(storage, doomed(root, "one/f")) == {"one/f": Fate.GONE}

    after = outside.stat()
    assert (before.st_nlink, after.st_nlink, after.st_ino) == (2, 1, before.st_ino)
    assert outside.read_bytes() == b"shared"


def test_special_entries_and_odd_names_go_as_well(root, storage):
    names = ["n" * 255, b"\xff\xfe not UTF-8", "line\nend", " ", "\u00fc", ".rota", "-rf", "*"]
    put(root, "one", {"f": {**dict.fromkeys(names, b"12"), "folder": {b"\xff": {"fifo": Fifo()}}}})
    put(root, "two", {b"\xffname": b"x"})

    told = purged(storage, doomed(root, "one/f"), doomed(root, b"two/\xffname"))

    assert {(ended.fate, ended.entries) for ended in told.values()} == {(Fate.GONE, 12), (Fate.GONE, 1)}
    assert list(os.walk(root / ".rota/tomb")) == [(str(root / ".rota/tomb"), [], [])]


def test_deep_tree_needs_few_descriptors(root, storage):
    depth = 1_500
    put(root, "one", {"f": {}})
    folder = os.open(root / ".rota/bin/one/f", os.O_RDONLY)
    for n in range(depth):
        os.mkdir("deeper-and-deeper", dir_fd=folder)
        os.close(os.open(f"file-{n}", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        below = os.open("deeper-and-deeper", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 120, hard))
    try:
        told = purged(storage, doomed(root, "one/f"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert [(ended.fate, ended.entries) for ended in told.values()] == [(Fate.GONE, 2 * depth + 1)]


def test_huge_folder_is_never_in_memory(root):
    put(root, "one", {"f": {}})
    folder = os.open(root / ".rota/bin/one/f", os.O_RDONLY)
    for n in range(50_000):
        os.close(os.open(f"a-name-of-some-length-{n:06}", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    with closing(LocalStorage(Datasource(name="files", root=str(root), options={"processes": 1}))) as storage:
        item = doomed(root, "one/f")
        tracemalloc.start()
        try:
            told = purged(storage, item)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert [(ended.fate, ended.entries) for ended in told.values()] == [(Fate.GONE, 50_001)]
    assert peak < 2_000_000


def test_folders_that_their_mode_closes_are_opened_if_they_are_ours(root, storage):
    put(root, "one", {"f": {"closed": {"x": b"1", "deep": {"y": b"2"}}, "no-write": {"z": b"3"}}})
    base = root / ".rota/bin/one/f"
    for name, mode in (("closed/deep", 0), ("closed", 0), ("no-write", 0o500)):
        (base / name).chmod(mode)
    item = doomed(root, "one/f")

    told = _without_privileges(lambda: purged(storage, item))

    assert {path: (ended.fate, ended.entries) for path, ended in told.items()} == {"one/f": (Fate.GONE, 7)}
    assert left(root) == set()


def test_what_cannot_be_deleted_stays_in_the_tomb_with_its_information(root, storage):
    put(root, "one", {"f": {"a": b"1", "sub": {"fixed": b"2", "b": b"3"}, **{f"d{n}": {"x": b""} for n in range(20)}}})
    fixed = root / ".rota/bin/one/f/sub/fixed"
    if subprocess.run(["chattr", "+i", fixed], check=False, capture_output=True).returncode:
        pytest.skip("this file system or user knows no immutable files")
    try:
        told = purged(storage, doomed(root, "one/f"))
    finally:
        for place in (fixed, root / ".rota/tomb/one/f/sub/fixed"):
            if place.exists():
                subprocess.run(["chattr", "-i", place], check=True)

    (ended,) = told.values()
    assert (ended.fate, ended.entries) == (Fate.FAILED, 42)
    assert "sub/fixed" in ended.reason
    assert left(root) == {"tomb/one", "tomb/one/f", "tomb/one/f/sub", "tomb/one/f/sub/fixed", "bin/one.trashinfo"}
    assert fates(storage, ended.item) == {"one/f": Fate.GONE}
    assert left(root) == set()


@pytest.mark.parametrize("opener", ["open_beneath", "open_by_steps"])
def test_mount_inside_stays_and_goes_back_into_the_bin(root, tmp_path, opener):
    make_tree(tmp_path / "outside", {"precious": b"x", "sub": {"y": b"1"}})
    put(root, "one", {"f": {"a": b"1", "sub": {"mounted": {}, "b": b"2"}, "other": {"c": b"3"}}})
    program = (
        "from contextlib import closing; from pathlib import Path\n"
        "from tests.unit.actors.test_burying_local import *\n"
        "from actors.datasources import openat2\n"
        f"root = Path({str(root)!r})\n"
        f"source = Datasource(name='files', root=str(root))\n"
        f"with closing(LocalStorage(source, opener=openat2.{opener})) as storage:\n"
        "    (ended,) = purged(storage, doomed(root, 'one/f')).values()\n"
        "    print(ended.fate, ended.entries, ended.reason)\n"
    )
    mounted = root / ".rota/bin/one/f/sub/mounted"
    script = f'mount --bind {tmp_path}/outside {mounted} && exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, program], capture_output=True, text=True, check=False, timeout=60
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("foreign 4 sub/mounted: another file system is mounted there")
    assert {path.decode() for path in walked(tmp_path / "outside")} == {"precious", "sub", "sub/y"}
    assert left(root) == {"bin/one", "bin/one.trashinfo", "bin/one/f", "bin/one/f/sub", "bin/one/f/sub/mounted"}


def test_tomb_is_closed_to_others(root, storage):
    make_tree(root, {".rota": {"tomb": {}}})
    (root / ".rota/tomb").chmod(0o777)
    put(root, "one", {"x": b"1"})

    assert fates(storage, doomed(root, "one/x")) == {"one/x": Fate.GONE}
    assert stat.S_IMODE((root / ".rota/tomb").stat().st_mode) == 0o700


def test_nothing_is_made_where_nothing_was_ever_deleted(root, storage):
    assert fates(storage, Doomed(b"one/x", Row(b"x", "file", 1, 0))) == {"one/x": Fate.MISSING}
    assert fates(storage, Doomed(b"one", Row(b"x", "file", 1, 0))) == {"one": Fate.FAILED}
    assert not (root / ".rota").exists()


def test_files_count_with_their_sizes(root, storage):
    put(root, "one", {"f": {str(n): b"12345" for n in range(3)}})

    (ended,) = purged(storage, doomed(root, "one/f")).values()

    assert (ended.entries, ended.bytes) == (4, 15)


def helpers():
    """Give the helpers of this process that run."""
    return children_with("actors.datasources.local.digging")


def put_many(root):
    for item in ("one", "two"):
        put(root, item, {"f": {f"{n}": {"a": b"", "b": b"", "c": b""} for n in range(MANY // 2)}})


@pytest.fixture
def looked_at_all_the_time(monkeypatch):
    """Let `check` be called between any two steps, however quickly these follow each other."""
    monkeypatch.setattr("actors.datasources.burials._LOOK_SECONDS", 0)


@pytest.mark.usefixtures("looked_at_all_the_time")
def test_large_purge_has_helpers_and_none_afterwards(root, storage):
    put_many(root)
    put(root, "small", {"x": b"1"})
    seen = []

    told = list(
        bury(storage, [doomed(root, f"{item}/f") for item in ("one", "two")], check=lambda: seen.extend(helpers()))
    )

    assert [(ended.fate, ended.entries) for ended in told] == [(Fate.GONE, MANY // 2 * 4 + 1)] * 2
    assert seen
    assert helpers() == []
    assert left(root) == {"bin/small", "bin/small.trashinfo", "bin/small/x"}


def test_helpers_end_with_the_process_that_started_them(root, tmp_path):
    put_many(root)
    program = (
        "import os, signal; from pathlib import Path\n"
        "from tests.unit.actors.test_burying_local import *\n"
        "from actors.datasources import burials\n"
        "burials._LOOK_SECONDS = 0\n"
        f"root = Path({str(root)!r})\n"
        "def die():\n"
        "    if found := helpers():\n"
        "        print(*(helper.pid for helper in found), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "storage = LocalStorage(Datasource(name='files', root=str(root)))\n"
        "items = [doomed(root, 'one/f'), doomed(root, 'two/f')]\n"
        "list(bury(storage, items, check=die))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert pids
    wait_until(lambda: not any(is_running(pid) for pid in pids), timeout=60, what="the helpers are gone")
    with closing(LocalStorage(Datasource(name="files", root=str(root)))) as storage:
        items = [Doomed(f"{item}/f".encode(), Row(b"f", "folder", 0, 0)) for item in ("one", "two")]
        assert set(fates(storage, *items).values()) <= {Fate.GONE, Fate.MISSING}
    assert left(root) == set()


@pytest.mark.usefixtures("looked_at_all_the_time")
def test_helper_that_is_killed_ends_it_and_the_next_call_finishes(root, storage):
    put_many(root)
    items = [doomed(root, f"{item}/f") for item in ("one", "two")]

    def kill():
        for helper in helpers()[:1]:
            helper.send_signal(signal.SIGKILL)
            # Else all might be deleted by others before it is dead.
            wait_until(lambda: helper not in helpers(), timeout=60)

    with pytest.raises(TemporaryError, match="has ended"):
        list(bury(storage, items, check=kill))

    assert helpers() == []
    assert set(fates(storage, *items).values()) <= {Fate.GONE, Fate.MISSING}
    assert left(root) == set()


def _without_privileges(act):
    """Run in a thread that may not do more than the owner of a file may, and give what comes out."""
    came = []

    def work():
        _drop_override()
        came.append(act())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return came[0]


def _drop_override():
    """Take from this thread the right to ignore modes; the others keep it."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, data) == 0:
        for word in (0, 1):  # effective and permitted: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
            data[word] &= ~0b110
        if libc.capset(header, data) != 0:
            raise OSError(ctypes.get_errno(), errno.errorcode[ctypes.get_errno()])
