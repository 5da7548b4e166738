"""`rota events`: publish an event, or watch those that come in."""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from console.client import Client, open_client
from console.connection import add_connection_options
from console.exits import CommandFailed, ExitCode
from console.output import add_json_option, local_time, print_json_line, printable, say
from console.verbs import add_verb

_POLL_SECONDS = 1.0
_PAGE = 50


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs and their options."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    publishing = add_verb(verbs, "publish", "publish an event (CloudEvents 1.0)", _publish, add_connection_options)
    publishing.add_argument("type", metavar="TYPE", help="what happened, such as entry.created")
    publishing.add_argument("--source", metavar="URI", help="where it happened (default: /cli/HOSTNAME)")
    publishing.add_argument("--subject", metavar="TEXT", help="what it happened to")
    publishing.add_argument("--data", metavar="JSON", help="its data; @FILE reads a file, @- standard input")
    publishing.add_argument("--id", metavar="ID", help="its id; the same source and id count once (default: a new one)")
    tailing = add_verb(verbs, "tail", "print events as they come in", _tail, add_connection_options, add_json_option)
    tailing.add_argument("--type", metavar="PATTERN", help="only events of this type, such as entry.*")
    tailing.add_argument("--last", type=int, default=10, metavar="N", help="start with the N newest (default 10)")
    tailing.add_argument("--no-follow", action="store_true", help="print what is there and stop")


def _publish(options: argparse.Namespace) -> int:
    from rota.ids import new_id

    event = {
        "specversion": "1.0",
        "id": options.id or new_id(),
        "source": options.source or f"/cli/{socket.gethostname()}",
        "type": options.type,
    }
    if options.subject is not None:
        event["subject"] = options.subject
    if options.data is not None:
        event["data"] = _data(options.data)
    with open_client(options) as client:
        body = json.dumps(event).encode()
        client.ask("POST", "/events", body=body, headers={"Content-Type": "application/cloudevents+json"})
        say(f"published {event['type']} as {event['id']}")
        return ExitCode.OK


def _data(given: str) -> Any:
    try:
        if given == "@-":
            given = sys.stdin.read()
        elif given.startswith("@"):
            given = Path(given[1:]).read_text(encoding="utf-8")
        return json.loads(given)
    except OSError as error:
        raise CommandFailed(f"--data {given}: {error.strerror}", ExitCode.USAGE) from error
    except ValueError as error:
        raise CommandFailed(f"--data is not JSON: {error}", ExitCode.USAGE) from error


def _tail(options: argparse.Namespace) -> int:
    with open_client(options) as client:
        found = _newest(client, options.type, limit=options.last)
        seen = found[0]["seq"] if found else 0
        while True:
            for event in reversed(found):
                _print(event, as_json=options.json)
            if options.no_follow:
                return ExitCode.OK
            time.sleep(_POLL_SECONDS)
            found = _newest(client, options.type, after=seen)
            seen = found[0]["seq"] if found else seen


def _newest(client: Client, pattern: str | None, *, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the events behind a known one, newest first, of a type or pattern."""
    from rota.events import matches

    behind = takewhile(lambda event: event["seq"] > after, client.items("/events", page_size=_PAGE))
    wanted = (event for event in behind if pattern is None or matches(pattern, event["type"]))
    return list(islice(wanted, limit))


def _print(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json_line(event)
        return
    runs = ", ".join(f"{match['job']} ({match['run']})" for match in event["matched"]) or "no job"
    words = (local_time(event["received_at"]), event["type"], event["source"], event["subject"] or "", "→", runs)
    print(printable("  ".join(word for word in words if word)), flush=True)
