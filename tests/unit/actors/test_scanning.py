from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import NamedTuple

import pytest

from actors.datasources.digest import folder_digest
from actors.datasources.local.storage import LocalStorage
from actors.datasources.openat2 import open_by_steps
from actors.datasources.scanning import marked, scan, told
from actors.datasources.storage import Altered, Capabilities, Datasource, End, Listing, Row, Same, Unlisted, Why
from rota.datasources import Rules
from rota.errors import Cancelled, TemporaryError
from tests.processes import children_with, is_running
from tests.trees import Link, make_tree, walked
from tests.waiting import wait_until

MANY = 1_200  # folders: more than are listed without helpers


class Before(NamedTuple):
    token: str
    digest: bytes
    prints: bytes = b""


def nothing_known(paths):
    return {}


def remembered(found, *, prints=False):
    """Make a lookup out of what an earlier scan told, with prints or without."""
    whole = [marked(one) for one in found if isinstance(one, Listing)]
    known = {one.path: Before(one.token, folder_digest(one.rows), one.prints if prints else b"") for one in whole}
    return lambda paths: {path: known[path] for path in paths if path in known}


def entries(found):
    return {
        (one.path + b"/" if one.path else b"") + row.name: (row.kind, row.size, row.modified_ns, row.inode)
        for one in found
        if isinstance(one, Listing)
        for row in one.rows
    }


def helpers():
    """Give the helpers of this process that run."""
    return children_with("actors.datasources.local.walking")


def opened(root, *, processes=2, opener=None, **rules):
    options = {"processes": processes}
    return LocalStorage(Datasource(name="files", root=str(root), options=options, rules=Rules(**rules)), opener=opener)


@pytest.fixture
def open_local(root):
    storages = []

    def open_one(**changes):
        storages.append(opened(root, **changes))
        return storages[-1]

    yield open_one
    for storage in storages:
        storage.close()
    assert helpers() == []


def chain(depth):
    tree = {"end": b""}
    for number in range(depth):
        tree = {"down": tree, f"file-{number}": b"1"}
    return tree


SHAPES = {
    "many at the top": lambda: {f"f{number}": {"a": b"1", "b": b"22"} for number in range(MANY)},
    "all below one": lambda: {"top": {f"f{number}": {"a": b"1"} for number in range(MANY)}},
    "a chain beside many": lambda: {"deep": chain(300), "z": {f"f{number}": {} for number in range(MANY)}},
    "one huge folder": lambda: {"huge": {f"{number:05}": b"" for number in range(10_500)}, "a": {"b": {}}, "z": {}},
    "a huge folder among many": lambda: {
        "a": {f"f{number}": {} for number in range(MANY)},
        "huge": {f"{'n' * 200}{number:05}": b"" for number in range(10_500)},
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_tree_of_any_shape_is_told_whole_and_then_as_the_same(root, open_local, shape):
    make_tree(root, SHAPES[shape]())
    storage = open_local()

    first = list(scan(storage, [b""], nothing_known))
    again = list(scan(storage, [b""], remembered(first)))

    assert entries(first) == walked(root)
    paths = [one.path for one in first[:-1]]
    assert len(paths) == len(set(paths))
    assert first[-1] == again[-1] == End(path=b"")
    expected = {
        one.path: (len(one.rows), sum(row.size for row in one.rows if row.kind == "file")) for one in first[:-1]
    }
    assert {one.path: (one.entries, one.bytes) for one in again[:-1] if isinstance(one, Same)} == expected


@pytest.mark.parametrize("few", [True, False], ids=["here", "in helpers"])
def test_only_the_folder_that_changed_is_told_with_its_rows(root, open_local, few):
    make_tree(root, {f"f{number:04}": {"a": b"1", "sub": {}} for number in range(5 if few else MANY)})
    storage = open_local()
    known = remembered(list(scan(storage, [b""], nothing_known)))
    (root / "f0003" / "a").write_bytes(b"22")

    changed = [one for one in scan(storage, [b""], known) if isinstance(one, Listing)]

    assert [one.path for one in changed] == [b"f0003"]
    assert changed[0] == storage.list_folder(b"f0003")


@pytest.mark.parametrize("few", [True, False], ids=["here", "in helpers"])
def test_of_a_folder_with_prints_only_what_differs_is_told(root, open_local, few):
    files = {str(number): b"1" for number in range(8)}
    make_tree(root, {f"f{number:04}": {**files, "sub": {}} for number in range(5 if few else MANY)})
    storage = open_local()
    known = remembered(list(scan(storage, [b""], nothing_known)), prints=True)
    for name in ("f0003", "f0004"):
        (root / name / "7").write_bytes(b"22")
    (root / "f0004" / "sub" / "new").mkdir()

    found = list(scan(storage, [b""], known))

    altered = {one.path: one for one in found if isinstance(one, Altered)}
    assert [row.name for row in altered[b"f0003"].rows] == [b"7"]
    assert [row.name for row in altered[b"f0004"].rows] == [b"7", b"sub"]
    assert {len(one.missing) for one in altered.values()} == {1, 2}
    assert [one.path for one in found if isinstance(one, Listing)] == [b"f0004/sub", b"f0004/sub/new"]
    assert altered[b"f0003"] == told(storage.list_folder(b"f0003"), known([b"f0003"])[b"f0003"])


def test_small_tree_needs_no_helpers_and_a_large_one_has_as_many_as_asked_for(root, open_local):
    make_tree(root, {"small": {f"f{number}": {} for number in range(20)}, "t": {f"f{n}": {} for n in range(MANY)}})
    storage = open_local(processes=3)
    seen = {}

    for path in (b"small", b"t"):
        seen[path] = max(len(helpers()) for _ in scan(storage, [path], nothing_known))

    assert seen == {b"small": 0, b"t": 3}


def test_one_process_is_the_calling_one(root, open_local):
    make_tree(root, {f"f{number}": {} for number in range(MANY)})

    assert all(not helpers() for _ in scan(open_local(processes=1), [b""], nothing_known))


@pytest.mark.parametrize("count", [40, MANY], ids=["here", "in helpers"])
def test_ends_come_in_the_order_of_the_paths_after_all_below(root, open_local, count):
    make_tree(root, {top: {f"f{number}": {"x": {}} for number in range(count)} for top in "abc"} | {"no": {}})
    left = dict.fromkeys((b"a", b"b", b"c"), 2 * count + 1)
    ends = []

    for found in scan(open_local(), [b"a", b"b", b"c"], nothing_known):
        if isinstance(found, End):
            assert left[found.path] == 0
            ends.append(found.path)
        else:
            left[found.path[:1]] -= 1

    assert ends == [b"a", b"b", b"c"]


def test_helpers_leave_out_what_the_globs_do_and_what_is_private(root, open_local):
    folder = {"a.tmp": b"", "b": b"", "cache": {"x": b""}, ".rota-draft-1": b"", "link": Link("b")}
    make_tree(root, {f"f{number}": folder for number in range(MANY)})

    found = list(scan(open_local(exclude=("*.tmp", "cache/")), [b""], nothing_known))

    names = {tuple(row.name for row in one.rows) for one in found if isinstance(one, Listing) and one.path}
    assert names == {(b"b", b"link")}
    assert len(found) == MANY + 2


def test_helpers_open_step_by_step_where_the_kernel_needs_it(root, open_local):
    make_tree(root, {f"f{number}": {"a": b""} for number in range(MANY)})

    found = list(scan(open_local(opener=open_by_steps), [b""], nothing_known))

    assert entries(found) == walked(root)


def test_helpers_tell_what_they_cannot_list(root, open_local):
    make_tree(root, {"a": {f"f{number}": {} for number in range(MANY)}, "link": Link("a"), "z": b""})

    found = list(scan(open_local(), [b"a", b"link", b"none", b"z"], nothing_known))

    assert {one.path: one.why for one in found if isinstance(one, Unlisted)} == dict.fromkeys(
        (b"link", b"none", b"z"), Why.VANISHED
    )
    assert [one.path for one in found if isinstance(one, End)] == [b"a", b"link", b"none", b"z"]


def test_closing_ends_the_helpers(root, open_local):
    make_tree(root, {f"f{number}": {} for number in range(3 * MANY)})

    with closing(scan(open_local(), [b""], nothing_known)) as found:
        while not helpers():
            next(found)

    assert helpers() == []


def test_helper_that_dies_is_an_error_and_never_an_answer(root, open_local):
    make_tree(root, {f"f{number}": {"a": b""} for number in range(2 * MANY)})
    told = []

    def kill_a_helper():
        for found in scan(open_local(), [b""], nothing_known):
            told.append(found)
            for helper in helpers()[:1]:
                helper.send_signal(signal.SIGKILL)
                # Else all might be listed here before it is dead.
                wait_until(lambda helper=helper: helper not in helpers(), timeout=60)

    with pytest.raises(TemporaryError, match="ended .exit code -9."):
        kill_a_helper()

    assert End(path=b"") not in told
    assert all(isinstance(one, Listing) and (not one.path or len(one.rows) == 1) for one in told)


@pytest.mark.parametrize(
    ("program", "message"), [("/none", "cannot start a process"), ("/bin/false", "ended .exit code 1.")]
)
def test_helpers_that_do_not_start_are_an_error(root, open_local, monkeypatch, program, message):
    make_tree(root, {f"f{number}": {} for number in range(MANY)})
    monkeypatch.setattr(sys, "executable", program)
    storage = open_local()
    before = set(os.listdir("/proc/self/fd"))

    def list_all():
        for _ in scan(storage, [b""], nothing_known):
            # Else all might be listed here before they have ended.
            wait_until(lambda: not helpers(), timeout=60)

    with pytest.raises(TemporaryError, match=message):
        list_all()

    assert set(os.listdir("/proc/self/fd")) <= before


def test_signals_that_stop_a_worker_do_not_stop_its_helpers(root, open_local):
    make_tree(root, {f"f{number}": {"a": b""} for number in range(2 * MANY)})
    signalled = set()

    for _ in scan(open_local(), [b""], nothing_known):
        for helper in helpers():
            if helper.pid not in signalled:
                # A signal that comes while it starts ends it, and the scan with it.
                wait_until(lambda helper=helper: ignores_stop(helper.pid), timeout=60)
                helper.send_signal(signal.SIGTERM)
                helper.send_signal(signal.SIGINT)
                signalled.add(helper.pid)

    assert len(signalled) == 2


def ignores_stop(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = int(next(line for line in lines if line.startswith("SigIgn")).split()[1], 16)
    return ignored >> (signal.SIGTERM - 1) & 1


def test_error_of_the_lookup_ends_the_scan_and_its_helpers(root, open_local):
    make_tree(root, {f"f{number}": {} for number in range(MANY)})

    def lookup(paths):
        if helpers():
            raise TemporaryError("the store is away")
        return {}

    with pytest.raises(TemporaryError, match="the store is away"):
        list(scan(open_local(), [b""], lookup))


def test_helpers_end_with_a_parent_that_is_killed(root, tmp_path):
    make_tree(root, {f"f{number}": {} for number in range(3 * MANY)})
    program = (
        "import sys, time\n"
        "from actors.datasources.local.storage import LocalStorage\n"
        "from actors.datasources.scanning import scan\n"
        "from actors.datasources.storage import Datasource\n"
        "from tests.processes import children_with\n"
        "found = scan(LocalStorage(Datasource(name='files', root=sys.argv[1])), [b''], lambda paths: {})\n"
        "while not (helpers := children_with('actors.datasources.local.walking')):\n"
        "    next(found)\n"
        "print(*(helper.pid for helper in helpers), flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()

    assert len(pids) == 2
    wait_until(lambda: not any(is_running(pid) for pid in pids), timeout=60)


class Memory:
    """A storage in memory that can only be listed; `meet` is called in each listing."""

    def __init__(self, tree, meet=lambda path: None, in_flight=8):
        self.capabilities = Capabilities(in_flight=in_flight)
        self._tree = tree
        self._meet = meet
        self._lock = Lock()
        self.under_way = self.most = 0

    def list_folder(self, path):
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            self._meet(path)
            node = self._tree
            for name in path.split(b"/") if path else []:
                node = node[name.decode()]
            rows = [
                Row(name.encode(), "file" if value is None else "folder", 0, 0) for name, value in sorted(node.items())
            ]
            return Listing(path=path, token="", rows=rows)
        finally:
            with self._lock:
                self.under_way -= 1


WIDE = {f"f{number:02}": {"a": None, "sub": {"b": None}} for number in range(40)}


def test_several_folders_of_a_remote_storage_are_in_flight_and_no_more():
    barrier = Barrier(5)

    def meet(path):
        if path:
            barrier.wait(60)

    storage = Memory(WIDE, meet, in_flight=5)

    found = list(scan(storage, [b""], nothing_known))

    assert storage.most == 5
    assert len({one.path for one in found[:-1]}) == len(found) - 1 == 81
    assert found[-1] == End(path=b"")


def test_remote_folders_without_token_are_the_same_by_their_digest():
    known = remembered(list(scan(Memory(WIDE), [b""], nothing_known)))
    changed = {**WIDE, "f07": {"a": None, "sub": {}}}

    found = list(scan(Memory(changed), [b""], known))

    assert [one.path for one in found if isinstance(one, Listing)] == [b"f07/sub"]
    assert len(found) == 82


def test_error_of_a_remote_storage_ends_the_scan():
    def meet(path):
        if path == b"f20/sub":
            raise TemporaryError("connection lost")

    with pytest.raises(TemporaryError, match="connection lost"):
        list(scan(Memory(WIDE, meet), [b""], nothing_known))


def test_closing_a_remote_scan_waits_for_what_is_in_flight():
    storage = Memory(WIDE)

    with closing(scan(storage, [b""], nothing_known)) as found:
        next(found)
        next(found)

    assert storage.under_way == 0


def test_slow_caller_is_not_run_away_from():
    listed = []
    storage = Memory(WIDE, listed.append, in_flight=4)

    with closing(scan(storage, [b""], nothing_known)) as found:
        next(found)
        next(found)
        assert len(listed) <= 1 + 4


def test_a_cancelled_run_does_not_wait_for_a_remote_answer():
    answered = Event()
    storage = Memory(WIDE, lambda path: answered.wait(60))

    def check():
        if storage.under_way:
            raise Cancelled

    try:
        with pytest.raises(Cancelled):
            list(scan(storage, [b""], nothing_known, check=check))
        assert storage.under_way == 1
    finally:
        answered.set()
