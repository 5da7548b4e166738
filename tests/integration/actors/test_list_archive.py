"""What is in an archive is told, and whether it is whole, and nothing is written."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import test_archive as auditing  # by its module: pytest takes what begins with `test` for tests
from actors.archives.reading import Damaged, PasswordNeeded
from actors.list_archive import ListArchiveParams, ListArchiveResult
from actors.list_archive import list_archive as listing
from actors.unpacking.refusals import Refused
from rota.errors import PermanentError
from tests.integration.actors.unpacked import Unpacked, member, tarred, zipped

MEMBERS = {"a.txt": b"alpha", "d/b": b"beta" * 1000, "d/e/": b""}


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    """A folder with a zip and a tar of the same files."""
    made = Unpacked(tmp_path)
    (made.root / "x.zip").write_bytes(zipped(MEMBERS))
    folder = member("d/e", type=b"5")
    (made.root / "x.tar.gz").write_bytes(tarred(member("a.txt", b"alpha"), member("d/b", MEMBERS["d/b"]), folder))
    return made


def listed(unpacked: Unpacked, path: str, **params: Any) -> ListArchiveResult:
    return listing(unpacked.run, ListArchiveParams(datasource="files", path=path, **params))


def audited(unpacked: Unpacked, path: str, **params: Any) -> auditing.TestArchiveResult:
    return auditing.test_archive(unpacked.run, auditing.TestArchiveParams(datasource="files", path=path, **params))


@pytest.mark.parametrize(("path", "format_"), [("x.zip", "zip"), ("x.tar.gz", "tar.gz")])
def test_members_are_told(unpacked: Unpacked, path: str, format_: str) -> None:
    before = sorted(unpacked.root.rglob("*"))

    result = listed(unpacked, path)

    assert (result.format, result.entries, result.bytes, result.encrypted, result.more) == (format_, 3, 4005, 0, False)
    assert [(item.path, item.kind, item.size) for item in result.items][:2] == [
        ("a.txt", "file", 5),
        ("d/b", "file", 4000),
    ]
    assert (result.items[2].path, result.items[2].kind) == ("d/e", "folder")
    assert result.items[0].modified in {"2020-01-02T03:04:06.000Z", "2017-07-14T02:40:00.000Z"}
    assert 0 < result.packed <= (unpacked.root / path).stat().st_size
    assert sorted(unpacked.root.rglob("*")) == before
    assert unpacked.run.events == []


def test_members_are_chosen_by_patterns(unpacked: Unpacked) -> None:
    result = listed(unpacked, "x.zip", members=["d"])

    assert ([item.path for item in result.items], result.entries) == (["d/b", "d/e"], 2)
    with pytest.raises(PermanentError, match="nothing in the archive matches 'z'"):
        listed(unpacked, "x.zip", members=["z"])


def test_names_that_could_not_be_unpacked_are_told(unpacked: Unpacked) -> None:
    (unpacked.root / "evil.zip").write_bytes(zipped({"../../etc/passwd": b"1"}))

    assert [item.path for item in listed(unpacked, "evil.zip").items] == ["../../etc/passwd"]


def test_a_list_is_never_too_long_for_a_result(unpacked: Unpacked) -> None:
    long = "\u0001" * 150
    names = {f"{long}{number}": b"" for number in range(300)}
    (unpacked.root / "many.zip").write_bytes(zipped(names))

    result = listed(unpacked, "many.zip")

    assert (result.entries, result.more) == (300, True)
    assert 0 < len(result.items) < 200
    assert len(msgspec.json.encode(result.model_dump(mode="json"))) < 64_000
    few = listed(unpacked, "many.zip", max_entries=2)
    assert (few.entries, len(few.items), few.more) == (2, 2, True)


def test_a_compressed_file_is_one_member(unpacked: Unpacked) -> None:
    (unpacked.root / "n.txt.gz").write_bytes(gzip.compress(b"text"))

    result = listed(unpacked, "n.txt.gz")

    assert [(item.path, item.size) for item in result.items] == [("n.txt", None)]
    assert audited(unpacked, "n.txt.gz").bytes == 4


@pytest.mark.parametrize("path", ["x.zip", "x.tar.gz"])
def test_a_whole_archive_passes(unpacked: Unpacked, path: str) -> None:
    before = sorted(unpacked.root.rglob("*"))

    result = audited(unpacked, path)

    assert (result.entries, result.bytes) == (3, 4005)
    assert sorted(unpacked.root.rglob("*")) == before


def test_damage_is_found(unpacked: Unpacked) -> None:
    whole = zipped({"good": b"1", "bad": b"unmistakable"}, method=0)
    (unpacked.root / "x.zip").write_bytes(whole.replace(b"unmistakable", b"unmistakeble"))

    with pytest.raises(Damaged, match="bad"):
        audited(unpacked, "x.zip")


def test_limits_hold_for_tests_too(unpacked: Unpacked) -> None:
    (unpacked.root / "bomb.zip").write_bytes(zipped({"b": bytes(30_000_000)}))

    with pytest.raises(Refused, match="max_ratio"):
        audited(unpacked, "bomb.zip")
    with pytest.raises(Refused, match="max_entries"):
        audited(unpacked, "x.zip", max_entries=2)
    assert audited(unpacked, "bomb.zip", max_ratio=2000).bytes == 30_000_000


def test_what_is_encrypted_is_counted(unpacked: Unpacked) -> None:
    made = bytearray(zipped({"a": b"secret content"}, method=0))
    for signature in (b"PK\x03\x04", b"PK\x01\x02"):
        made[made.index(signature) + (6 if signature == b"PK\x03\x04" else 8)] |= 1
    (unpacked.root / "s.zip").write_bytes(made)

    assert listed(unpacked, "s.zip").encrypted == 1
    with pytest.raises(PasswordNeeded):
        audited(unpacked, "s.zip")


def test_what_would_have_to_be_unpacked_first_is_bounded(unpacked: Unpacked) -> None:
    bomb = tarred(member("first", b"1"), member("bomb", bytes(60_000_000)), member("behind", b"2"))
    (unpacked.root / "bomb.tar.gz").write_bytes(bomb)

    few = listed(unpacked, "bomb.tar.gz", max_bytes=1_000_000)

    assert [item.path for item in few.items] == ["first", "bomb"]
    assert few.more
    assert not listed(unpacked, "bomb.tar.gz").more
    # Patterns that would match behind it are no mistake.
    assert listed(unpacked, "bomb.tar.gz", max_bytes=1_000_000, members=["behind"]).more


def test_the_time_that_listing_takes_is_bounded(unpacked: Unpacked) -> None:
    bomb = tarred(member("bomb", bytes(400_000_000)), member("behind", b"2"))
    (unpacked.root / "bomb.tar.gz").write_bytes(bomb)

    try:
        is_cut_short = listed(unpacked, "bomb.tar.gz", max_time="PT0.001S").more
    except PermanentError as error:  # it was over before anything was read
        is_cut_short = "max_time" in str(error)

    assert is_cut_short


def test_a_test_names_the_damaged_one_of_many(unpacked: Unpacked) -> None:
    members = {f"good {number}": b"1" * 100 for number in range(100)}
    whole = zipped({**members, "bad": b"unmistakable"}, method=0)
    (unpacked.root / "x.zip").write_bytes(whole.replace(b"unmistakable", b"unmistakeble"))
    (unpacked.root / "y.zip").write_bytes(whole)

    with pytest.raises(Damaged, match="bad"):
        audited(unpacked, "x.zip")
    assert audited(unpacked, "y.zip").bytes == 10_012
    assert unpacked.run.reports[-1].text.startswith("101 tested")
