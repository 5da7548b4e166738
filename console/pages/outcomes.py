"""What a run about archives has made or found, as its page shows it: a sentence, files, notes, members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from console.api.archive_jobs import JOBS
from console.api.made import content_url, made_of
from console.output import size
from console.pages.entry_rows import name_of, page_of
from console.work_words import counted
from rota.archives import part_name
from store.records import RunRecord


class Way(NamedTuple):
    """What leads to a file or a folder, and what it is called."""

    name: str
    url: str


class Noted(NamedTuple):
    """Something to know of an entry."""

    path: str
    note: str


class Listed(NamedTuple):
    """A member of an archive, as the archive tells of it."""

    path: str
    size: int | None
    modified: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of it."""

    said: str
    files: tuple[Way, ...] = ()
    """What was made and can be downloaded."""
    folder: Way | None = None
    """Where it is."""
    notes: tuple[Noted, ...] = ()
    more_notes: int = 0
    """How many there are beside these; the log has them."""
    members: tuple[Listed, ...] = ()
    more_members: int | None = 0
    """How many there are beside these; None for nobody knows how many."""


def outcome_of(run: RunRecord) -> Outcome | None:
    """Return what a run about archives has made or found; None for other runs, and before it has."""
    found = run.result
    if not isinstance(found, dict):
        return None
    if made_of(found) is not None:
        return _made(found)
    if run.job == JOBS["list-archive"] and isinstance(found.get("items"), list):
        return _listed(found)
    if run.job == JOBS["test-archive"] and "entries" in found:
        return Outcome(said=f"The archive is whole: {_entries(found)}, {size(found.get('bytes') or 0)} in its files.")
    return None


def _made(found: Mapping[str, Any]) -> Outcome:
    made = made_of(found)
    assert made is not None
    folder = made.path if made.kind == "folder" else made.path.rpartition("/")[0]
    files = _files(found, made.urls, made.path) if made.kind == "file" else ()
    notes = tuple(Noted(note["path"], note["note"]) for note in found.get("notes") or ())
    where = f"{made.datasource}/{folder}" if folder else made.datasource
    return Outcome(
        said=_packed(found) if "parts" in found else _unpacked(found),
        files=files,
        folder=Way(where, page_of(made.datasource, folder)),
        notes=notes,
        more_notes=max(0, int(found.get("noted") or 0) - len(notes)),
    )


def _files(found: Mapping[str, Any], urls: list[str], path: str) -> tuple[Way, ...]:
    """Return the files that were made: the parts of an archive, and its checksums."""
    name = name_of(path)
    stem = name.rpartition(".")[0]
    names = [part_name(stem, number) for number in range(1, len(urls) + 1)] if len(urls) > 1 else [name]
    files = [Way(name, url) for name, url in zip(names, urls, strict=True)]
    if found.get("manifest"):
        files.append(Way(name_of(found["manifest"]), content_url(found["datasource"], found["manifest"])))
    return tuple(files)


def _packed(found: Mapping[str, Any]) -> str:
    parts = int(found.get("parts") or 1)
    divided = f" in {counted(parts, 'part')}" if parts > 1 else ""
    before, after = size(found.get("bytes_in") or 0), size(found.get("bytes_out") or 0)
    return f"{_entries(found)}, {before}, packed into {after}{divided}."


def _unpacked(found: Mapping[str, Any]) -> str:
    skipped = int(found.get("skipped") or 0)
    left = f"; {counted(skipped, 'file')} left as {'it was' if skipped == 1 else 'they were'}" if skipped else ""
    return f"{_entries(found)} unpacked, {size(found.get('bytes') or 0)}{left}."


def _listed(found: Mapping[str, Any]) -> Outcome:
    items = found["items"]
    members = tuple(_member(item) for item in items)
    encrypted = int(found.get("encrypted") or 0)
    locked = f", {encrypted:,} of them encrypted" if encrypted else ""
    more: int | None = max(0, int(found.get("entries") or 0) - len(members))
    return Outcome(
        said=f"{found.get('format')}: {_entries(found)}{locked}, {size(found.get('bytes') or 0)} in its files.",
        members=members,
        more_members=None if found.get("more") and not more else more,
    )


def _member(item: Mapping[str, Any]) -> Listed:
    if item.get("kind") == "folder":
        return Listed(item["path"] + "/", None, item.get("modified"))
    return Listed(item["path"], item.get("size"), item.get("modified"))


def _entries(found: Mapping[str, Any]) -> str:
    return counted(int(found.get("entries") or 0), "entry", "entries")
