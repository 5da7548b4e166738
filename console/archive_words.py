"""What runs about archives have done, in lines for people; light enough for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.output import MISSING, local_time, printable_line, size
from console.work_words import counted

_MOST_NOTES = 10


def compressed_in_words(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the archive is, what is in it, and what was noted."""
    parts = int(found.get("parts") or 1)
    more = f" and {counted(parts - 1, 'more part')}" if parts > 1 else ""
    yield f"{_place(found)}{more}"
    yield f"{_entries(found)}: {size(found.get('bytes_in', 0))} in {size(found.get('bytes_out', 0))}"
    if found.get("manifest"):
        yield f"checksums: {printable_line(found['manifest'])}"
    yield from _notes(found)


def extracted_in_words(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the content is, how much it is, and what was noted."""
    skipped = found.get("skipped") or 0
    yield _place(found)
    yield f"{_entries(found)}, {size(found.get('bytes', 0))}" + (f", {skipped:,} left as they were" if skipped else "")
    yield from _notes(found)


def listed_in_words(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the members, and the sums of all."""
    for item in found.get("items") or ():
        known = item.get("size")
        amount = MISSING if known is None else size(known)
        modified = local_time(item.get("modified"))
        end = "/" if item.get("kind") == "folder" else ""
        yield f"{amount:>10}  {modified:<19}  {printable_line(item['path'])}{end}"
    left = int(found.get("entries") or 0) - len(found.get("items") or ())
    if found.get("more") and left > 0:
        yield f"and {left:,} more"
    encrypted = found.get("encrypted") or 0
    said = f"{found.get('format')}: {_entries(found)}, {size(found.get('bytes') or 0)}"
    yield said + (f", {encrypted:,} encrypted" if encrypted else "")


def checked_in_words(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was found to be whole."""
    yield f"{found.get('format')}: whole, {_entries(found)}, {size(found.get('bytes', 0))}"


def _place(found: Mapping[str, Any]) -> str:
    return printable_line(f"{found.get('datasource')}: {found.get('path')}")


def _entries(found: Mapping[str, Any]) -> str:
    return counted(int(found.get("entries") or 0), "entry", "entries")


def _notes(found: Mapping[str, Any]) -> Iterator[str]:
    notes = found.get("notes") or []
    for note in notes[:_MOST_NOTES]:
        yield printable_line(f"  {note['path']}: {note['note']}")
    left = int(found.get("noted") or 0) - len(notes[:_MOST_NOTES])
    if left > 0:
        yield f"  and {left:,} more"
