"""What a folder looks like to the last detail, and how it differs from what it looked like."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple


class Detail(NamedTuple):
    """Everything about one entry that must not change."""

    type: int
    device: int
    inode: int
    mode: int
    owner: tuple[int, int]
    modified_ns: int
    size: int
    links: int
    digest: bytes
    """Of a file's content or of a link's target."""


Snapshot = Mapping[bytes, Detail]


def snapshot(top: Path | str, *, leave_out: Callable[[bytes], bool] = lambda _: False) -> Snapshot:
    """Give every entry of a folder by its path in it, the folder itself as the empty path; no link is followed."""
    found: dict[bytes, Detail] = {}
    waiting = [b""]
    root = os.fsencode(top)
    found[b""] = _detail(root)
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                if leave_out(path):
                    continue
                found[path] = _detail(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
    return found


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Say what is not what it was, a line each; empty if nothing is."""
    said = [f"gone: {path!r}" for path in sorted(before.keys() - after.keys())]
    said += [f"new: {path!r}" for path in sorted(after.keys() - before.keys())]
    for path in sorted(before.keys() & after.keys()):
        pairs = zip(Detail._fields, before[path], after[path], strict=True)
        changes = [f"{field} {old!r} -> {new!r}" for field, old, new in pairs if old != new]
        if changes:
            said.append(f"changed: {path!r}: {', '.join(changes)}")
    return said


def _detail(path: bytes) -> Detail:
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    content = b""
    if kind == stat.S_IFREG:
        with open(path, "rb", buffering=0) as file:
            content = file.read()
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)
    return Detail(
        type=kind,
        device=status.st_dev,
        inode=status.st_ino,
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        modified_ns=status.st_mtime_ns,
        size=status.st_size,
        links=status.st_nlink,
        digest=blake2b(content, digest_size=16).digest(),
    )
