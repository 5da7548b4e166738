"""`/datasources/{name}/bin`: what was deleted into the bin of a datasource, since when and by whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from console.api.answers import documented, reply, reply_list
from console.api.bin_shapes import BinItemShape
from console.api.bin_shaping import ShownBin, holding
from console.api.parts import Given, Parts
from console.api.requests import Cursor, Limit, time_in
from console.api.routing import new_router
from store.queries import bin_items, datasources
from store.records import BinFilter, Page, RecycledRecord

router = new_router(tag="bin")

TextQuery = Annotated[str, Query(max_length=1000, description="Text in the path that it had, in any case.")]
UserQuery = Annotated[str, Query(max_length=200, description="Only what this user deleted.")]
FolderQuery = Annotated[str, Query(max_length=8192, description="Only what was in this folder or below it.")]
HeldQuery = Annotated[
    bool | None, Query(description="Only what somebody or a pattern of the rules keeps; with false, all else.")
]
BinQuery = Annotated[
    str | None, Query(max_length=8192, description="Only of this bin: `user:NAME`, `folder:NAME`, or nothing at all.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BinQuestion:
    """Which items somebody wants to see; empty texts and None ask for nothing."""

    q: str = ""
    user: str = ""
    folder: str = ""
    since: int | None = None
    until: int | None = None
    held: bool | None = None
    bin: str | None = None

    def filter(self, shown: ShownBin) -> BinFilter:
        """Return what the store is asked for."""
        return BinFilter(
            user=self.user or None,
            folder=self.folder.strip("/").encode("utf-8", "surrogateescape") or None,
            since=self.since,
            until=self.until,
            bin=self.bin,
            keep=self._keeps(shown) if self.q or self.held is not None else None,
        )

    def _keeps(self, shown: ShownBin) -> Callable[[RecycledRecord], bool]:
        holds = holding(self.q)

        def keeps(item: RecycledRecord) -> bool:
            return holds(item) and self.held in (None, shown.is_held(item))

        return keeps


@router.get("/datasources/{name}/bin", **documented("BinItem[]"))
def list_bin(
    request: Request,
    name: str,
    parts: Given,
    *,
    q: TextQuery = "",
    user: UserQuery = "",
    folder: FolderQuery = "",
    since: str | None = None,
    until: str | None = None,
    held: HeldQuery = None,
    bin: BinQuery = None,  # noqa: A002 -- the name of the parameter
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List what is in the bin, the newest deletion first; with `q` or `held` a page may be short and have a next one.

    `since` and `until` are about the time of deletion; the latter is not included.
    """
    question = BinQuestion(
        q=q,
        user=user,
        folder=folder,
        since=time_in(since, "since"),
        until=time_in(until, "until"),
        held=held,
        bin=bin,
    )
    page = items_in(parts, name, question, cursor=cursor, limit=limit)
    return reply_list(request, page.items, page.next)


@router.get("/datasources/{name}/bin/{item}", **documented("BinItem"))
def get_item(name: str, item: str, parts: Given) -> Response:
    """Return one item of the bin."""
    with parts.store.reading() as conn:
        shown = ShownBin.of(datasources.get(conn, name))
        found = bin_items.get(conn, name, item)
    return reply(shown.shape(found))


def items_in(parts: Parts, name: str, question: BinQuestion, *, cursor: str | None, limit: int) -> Page[BinItemShape]:
    """Return a page of what is in the bin of a datasource; NotFound without such a datasource."""
    with parts.store.reading() as conn:
        shown = ShownBin.of(datasources.get(conn, name))
        page = bin_items.list_items(conn, name, question.filter(shown), cursor=cursor, limit=limit)
    return Page(items=[shown.shape(item) for item in page.items], next=page.next)
