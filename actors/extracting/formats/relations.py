"""Finds the parts of an Office Open XML document: each part names in a part beside it those that belong to it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import NamedTuple

from actors.extracting.formats.package import Package
from actors.extracting.formats.properties import add_properties
from actors.extracting.formats.telling import Telling
from actors.extracting.formats.xml import Walker, walk

MOST_RELATIONS = 20_000


class Relation(NamedTuple):
    """A part that belongs to another one."""

    id: str
    kind: str
    """The last word of its type's address: header, slide, worksheet …"""
    part: str
    """Its name in the package."""


class _Relations(Walker):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self.found: list[Relation] = []
        self._folder = folder

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        if name != "Relationship" or attributes.get("TargetMode") == "External":
            return
        # An absolute target, and one that climbs out, stay within the package: its names are no paths.
        part = posixpath.normpath(posixpath.join(self._folder, attributes.get("Target", "")))
        kind = attributes.get("Type", "").rpartition("/")[2]
        self.found.append(Relation(attributes.get("Id", ""), kind, part))
        self.is_done = len(self.found) >= MOST_RELATIONS


def relations_of(package: Package, part: str = "") -> list[Relation]:
    """Return what belongs to a part, in the order it is named; to the document as a whole, if no part is given."""
    folder, name = posixpath.split(part)
    relations = _Relations(folder)
    place = posixpath.join(folder, "_rels", f"{name}.rels")
    walk(package.stream(place), relations, place)
    return relations.found


def main_part(package: Package, usual: str) -> str:
    """Return the part that the document is in, and where it usually is if none is named."""
    named = (relation.part for relation in relations_of(package) if relation.kind == "officeDocument")
    return next((part for part in named if part in package), usual)


def add_core_properties(package: Package, telling: Telling) -> None:
    """Add what the document says of itself."""
    parts = [relation.part for relation in relations_of(package) if relation.kind == "core-properties"]
    add_properties(package.stream(parts[0] if parts else "docProps/core.xml"), telling)
