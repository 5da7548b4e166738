"""`rota import pydio`: turns job definitions of Pydio Cells into Rota's, and reports what could not be carried over."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from console.client import Client, open_client
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, print_json, say
from console.verbs import add_verb

if TYPE_CHECKING:
    from rota.pydio.report import Converted


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    pydio = add_verb(
        verbs,
        "pydio",
        "turn jobs of Pydio Cells into Rota's; exit 0 only if everything was carried over",
        _import,
        add_connection_options,
        add_json_option,
    )
    pydio.add_argument(
        "file", metavar="FILE", help='jobs as JSON: one, a list, or {"Jobs": […]}; - reads them from standard input'
    )
    pydio.add_argument("--out", metavar="DIR", type=Path, help="write each job as a YAML file into this folder")
    pydio.add_argument("--apply", action="store_true", help="save the jobs")
    pydio.add_argument("--force", action="store_true", help="replace files and jobs of the same name that differ")


def _import(options: argparse.Namespace) -> int:
    jobs = _converted(options)
    if options.out is not None:
        _write(jobs, options.out, force=options.force)
    saved = _save(jobs, options) if options.apply else {}
    if options.json:
        print_json([{**job.to_json(), **saved.get(job.name, {})} for job in jobs])
    else:
        _print(jobs, with_yaml=options.out is None and not options.apply)
    whole = all(job.is_whole for job in jobs) and all("refused" not in answer for answer in saved.values())
    return ExitCode.OK if whole else ExitCode.FAILED


def _converted(options: argparse.Namespace) -> tuple[Converted, ...]:
    from actors.registry import load_registry
    from console.opening import load_for
    from rota.pydio.conversion import convert
    from rota.pydio.reading import InvalidExport, read_export

    text = _read(options.file)
    actors = load_registry(load_for(options.state).actor_modules)
    try:
        return convert(read_export(text), actors)
    except InvalidExport as error:
        raise CommandFailed(f"{options.file}: {error}", ExitCode.REFUSED) from error


def _read(file: str) -> bytes:
    from rota.pydio.reading import MAX_BYTES

    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}", ExitCode.USAGE) from error


def _print(jobs: Iterable[Converted], *, with_yaml: bool) -> None:
    from rota.pydio.files import as_stream, report_lines

    if with_yaml:
        print(as_stream(jobs), end="")
        return
    for job in jobs:
        print("\n".join(report_lines(job)))


def _write(jobs: Iterable[Converted], folder: Path, *, force: bool) -> None:
    """Write one file for each job: all of them, or none if one is there already."""
    from rota.pydio.files import as_file

    files = {folder / f"{job.name}.yaml": as_file(job) for job in jobs if job.definition is not None}
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        raise CommandFailed(f"{', '.join(there)}: there already; --force replaces what is there", ExitCode.REFUSED)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            _write_one(file, text, force=force)
            say(f"{file}: written")
    except OSError as error:
        raise CommandFailed(
            f"{error.filename2 or error.filename or folder}: {error.strerror}", ExitCode.USAGE
        ) from error


def _write_one(file: Path, text: str, *, force: bool) -> None:
    # The draft has another ending, so that whoever watches the folder for definitions never reads half of one.
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=f".{file.stem}.", suffix=".new", delete=False
    ) as draft:
        try:
            draft.write(text)
            draft.close()
            Path(draft.name).chmod(0o644)
            # A link, unlike a rename, is refused when somebody made the file in the meantime.
            (os.replace if force else os.link)(draft.name, file)
        finally:
            Path(draft.name).unlink(missing_ok=True)


def _save(jobs: Iterable[Converted], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Save the jobs one by one, so that one that is refused leaves the others alone; return what became of each."""
    answers: dict[str, dict[str, Any]] = {}
    with open_client(options) as client:
        for job in jobs:
            if job.definition is None:
                continue
            try:
                answers[job.name] = {"saved": _save_one(client, job.definition, force=options.force)}
                say(f"{job.name}: saved")
            except CommandFailed as failed:
                if failed.code not in (ExitCode.REFUSED, ExitCode.NOT_FOUND):
                    raise
                answers[job.name] = {"refused": str(failed)}
                say(f"{job.name}: not saved: {failed}")
    return answers


def _save_one(client: Client, definition: Mapping[str, Any], *, force: bool) -> dict[str, Any]:
    name = definition["name"]
    planned = client.ask("POST", "/jobs:apply", query={"dry_run": True}, body=definition).data["items"][0]
    if planned["changed"] and planned["version"] is not None and not force:
        raise CommandFailed(f"there is another job {name} already; --force replaces it", ExitCode.REFUSED)
    applied: dict[str, Any] = client.post("/jobs:apply", definition)["items"][0]
    return applied
