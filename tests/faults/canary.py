"""Ten thousand files around a bin that no purge may touch: half beside it in the datasource, half outside of that."""

from __future__ import annotations

import os
from pathlib import Path

from tests.faults.snapshots import Snapshot, differences, snapshot

FILES = 10_000
_A_FOLDER = 100
#: Names in the datasource's root that look like Rota's own, or like an item's, and are not.
LOOK_ALIKES = (
    "bin",
    "tomb",
    ".ROTA",
    ".Rota",
    ".rota.",
    ".rota ",
    ".rota2",
    ".rota\n",
    "rota",
    ".rota-bin",
    ".rota-tomb",
    ".rota_",
    ". rota",
    ".\u200brota",
    ".rota\u0338",
    "01900000-0000-7000-8000-000000000000",
)


class Canary:
    """The tree, in a datasource's root and beside it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "files"
        self.outside = folder / "outside"
        for top in (self.root / "canary", self.outside):
            for number in range(FILES // 2 // _A_FOLDER):
                _fill(top / f"{number:02d}" / "deep", range(_A_FOLDER))
        for name in LOOK_ALIKES:
            _fill(self.root / name / "bin" / "01900000-0000-7000-8000-000000000000", range(2))
            _fill(self.root / name / "tomb", range(2))
        (self.root / "01900000-0000-7000-8000-000000000000.trashinfo").write_text("[Trash Info]\nPath=/\n")
        for place, target in (("to-root", "."), ("to-outside", "../outside"), ("to-nothing", "nothing")):
            (self.root / "canary" / place).symlink_to(target)
        self._before = self._now()
        assert len([path for path in self._before if b"deep/" in path]) == FILES

    def check(self) -> None:
        """Fail unless everything is what it was when the tree was made."""
        found = differences(self._before, self._now())
        assert found == [], "\n".join(found[:50])

    def _now(self) -> Snapshot:
        # The root itself changes whenever something is deleted from it; so does what lies in `home`, on purpose.
        inside = snapshot(self.root, leave_out=lambda path: path in {b".rota", b"home"})
        outside = snapshot(self.outside)
        return {
            **{b"in/" + path: detail for path, detail in inside.items() if path},
            **{b"out/" + path: detail for path, detail in outside.items()},
        }


def _fill(folder: Path, numbers: range) -> None:
    """Make files of different sizes, rights and times."""
    folder.mkdir(parents=True)
    for number in numbers:
        descriptor = os.open(folder / f"file{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(descriptor, b"%d" % number * (number % 7))
        os.fchmod(descriptor, 0o600 | number % 0o100)
        os.utime(descriptor, ns=(1_000_000_000_000_000_000 + number, 1_000_000_000_000_000_000 + number))
        os.close(descriptor)
