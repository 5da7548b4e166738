"""`rota datasources`: add, list and sync the folders that are looked after."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from console.client import open_client, segment
from console.connection import add_connection_options
from console.exits import ExitCode
from console.output import add_json_option, local_time, print_json, print_table, say
from console.slugs import slug
from console.verbs import add_verb


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    adding = add_verb(verbs, "add", "add a folder", _add, add_connection_options)
    adding.add_argument("folder", metavar="FOLDER", help="a folder that the workers can reach under this path")
    adding.add_argument("--name", metavar="NAME", help="its name (default: made from the folder's)")
    add_verb(verbs, "list", "list the datasources", _list, add_connection_options, add_json_option)
    syncing = add_verb(
        verbs, "sync", "bring the catalog up to date now", _sync, add_connection_options, add_json_option
    )
    syncing.add_argument("name", metavar="NAME")
    syncing.add_argument("--wait", action="store_true", help="wait for the end; exit 0 only if it succeeded")
    syncing.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="with --wait: give up after this long (exit 124)"
    )


def _add(options: argparse.Namespace) -> int:
    folder = Path(options.folder).expanduser().absolute()
    name = options.name or slug(folder.name)
    with open_client(options) as client:
        client.post("/datasources", {"name": name, "root": str(folder)})
    if not folder.is_dir():
        say(f"{folder} is no folder on this machine; it must be one where the workers run")
    say(f"{name}: added; `rota datasources sync {name}` reads it now")
    return ExitCode.OK


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = list(client.items("/datasources"))
    if options.json:
        print_json(found)
        return ExitCode.OK
    print_table(
        ("name", "kind", "root", "entries", "last sync"),
        [_row(datasource) for datasource in found],
        empty="no datasources yet: add one with `rota datasources add FOLDER`",
    )
    return ExitCode.OK


def _row(datasource: dict[str, Any]) -> tuple[object, ...]:
    last = datasource["last_sync"] or {}
    return (
        datasource["name"],
        datasource["kind"],
        datasource["root"],
        datasource["entries"],
        local_time(last.get("at")),
    )


def _sync(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        run = client.post(f"/datasources/{segment(options.name)}/sync")["run"]
        if not options.wait:
            print_json({"run": run}) if options.json else print(run)
            return ExitCode.OK
        from console.following import wait_for_end

        ended = wait_for_end(client, run, timeout=options.timeout)
        if options.json:
            print_json(ended)
        else:
            counts = ", ".join(f"{name} {value}" for name, value in (ended["result"] or {}).items())
            print(run, ended["state"], counts)
        return ExitCode.OK if ended["state"] == "succeeded" else ExitCode.FAILED
