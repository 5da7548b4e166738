"""The actor `compress`: what goes into an archive, what it is called, and what is told of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from actors.datasources.storage import Datasource
from rota.datasources import Rules
from rota.errors import PermanentError
from tests.integration.actors.compressed import Compressed, contents, members
from tests.trees import Fifo, File, Link, make_tree

OLD = 1_600_000_000
TREE = {
    "a.txt": File(b"alpha", OLD),
    "a": {"b": File(b"beta" * 1000, OLD), "deep": {"c": File(b"", OLD)}},
    "empty": {},
    "\u00e9 & #": {"e": File(b"e", OLD)},
    "a-b": File(bytes(range(256)) * 100, OLD),
}
FORMATS = ["zip", "tar", "tar.gz", "tar.zst", "tar.xz", "7z"]


@pytest.fixture
def compressed(tmp_path: Path) -> Compressed:
    return Compressed(tmp_path)


@pytest.fixture
def one(tmp_path: Path) -> Compressed:
    """A datasource that is source and target."""
    (tmp_path / "one").mkdir()
    datasource = Datasource(name="one", root=str(tmp_path / "one"))
    return Compressed(tmp_path, source=datasource, target=datasource)


# --- What goes in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_a_tree_goes_into_every_format(compressed, format_):
    make_tree(compressed.origin, {"top": TREE})

    done = compressed.compress("top", format=format_)

    found = compressed.packed(f"top.{format_}")
    assert contents(found) == {
        "top/a.txt": b"alpha",
        "top/a/b": b"beta" * 1000,
        "top/a/deep/c": b"",
        "top/\u00e9 & #/e": b"e",
        "top/a-b": bytes(range(256)) * 100,
    }
    assert {name for name, member in found.items() if member.kind == "folder"} == {
        "top/", "top/a/", "top/a/deep/", "top/empty/", "top/\u00e9 & #/"
    }  # fmt: skip
    assert done.model_dump() == {
        "datasource": "target",
        "path": f"top.{format_}",
        "format": format_,
        "parts": 1,
        "entries": 10,
        "bytes_in": 5 + 4000 + 1 + 25600,
        "bytes_out": (compressed.goal / f"top.{format_}").stat().st_size,
        "manifest": None,
        "noted": 0,
        "notes": (),
    }
    assert compressed.there() == [f"top.{format_}"]


@pytest.mark.parametrize("format_", ["zip", "tar", "tar.gz", "tar.zst", "tar.xz"])
def test_the_same_input_gives_the_same_bytes(compressed, format_):
    make_tree(compressed.origin, {"top": TREE})
    make_tree(
        compressed.origin, {"top": {f"{n}": {f"{k}": File(b"%d" % k * n, OLD) for k in range(9)} for n in range(9)}}
    )
    for folder, _, _ in os.walk(compressed.origin):
        os.utime(folder, (OLD, OLD))

    compressed.compress("top", format=format_, target="one")
    compressed.compress("top", format=format_, target="two")

    assert (compressed.goal / "one").read_bytes() == (compressed.goal / "two").read_bytes()


def test_entries_come_in_the_order_of_whole_paths(compressed):
    make_tree(compressed.origin, {"top": TREE})

    compressed.compress("top")

    names = [name.encode() for name in compressed.packed("top.zip")]
    assert names == sorted(names)


def test_names_are_relative_to_the_folder_that_all_have_in_common(compressed):
    make_tree(compressed.origin, {"a": {"b": {"x": b"1"}, "c": {"d": {"y": b"2"}, "e": b"3"}, "f": b"4"}})

    compressed.compress("a/c/d", "a/b", "a/c/d/y", target="x.zip")

    assert list(compressed.packed("x.zip")) == ["b/", "b/x", "c/d/", "c/d/y"]


def test_what_the_patterns_of_datasource_and_order_leave_out_stays_out(tmp_path):
    make_tree(
        tmp_path / "source", {"top": {"a.txt": b"1", "b.tmp": b"2", "cache": {"c.txt": b"3"}, "own": {"d.txt": b"4"}}}
    )
    source = Datasource(name="source", root=str(tmp_path / "source"), rules=Rules(exclude=("own/",)))
    (tmp_path / "target").mkdir()
    compressed = Compressed(tmp_path, source=source, target=Datasource(name="target", root=str(tmp_path / "target")))

    compressed.compress("top", exclude=["*.tmp", "cache/"])

    assert list(compressed.packed("top.zip")) == ["top/", "top/a.txt"]


def test_only_what_is_included_goes_in_with_the_folders_that_lead_to_it(compressed):
    make_tree(
        compressed.origin, {"top": {"a": {"x.txt": b"1", "y": b""}, "b": {"y": b""}, "c": {"d": {"z.txt": b"3"}}}}
    )

    done = compressed.compress("top", include=["*.txt"])

    assert list(compressed.packed("top.zip")) == [
        "top/",
        "top/a/",
        "top/a/x.txt",
        "top/c/",
        "top/c/d/",
        "top/c/d/z.txt",
    ]
    assert done.entries == 6


def test_a_name_that_is_no_utf8_goes_into_a_tar_as_it_is(compressed):
    make_tree(compressed.origin, {"top": {b"\xff": b"odd"}})

    compressed.compress("top", format="tar")

    assert contents(compressed.packed("top.tar")) == {"top/\udcff": b"odd"}


def test_the_archive_and_the_older_one_that_it_replaces_do_not_go_in(one):
    make_tree(one.origin, {"a": {"x": b"1", "a.zip": b"old", "a.zip.sha256": b"old", "b.zip": b"other"}})

    one.compress("a/x", "a/b.zip", "a", target="a/a.zip", conflict="overwrite", manifest=True)

    assert list(one.packed("a/a.zip")) == ["a/", "a/b.zip", "a/x"]


def test_the_archive_does_not_go_in_through_another_datasource_of_the_same_folder(tmp_path):
    make_tree(tmp_path / "root", {"in": {"x": b"1", "y.zip": b"old"}})
    compressed = Compressed(
        tmp_path,
        source=Datasource(name="source", root=str(tmp_path / "root")),
        target=Datasource(name="target", root=str(tmp_path / "root" / "in")),
    )

    compressed.compress("in", target="y.zip", conflict="overwrite")

    assert list(compressed.packed("y.zip")) == ["in/", "in/x"]


def test_links_are_noted_or_kept_and_never_followed(compressed, tmp_path):
    (tmp_path / "secret").write_bytes(b"CANARY")
    make_tree(compressed.origin, {"top": {"l": Link(str(tmp_path / "secret")), "x": b"1", "f": Link("..")}})

    done = compressed.compress("top", format="tar")
    kept = compressed.compress("top", format="tar", links="keep")

    assert list(compressed.packed("top.tar")) == ["top/", "top/x"]
    assert [dict(note) for note in done.notes] == [
        {"path": "top/f", "note": "a link"},
        {"path": "top/l", "note": "a link"},
    ]
    found = compressed.packed("top (2).tar")
    assert found["top/l"] == ("link", os.fsencode(tmp_path / "secret"))
    assert found["top/f"] == ("link", b"..")
    assert (kept.entries, kept.noted) == (4, 0)
    assert b"CANARY" not in (compressed.goal / "top (2).tar").read_bytes()


def test_fifos_are_never_opened(compressed):
    make_tree(compressed.origin, {"top": {"pipe": Fifo(), "x": b"1"}})

    done = compressed.compress("top")

    assert contents(compressed.packed("top.zip")) == {"top/x": b"1"}
    assert [dict(note) for note in done.notes] == [
        {"path": "top", "note": "1 entries in it are neither file, folder nor link"}
    ]


def test_executable_files_are_known_as_such(compressed):
    make_tree(compressed.origin, {"top": {"run": b"#!", "text": b""}})
    (compressed.origin / "top" / "run").chmod(0o700)

    compressed.compress("top", format="tar")

    listed = subprocess.run(
        ["tar", "tvf", compressed.goal / "top.tar"], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"]


# --- What it is called -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "params", "name"),
    [
        (["a/b"], {}, "a/b.zip"),
        (["a/b", "a/c"], {}, "a/a.zip"),
        (["a", "x.txt"], {}, "one.zip"),
        (["x.txt"], {"format": "tar.gz"}, "x.txt.tar.gz"),
        (["a"], {"target": "to/deep/here.tgz"}, "to/deep/here.tgz"),
        (["a"], {"target": "plain"}, "plain"),
        (["a"], {"target": "odd.gz", "format": "tar.gz"}, "odd.gz"),
        (["a"], {"target": "to/", "format": "tar"}, "to/a.tar"),
        (["a/b"], {"target": "zip.tar/"}, "zip.tar/b.zip"),
    ],
)
def test_an_archive_is_called_as_asked_or_after_what_is_in_it(one, paths, params, name):
    make_tree(one.origin, {"a": {"b": {"x": b"1"}, "c": b"2"}, "x.txt": b"3"})

    done = one.compress(*paths, **params)

    assert done.path == name
    assert members((one.origin / name).read_bytes())
    assert done.format == params.get("format", "tar.gz" if name.endswith("tgz") else "zip")


def test_an_archive_gets_a_number_where_its_name_is_taken(compressed):
    make_tree(compressed.origin, {"a": {"x": b"1"}})
    make_tree(compressed.goal, {"a.tar.gz": b"other", "a (2).tar.gz.sha256": b"other"})

    assert compressed.compress("a", format="tar.gz", manifest=True).path == "a (3).tar.gz"
    assert (compressed.goal / "a.tar.gz").read_bytes() == b"other"


def test_a_taken_name_is_refused_or_replaced_as_asked(compressed):
    make_tree(compressed.origin, {"a": {"x": b"1"}})
    make_tree(compressed.goal, {"a.zip": b"other", "folder": {}})

    with pytest.raises(PermanentError, match=r"the archive cannot be 'a.zip': a file of that name is there"):
        compressed.compress("a", conflict="fail")
    with pytest.raises(PermanentError, match="a folder of that name is there"):
        compressed.compress("a", target="folder", conflict="overwrite")
    assert compressed.compress("a", conflict="overwrite").path == "a.zip"

    assert contents(compressed.packed("a.zip")) == {"a/x": b"1"}
    assert compressed.there() == ["a.zip", "folder"]


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"target": "a.tar.bz2"}, "tar.bz2 is only read"),
        ({"target": "a.zip", "format": "tar.gz"}, "'a.zip' is the name of a zip, and format is tar.gz"),
        ({"format": "tar", "password": "env:P"}, "knows no password"),
        ({"target": "../x.zip"}, "must not have empty parts"),
        ({"target": ".rota/x.zip"}, "private"),
        ({"target": "x" * 252 + ".zip"}, "256 bytes; at most 255"),
        ({"target": "file/x.zip"}, "'file' is no folder"),
        ({"paths": ["missing"]}, "'missing' is not there"),
        ({"paths": [""]}, "paths"),
        ({"max_bytes": 3}, "more than 3 bytes; max_bytes"),
        ({"include": ["*.none"]}, "nothing to pack"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(compressed, params, why):
    make_tree(compressed.origin, {"a": {"x": b"1234"}})
    make_tree(compressed.goal, {"file": b""})

    with pytest.raises((PermanentError, ValueError), match=why):
        compressed.compress(*params.pop("paths", ["a"]), **params, run=compressed.new_run(secrets={"env:P": "p"}))

    assert compressed.there() == ["file"]


def test_max_bytes_counts_what_is_packed_only(compressed):
    make_tree(compressed.origin, {"a": {"x": b"1234", "y.tmp": b"12345"}})

    assert compressed.compress("a", max_bytes=4, exclude=["*.tmp"]).bytes_in == 4


# --- Divided archives, checksums, passwords ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100_000, 65_536])
def test_a_divided_archive_is_one_archive_put_together(compressed, size):
    content = os.urandom(300_000)
    make_tree(compressed.origin, {"a": {"x": content}})

    done = compressed.compress("a", split_bytes=size)

    parts = [compressed.goal / name for name in compressed.there()]
    assert [part.name for part in parts] == [f"a.zip.{n:03}" for n in range(1, done.parts + 1)]
    assert {part.stat().st_size for part in parts[:-1]} == {size}
    assert done.path == "a.zip.001"
    assert done.bytes_out == sum(part.stat().st_size for part in parts)
    assert contents(members(b"".join(part.read_bytes() for part in parts))) == {"a/x": content}


def test_a_divided_archive_replaces_all_parts_of_an_older_one(compressed):
    make_tree(compressed.origin, {"a": {"x": os.urandom(100_000)}})
    make_tree(compressed.goal, {f"a.zip.{n:03}": b"old" for n in range(1, 6)})

    compressed.compress("a", split_bytes=65_536, conflict="overwrite")

    assert compressed.there() == ["a.zip.001", "a.zip.002"]


def test_a_divided_archive_takes_no_name_of_which_a_part_is_there(compressed):
    make_tree(compressed.origin, {"a": {"x": os.urandom(200_000)}})
    make_tree(compressed.goal, {"a.zip.002": b"other", "a (2).zip.009": b"other"})

    assert compressed.compress("a", split_bytes=65_536).path == "a (3).zip.001"
    with pytest.raises(PermanentError, match=r"cannot be 'a.zip': a part of one of that name is there"):
        compressed.compress("a", split_bytes=65_536, conflict="fail")

    others = ["a (2).zip.009", *(f"a (3).zip.{n:03}" for n in range(1, 5)), "a.zip.002"]
    assert compressed.there() == others


def test_the_manifest_is_what_sha256sum_takes(compressed, tmp_path):
    make_tree(compressed.origin, {"a": {"x": b"1", "big": os.urandom(10_000_000), "l": Link("x"), b"new\nline": b"2"}})

    done = compressed.compress("a", format="tar", manifest=True)

    assert done.manifest == "a.tar.sha256"
    subprocess.run(["tar", "xf", compressed.goal / "a.tar"], cwd=tmp_path, check=True)
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", compressed.goal / "a.tar.sha256"], cwd=tmp_path, capture_output=True, check=True
    )
    assert len(checked.stdout.splitlines()) == 3


def test_a_password_is_asked_of_the_run_and_told_nowhere(compressed):
    make_tree(compressed.origin, {"a": {"x": b"plain text" * 100}})

    run = compressed.new_run(secrets={"env:P": "hush-hush"})
    compressed.compress("a", password="env:P", run=run)

    data = (compressed.goal / "a.zip").read_bytes()
    assert b"plain text" not in data
    assert b"hush" not in data
    assert "hush" not in str([run.log.lines, run.checkpoints, run.reports])


# --- What is told ------------------------------------------------------------------------------------------------------


def test_progress_is_told_in_bytes_up_to_all_of_them(compressed, monkeypatch):
    monkeypatch.setattr("actors.transferring.tally._INTERVAL_SECONDS", 0.0)
    make_tree(compressed.origin, {"a": {f"{n}": os.urandom(100_000) for n in range(20)}})

    compressed.compress("a")

    done = [(report.done, report.total, report.unit) for report in compressed.run.reports]
    assert done[-1] == (2_000_000, 2_000_000, "bytes")
    assert [each[0] for each in done] == sorted(each[0] for each in done)
    assert any(0 < each[0] < 2_000_000 and each[1] == 2_000_000 for each in done)


def test_the_folder_of_the_archive_is_told_as_changed(one):
    make_tree(one.origin, {"a": {"x": b"1"}})

    one.compress("a", target="to/deep/a.zip")

    [event] = one.run.events
    assert event.type == "storage.changed"
    assert event.data["datasource"] == "one"
    assert event.data["paths"] == [""]
