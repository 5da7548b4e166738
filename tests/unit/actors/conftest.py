"""What the tests of actors share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.datasources.local.storage import LocalStorage
from actors.datasources.openat2 import Opener, open_beneath, open_by_steps
from actors.datasources.storage import Datasource


@pytest.fixture(params=[open_beneath, open_by_steps], ids=["openat2", "steps"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Each way of opening beneath a folder."""
    if request.param is open_beneath:
        root = os.open(tmp_path, os.O_PATH)
        try:
            os.close(open_beneath(root, b".", os.O_PATH, True))
        except OSError:
            pytest.skip("this kernel has no openat2")
        finally:
            os.close(root)
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder, with an empty folder beside it."""
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def storage(root: Path, opener: Opener) -> Iterator[LocalStorage]:
    """The storage of that folder."""
    opened = LocalStorage(Datasource(name="files", root=str(root)), opener=opener)
    yield opened
    opened.close()


@pytest.fixture
def unprivileged(root: Path, tmp_path: Path) -> Iterator[None]:
    """Make permissions count although the tests may run as root."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (root, *tmp_path.parents, tmp_path):
        if folder.stat().st_uid == 0 and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
