"""Archives that go into a folder that is there, where somebody has put links: nothing goes through them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rota.errors import PermanentError
from tests.archives.zip_bytes import ZipEntry, zip_bytes
from tests.integration.archives.unpacked import Place

LINK = 0o120777

each_conflict = pytest.mark.parametrize("conflict", ["skip", "overwrite", "newer"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.made.mkdir()
    return place


@each_conflict
@pytest.mark.parametrize("target", ["../../../outside", "absolute", "../a.txt", "gone"])
@pytest.mark.parametrize("name", [b"x/secret", b"x/deep/x", b"x"], ids=["within", "deep within", "itself"])
def test_nothing_goes_through_a_link_that_is_there(place: Place, conflict: str, target: str, name: bytes) -> None:
    leads_to = str(place.top / "outside") if target == "absolute" else target
    (place.made / "x").symlink_to(leads_to)
    data = zip_bytes([ZipEntry(name=b"before"), ZipEntry(name=name, content=b"evil")])
    (place.inner / "evil.zip").write_bytes(data)
    before = place.around()

    result = place.extract("evil.zip", data, conflict=conflict)

    assert [note.path for note in result.notes] == [name.decode()]
    assert place.found() == {"before": b"hello", "x": leads_to}
    assert place.around() == before


@each_conflict
def test_no_link_is_put_into_a_folder_that_is_there(place: Place, conflict: str) -> None:
    data = zip_bytes([ZipEntry(name=b"l", content=b"../a.txt", mode=LINK), ZipEntry(name=b"l", content=b"evil")])
    (place.inner / "evil.zip").write_bytes(data)
    before = place.around()

    place.extract("evil.zip", data, conflict=conflict)

    assert place.found() == {"l": b"evil"}
    assert place.around() == before


@pytest.mark.parametrize("what", ["link", "file"])
def test_what_has_the_name_of_the_folder_stays(place: Place, what: str) -> None:
    place.made.rmdir()
    if what == "link":
        place.made.symlink_to("../../outside")
    else:
        place.made.write_bytes(b"own")
    data = zip_bytes([ZipEntry(name=b"secret", content=b"evil")])
    (place.inner / "evil.zip").write_bytes(data)
    before = place.around()

    with pytest.raises(PermanentError, match="and no folder"):
        place.extract("evil.zip", data, conflict="overwrite")

    assert place.around() == before
    assert place.made.is_symlink() == (what == "link")
