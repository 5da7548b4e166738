"""Files of job definitions, as the command line reads them to apply and writes them to export."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.exits import CommandFailed, ExitCode
from rota.definitions import SUFFIXES, RawDefinition, read_definitions, split_definitions
from rota.errors import InvalidDefinition
from rota.loaders import check_values, load_yaml, read_text
from rota.writing import to_yaml

STDIN = "-"
_JSON = ".json"
#: What `job_shape` of the API adds to a definition.
_TOLD = (
    "kind", "enabled_reason", "version", "schedule", "last_run", "next_due", "source", "author", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileDefinition:
    """One definition and where it stands, for messages."""

    place: str
    data: Any


def read(paths: Iterable[str]) -> list[FileDefinition]:
    """Return the definitions in files, in all files of folders, and (`-`) on standard input, in their order.

    CommandFailed names the file that cannot be read.
    """
    found: list[FileDefinition] = []
    for path in paths:
        for file in _files(path):
            found += [FileDefinition(_place(file, raw), raw.data) for raw in _read_one(file)]
    return found


def _files(path: str) -> Iterator[str]:
    if path == STDIN or not Path(path).is_dir():
        yield path
        return
    try:
        names = sorted(entry.name for entry in os.scandir(path) if not entry.name.startswith(".") and entry.is_file())
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror or error}", ExitCode.USAGE) from error
    yield from (str(Path(path, name)) for name in names if Path(name).suffix.lower() in (*SUFFIXES, _JSON))


def _read_one(file: str) -> tuple[RawDefinition, ...]:
    try:
        if file == STDIN:
            return split_definitions(load_yaml(sys.stdin.read(), source="standard input"), source="standard input")
        path = Path(file)
        if path.suffix.lower() != _JSON:
            return read_definitions(path)
        data = check_values(json.loads(read_text(path, source=path.name)), source=path.name)
        return split_definitions(data, source=path.name)
    except InvalidDefinition as error:
        raise CommandFailed(f"{file}: {error}", ExitCode.USAGE) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CommandFailed(f"{file}: {getattr(error, 'strerror', None) or error}", ExitCode.USAGE) from error


def _place(file: str, raw: RawDefinition) -> str:
    _, _, part = raw.source.partition(" ")
    return f"{file} {part}" if part.startswith("jobs[") else file


def name_places(message: str, given: list[FileDefinition]) -> str:
    """Return a message of the API about `jobs[n]` with the places that were meant instead."""

    def place(found: re.Match[str]) -> str:
        return f"{given[int(found[1])].place}: " if int(found[1]) < len(given) else found[0]

    return re.sub(r"\bjobs\[(\d+)\]\.?", place, message)


def definition_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a job in the API's form is its definition, without what says nothing."""
    definition = {name: value for name, value in job.items() if name not in _TOLD}
    if definition["label"] == definition["name"]:
        del definition["label"]
    if definition["enabled"]:
        del definition["enabled"]
    return definition


def together(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Return jobs as one YAML text that can be applied again: one, or a list under `jobs`."""
    definitions = [definition_of(job) for job in jobs]
    return to_yaml(definitions[0] if len(definitions) == 1 else {"jobs": definitions})


def write(folder: Path, jobs: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Write each job into a file of its own, whole or not at all, and return the files; what is there is replaced."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for job in jobs:
            file = folder / f"{job['name']}.yaml"
            passing = folder / f".{job['name']}.yaml.part"
            passing.write_text(to_yaml(definition_of(job)), encoding="utf-8")
            passing.replace(file)
            written.append(file)
    except OSError as error:
        raise CommandFailed(f"{folder}: {error.strerror}", ExitCode.FAILED) from error
    return written
