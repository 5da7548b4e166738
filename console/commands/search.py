"""`rota search`: what is in all datasources, found by name, content, type, size and time."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from console.client import Client, RequestRefused, open_client
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, local_time, print_json, printable, printable_line, say, size
from rota.search.types import TYPES

_PAGE = 500
_MOST_SAID = 200

_HELP = """\
the query is the words, joined by spaces; docs/search.md tells all of the language:
  rota search annual report            both words, in the name or in the text
  rota search '"annual report"'        a phrase; the shell takes the outer quotes
  rota search 'report -draft ext:pdf'  without a word; by the end of the name
  rota search 'size:>10MB modified:7d' by size and time

"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _HELP + (parser.epilog or "")
    parser.set_defaults(run=_run)
    parser.add_argument("query", metavar="QUERY", nargs="*", help="what to search for; nothing finds everything")
    parser.add_argument("--datasource", metavar="NAME", action="append", help="only this one; may be repeated")
    parser.add_argument("--type", choices=TYPES, metavar="TYPE", action="append", help=f"only {', '.join(TYPES)}")
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help="at most so many hits (default 20, most 500)"
    )
    parser.add_argument("--cursor", metavar="CURSOR", help="go on where an earlier page ended")
    parser.add_argument("--all", action="store_true", help="every hit, whatever --limit says")
    add_json_option(parser)
    add_connection_options(parser)


def _run(options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= _PAGE:
        raise CommandFailed(f"--limit must be from 1 to {_PAGE}; --all gives every hit", ExitCode.USAGE)
    text = " ".join(options.query)
    with open_client(options) as client:
        pages = _pages(client, options, text)
        if options.json:
            print_json([hit for page in pages for hit in page["items"]])
            return ExitCode.OK
        shown, page = 0, None
        for page in pages:
            for hit in page["items"]:
                _print(hit)
            shown += len(page["items"])
    assert page is not None
    _tell(page, shown)
    return ExitCode.OK


def _pages(client: Client, options: argparse.Namespace, text: str) -> Iterator[dict[str, Any]]:
    cursor = options.cursor
    while True:
        page = _page(client, options, text, cursor)
        yield page
        cursor = page["next"]
        if not options.all or cursor is None:
            return


def _page(client: Client, options: argparse.Namespace, text: str, cursor: str | None) -> dict[str, Any]:
    try:
        page: dict[str, Any] = client.get(
            "/search",
            q=text,
            datasource=options.datasource,
            type=options.type,
            zone=_zone(),
            limit=_PAGE if options.all else options.limit,
            cursor=cursor,
        )
    except RequestRefused as error:
        position = error.problem.get("position")
        if position is None:
            raise
        raise CommandFailed(
            _pointed(str(error.problem["detail"]), text, position, error.problem["length"]), ExitCode.USAGE
        ) from error
    return page


def _pointed(message: str, text: str, position: int, length: int) -> str:
    """Return a message with the query below it, and a caret under what is wrong."""
    shown = printable_line(text)
    return f"{message}\n  {shown}\n  {' ' * position}{'^' * max(1, min(length, len(shown) - position))}"


def _zone() -> str | None:
    """Return the name of this machine's time zone, None if it has none that others know."""
    from rota.zones import zone

    name = os.environ.get("TZ", "").lstrip(":") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    try:
        return zone(name).key
    except ValueError:
        return None


def _tell(page: dict[str, Any], shown: int) -> None:
    """Say how much of it was shown, and what could not be searched."""
    if page["left_out"]:
        say(f"not searched, for the index is lost or broken: {', '.join(page['left_out'])}")
    if page["total"] == 0:
        say("nothing was found")
        return
    least = "" if page["total_is_exact"] else "at least "
    following = f"; the next ones with --cursor {page['next']}" if page["next"] else ""
    say(f"{shown} of {least}{page['total']:,} {'hit' if page['total'] == 1 else 'hits'}{following}")


def _print(hit: dict[str, Any]) -> None:
    mark = "/" if hit["kind"] == "folder" else ""
    amount = (size(hit["size"]),) if hit["kind"] == "file" else ()
    facts = "  ".join((hit["datasource"], hit["type"], *amount, local_time(hit["modified"])))
    path = printable_line(f"{hit['path']}{mark}")
    # Where nothing of the text was hit, what the file says of itself may be why it was found.
    pieces = hit["snippet"] or [{"text": line, "hit": False} for line in [_said(hit["meta"])] if line]
    snippet = [(" ".join(printable(piece["text"]).split("\n")), piece["hit"]) for piece in pieces]
    if sys.stdout.isatty():
        _draw(path, facts, snippet)
        return
    print(f"{path}\n  {facts}")
    if snippet:
        print(f"  {''.join(text for text, _ in snippet)}")


def _said(meta: str) -> str:
    """Return the beginning of what a file says of itself as one line."""
    line = "; ".join(meta.split("\n"))
    return line if len(line) <= _MOST_SAID else f"{line[:_MOST_SAID]}…"


def _draw(path: str, facts: str, snippet: list[tuple[str, bool]]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(path, style="bold"))
    console.print(Text(f"  {facts}", style="dim"))
    if snippet:
        console.print(Text.assemble("  ", *((text, "bold yellow" if is_hit else "") for text, is_hit in snippet)))
