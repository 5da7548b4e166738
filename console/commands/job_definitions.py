"""The verbs of `rota jobs` about definitions: apply and export files, and look at earlier versions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from console.client import open_client, segment
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, local_time, print_json, say
from console.verbs import add_verb


def configure(verbs: Any) -> None:
    """Add the verbs and their options."""
    _configure_apply(
        add_verb(verbs, "apply", "save the jobs of files or a folder", _apply, add_connection_options, add_json_option)
    )
    exporting = add_verb(verbs, "export", "write definitions as YAML", _export, add_connection_options)
    exporting.add_argument("names", metavar="JOB", nargs="*", help="jobs to export (default: all)")
    exporting.add_argument("--out", metavar="DIR", type=Path, help="write a file for each job there")
    _configure_versions(verbs)


def _configure_apply(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="a file (yaml, toml, json) or a folder of them; - for standard input"
    )
    parser.add_argument("--dry-run", action="store_true", help="check, tell what would change, and save nothing")
    parser.add_argument("--set", metavar="NAME", help="name under which these jobs belong together")
    parser.add_argument(
        "--prune", action="store_true", help="delete jobs that the set brought before and does not hold any more"
    )


def _configure_versions(verbs: Any) -> None:
    listing = add_verb(
        verbs,
        "versions",
        "list a job's definitions with their changes",
        _versions,
        add_connection_options,
        add_json_option,
    )
    _add_name(listing)
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="how many (default 20)")
    comparing = add_verb(verbs, "diff", "tell what a version changed", _diff, add_connection_options, add_json_option)
    _add_name(comparing)
    comparing.add_argument("version", metavar="VERSION", type=int)
    comparing.add_argument(
        "against", metavar="OTHER", type=int, nargs="?", help="compare with (default: the one before)"
    )
    restoring = add_verb(verbs, "restore", "save an earlier version again", _restore, add_connection_options)
    _add_name(restoring)
    restoring.add_argument("version", metavar="VERSION", type=int)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="JOB", help="name of the job")


def _apply(options: argparse.Namespace) -> int:
    from console import definition_files

    if options.prune and options.set is None:
        raise CommandFailed(
            "--prune needs --set NAME: only jobs that the same set brought before may go", ExitCode.USAGE
        )
    given = definition_files.read(options.paths)
    query = {"dry_run": options.dry_run or None, "set": options.set, "prune": options.prune or None}
    with open_client(options) as client:
        try:
            answer = client.ask("POST", "/jobs:apply", query=query, body={"jobs": [each.data for each in given]})
        except CommandFailed as error:
            raise CommandFailed(definition_files.name_places(str(error), given), error.code) from error
    if options.json:
        print_json(answer.data["items"])
        return ExitCode.OK
    for applied in answer.data["items"]:
        say(f"{applied['name']}: {_applied(applied, dry_run=options.dry_run)}")
        for change in applied["changes"]:
            say(f"  {_change_line(change)}")
    return ExitCode.OK


def _applied(applied: dict[str, Any], *, dry_run: bool) -> str:
    words: str = applied["action"]
    if words == "kept":
        return f"kept, although it is not given any more: {applied['reason']}"
    if dry_run and words != "unchanged":
        return f"would be {words}"
    if applied["version"] is not None and words != "deleted":
        words += f", version {applied['version']}"
    return words if applied["enabled"] or words == "deleted" else f"{words}, disabled"


def _change_line(change: dict[str, Any]) -> str:
    from rota.differences import Difference

    return str(Difference(**change))


def _export(options: argparse.Namespace) -> int:
    from console import definition_files

    with open_client(options) as client:
        if options.names:
            found = [client.get(f"/jobs/{segment(name)}") for name in options.names]
        else:
            found = list(client.items("/jobs"))
    if options.out is not None:
        for file in definition_files.write(options.out, found):
            say(str(file))
    else:
        print(definition_files.together(found), end="")
    return ExitCode.OK


def _versions(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = list(client.items(f"/jobs/{segment(options.name)}/versions", limit=options.limit))
    if options.json:
        print_json(found)
        return ExitCode.OK
    for version in found:
        print(f"{version['version']}  {local_time(version['at'])}  {version['author']}, from {version['source']}")
        for change in version["changes"]:
            print(f"    {_change_line(change)}")
    return ExitCode.OK


def _diff(options: argparse.Namespace) -> int:
    path = f"/jobs/{segment(options.name)}/versions/{options.version}"
    with open_client(options) as client:
        found = client.get(path, against=options.against)
    if options.json:
        print_json(found["changes"])
        return ExitCode.OK
    for change in found["changes"]:
        print(_change_line(change))
    return ExitCode.OK


def _restore(options: argparse.Namespace) -> int:
    path = f"/jobs/{segment(options.name)}"
    with open_client(options) as client:
        definition = client.get(f"{path}/versions/{options.version}")["definition"]
        tag = client.ask("GET", path).headers.get("etag", "*")
        saved = client.ask("PUT", path, body=definition, headers={"If_Match": tag}).data
    say(f"{options.name}: version {saved['version']} says what version {options.version} said")
    return ExitCode.OK
