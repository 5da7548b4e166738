"""File trees as data: a dict is a folder, names are text or bytes, the rest are the small classes here."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from actors.catalog import Catalog
from actors.datasources.paths import join
from actors.datasources.storage import Kind

Tree = Mapping[Any, Any]


@dataclass(frozen=True)
class File:
    """A file with its content and, if it matters, its time in seconds."""

    content: bytes = b""
    modified: float | None = None


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Fifo:
    """A named pipe."""


class Seen(NamedTuple):
    """An entry as an independent walk, or the catalog, shows it."""

    kind: str
    size: int
    modified_ns: int
    inode: int


def make_tree(root: Path | bytes | str, tree: Tree) -> None:
    """Make the entries of a tree below a folder, which is made if it isn't there."""
    folder = os.fsencode(root)
    os.makedirs(folder, exist_ok=True)
    for name, node in tree.items():
        path = os.path.join(folder, os.fsencode(name))
        if isinstance(node, Mapping):
            make_tree(path, node)
        elif isinstance(node, Link):
            os.symlink(node.target, path)
        elif isinstance(node, Fifo):
            os.mkfifo(path)
        else:
            _make_file(path, node if isinstance(node, File) else File(node))


def walked(root: Path | str) -> dict[bytes, Seen]:
    """Walk a folder independently of the code under test and give what is there by path."""
    top = os.path.join(os.fsencode(root), b"")
    found: dict[bytes, Seen] = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}.get(
                stat.S_IFMT(status.st_mode)
            )
            if kind is not None:
                size = 0 if kind is Kind.FOLDER else status.st_size
                found[path[len(top) :]] = Seen(kind, size, status.st_mtime_ns, status.st_ino)
    return found


def catalogued(catalog: Catalog) -> dict[bytes, Seen]:
    """Give all that a catalog has, by path, in the same form as `walked`."""
    rows = catalog.rows(list(catalog.folders_below(b"")))
    return {
        join(folder, name): Seen(kind, size, modified_ns, inode)
        for folder, found in rows.items()
        for name, kind, size, modified_ns, inode, *_ in found
    }


def _make_file(path: bytes, file: File) -> None:
    with open(path, "wb") as writing:
        writing.write(file.content)
    if file.modified is not None:
        os.utime(path, (file.modified, file.modified))
