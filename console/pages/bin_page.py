"""The page of a bin: what was deleted, with what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from starlette.responses import Response

from console.api.bin_items import BinQuestion, FolderQuery, TextQuery, UserQuery, items_in
from console.api.bin_next import next_purge, next_tick
from console.api.bin_shapes import BinItemShape, NextPurgeShape
from console.api.datasource_shaping import path_of_raw, raw_of
from console.api.datasources import one_datasource
from console.api.identity import Asking
from console.api.parts import Given, Parts
from console.api.requests import Cursor
from console.api.routing import new_router
from console.pages.datasource_runs import BIN_JOBS, RunText, answer_of, open_runs
from console.pages.entry_rows import place_of
from console.pages.moments import TimeText, ZoneText, moment_in
from console.pages.rendering import wants_part
from console.pages.showing import show
from rota.errors import Refused
from rota.times import parse_rfc3339
from store.queries import datasources

router = new_router(prefix="", in_schema=False)

_PAGE = 100
_MOST_PLANNED = 20_000
"""Items of a bin about which the page tells what the next purge takes: that is found out at each visit."""

HeldWord = Annotated[str, Query(max_length=10)]


@dataclass(frozen=True, slots=True)
class Row:
    """An item, with the folder that it was in and whether its time has come."""

    item: BinItemShape
    folder: str
    link: str
    is_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What somebody has typed into the form above the list."""

    q: str
    user: str
    folder: str
    held: str
    since: str
    until: str
    zone: str

    @property
    def further(self) -> bool:
        """Whether anything but the text is asked for."""
        return any((self.user, self.folder, self.held, self.since, self.until))

    @property
    def address(self) -> str:
        """Return them as the query of an address."""
        names = ("q", "user", "folder", "held", "since", "until")
        given = {name: value for name in names if (value := getattr(self, name))}
        return urlencode({**given, "zone": self.zone} if given and self.zone else given)

    def question(self) -> BinQuestion:
        """Return what is asked of the API; a Problem names a time that is none."""
        return BinQuestion(
            q=self.q.strip(),
            user=self.user.strip(),
            folder=self.folder.strip(),
            since=moment_in(self.since, self.zone, "since").at if self.since else None,
            until=moment_in(self.until, self.zone, "until").end if self.until else None,
            held={"yes": True, "no": False}.get(self.held),
        )


@router.get("/datasources/{name}/bin")
def bin_page(
    request: Request,
    name: str,
    parts: Given,
    *,
    who: Asking,
    q: TextQuery = "",
    user: UserQuery = "",
    folder: FolderQuery = "",
    held: HeldWord = "",
    since: TimeText = "",
    until: TimeText = "",
    zone: ZoneText = "",
    cursor: Cursor = None,
    run: RunText = "",
) -> Response:
    """Show what is in the bin of a datasource, when it leaves, and what the next purge takes."""
    filters = Filters(q=q, user=user, folder=folder, held=held, since=since, until=until, zone=zone)
    page = items_in(parts, name, filters.question(), cursor=cursor, limit=_PAGE)
    with parts.store.reading() as conn:
        context: dict[str, Any] = {
            "source": one_datasource(parts, conn, datasources.get(conn, name)),
            "working": open_runs(conn, name, BIN_JOBS),
            "answer": answer_of(conn, name, run),
            "due": next_tick(conn),
        }
    # Not in the part that is kept up to date: it takes longer than all else.
    upcoming = None if wants_part(request) else _upcoming(parts, name)
    now = parts.clock.now_ms()
    return show(
        request,
        "bin.html",
        who,
        rows=[_row(item, now) for item in page.items],
        next=page.next,
        cursor=cursor,
        filters=filters,
        upcoming=upcoming,
        **context,
    )


def _upcoming(parts: Parts, name: str) -> NextPurgeShape | None:
    try:
        return next_purge(parts, name, most=_MOST_PLANNED)
    except Refused:
        return None


def _row(item: BinItemShape, now: int) -> Row:
    path = item.path.encode() if item.raw is None else path_of_raw(item.raw)
    folder = path.rpartition(b"/")[0]
    said = folder.decode("utf-8", "replace")
    is_due = item.due_at is not None and parse_rfc3339(item.due_at) <= now
    return Row(item, said, place_of(said, raw_of(folder)), is_due)
