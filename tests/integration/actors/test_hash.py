"""The actor `hash` on folders of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource
from actors.hash import HashParams
from actors.testing import RecordingRun
from rota.datasources import Rules
from rota.errors import Cancelled, LeaseLost, PermanentError, ShuttingDown
from tests.integration.actors.hashes import ODD, Hashed, checked
from tests.integration.actors.mirrors import contents, drafts
from tests.integration.actors.pair import Faulty
from tests.trees import Fifo, Link, make_tree

TOOLS = [(name, tool) for name, tool in (("sha256", "sha256sum"), ("md5", "md5sum"), ("sha1", "sha1sum"))]


@pytest.fixture
def hashed(tmp_path: Path) -> Hashed:
    return Hashed(tmp_path)


def faulty(monkeypatch: pytest.MonkeyPatch, **faults) -> None:
    """Have the storages that a run opens do what a test gives."""
    monkeypatch.setattr(
        "actors.hashing.setting.open_storage", lambda source, **more: Faulty(open_storage(source, **more), **faults)
    )


def sums(content: bytes) -> dict[bytes, bytes]:
    """Give the checksums of plain lines by name."""
    return {line[66:]: line[:64] for line in content.splitlines()}


@pytest.mark.parametrize(("algorithm", "tool"), TOOLS)
def test_a_manifest_is_what_the_tools_check(hashed, algorithm, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    make_tree(hashed.root, ODD)

    result = hashed.hash(algorithm=algorithm, target="SUMS")

    assert (result.files, result.failed, result.path) == (12, 0, "SUMS")
    assert (
        result.bytes
        == sum(len(content) for content in contents(hashed.root).values() if content is not None)
        - (hashed.root / "SUMS").stat().st_size
    )
    assert checked(tool, hashed.root / "SUMS") == 0
    make_tree(hashed.root, {"new\nline": b"changed"})
    assert checked(tool, hashed.root / "SUMS") == 1


def test_a_manifest_is_the_very_one_that_sha256sum_writes(hashed):
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    make_tree(hashed.root, ODD)
    names = sorted(path for path, content in contents(hashed.root).items() if content is not None)
    told = subprocess.run(["sha256sum", "--", *names], cwd=hashed.root, stdout=subprocess.PIPE, timeout=60, check=True)

    hashed.hash(target="SUMS")

    assert (hashed.root / "SUMS").read_bytes() == told.stdout


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [("sha256", "SUMS"), ("blake3", "B3SUMS"), ("sha1", "SUMS"), ("md5", "SUMS"), ("xxh3-128", "sums.xxh128")],
)
def test_what_is_hashed_is_verified(hashed, algorithm, name):
    make_tree(hashed.root, ODD)

    hashed.hash(algorithm=algorithm, target=name)

    assert hashed.verify(manifest=name).verified == 12


def test_the_answer_shows_the_first_files(hashed):
    make_tree(hashed.root, {f"{number:04}": b"%d" % number for number in range(200)})

    result = hashed.hash()

    assert (result.files, len(result.items), result.more) == (200, 100, True)
    assert result.items[7].model_dump() == {"path": "0007", "hash": f"sha256:{hashlib.sha256(b'7').hexdigest()}"}
    assert len(result.model_dump_json()) < 48_000
    assert result.path is None
    assert hashed.run.events == []


def test_some_paths_are_hashed_and_named_from_the_folder_of_the_manifest(hashed):
    make_tree(hashed.root, {"a": {"b": {"x": b"1"}, "c": b"2", "d": b"3"}, "e": b"4"})

    assert hashed.hash(paths=["a/c", "a/b"], target="a/SUMS").files == 2

    assert list(sums((hashed.root / "a/SUMS").read_bytes())) == [b"b/x", b"c"]
    assert hashed.run.events[-1] == ("storage.changed", {"datasource": "files", "paths": ["a"]}, "files")


def test_a_manifest_in_another_datasource_names_paths_from_the_root(hashed):
    make_tree(hashed.root, {"a": {"x": b"1"}})
    make_tree(hashed.other, {"sums": {}})

    hashed.hash(paths=["a"], target="sums/SUMS", target_datasource="beside")

    assert list(sums((hashed.other / "sums/SUMS").read_bytes())) == [b"a/x"]
    assert contents(hashed.root) == {b"a": None, b"a/x": b"1"}
    assert hashed.run.events[-1].data == {"datasource": "beside", "paths": ["sums"]}


def test_a_manifest_never_names_itself(hashed):
    make_tree(hashed.root, {"a": b"1"})

    hashed.hash(target="SUMS")
    hashed.hash(target="SUMS")

    assert list(sums((hashed.root / "SUMS").read_bytes())) == [b"a"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"paths": ["b"], "target": "a/SUMS"}, "'b' is not below 'a'"),
        ({"target": "a/SUMS"}, "'the root' is not below 'a'"),
        ({"target": "a"}, "a folder is there"),
        ({"target": "link"}, "a link is there"),
        ({"paths": ["a/none"], "target": "a/none/SUMS"}, "there is no such folder"),
        ({"target": ".rota/SUMS"}, "Rota's own"),
        ({"paths": [".rota/bin"]}, "Rota's own"),
        ({"paths": ["none"]}, "'none' is not there"),
        ({"paths": ["a.tmp"]}, "left out by the patterns"),
        ({"paths": ["../x"]}, "must not have"),
        ({"target": "/SUMS"}, "is absolute"),
        ({"paths": ["empty"], "target": "SUMS"}, "no file to hash"),
        ({"target": "SUMS", "target_datasource": "nobody"}, "no datasource 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(hashed, params, message):
    make_tree(hashed.root, {"a": {"x": b""}, "b": b"", "empty": {}, "link": Link("/etc"), "a.tmp": b"", "SUMS": b"old"})
    hashed.source = Datasource(name="files", root=str(hashed.root), rules=Rules(exclude=("*.tmp",)))
    before = contents(hashed.root)

    with pytest.raises(PermanentError, match=message):
        hashed.hash(**params)

    assert contents(hashed.root) == before
    assert drafts(hashed.root) == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"algorithm": "etag", "target": "SUMS"}, "holds checksums, and no etags"),
        ({"part_size": 10_000_000}, "is for the algorithm etag"),
        ({"target_datasource": "beside"}, "needs a target"),
        ({"algorithm": "crc32"}, "sha256"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(params, message):
    with pytest.raises(ValidationError, match=message):
        HashParams(datasource="files", **params)


def test_what_the_patterns_leave_out_is_not_hashed(hashed):
    make_tree(hashed.root, {"a": b"1", "b.tmp": b"2", ".rota": {"bin": {"c": b"3"}}})
    hashed.source = Datasource(name="files", root=str(hashed.root), rules=Rules(exclude=("*.tmp",)))

    assert [item.path for item in hashed.hash().items] == ["a"]


def test_what_is_no_file_is_left_out_and_told(hashed):
    make_tree(hashed.root, {"a": b"1", "link": Link("a"), "pipe": Fifo()})

    result = hashed.hash()

    assert (result.files, result.skipped, result.failed) == (1, 2, 0)
    assert any("'link' is left out" in said for said in hashed.said("warning"))


def test_a_file_that_is_changed_while_it_is_read_is_read_again(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"x" * 1000})
    opened = []

    def open_file(real, path):
        file = real.open_file(path)
        if not opened:
            make_tree(hashed.root, {"a": b"y" * 500})
        opened.append(path)
        return file

    faulty(monkeypatch, open_file=open_file)

    result = hashed.hash()

    assert result.items[0].hash == f"sha256:{hashlib.sha256(b'y' * 500).hexdigest()}"
    assert opened == [b"a", b"a"]


def test_a_file_that_changes_all_the_time_fails_and_the_rest_goes_on(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"1", "log": b"x", "z": b"2"})

    def open_file(real, path):
        file = real.open_file(path)
        if path == b"log":
            with (hashed.root / "log").open("ab") as log:
                log.write(b"more")
        return file

    faulty(monkeypatch, open_file=open_file)

    result = hashed.hash(target="SUMS")

    assert (result.files, result.failed) == (2, 1)
    assert list(sums((hashed.root / "SUMS").read_bytes())) == [b"a", b"z"]
    assert "'log': it was changed while it was read" in hashed.said("error")


def test_a_file_that_is_gone_meanwhile_is_left_out(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"1", "b": b"2"})

    def open_file(real, path):
        if path == b"a":
            (hashed.root / "a").unlink()
        return real.open_file(path)

    faulty(monkeypatch, open_file=open_file)

    result = hashed.hash()

    assert (result.files, result.failed, result.skipped) == (1, 0, 1)


def test_what_cannot_be_read_fails_and_is_named(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"1", "b": b"2"})

    def open_file(real, path):
        if path == b"a":
            raise PermissionError(13, "Permission denied", path)
        return real.open_file(path)

    faulty(monkeypatch, open_file=open_file)

    assert (hashed.hash().files, hashed.hash().failed) == (1, 1)
    assert hashed.said("error") == ["'a': Permission denied"]
    with pytest.raises(PermanentError, match="not everything was hashed: 'a': Permission denied"):
        hashed.hash(paths=["a"])


def test_a_root_that_went_away_is_no_empty_one(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"1", "SUMS": b"old"})

    def open_file(real, path):
        file = real.open_file(path)
        os.rename(hashed.root, f"{hashed.root}-gone")
        hashed.root.mkdir()
        return file

    faulty(monkeypatch, open_file=open_file)

    with pytest.raises(PermanentError, match="another folder took the place of its root"):
        hashed.hash(target="SUMS")
    assert contents(f"{hashed.root}-gone")[b"SUMS"] == b"old"


def interrupted_at(run: RecordingRun, count: int, reason: Exception) -> RecordingRun:
    """Have a run interrupted when it has checkpointed so often."""

    def on_check(_number: int) -> None:
        if len(run.checkpoints) >= count:
            run.interrupt(reason)

    run.on_check = on_check
    return run


@pytest.fixture
def kept_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is done kept after every few files."""
    monkeypatch.setattr("actors.kept.MOST_BYTES", 1000)
    monkeypatch.setattr("actors.hashing.setting._SMALL_AT_ONCE", 3)


def make_many(hashed: Hashed) -> None:
    make_tree(hashed.root, {f"folder {n % 7}": {f"{m:03}": b"%d-%d" % (n, m) for m in range(60)} for n in range(7)})


def test_an_interrupted_run_goes_on_where_it_was(hashed, kept_often, monkeypatch):
    make_many(hashed)
    first = interrupted_at(hashed.new_run(), 5, ShuttingDown())
    with pytest.raises(ShuttingDown):
        hashed.hash(first, target="SUMS")
    assert not (hashed.root / "SUMS").exists()
    read: list[bytes] = []

    def open_file(real, path):
        read.append(path)
        return real.open_file(path)

    faulty(monkeypatch, open_file=open_file)

    result = hashed.hash(hashed.new_run(first.checkpoints[-1]), target="SUMS")

    assert (result.files, result.failed, len(result.items)) == (420, 0, 100)
    assert result.bytes == sum(len(content) for content in contents(hashed.root).values() if content) - len(
        (hashed.root / "SUMS").read_bytes()
    )
    again = [path for path in read if b".rota" not in path]
    assert 0 < len(again) < 420
    lines = (hashed.root / "SUMS").read_bytes()
    hashed.hash(target="SUMS")
    assert (hashed.root / "SUMS").read_bytes() == lines
    assert drafts(hashed.root) == []


def test_a_checkpoint_that_lags_behind_leads_to_the_same(hashed, kept_often):
    make_many(hashed)
    first = interrupted_at(hashed.new_run(), 6, ShuttingDown())
    with pytest.raises(ShuttingDown):
        hashed.hash(first, target="SUMS")

    assert hashed.hash(hashed.new_run(first.checkpoints[2]), target="SUMS").files == 420

    lines = (hashed.root / "SUMS").read_bytes()
    hashed.hash(target="SUMS")
    assert (hashed.root / "SUMS").read_bytes() == lines


def test_what_was_kept_and_is_gone_is_hashed_again(hashed, kept_often):
    make_many(hashed)
    first = interrupted_at(hashed.new_run(), 4, ShuttingDown())
    with pytest.raises(ShuttingDown):
        hashed.hash(first, target="SUMS")
    Path(drafts(hashed.root)[0]).unlink()

    assert hashed.hash(hashed.new_run(first.checkpoints[-1]), target="SUMS").files == 420

    assert len(sums((hashed.root / "SUMS").read_bytes())) == 420
    assert any("hashed again" in said for said in hashed.said("warning"))


def test_a_cancelled_run_leaves_nothing_behind(hashed, kept_often):
    make_many(hashed)
    make_tree(hashed.root, {"SUMS": b"old"})

    with pytest.raises(Cancelled):
        hashed.hash(interrupted_at(hashed.new_run(), 3, Cancelled()), target="SUMS")

    assert (hashed.root / "SUMS").read_bytes() == b"old"
    assert drafts(hashed.root) == []


def test_one_large_file_is_left_within_a_piece(hashed):
    (hashed.root / "large").write_bytes(b"")
    os.truncate(hashed.root / "large", 2**40)
    run = hashed.new_run()

    def on_check(_number: int) -> None:
        if run.reports:
            run.interrupt(Cancelled())

    run.on_check = on_check

    with pytest.raises(Cancelled):
        hashed.hash(run)
    assert 0 < run.reports[-1].done < 2**38


def test_who_lost_the_task_publishes_nothing(hashed):
    make_tree(hashed.root, {"a": b"1", "SUMS": b"old"})
    run = hashed.new_run()
    run.confirm = lambda: (_ for _ in ()).throw(LeaseLost())  # type: ignore[method-assign]

    with pytest.raises(LeaseLost):
        hashed.hash(run, target="SUMS")
    assert (hashed.root / "SUMS").read_bytes() == b"old"
    assert run.events == []


def test_progress_is_measured_by_what_the_catalog_has(hashed, monkeypatch):
    make_tree(hashed.root, {"a": b"x" * 1000})

    hashed.hash()

    assert (hashed.run.reports[-1].done, hashed.run.reports[-1].total) == (1000, 1000)
    assert hashed.run.reports[-1].unit == "bytes"


def test_etags_are_those_of_files_sent_whole_or_in_parts(hashed):
    make_tree(hashed.root, {"a": b"abc", "b": b"x" * 2500})

    whole = {item.path: item.hash for item in hashed.hash(algorithm="etag").items}
    parts = {item.path: item.hash for item in hashed.hash(algorithm="etag", part_size=1024).items}

    digests = b"".join(hashlib.md5(b"x" * size).digest() for size in (1024, 1024, 452))
    assert whole == {
        "a": f"etag:{hashlib.md5(b'abc').hexdigest()}",
        "b": f"etag:{hashlib.md5(b'x' * 2500).hexdigest()}",
    }
    assert parts == {"a": whole["a"], "b": f"etag:{hashlib.md5(digests).hexdigest()}-3"}


def test_memory_does_not_grow_with_the_number_of_files():
    command = [sys.executable, "-m", "tests.integration.actors.vast_hashing"]

    def grown(files: int) -> int:
        out = subprocess.run(
            [*command, str(files)], check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], timeout=200
        ).stdout
        said = json.loads(out)
        assert said["files"] == files
        return said["grown"]

    assert grown(120_000) - grown(30_000) < 90_000 * 30  # a path and a checksum in memory take some 300
