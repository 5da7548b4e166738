"""The actor `verify` on folders of this machine: against manifests and against other trees."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource
from actors.verify import VerifyParams
from rota.datasources import Rules
from rota.errors import Cancelled, PermanentError, ShuttingDown, TemporaryError
from tests.integration.actors.hashes import ODD, Hashed
from tests.integration.actors.mirrors import contents
from tests.integration.actors.pair import Faulty
from tests.trees import Link, make_tree


@pytest.fixture
def hashed(tmp_path: Path) -> Hashed:
    return Hashed(tmp_path)


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def lines(root: Path, *text: bytes) -> None:
    (root / "SUMS").write_bytes(b"".join(each + b"\n" for each in text))


def faulty(monkeypatch: pytest.MonkeyPatch, **faults) -> None:
    monkeypatch.setattr(
        "actors.hashing.setting.open_storage", lambda source, **more: Faulty(open_storage(source, **more), **faults)
    )


@pytest.mark.parametrize("tool", ["sha256sum", "md5sum", "sha1sum"])
@pytest.mark.parametrize("form", [[], ["--tag"], ["--binary"]], ids=["plain", "tagged", "binary"])
def test_what_the_tools_write_is_verified(hashed, tool, form):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    make_tree(hashed.root, ODD)
    names = [path for path, content in contents(hashed.root).items() if content is not None]
    with (hashed.root / "SUMS").open("wb") as sums:
        subprocess.run([tool, *form, "--", *names], cwd=hashed.root, stdout=sums, timeout=60, check=True)

    result = hashed.verify(manifest="SUMS")

    assert (result.verified, result.skipped) == (12, 0)
    make_tree(hashed.root, {"new\nline": b"N"})
    with pytest.raises(PermanentError, match="1 different; 11 files are right"):
        hashed.verify(manifest="SUMS")


def test_everything_that_is_wrong_is_counted_and_named(hashed):
    make_tree(hashed.root, {"a": b"1", "changed": b"2", "new": b"3", "folder": {}})
    lines(
        hashed.root,
        sha(b"1") + b"  a",
        sha(b"x") + b"  changed",
        sha(b"x") + b"  gone",
        sha(b"x") + b"  folder",
        b"who knows",
    )

    with pytest.raises(PermanentError) as caught:
        hashed.verify(manifest="SUMS")

    assert str(caught.value) == (
        "not everything is as 'SUMS' says: 1 different, 1 missing, 1 extra, 1 unreadable, 1 bad lines; 1 files are"
        " right. different: 'changed'; missing: 'gone'; extra: 'new'; unreadable: 'folder'; bad lines: line 5"
    )
    assert f"'changed': its checksum is {sha(b'2').decode()} and should be {sha(b'x').decode()}" in hashed.said("error")


def test_files_that_are_not_named_may_be_right(hashed):
    make_tree(hashed.root, {"a": b"1", "new": b"3"})
    lines(hashed.root, sha(b"1") + b"  a")

    assert hashed.verify(manifest="SUMS", allow_extra=True).verified == 1


def test_names_are_relative_to_the_folder_of_the_manifest(hashed):
    make_tree(hashed.root, {"a": {"b": {"x": b"1"}}, "b": {"x": b"other"}})
    (hashed.root / "a/SUMS").write_bytes(sha(b"1") + b"  ./b/x\n")

    assert hashed.verify(manifest="a/SUMS").verified == 1


def test_names_in_another_datasource_are_relative_to_the_root(hashed):
    make_tree(hashed.root, {"a": {"x": b"1"}})
    make_tree(hashed.other, {"sums": {}})
    hashed.hash(target="sums/SUMS", target_datasource="beside")

    assert hashed.verify(manifest="sums/SUMS", manifest_datasource="beside").verified == 1


def test_some_paths_are_verified(hashed):
    make_tree(hashed.root, {"a": {"x": b"1"}, "a-": {"y": b"2"}, "b": b"3", "extra": b""})
    lines(hashed.root, sha(b"1") + b"  a/x", sha(b"wrong") + b"  a-/y", sha(b"3") + b"  b")

    assert hashed.verify(manifest="SUMS", paths=["a", "b"]).verified == 2


@pytest.mark.parametrize(
    "name", [b"/etc/passwd", b"../beside/secret", b"a/../../beside/secret", b"./../beside/secret", b".rota/bin/x"]
)
def test_nothing_outside_is_ever_read(hashed, name):
    make_tree(hashed.root, {"a": b"1", ".rota": {"bin": {"x": b"s"}}})
    make_tree(hashed.other, {"secret": b"s"})
    lines(hashed.root, sha(b"1") + b"  a", sha(b"s") + b"  " + name)

    with pytest.raises(PermanentError, match="1 bad lines; 1 files are right. bad lines: line 2"):
        hashed.verify(manifest="SUMS")


def test_no_link_is_followed(hashed):
    make_tree(hashed.other, {"secret": b"s"})
    make_tree(hashed.root, {"link": Link(str(hashed.other)), "file": Link(str(hashed.other / "secret"))})
    lines(hashed.root, sha(b"s") + b"  link/secret", sha(b"s") + b"  file")

    with pytest.raises(PermanentError, match="0 files are right"):
        hashed.verify(manifest="SUMS")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no line of it is one"),
        (b"\0" * 500_000, "no line of it is one"),
        (b"# nothing\n", "no line of it is one"),
    ],
)
def test_what_is_no_manifest_is_refused(hashed, content, message):
    (hashed.root / "SUMS").write_bytes(content)

    with pytest.raises(PermanentError, match=message):
        hashed.verify(manifest="SUMS")


def test_a_manifest_of_an_absurd_size_is_not_read(hashed):
    (hashed.root / "SUMS").touch()
    os.truncate(hashed.root / "SUMS", 2**43)

    with pytest.raises(PermanentError, match="more than 4,294,967,296"):
        hashed.verify(manifest="SUMS")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"manifest": "none"}, "there is no manifest 'none'"),
        ({"manifest": "folder"}, "there is no manifest 'folder'"),
        ({"manifest": "../SUMS"}, "must not have"),
        ({"manifest": ".rota/SUMS"}, "Rota's own"),
        ({"target_datasource": "files"}, "are the same storage"),
        ({"target_datasource": "nobody"}, "no datasource 'nobody'"),
        ({"target_datasource": "beside", "paths": ["none"]}, "'none' is not there"),
        ({"catalog": True}, "the catalog has no hash of these files"),
    ],
)
def test_what_makes_no_sense_is_refused(hashed, params, message):
    make_tree(hashed.root, {"folder": {}})

    with pytest.raises(PermanentError, match=message):
        hashed.verify(**params)


@pytest.mark.parametrize(
    "params",
    [{}, {"manifest": "a", "catalog": True}, {"catalog": True, "target": "x"}, {"catalog": True, "algorithm": "md5"}],
)
def test_parameters_that_contradict_each_other_are_refused(params):
    with pytest.raises(ValidationError):
        VerifyParams(datasource="files", **params)


def test_equal_trees_are_equal(hashed):
    for root in (hashed.root, hashed.other):
        make_tree(root, ODD)

    assert hashed.verify(target_datasource="beside").verified == 12


def test_trees_are_compared_by_their_contents(hashed):
    make_tree(
        hashed.root, {"a": {"x": b"same", "y": b"12", "z": b"1"}, "gone": {"b": b""}, "kind": b"", "l": Link("a")}
    )
    make_tree(hashed.other, {"a": {"x": b"same", "y": b"21", "z": b"22"}, "new": b"", "kind": {"c": b""}})

    with pytest.raises(PermanentError) as caught:
        hashed.verify(target_datasource="beside")

    assert str(caught.value) == (
        "not everything is as in 'beside': 2 different, 2 missing, 2 extra; 1 files are right."
        " different: 'a/y', 'a/z'; missing: 'gone/b', 'kind'; extra: 'kind/c', 'new'"
    )
    assert "'a/z': it has 2 bytes and should have 1" in hashed.said("error")


def test_a_tree_is_compared_with_a_folder_and_in_part(hashed):
    make_tree(hashed.root, {"a": {"x": b"1"}, "b": b"2", "c": b"3"})
    make_tree(hashed.other, {"backup": {"a": {"x": b"1"}, "b": b"2", "more": b""}, "a": {"x": b"other"}})

    assert hashed.verify(target_datasource="beside", target="backup", paths=["a", "b"]).verified == 2


def test_files_that_the_other_tree_has_in_addition_may_be_right(hashed):
    make_tree(hashed.root, {"a": b"1"})
    make_tree(hashed.other, {"a": b"1", "more": b""})

    assert hashed.verify(target_datasource="beside", allow_extra=True).verified == 1


def test_what_either_side_leaves_out_counts_for_neither(hashed):
    make_tree(hashed.root, {"a": b"1", "b.tmp": b"2", "c.old": b"3"})
    make_tree(hashed.other, {"a": b"1", "b.tmp": b"x", "d.old": b"3"})
    hashed.source = Datasource(name="files", root=str(hashed.root), rules=Rules(exclude=("*.tmp",)))
    hashed.beside = Datasource(name="beside", root=str(hashed.other), rules=Rules(exclude=("*.old",)))

    assert hashed.verify(target_datasource="beside").verified == 1


def test_a_file_that_cannot_be_read_for_the_moment_is_tried_again_later(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"1"})
    lines(hashed.root, sha(b"1") + b"  a")

    def open_file(real, path):
        if path == b"a":
            raise ConnectionResetError(104, "Connection reset by peer")
        return real.open_file(path)

    faulty(monkeypatch, open_file=open_file)

    with pytest.raises(TemporaryError, match="not everything was verified"):
        hashed.verify(manifest="SUMS")


def test_a_file_that_changes_all_the_time_is_unreadable(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"1"})
    lines(hashed.root, sha(b"1") + b"  a")

    def open_file(real, path):
        file = real.open_file(path)
        if path == b"a":
            with (hashed.root / "a").open("ab") as log:
                log.write(b"more")
        return file

    faulty(monkeypatch, open_file=open_file)

    with pytest.raises(PermanentError, match="'a': it was changed while it was read"):
        hashed.verify(manifest="SUMS")


@pytest.fixture
def kept_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.hashing.findings._KEEP_SECONDS", 0)
    monkeypatch.setattr("actors.hashing.setting._SMALL_AT_ONCE", 3)


@pytest.mark.parametrize("params", [{"manifest": "SUMS"}, {"target_datasource": "beside"}])
def test_an_interrupted_run_goes_on_where_it_was(hashed, kept_often, monkeypatch, params):
    tree = {f"folder {n}": {f"{m:03}": b"%d-%d" % (n, m) for m in range(40)} for n in range(9)}
    make_tree(hashed.root, tree)
    make_tree(hashed.other, tree)
    hashed.hash(target="SUMS")
    make_tree(hashed.root, {"folder 0": {"000": b"wrong"}, "folder 8": {"039": b"wrong"}})
    (hashed.root / "folder 3/001").unlink()
    if "manifest" not in params:
        (hashed.root / "SUMS").unlink()
    first = hashed.new_run()

    def on_check(_number: int) -> None:
        if len(first.checkpoints) > 150:
            first.interrupt(ShuttingDown())

    first.on_check = on_check
    with pytest.raises(ShuttingDown):
        hashed.verify(first, **params)
    read: list[bytes] = []
    faulty(monkeypatch, open_file=lambda real, path: read.append(path) or real.open_file(path))

    with pytest.raises(PermanentError, match=r"2 different, 1 (missing|extra); 357 files are right") as caught:
        hashed.verify(hashed.new_run(first.checkpoints[-1]), **params)

    assert "'folder 0/000', 'folder 8/039'" in str(caught.value)
    assert 0 < len(set(read)) < 250


def test_a_manifest_that_was_changed_meanwhile_is_begun_again(hashed, kept_often):
    make_tree(hashed.root, {"a": b"1"})
    lines(hashed.root, sha(b"1") + b"  a")
    hashed.verify(manifest="SUMS")
    state = hashed.run.checkpoints[-1]
    lines(hashed.root, sha(b"1") + b"  a", b"")

    with pytest.raises(PermanentError, match="was changed since the verification began"):
        hashed.verify(hashed.new_run(state), manifest="SUMS")


def test_a_cancelled_run_ends(hashed):
    make_tree(hashed.root, {"a": b"1"})
    lines(hashed.root, sha(b"1") + b"  a")
    run = hashed.new_run()
    run.interrupt(Cancelled())

    with pytest.raises(Cancelled):
        hashed.verify(run, manifest="SUMS")


def test_nothing_is_changed(hashed):
    make_tree(hashed.root, ODD)
    hashed.hash(target="SUMS")
    before = {path: path.stat().st_mtime_ns for path in hashed.root.rglob("*")}

    hashed.verify(manifest="SUMS")

    assert {path: path.stat().st_mtime_ns for path in hashed.root.rglob("*")} == before
    assert hashed.run.events == []
