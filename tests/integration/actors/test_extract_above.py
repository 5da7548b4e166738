"""Folders that are made for the target to be in go again if nothing is put into them; time counts at every read."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.unpacking.refusals import Refused
from rota.errors import PermanentError, ShuttingDown
from tests.integration.actors.unpacked import Unpacked, member, tarred, zipped

EVIL = {"good": b"1", "../evil": b"2"}


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    """A folder with an archive that is refused, one that is not, and a compressed file that is damaged."""
    made = Unpacked(tmp_path)
    (made.root / "evil.zip").write_bytes(zipped(EVIL))
    (made.root / "good.zip").write_bytes(zipped({"a": b"1"}))
    (made.root / "broken.txt.gz").write_bytes(b"\x1f\x8b\x08" + bytes(30))
    (made.root / "kept").mkdir()
    return made


def entries(unpacked: Unpacked) -> set[str]:
    return {str(path.relative_to(unpacked.root)) for path in unpacked.root.rglob("*")}


@pytest.mark.parametrize("archive", ["evil.zip", "broken.txt.gz"])
def test_folders_that_were_made_above_go_with_what_failed(unpacked: Unpacked, archive: str) -> None:
    before = entries(unpacked)

    with pytest.raises(PermanentError):
        unpacked.extract(archive, target="kept/one/two/made")

    assert entries(unpacked) == before
    assert unpacked.run.checkpoints[-1] is None


def test_they_stay_with_what_was_unpacked(unpacked: Unpacked) -> None:
    unpacked.extract("good.zip", target="kept/one/two/made")

    assert (unpacked.root / "kept/one/two/made/a").read_bytes() == b"1"


def test_a_later_attempt_removes_what_a_killed_one_made(unpacked: Unpacked) -> None:
    before = entries(unpacked)
    first = unpacked.new_run()

    def stop(_number: int) -> None:
        if (unpacked.root / "kept/one/two").exists():
            first.interrupt(ShuttingDown("the worker stops"))

    first.on_check = stop
    with pytest.raises(ShuttingDown):
        unpacked.extract("evil.zip", first, target="kept/one/two/made")
    assert (unpacked.root / "kept/one/two").exists()

    with pytest.raises(Refused):
        unpacked.extract(
            "evil.zip", unpacked.new_run(attempt=2, state=first.checkpoints[-1]), target="kept/one/two/made"
        )

    assert entries(unpacked) == before


def test_what_somebody_put_there_meanwhile_stays(unpacked: Unpacked) -> None:
    (unpacked.root / "kept/one/two").mkdir(parents=True)
    (unpacked.root / "kept/one/theirs").write_bytes(b"theirs")
    run = unpacked.new_run(attempt=2, state={"folder": "kept/one"})

    with pytest.raises(Refused):
        unpacked.extract("evil.zip", run, target="kept/one/two/made")

    assert (unpacked.root / "kept/one/theirs").read_bytes() == b"theirs"
    assert not (unpacked.root / "kept/one/two").exists()


def test_time_counts_while_members_are_passed_over(unpacked: Unpacked) -> None:
    large = tarred(member("large", bytes(40_000_000)), member("small", b"1"))
    (unpacked.root / "passed.tar.gz").write_bytes(large)

    with pytest.raises(Refused, match="max_time"):
        unpacked.extract("passed.tar.gz", members=["small"], max_time="PT0.001S", target="kept/made")

    assert not (unpacked.root / "kept/made").exists()
