"""What a check of `rota doctor` has found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

OK, WARN, FAIL = "ok", "warn", "fail"

_DISK_WARN_BYTES, _DISK_FAIL_BYTES = 1_000_000_000, 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found; `advice` says what to do unless all is well."""

    what: str
    level: str
    said: str
    advice: str = ""

    def words(self) -> str:
        """Return what was found and what to do, in one line."""
        return f"{self.said}; {self.advice}" if self.advice else self.said


def disk(what: str, wanted: Path, *, advice: str) -> Finding:
    """Tell how much is free where a folder is, or will be."""
    folder = nearest(wanted)
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB free below {folder}"
    if free >= _DISK_WARN_BYTES:
        return Finding(what=what, level=OK, said=said)
    return Finding(what=what, level=WARN if free >= _DISK_FAIL_BYTES else FAIL, said=said, advice=advice)


def nearest(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there already."""
    return next(path for path in (folder, *folder.parents) if path.exists())
