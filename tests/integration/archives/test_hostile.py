"""Hostile archives: whatever they are, nothing outside changes, limits hold, and nothing is left behind."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest

from rota.errors import PermanentError
from tests.archives.hostile import Case
from tests.archives.hostile_others import other_cases
from tests.archives.hostile_tar import tar_cases
from tests.archives.hostile_zip import zip_cases
from tests.integration.archives.unpacked import Place

CASES = [*zip_cases(), *tar_cases(), *other_cases()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile(place: Place, case: Case) -> None:
    data = case.data()
    (place.inner / case.file).write_bytes(data)
    before = place.around()

    if case.refused:
        with pytest.raises(PermanentError) as raised:
            place.extract(case.file, data, **case.params)
        assert re.search(case.refused, str(raised.value)), raised.value
        assert not place.made.exists()
    else:
        result = place.extract(case.file, data, **case.params)
        assert place.found() == case.made
        assert place.modes() <= {0o755, 0o644}
        assert result.noted == len(case.noted), result.notes
        for pattern in case.noted:
            assert any(re.search(pattern, note.note) for note in result.notes), (pattern, result.notes)

    assert place.around() == before


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile_archives_are_listed_and_tested_or_refused(place: Place, case: Case) -> None:
    (place.inner / case.file).write_bytes(case.data())
    before = place.around()

    for look in (place.list, place.test):
        with suppress(PermanentError):
            assert look(case.file).entries >= 0

    assert place.around() == before
    assert not place.made.exists()
