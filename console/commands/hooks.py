"""`rota hooks`: make the addresses at which services publish events, list, switch and delete them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from console.client import Client, open_client, segment
from console.connection import add_connection_options, find_connection
from console.exits import ExitCode
from console.output import add_json_option, local_time, print_json, print_table, say
from console.verbs import add_verb


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    adding = add_verb(
        verbs, "add", "make a hook and print its token, once", _add, add_connection_options, add_json_option
    )
    adding.add_argument("slug", metavar="SLUG", help="its name; what is sent to it becomes the event hook.SLUG")
    adding.add_argument("--label", metavar="TEXT", default="", help="what it is for (default: its name)")
    add_verb(verbs, "list", "list the hooks", _list, add_connection_options, add_json_option)
    rotating = add_verb(
        verbs,
        "rotate",
        "give a hook a new token and print it",
        _rotate,
        add_connection_options,
        add_json_option,
    )
    rotating.add_argument("slug", metavar="SLUG")
    for verb, line, run in (
        ("enable", "let hooks take events again", _enable),
        ("disable", "let hooks refuse what is sent to them", _disable),
        ("delete", "delete hooks and their tokens", _delete),
    ):
        switching = add_verb(verbs, verb, line, run, add_connection_options)
        switching.add_argument("slugs", metavar="SLUG", nargs="+")


def _add(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        hook = client.post("/hooks", {"slug": options.slug, "label": options.label})
    return _show_token(options, hook, "added")


def _rotate(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        hook = client.post(f"/hooks/{segment(options.slug)}/rotate")
    return _show_token(options, hook, "the old token works no more")


def _show_token(options: argparse.Namespace, hook: dict[str, Any], done: str) -> int:
    """Print the token alone on standard output, where a script reads it, and all else beside it."""
    url = find_connection(options).url + hook["path"]
    if options.json:
        print_json({**hook, "url": url})
        return ExitCode.OK
    say(f"{hook['slug']}: {done}; it publishes {hook['event']}")
    say(f"send to {url} with this token, which is not shown again:")
    print(hook["token"])
    return ExitCode.OK


def _list(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = list(client.items("/hooks"))
    if options.json:
        print_json(found)
        return ExitCode.OK
    print_table(
        ("slug", "label", "event", "state", "last used", "added by"),
        [_row(hook) for hook in found],
        empty="no hooks yet: add one with `rota hooks add SLUG`",
    )
    return ExitCode.OK


def _row(hook: dict[str, Any]) -> tuple[object, ...]:
    used = local_time(hook["used_at"]) if hook["used_at"] else "never"
    state = "enabled" if hook["enabled"] else "disabled"
    return hook["slug"], hook["label"], hook["event"], state, used, hook["created_by"]


def _enable(options: argparse.Namespace) -> int:
    return _each(options, "enabled", lambda client, path: client.post(f"{path}/enable"))


def _disable(options: argparse.Namespace) -> int:
    return _each(options, "disabled", lambda client, path: client.post(f"{path}/disable"))


def _delete(options: argparse.Namespace) -> int:
    return _each(options, "deleted", lambda client, path: client.ask("DELETE", path))


def _each(options: argparse.Namespace, done: str, act: Callable[[Client, str], object]) -> int:
    with open_client(options) as client:
        for slug in options.slugs:
            act(client, f"/hooks/{segment(slug)}")
            say(f"{slug}: {done}")
    return ExitCode.OK
