"""The helper processes of a local scan as processes: what they inherit, find, may not read, and leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.scanning import scan
from actors.datasources.storage import Datasource, Listing, Unlisted, Why
from tests.processes import children_with
from tests.trees import make_tree

MANY = 1_200  # folders: more than are listed without helpers


def helpers():
    return children_with("actors.datasources.local.walking")


def held_by(pid):
    """Give what a process has open; it may open and close more meanwhile."""
    told = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            told.append(os.readlink(link))
    return told


def with_helpers(root):
    """Scan, and give what was told once two helpers were seen to have started."""
    with closing(LocalStorage(Datasource(name="files", root=str(root)))) as storage:
        started, told = [], []
        for found in scan(storage, [b""], lambda paths: {}):
            told.append(found)
            started = started or helpers()
    assert started
    return told


def test_helpers_inherit_the_root_and_nothing_else_of_their_parent(root, tmp_path):
    make_tree(root, {f"f{number}": {} for number in range(3 * MANY)})
    held = (tmp_path / "secret").open("w")
    os.set_inheritable(held.fileno(), True)

    with (
        held,
        closing(LocalStorage(Datasource(name="files", root=str(root)))) as storage,
        closing(scan(storage, [b""], lambda paths: {})) as found,
    ):
        while not (started := helpers()):
            next(found)
        told = held_by(started[0].pid)

    assert str(root) in told
    assert str(tmp_path / "secret") not in told
    assert len([link for link in told if link.startswith("socket:")]) == 1


def test_helpers_find_their_modules_where_nothing_but_this_process_leads_to_them(root, tmp_path):
    make_tree(root, {f"f{number}": {} for number in range(2 * MANY)})
    project = Path(__file__).parents[3]
    # As a program does whose modules come from a finder that the search path says nothing of.
    program = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import actors.datasources.local.walkers\n"
        "from actors.datasources.local.storage import LocalStorage\n"
        "from actors.datasources.scanning import scan\n"
        "from actors.datasources.storage import Datasource\n"
        "sys.path[:] = [path for path in sys.path if path not in ('', sys.argv[1])]\n"
        "print(sum(1 for found in scan(LocalStorage(Datasource(name='x', root=sys.argv[2])), [b''], lambda paths: {})))"
    )
    command = [sys.executable, "-P", "-c", program, str(project), str(root)]

    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == (str(2 * MANY + 2), "")


def test_helpers_tell_what_they_may_not_read(root, unprivileged):
    if not os.access(sys.executable, os.X_OK, effective_ids=True):
        pytest.skip("nobody but root may run this interpreter")
    if os.getuid() == 0:
        os.seteuid(0)
        os.chown(root, 65534, 65534)
        os.seteuid(65534)
    make_tree(root, {f"f{number:05}": {"x": {}} for number in range(MANY)} | {"z": {"denied": {"y": b""}}})
    os.chmod(root / "z" / "denied", 0o000)

    told = with_helpers(root)

    os.chmod(root / "z" / "denied", 0o755)
    (denied,) = [found for found in told if isinstance(found, Unlisted)]
    assert (denied.path, denied.why) == (b"z/denied", Why.FAILED)


def test_helpers_do_not_enter_other_file_systems(root):
    make_tree(root, {f"f{number:05}": {"x": {}} for number in range(MANY)} | {"z": {"other": {}}})
    other = root / "z" / "other"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", other], stderr=subprocess.DEVNULL, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        (other / "theirs").mkdir()
        told = with_helpers(root)
    finally:
        subprocess.run(["umount", other], check=True)

    (foreign,) = [found for found in told if isinstance(found, Unlisted)]
    assert (foreign.path, foreign.why) == (b"z/other", Why.FOREIGN)
    assert [row.name for found in told if isinstance(found, Listing) and found.path == b"z" for row in found.rows] == [
        b"other"
    ]


def test_many_scans_leave_nothing_behind(root):
    make_tree(root, {f"f{number}": {} for number in range(2 * MANY)})
    before = set(os.listdir("/proc/self/fd"))

    with closing(LocalStorage(Datasource(name="files", root=str(root)))) as storage:
        for number in range(12):
            with closing(scan(storage, [b""], lambda paths: {})) as found:
                # Every other scan is given up somewhere: before its helpers start, while they do, and while they work.
                for count, _ in enumerate(found):
                    if number % 2 and count > MANY // 2 + 135 * number:
                        break
            assert helpers() == []

    assert set(os.listdir("/proc/self/fd")) <= before
