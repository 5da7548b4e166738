"""People and homes for the tests about archives: a datasource in which each user has a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.console.serving import Console
from tests.integration.console.sources import add_source, fill

GROWTH = 64 * 1024 * 1024
"""What a selection may have grown by since the catalog saw it, beside a tenth."""


@pytest.fixture
def homes(console: Console, tmp_path: Path) -> Console:
    """A console with two datasources; in `docs` there are homes, with a few files in Eve's and in Ada's."""
    root = tmp_path / "docs"
    for name, content in {
        "homes/eve/a.txt": b"0123456789",
        "homes/eve/photos/b.bin": b"b" * 3_000_000,
        "homes/ada/secret.txt": b"none of Eve's business",
        "homes/eve2/x.txt": b"x",
        "shared/c.txt": b"c",
    }.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    add_source(console, "docs", root=str(root), rules={"homes": "homes", "exclude": ["*.hidden"]})
    add_source(console, "plain", root=str(tmp_path))
    fill(
        console,
        "docs",
        {
            b"": {},
            b"homes": {},
            b"homes/eve": {b"a.txt": 10},
            b"homes/eve/photos": {b"b.bin": 3_000_000},
            b"homes/ada": {b"secret.txt": 22},
            b"shared": {b"c.txt": 1},
        },
    )
    return console
