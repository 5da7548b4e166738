"""`rota datasources tree`: what the catalog has of a datasource, with the size of everything below each folder."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from console.client import Client, open_client, segment
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, print_json, print_table, printable_line, size
from console.verbs import add_verb

_MOST_DEPTH = 50


def configure(verbs: Any) -> None:
    """Add the verb and its options."""
    parser = add_verb(verbs, "tree", "show how much its folders hold", _tree, add_connection_options, add_json_option)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="a folder (default: the whole datasource)")
    parser.add_argument("--depth", type=int, default=1, metavar="N", help="how many levels of folders (default 1)")
    parser.add_argument("--all", action="store_true", help="files and links too")


def _tree(options: argparse.Namespace) -> int:
    if not 1 <= options.depth <= _MOST_DEPTH:
        raise CommandFailed(f"--depth must be from 1 to {_MOST_DEPTH}", ExitCode.USAGE)
    with open_client(options) as client:
        where = f"/datasources/{segment(options.name)}/entries"
        found = list(_below(client, where, {"path": options.path}, options.depth))
    top = [entry for level, entry in found if level == 1]
    shown = [entry for _, entry in found if options.all or entry["kind"] == "folder"]
    if options.json:
        print_json(shown)
        return ExitCode.OK
    rows = [(size(entry["size"]), _count(entry), _named(entry)) for entry in shown]
    total = len(top) + sum(entry["entries"] or 0 for entry in top)
    rows.append((size(sum(entry["size"] for entry in top)), total, f"{options.path.strip('/') or '.'}/"))
    print_table(("size", "entries", "path"), rows)
    return ExitCode.OK


def _below(client: Client, where: str, place: Mapping[str, Any], depth: int, level: int = 1) -> Iterator[Any]:
    """Yield the entries of a folder and of those in it, each with its level; a folder comes before what is in it."""
    for entry in client.items(where, **place):
        yield level, entry
        if level < depth and entry["kind"] == "folder" and entry["entries"]:
            inner = {"path": entry["path"]} if entry["raw"] is None else {"raw": entry["raw"]}
            yield from _below(client, where, inner, depth, level + 1)


def _count(entry: dict[str, Any]) -> object:
    return "" if entry["entries"] is None else entry["entries"]


def _named(entry: dict[str, Any]) -> str:
    return printable_line(f"{entry['path']}/" if entry["kind"] == "folder" else entry["path"])
