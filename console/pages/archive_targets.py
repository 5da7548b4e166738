"""Where an archive goes, or what comes out of one: from the name and the folder that a form asks for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rota.archives import Format, parse_name


def folder_of(path: str) -> str:
    """Return the folder that something is in; empty for the root."""
    return path.rpartition("/")[0]


def stem_of_selection(paths: Sequence[str], datasource: str) -> str:
    """Return what an archive of this is called, without what names its format, as the actor would call it."""
    folder, _, name = paths[0].rpartition("/")
    return name if len(paths) == 1 else folder.rpartition("/")[2] or datasource


def stem_of_archive(path: str) -> str:
    """Return what the folder made of an archive is called."""
    return parse_name(path.rpartition("/")[2]).stem


def archive_target(folder: str, name: str, form: str | None) -> str:
    """Return the path of an archive; its name gets what tells the format where that is missing."""
    told = parse_name(name).format
    wanted = form or told or Format.ZIP
    return folder_target(folder, name if told == wanted else f"{name}.{wanted}")


def folder_target(folder: str, name: str) -> str:
    """Return the path of something called so in a folder."""
    folder = folder.strip().strip("/")
    return f"{folder}/{name}" if folder else name
