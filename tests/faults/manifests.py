"""What a file tree consists of, by kind and content: whole, half or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.trees import File, Link, Tree

Manifest = Mapping[str, bytes | str | None]
"""Content of files, targets of links, None for folders, by path; the empty one is the entry itself."""


def manifest(place: Path) -> Manifest:
    """Give what lies at a place; empty if nothing does."""
    if place.is_symlink():
        return {"": os.readlink(place)}
    if place.is_file():
        return {"": place.read_bytes()}
    if not place.exists():
        return {}
    found: dict[str, bytes | str | None] = {"": None}
    for inner in place.iterdir():
        found |= {f"/{inner.name}{path}": what for path, what in manifest(inner).items()}
    return found


def manifest_of(node: Tree | File | Link | bytes) -> Manifest:
    """Give the manifest of a tree that is written as data."""
    if isinstance(node, Mapping):
        inner = {f"/{name}{path}": what for name, each in node.items() for path, what in manifest_of(each).items()}
        return {"": None, **inner}
    if isinstance(node, Link):
        return {"": node.target}
    return {"": node.content if isinstance(node, File) else node}


def places_of(name: str, top: Path) -> Iterator[Path]:
    """Find every entry of a name beneath a folder, without following links; those inside of one found are its own."""
    for folder, folders, files in os.walk(top):
        if name in folders or name in files:
            yield Path(folder, name)
        folders[:] = [each for each in folders if each != name]
