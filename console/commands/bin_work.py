"""The verbs of `rota bin` that do something: restore, delete, purge, confirm, hold, release."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from console.asking import add_yes_option, make_sure
from console.client import Client, open_client, segment
from console.commands.datasource_work import add_waiting_options, follow, tell_started
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, local_time, print_json, printable_line, say, size
from console.verbs import add_verb
from console.work_words import counted, purge_in_words, restore_in_words

_OUTPUT = (add_connection_options, add_json_option)
_LIMITS = ("older_than", "max_size", "max_items", "user", "folder", "items_per_second")


def configure(verbs: Any) -> None:
    """Add the verbs and their options."""
    restoring = add_verb(verbs, "restore", "bring items back; nothing that is there is replaced", _restore, *_OUTPUT)
    _add_items(restoring, needed=False)
    restoring.add_argument(
        "--path", action="append", default=[], metavar="PATH", help="what was deleted last at this path (repeatable)"
    )
    restoring.add_argument(
        "--to", default="", metavar="FOLDER", help="folder to put them in (default: where they were)"
    )
    restoring.add_argument(
        "--conflict",
        choices=("skip", "number"),
        default="skip",
        help="where something is there already: leave the item in the bin (default), or number its name",
    )
    add_waiting_options(restoring)
    deleting = add_verb(verbs, "delete", "delete items for good, whatever the rules", _delete, *_OUTPUT, add_yes_option)
    _add_items(deleting)
    deleting.add_argument("--for-good", action="store_true", help="needed: nobody can bring them back")
    add_waiting_options(deleting)
    _configure_purge(verbs)
    holding = add_verb(verbs, "hold", "keep items from every purge", _hold, *_OUTPUT)
    _add_items(holding)
    holding.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever wonders later")
    _add_items(add_verb(verbs, "release", "let held items go when their time comes", _release, *_OUTPUT))


def _configure_purge(verbs: Any) -> None:
    line = "delete for good what the rules of a bin, or these, let go"
    purging = add_verb(verbs, "purge", line, _purge, *_OUTPUT, add_yes_option)
    purging.add_argument("datasource", metavar="DATASOURCE")
    purging.add_argument("--dry-run", action="store_true", help="tell what would go, and delete nothing; waits")
    purging.add_argument("--older-than", metavar="DURATION", help="what was deleted longer ago, such as P7D")
    purging.add_argument("--max-size", type=int, metavar="BYTES", help="so many bytes stay; the oldest items go first")
    purging.add_argument("--max-items", type=int, metavar="N", help="so many items stay; the oldest go first")
    purging.add_argument("--user", metavar="USER", help="only what this user deleted")
    purging.add_argument("--folder", metavar="FOLDER", help="only what was in this folder or below it")
    purging.add_argument("--items-per-second", type=float, metavar="N", help="go no faster than this")
    add_waiting_options(purging)
    line = "show what the last purge held back, and confirm it"
    confirming = add_verb(verbs, "confirm", line, _confirm, *_OUTPUT, add_yes_option)
    confirming.add_argument("datasource", metavar="DATASOURCE")
    add_waiting_options(confirming)


def _add_items(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    parser.add_argument("datasource", metavar="DATASOURCE")
    parser.add_argument(
        "items", metavar="ITEM", nargs="+" if needed else "*", help="its id, as `rota bin list` tells it"
    )


def _restore(options: argparse.Namespace) -> int:
    if not options.items and not options.path:
        raise CommandFailed("give the items to restore, or --path with where they were", ExitCode.USAGE)
    wish = {"items": options.items, "paths": options.path, "target": options.to, "conflict": options.conflict}
    with open_client(options) as client:
        started = client.post(f"{_bin(options)}/restore", wish)
        if not options.wait:
            return tell_started(started, options)
        return follow(client, started, options, tell=_restored)


def _restored(found: dict[str, Any]) -> list[str]:
    kept = [f"  stays: {printable_line(item['path'])}: {item['why']}" for item in found.get("kept") or ()]
    return [restore_in_words(found), *kept]


def _delete(options: argparse.Namespace) -> int:
    if not options.for_good:
        said = "nobody can bring back what is deleted from the bin: give --for-good if that is meant"
        raise CommandFailed(said, ExitCode.USAGE)
    with open_client(options) as client:
        found = [client.get(f"{_bin(options)}/{segment(item)}") for item in options.items]
        amount = f"{counted(len(found), 'item')}, {size(sum(item['size'] for item in found))}"
        make_sure(f"Delete {amount}, of {options.datasource} for good?", options)
        started = client.post(f"{_bin(options)}/delete", {"items": options.items})
        return _followed(client, started, options)


def _purge(options: argparse.Namespace) -> int:
    wish = {name: value for name in _LIMITS if (value := getattr(options, name)) is not None}
    with open_client(options) as client:
        if options.dry_run:
            started = client.post(f"{_bin(options)}/dry-run", wish)
            return _followed(client, started, options, dry=True)
        make_sure(f"Delete for good what may leave the bin of {options.datasource}? --dry-run tells what.", options)
        return _followed(client, client.post(f"{_bin(options)}/purge", wish), options)


def _confirm(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        doubt = client.get(f"/datasources/{segment(options.datasource)}")["recycled"]["doubt"]
        if doubt is None:
            raise CommandFailed(f"no purge of {options.datasource} waits to be confirmed", ExitCode.REFUSED)
        say(f"{local_time(doubt['at'])}: {doubt['reason']} (run {doubt['run']})")
        examples = doubt.get("examples") or []
        for example in examples:
            say(f"  {printable_line(example)}")
        if 0 < len(examples) < doubt["items"]:
            say(f"  and {doubt['items'] - len(examples):,} more")
        make_sure(f"Delete {counted(doubt['items'], 'item')}, {size(doubt['bytes'])}, for good?", options)
        started = client.post(f"{_bin(options)}/confirm", {"items": doubt["items"]})
        return _followed(client, started, options)


def _followed(client: Client, started: dict[str, Any], options: argparse.Namespace, *, dry: bool = False) -> int:
    wait = dry if options.wait is None else options.wait
    if not wait:
        return tell_started(started, options)
    return follow(client, started, options, tell=partial(_purged, dry=dry))


def _purged(found: dict[str, Any], *, dry: bool) -> list[str]:
    listed = [
        f"  {local_time(item['deleted_at'])}  {size(item['bytes'])}  {printable_line(item['path'])}"
        for item in found.get("items") or ()
    ]
    more = [f"  and {found['more']:,} more"] if found.get("more") else []
    return [purge_in_words(found, dry=dry), *(listed + more if dry else [])]


def _hold(options: argparse.Namespace) -> int:
    return _changed(options, "hold", {"items": options.items, "reason": options.reason}, "held")


def _release(options: argparse.Namespace) -> int:
    return _changed(options, "release", {"items": options.items}, "released")


def _changed(options: argparse.Namespace, verb: str, wish: dict[str, Any], word: str) -> int:
    with open_client(options) as client:
        changed = client.post(f"{_bin(options)}/{verb}", wish)["changed"]
    if options.json:
        print_json(changed)
    else:
        say(f"{counted(len(changed), 'item')} {word}")
    return ExitCode.OK


def _bin(options: argparse.Namespace) -> str:
    return f"/datasources/{segment(options.datasource)}/bin"
