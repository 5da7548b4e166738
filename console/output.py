"""What commands print: tables for people, JSON for programs; data to stdout, everything else to stderr."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from console.exits import CommandFailed, ExitCode

MISSING = "\N{EN DASH}"

_UNITS = ("B", "KB", "MB", "GB", "TB")
_STYLES = {
    "succeeded": "green",
    "enabled": "green",
    "ok": "green",
    "failed": "red",
    "fail": "red",
    "unreachable": "red",
    "error": "red",
    "running": "cyan",
    "queued": "cyan",
    "retrying": "yellow",
    "needs confirmation": "yellow",
    "warn": "yellow",
    "warning": "yellow",
    "paused": "yellow",
    "skipped": "dim",
    "cancelled": "dim",
    "disabled": "dim",
    "switched off": "dim",
    "debug": "dim",
}


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, which every command that prints data has."""
    parser.add_argument("--json", action="store_true", help="print JSON, as the API gives it")


def print_json(value: object) -> None:
    """Print a value as JSON, indented for people who look at it."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_json_line(value: object) -> None:
    """Print a value as one line of JSON, for streams."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def say(message: str) -> None:
    """Tell the person something that is no data."""
    print(message, file=sys.stderr, flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> None:
    """Print a table: drawn on a terminal, else aligned text that loses nothing. `empty` is said when it has no rows."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        if empty:
            say(empty)
        return
    if sys.stdout.isatty():
        _draw(columns, cells)
        return
    table = [[column.upper() for column in columns], *cells]
    widths = [max(len(row[n]) for row in table) for n in range(len(columns))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print one thing as a list of its fields; those that are None are left out."""
    shown = [(name, printable(value)) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *others = value.split("\n") or [""]
        print(f"{name.ljust(width)}  {first}")
        for line in others:
            print(f"{' ' * width}  {line}")


def printable(value: object) -> str:
    """Return a value as text without control characters, which could repaint the reader's terminal."""
    if value is None:
        return MISSING
    text = str(value)
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text.replace("\t", "    ")
    )


def printable_line(value: object) -> str:
    """Return a value as one line of printable text: a name with a line end in it must not look like two."""
    return printable(value).replace("\n", "\N{REPLACEMENT CHARACTER}")


def local_time(text: str | None) -> str:
    """Return a time of the API in the reader's time zone, to the second."""
    if text is None:
        return MISSING
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def instant(text: str) -> tuple[datetime, timedelta]:
    """Return a time that a person wrote, and how exactly: to the day, the minute or the second.

    Without an offset it is in the writer's time zone. CommandFailed says what is allowed.
    """
    _, _, clock = text.replace(" ", "T").partition("T")
    length = timedelta(days=1)
    if clock:
        length = timedelta(seconds=1) if re.match(r"\d\d:?\d\d:?\d\d", clock) else timedelta(minutes=1)
    try:
        moment = datetime.fromisoformat(text).astimezone()
        moment + length  # the calendar must not end within it
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time; write 2026-05-04T08:30, 2026-05-04T08:30:00Z or 2026-05-04T08:30+02:00"
        raise CommandFailed(message, ExitCode.USAGE) from error
    return moment, length


def elapsed(started: str | None, ended: str | None) -> str:
    """Return how long something took, or has taken so far."""
    if started is None:
        return MISSING
    end = datetime.now(UTC) if ended is None else datetime.fromisoformat(ended)
    return duration(max(0.0, (end - datetime.fromisoformat(started)).total_seconds()))


def duration(seconds: float) -> str:
    """Return seconds as people say them: `0.42 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def size(count: int) -> str:
    """Return bytes as people say them: `512 B`, `3.4 MB`."""
    value = float(count)
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"


def animated() -> bool:
    """Tell whether stderr is a terminal that may be repainted."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def _draw(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in cells:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(table)
