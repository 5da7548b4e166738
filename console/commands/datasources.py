"""`rota datasources`: the storages that are looked after: list and show them, switch and remove them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from console.asking import add_yes_option, make_sure
from console.client import open_client, segment
from console.commands import datasource_definitions, datasource_index, datasource_tree, datasource_work
from console.commands.bin_rules import bin_rules, bin_state
from console.connection import add_connection_options
from console.difference_words import CHECKED, INDEXED, counts_in_words
from console.exits import ExitCode
from console.output import add_json_option, duration, local_time, print_fields, print_json, print_table, say, size
from console.verbs import add_verb

_OUTPUT = (add_connection_options, add_json_option)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    datasource_definitions.configure(verbs)
    add_verb(verbs, "list", "list the datasources", _list, *_OUTPUT)
    showing = add_verb(verbs, "show", "show a datasource, and how it stands with it", _show, *_OUTPUT)
    showing.add_argument("name", metavar="NAME")
    datasource_work.configure(verbs)
    datasource_index.configure(verbs)
    datasource_tree.configure(verbs)
    for word, line in (
        ("enable", "let jobs about all datasources include these"),
        ("disable", "let jobs about all datasources leave these out"),
    ):
        switching = add_verb(verbs, word, line, _switch, add_connection_options)
        switching.add_argument("names", metavar="NAME", nargs="+")
        switching.set_defaults(word=word)
    removing = add_verb(
        verbs, "remove", "forget a datasource; its files stay", _remove, add_connection_options, add_yes_option
    )
    removing.add_argument("name", metavar="NAME")


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = list(client.items("/datasources"))
    if options.json:
        print_json(found)
        return ExitCode.OK
    print_table(
        ("name", "kind", "root", "state", "entries", "size", "last sync"),
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
        datasource["state"],
        datasource["entries"],
        size(datasource["bytes"]),
        local_time(last.get("at")),
    )


def _show(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = client.get(f"/datasources/{segment(options.name)}")
    if options.json:
        print_json(found)
    else:
        print_fields([*_defined(found), *_become(found)])
    return ExitCode.OK


def _defined(found: dict[str, Any]) -> list[tuple[str, object]]:
    settings = {name: value for name, value in found["options"].items() if value is not None}
    return [
        ("name", found["name"]),
        ("label", found["label"] or None),
        ("kind", found["kind"]),
        ("root", found["root"]),
        ("options", "\n".join(f"{name}={_shown(value)}" for name, value in settings.items()) or None),
        ("include", "\n".join(found["include"]) or None),
        ("exclude", "\n".join(found["exclude"]) or None),
        ("asks", f"when more than {found['max_deleted']:.0%} are gone at once"),
        ("private", "its address may be a private one" if found["allow_private"] else None),
        ("watched", "yes" if found["watch"] else None),
        ("searched", _searched(found)),
        *bin_rules(found["bin"]),
        ("homes", found["homes"]),
        ("queue", found["queue"]),
        ("marker", "its root must hold the right one" if found["marked"] else None),
    ]


def _become(found: dict[str, Any]) -> list[tuple[str, object]]:
    last, doubt, away = (found[name] for name in ("last_sync", "doubt", "unreachable"))
    return [
        ("state", found["state"]),
        ("catalog", f"{found['entries']:,} entries, {size(found['bytes'])}"),
        ("last sync", f"{local_time(last['at'])}: {counts_in_words(last)} (run {last['run']})" if last else "never"),
        ("waits", f"{doubt['deleted']:,} deletions, to be confirmed: {doubt['reason']}" if doubt else None),
        ("unreachable", f"since {local_time(away['since'])}: {away['reason']}" if away else None),
        *_indexed(found["search"]),
        *bin_state(found["recycled"]),
    ]


def _searched(found: dict[str, Any]) -> str:
    if not found["index"]:
        return "no"
    if not found["contents"]:
        return "by name only"
    stemmed = "" if found["language"] == "none" else f", words in {found['language'].capitalize()}"
    return f"by name and content, of files up to {size(found['largest_read'])}{stemmed}"


def _indexed(search: dict[str, Any]) -> list[tuple[str, object]]:
    """Tell how it stands with the index."""
    last, check, lag = search["last_run"], search["last_check"], search["lag"]
    counts = f", {search['documents']:,} documents, {size(search['bytes'])}, {search['engine']}"
    return [
        ("search", search["state"] + ("" if search["state"] in ("switched off", "not indexed") else counts)),
        ("behind", f"{_count(lag['folders'], 'folder')}, for {duration(lag['seconds'])}" if lag["folders"] else None),
        ("unread", f"{_count(search['unread'], 'file')} gave no text" if search["unread"] else None),
        (
            "indexed",
            f"{local_time(last['at'])}: {counts_in_words(last, INDEXED)} (run {last['run']})" if last else None,
        ),
        (
            "checked",
            f"{local_time(check['at'])}: {counts_in_words(check, CHECKED)} (run {check['run']})" if check else None,
        ),
    ]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _switch(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        for name in options.names:
            client.post(f"/datasources/{segment(name)}/{options.word}")
            say(f"{name}: switched {'on' if options.word == 'enable' else 'off'}")
    return ExitCode.OK


def _remove(options: argparse.Namespace) -> int:
    path = f"/datasources/{segment(options.name)}"
    with open_client(options) as client:
        found = client.get(path)
        make_sure(f"Forget {options.name} and its catalog of {found['entries']:,} entries? Its files stay.", options)
        client.ask("DELETE", path)
    say(f"{options.name}: removed; its files are where they were")
    return ExitCode.OK
