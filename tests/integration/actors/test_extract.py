"""Archives are unpacked into a folder that is there when it is whole, or not at all."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path
from shutil import which

import pytest

from actors.archives.reading import Damaged
from actors.datasources.opening import open_storage
from actors.datasources.storage import Datasource
from actors.datasources.trees import plant
from actors.unpacking.refusals import Refused
from rota.errors import Cancelled, LeaseLost, PermanentError
from tests.integration.actors.unpacked import Unpacked, files, member, tarred, zipped
from tests.trees import Link, make_tree

TREE = {"a.txt": b"alpha", "deep/er/b": b"beta" * 1000, "big": os.urandom(2_500_000), "none": b""}
S, D = tarfile.SYMTYPE, tarfile.DIRTYPE


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    """A folder with a zip and a tar of the same files."""
    made = Unpacked(tmp_path)
    (made.root / "photos.zip").write_bytes(zipped({**TREE, "empty/": b""}))
    members = [member(name, content) for name, content in TREE.items()]
    (made.root / "photos.tar.gz").write_bytes(tarred(*members, member("empty", type=D)))
    return made


def archived(unpacked: Unpacked, name: str, content: bytes) -> None:
    (unpacked.root / name).write_bytes(content)


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz"])
def test_an_archive_becomes_a_folder_beside_it(unpacked: Unpacked, name: str) -> None:
    result = unpacked.extract(name)

    assert (result.path, result.entries, result.skipped, result.noted) == ("photos", 5, 0, 0)
    assert result.bytes == sum(map(len, TREE.values()))
    assert files(unpacked.root / "photos") == TREE
    assert (unpacked.root / "photos/empty").is_dir()
    assert unpacked.private() == []
    assert [event.data for event in unpacked.run.events] == [{"datasource": "files", "paths": [""]}]
    last = unpacked.run.reports[-1]
    assert (last.done, last.unit) == (last.total, "bytes")


def test_it_goes_where_it_is_asked_to(unpacked: Unpacked, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    unpacked.others = (Datasource(name="other", root=str(tmp_path / "other")),)

    assert unpacked.extract("photos.zip", target="x/y").path == "x/y"
    result = unpacked.extract("photos.zip", target_datasource="other", target="to/here")
    beside = unpacked.extract("photos.zip", target_datasource="other")

    assert (result.datasource, result.path, beside.path) == ("other", "to/here", "photos")
    for folder in (unpacked.root / "x/y", tmp_path / "other/to/here", tmp_path / "other/photos"):
        assert files(folder) == TREE


def test_a_folder_that_is_there_is_left_alone(unpacked: Unpacked) -> None:
    make_tree(unpacked.root, {"photos": {"old": b"1"}, "photos (2)": b"file"})

    assert unpacked.extract("photos.zip").path == "photos (3)"
    with pytest.raises(PermanentError, match="'photos' is there already"):
        unpacked.extract("photos.zip", conflict="fail")

    assert files(unpacked.root / "photos") == {"old": b"1"}
    assert files(unpacked.root / "photos (3)") == TREE


@pytest.mark.parametrize(
    ("conflict", "kept", "skipped"), [("skip", {"a.txt", "big"}, 2), ("overwrite", set(), 0), ("newer", {"big"}, 1)]
)
@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz"])
def test_files_go_into_a_folder_that_is_there(
    unpacked: Unpacked, name: str, conflict: str, kept: set[str], skipped: int
) -> None:
    make_tree(unpacked.root, {"to": {"a.txt": b"mine", "big": b"mine", "other": b"mine"}})
    os.utime(unpacked.root / "to/a.txt", (1, 1))

    result = unpacked.extract(name, target="to", conflict=conflict)

    expected = {**TREE, "other": b"mine", **dict.fromkeys(kept, b"mine")}
    assert files(unpacked.root / "to") == expected
    assert (unpacked.root / "to/empty").is_dir()
    assert (result.path, result.skipped, result.entries) == ("to", skipped, 5 - skipped)
    assert unpacked.private() == []
    assert stat.S_IMODE((unpacked.root / "to/deep").stat().st_mode) == 0o755


@pytest.mark.parametrize("conflict", ["skip", "overwrite"])
def test_no_file_replaces_a_folder_and_no_folder_a_file(unpacked: Unpacked, conflict: str) -> None:
    make_tree(unpacked.root, {"to": {"a.txt": {"in": b"mine"}, "deep": b"mine", "empty": b"mine"}})

    result = unpacked.extract("photos.zip", target="to", conflict=conflict)

    assert files(unpacked.root / "to") == {
        "a.txt/in": b"mine",
        "deep": b"mine",
        "empty": b"mine",
        "big": TREE["big"],
        "none": b"",
    }
    assert set(unpacked.notes(result)) == {"a.txt", "deep/er/b", "empty"}
    assert (result.entries, result.skipped) == (2, 3)


def test_no_file_goes_through_a_link_that_is_there(unpacked: Unpacked, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    make_tree(unpacked.root, {"to": {"deep": Link(str(tmp_path / "outside")), "big": Link("../../outside/big")}})

    result = unpacked.extract("photos.zip", target="to", conflict="overwrite")

    assert list((tmp_path / "outside").iterdir()) == []
    assert (unpacked.root / "to/deep").is_symlink()
    assert (unpacked.root / "to/big").is_symlink()
    assert set(unpacked.notes(result)) == {"deep/er/b", "big"}
    with pytest.raises(PermanentError):
        unpacked.extract("photos.zip", target="to/deep/inside")
    assert list((tmp_path / "outside").iterdir()) == []


def test_nothing_is_merged_from_an_archive_that_is_refused(unpacked: Unpacked) -> None:
    make_tree(unpacked.root, {"to": {"a": b"mine"}})
    archived(unpacked, "evil.zip", zipped({"a": b"new", "../b": b"new"}))

    with pytest.raises(Refused):
        unpacked.extract("evil.zip", target="to", conflict="overwrite")

    assert files(unpacked.root / "to") == {"a": b"mine"}
    assert unpacked.private() == []


def test_a_part_is_unpacked_by_patterns(unpacked: Unpacked) -> None:
    for name in ("photos.zip", "photos.tar.gz"):
        result = unpacked.extract(name, members=["deep", "*.txt"], target=f"{name}-part")
        assert files(unpacked.root / f"{name}-part") == {"a.txt": b"alpha", "deep/er/b": TREE["deep/er/b"]}
        assert result.entries == 2
        with pytest.raises(PermanentError, match="nothing in the archive matches 'nowhere'"):
            unpacked.extract(name, members=["a.txt", "nowhere"], target="nothing")
    assert not (unpacked.root / "nothing").exists()


HOSTILE = {
    "slip": "../evil",
    "deep slip": "a/../../evil",
    "absolute": "/tmp/rota-evil",
    "drive": "C:/evil",
    "backslashes": "..\\evil",
    "too long": "x" * 300,
    "own": ".rota/bin/evil",
}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("case", HOSTILE)
def test_names_that_lead_outside_end_it(unpacked: Unpacked, tmp_path: Path, kind: str, case: str) -> None:
    name = HOSTILE[case]
    good = {"before": b"1" * 100_000}
    made = zipped({**good, name: b"evil"}) if kind == "zip" else tarred(member("before", b"1"), member(name, b"evil"))
    archived(unpacked, f"evil.{kind}", made)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(Refused, match="cannot be unpacked"):
        unpacked.extract(f"evil.{kind}")

    assert sorted(tmp_path.rglob("*")) == before
    assert unpacked.run.events == []


def test_what_is_damaged_is_not_unpacked(unpacked: Unpacked) -> None:
    for name in ("photos.zip", "photos.tar.gz"):
        whole = bytearray((unpacked.root / name).read_bytes())
        whole[len(whole) // 2] ^= 0xFF
        archived(unpacked, f"broken-{name}", bytes(whole))
        with pytest.raises(Damaged):
            unpacked.extract(f"broken-{name}")

    assert sorted(path.name for path in unpacked.root.iterdir()) == [
        "broken-photos.tar.gz",
        "broken-photos.zip",
        "photos.tar.gz",
        "photos.zip",
    ]


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"max_entries": 3}, "max_entries"),
        ({"max_bytes": 100_000}, "max_bytes"),
        ({"max_depth": 2}, "max_depth"),
    ],
)
@pytest.mark.parametrize("archive", ["photos.zip", "photos.tar.gz"])
def test_limits_hold(unpacked: Unpacked, archive: str, limits: dict[str, int], name: str) -> None:
    with pytest.raises(Refused, match=name):
        unpacked.extract(archive, **limits)

    assert not (unpacked.root / "photos").exists()
    assert unpacked.private() == []


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_put_out(unpacked: Unpacked, kind: str) -> None:
    zeros = bytes(40_000_000)
    archived(unpacked, f"bomb.{kind}", zipped({"b": zeros}) if kind == "zip" else tarred(member("b", zeros)))

    with pytest.raises(Refused, match="max_ratio"):
        unpacked.extract(f"bomb.{kind}")

    assert unpacked.private() == []
    assert unpacked.extract(f"bomb.{kind}", max_ratio=2000).bytes == 40_000_000


def test_twins_get_numbers(unpacked: Unpacked) -> None:
    archived(unpacked, "t.tar", tarred(*(member(name, name.encode()) for name in ("A", "a", "d/x", "D/x")), mode="w"))

    result = unpacked.extract("t.tar")

    assert files(unpacked.root / "t") == {"A": b"A", "a (2)": b"a", "d/x": b"d/x", "D (2)/x": b"D/x"}
    assert unpacked.notes(result).keys() == {"a", "D/x"}


def test_times_and_modes_are_plain(unpacked: Unpacked) -> None:
    archived(
        unpacked,
        "m.tar",
        tarred(
            member("d", type=D, mode=0o4700, mtime=1_400_000_000),
            member("d/run", b"1", mode=0o6751, uid=1234, gid=1234),
            member("d/plain", b"1", mode=0o600),
            member("old", b"1", mtime=-5),
            mode="w",
        ),
    )

    unpacked.extract("m.tar")

    made = {path.name: path.stat() for path in (unpacked.root / "m").rglob("*")}
    assert {name: stat.S_IMODE(found.st_mode) for name, found in made.items()} == {
        "d": 0o755,
        "run": 0o755,
        "plain": 0o644,
        "old": 0o644,
    }
    assert {found.st_uid for found in made.values()} == {os.geteuid()}
    assert (made["d"].st_mtime, made["run"].st_mtime) == (1_400_000_000, 1_500_000_000)


def test_what_is_neither_file_nor_folder_is_left_out(unpacked: Unpacked) -> None:
    archived(
        unpacked,
        "odd.tar",
        tarred(
            member("link", type=S, linkname="file"),
            member("pipe", type=tarfile.FIFOTYPE),
            member("device", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
            member("file", b"1"),
            mode="w",
        ),
    )

    result = unpacked.extract("odd.tar")

    assert files(unpacked.root / "odd") == {"file": b"1"}
    assert [path.name for path in (unpacked.root / "odd").iterdir()] == ["file"]
    assert unpacked.notes(result).keys() == {"link", "pipe", "device"}


def test_links_are_kept_that_stay_inside(unpacked: Unpacked, tmp_path: Path) -> None:
    archived(
        unpacked,
        "l.tar",
        tarred(
            member("good", type=S, linkname="d/file"),
            member("d/up", type=S, linkname="../d"),
            member("out", type=S, linkname="../../evil"),
            member("absolute", type=S, linkname="/etc"),
            member("hop", type=S, linkname="d/up/../.."),
            member("d/file", b"1"),
            member("hop/x", b"not through the link"),
            mode="w",
        ),
    )

    result = unpacked.extract("l.tar", links="keep")

    made = unpacked.root / "l"
    assert {path.name: os.readlink(path) for path in made.rglob("*") if path.is_symlink()} == {
        "good": "d/file",
        "up": "../d",
    }
    assert files(made) == {"d/file": b"1", "hop (2)/x": b"not through the link"}
    assert unpacked.notes(result).keys() == {"out", "absolute", "hop", "hop/x"}
    assert not (tmp_path / "evil").exists()


def test_a_hard_link_becomes_a_copy(unpacked: Unpacked) -> None:
    link = tarfile.LNKTYPE
    archived(
        unpacked,
        "h.tar",
        tarred(
            member("d/first", b"content"),
            member("second", type=link, linkname="d/first"),
            member("third", type=link, linkname="nowhere"),
            mode="w",
        ),
    )

    result = unpacked.extract("h.tar")

    assert files(unpacked.root / "h") == {"d/first": b"content", "second": b"content"}
    assert (unpacked.root / "h/second").stat().st_nlink == 1
    assert unpacked.notes(result).keys() == {"third"}
    archived(unpacked, "out.tar", tarred(member("a", type=link, linkname="../../etc/passwd"), mode="w"))
    with pytest.raises(Refused):
        unpacked.extract("out.tar")


def test_copies_of_hard_links_count(unpacked: Unpacked) -> None:
    copies = [member(f"c{number}", type=tarfile.LNKTYPE, linkname="a") for number in range(20)]
    archived(unpacked, "h.tar", tarred(member("a", bytes(1_000_000)), *copies, mode="w"))

    with pytest.raises(Refused, match="max_bytes"):
        unpacked.extract("h.tar", max_bytes=5_000_000)

    assert unpacked.private() == []


def test_the_folder_itself_may_be_a_member(unpacked: Unpacked) -> None:
    members = [member("./", type=D, mtime=1_300_000_000), member("./a", b"1"), member("./d/", type=D)]
    archived(unpacked, "dot.tar", tarred(*members, mode="w"))

    assert unpacked.extract("dot.tar").entries == 2

    assert files(unpacked.root / "dot") == {"a": b"1"}
    assert (unpacked.root / "dot").stat().st_mtime == 1_300_000_000


def test_a_compressed_file_becomes_a_file(unpacked: Unpacked) -> None:
    archived(unpacked, "notes.txt.gz", gzip.compress(b"text" * 1000, mtime=1_500_000_000))

    result = unpacked.extract("notes.txt.gz")
    again = unpacked.extract("notes.txt.gz")
    there = unpacked.extract("notes.txt.gz", target="d/other")

    assert [each.path for each in (result, again, there)] == ["notes.txt", "notes (2).txt", "d/other"]
    assert (result.format, result.entries, result.bytes) == ("gz", 1, 4000)
    for path in ("notes.txt", "notes (2).txt", "d/other"):
        assert (unpacked.root / path).read_bytes() == b"text" * 1000
    assert (unpacked.root / "notes.txt").stat().st_mtime == 1_500_000_000
    assert unpacked.private() == []


@pytest.mark.parametrize(
    ("conflict", "expected"), [("skip", b"mine"), ("overwrite", b"new"), ("newer", b"new"), ("fail", b"mine")]
)
def test_a_compressed_file_follows_the_policy(unpacked: Unpacked, conflict: str, expected: bytes) -> None:
    archived(unpacked, "n.gz", gzip.compress(b"new", mtime=1_500_000_000))
    make_tree(unpacked.root, {"n": b"mine"})
    os.utime(unpacked.root / "n", (1, 1))

    if conflict == "fail":
        with pytest.raises(PermanentError, match="is there already"):
            unpacked.extract("n.gz", conflict=conflict)
    else:
        result = unpacked.extract("n.gz", conflict=conflict)
        assert (result.entries, result.skipped) == ((0, 1) if conflict == "skip" else (1, 0))

    assert (unpacked.root / "n").read_bytes() == expected


def test_a_compressed_bomb_leaves_nothing(unpacked: Unpacked) -> None:
    archived(unpacked, "n.gz", gzip.compress(bytes(30_000_000)))

    with pytest.raises(Refused, match="max_ratio"):
        unpacked.extract("n.gz")
    with pytest.raises(PermanentError, match="holds one file without a name"):
        unpacked.extract("n.gz", members=["a"])

    assert sorted(path.name for path in unpacked.root.iterdir()) == ["n.gz", "photos.tar.gz", "photos.zip"]


def test_an_archive_without_a_telling_name_is_never_replaced(unpacked: Unpacked) -> None:
    whole = gzip.compress(b"content")
    archived(unpacked, "data", whole)

    with pytest.raises(PermanentError, match="the archive itself"):
        unpacked.extract("data", conflict="overwrite")
    assert unpacked.extract("data").path == "data (2)"

    assert (unpacked.root / "data").read_bytes() == whole


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz"])
def test_a_cancelled_extraction_leaves_nothing(unpacked: Unpacked, name: str) -> None:
    run = unpacked.new_run()

    def cancel(_number: int) -> None:
        if any(unpacked.root.glob(".rota-draft-*/big")):
            run.interrupt(Cancelled())

    run.on_check = cancel
    with pytest.raises(Cancelled):
        unpacked.extract(name, run=run)

    assert not (unpacked.root / "photos").exists()
    assert unpacked.private() == []


def test_one_who_lost_the_task_leaves_everything_to_the_next(unpacked: Unpacked) -> None:
    run = unpacked.new_run()
    run.on_check = lambda _number: run.interrupt(LeaseLost()) if unpacked.private() else None
    with pytest.raises(LeaseLost):
        unpacked.extract("photos.zip", run=run)
    assert len(unpacked.private()) == 1
    assert run.events == []

    unpacked.extract("photos.zip", run=unpacked.new_run(attempt=2))

    assert files(unpacked.root / "photos") == TREE
    assert unpacked.private() == []


def test_what_an_earlier_attempt_made_is_not_made_twice(unpacked: Unpacked) -> None:
    first = unpacked.extract("photos.zip")

    second = unpacked.extract("photos.zip", run=unpacked.new_run(attempt=2, state=unpacked.run.checkpoints[-1]))

    assert second == first
    assert not (unpacked.root / "photos (2)").exists()
    assert [event.data["paths"] for event in unpacked.run.events] == [[""]]


def test_an_attempt_that_came_just_not_to_the_end_begins_again(unpacked: Unpacked) -> None:
    state = {}

    run = unpacked.new_run()

    def stop() -> None:
        state.update(run.checkpoints[-1])
        raise LeaseLost

    run.confirm = stop  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        unpacked.extract("photos.zip", run=run)
    make_tree(unpacked.root, {"photos": {"theirs": b"1"}})

    assert unpacked.extract("photos.zip", run=unpacked.new_run(attempt=2, state=state)).path == "photos (2)"
    assert files(unpacked.root / "photos") == {"theirs": b"1"}


def test_passwords_are_asked_for_by_their_reference(unpacked: Unpacked) -> None:
    make_tree(unpacked.root.parent, {"secret": b"hidden"})
    archived(unpacked, "s.zip", _encrypted(unpacked.root.parent))
    secrets = {"env:GOOD": "word", "env:BAD": "wrong"}

    assert unpacked.extract("s.zip", run=unpacked.new_run(secrets=secrets), password="env:GOOD").entries == 1  # noqa: S106
    for reference in (None, "env:BAD", "env:NONE"):
        with pytest.raises(PermanentError) as failed:
            unpacked.extract("s.zip", run=unpacked.new_run(secrets=secrets), password=reference)
        assert "wrong" not in str(failed.value).replace("wrong password", "")

    assert files(unpacked.root / "s") == {"secret": b"hidden"}


def _encrypted(folder: Path) -> bytes:
    if which("zip") is None:
        pytest.skip("needs zip")
    subprocess.run(["zip", "-q", "-P", "word", "s.zip", "secret"], cwd=folder, check=True)
    return (folder / "s.zip").read_bytes()


def test_old_names_are_found_out_or_said(unpacked: Unpacked) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("XXXX.txt", b"1")
    named = made.getvalue().replace(b"XXXX", "\u00e4\u00f6\u00fc\u00df".encode("cp437"))
    archived(unpacked, "old.zip", named)

    unpacked.extract("old.zip", encoding="cp437")

    assert files(unpacked.root / "old") == {"\u00e4\u00f6\u00fc\u00df.txt": b"1"}
    with pytest.raises(PermanentError, match="encoding"):
        unpacked.extract("old.zip", encoding="klingon")


def test_there_must_be_room(unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(unpacked.root)
    full = os.statvfs_result((real.f_bsize, real.f_frsize, real.f_blocks, 0, 10, *tuple(real)[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _descriptor: full)

    with pytest.raises(PermanentError, match="only 40.0 KiB are free"):
        unpacked.extract("photos.zip")

    assert unpacked.private() == []


def test_a_full_disk_leaves_nothing(unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def write(file: int, data: bytes) -> int:
        if len(data) > 50_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    monkeypatch.setattr("actors.datasources.local.planting.os.write", write)

    for name in ("photos.zip", "photos.tar.gz"):
        with pytest.raises(PermanentError, match="'big' cannot be written: No space left"):
            unpacked.extract(name)

    assert unpacked.private() == []


def test_a_long_directory_is_gone_through_twice(unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.unpacking.folder._MOST_BYTES", 500)

    assert unpacked.extract("photos.zip").entries == 5

    assert files(unpacked.root / "photos") == TREE


def test_somebody_else_may_take_the_name_meanwhile(unpacked: Unpacked) -> None:
    run = unpacked.new_run()
    run.confirm = lambda: make_tree(unpacked.root, {"photos": {}})  # type: ignore[method-assign]

    assert unpacked.extract("photos.zip", run=run).path == "photos (2)"
    assert files(unpacked.root / "photos (2)") == TREE
    (unpacked.root / "photos").rmdir()
    with pytest.raises(PermanentError, match="made by somebody else"):
        unpacked.extract("photos.zip", run=run, conflict="fail")

    assert unpacked.private() == []


def test_what_is_none_is_said(unpacked: Unpacked) -> None:
    archived(unpacked, "text.zip", b"just text")

    for path in ("nothing.zip", "text.zip", "../x.zip", ""):
        with pytest.raises((PermanentError, ValueError)):
            unpacked.extract(path)


def test_a_tree_that_somebody_else_holds_is_none_of_ours(unpacked: Unpacked) -> None:
    storage = open_storage(unpacked.datasource)
    other = plant(storage, b"photos", "01900000-0000-7000-8000-00000000000a")
    other.write(b"x", [b"1"])

    unpacked.extract("photos.zip")

    assert len(unpacked.private()) == 1
    other.close()
    storage.close()
