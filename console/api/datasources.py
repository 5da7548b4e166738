"""`/datasources`: the storages that are looked after, as people define them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Request
from starlette.responses import Response

from console.api import datasource_settings as settings
from console.api.answers import documented, nothing, ref, reply, reply_list
from console.api.datasource_shaping import datasource_shape, etag_of, recycled_shape
from console.api.identity import Asking
from console.api.index_shaping import index_shape, known_of, known_of_all
from console.api.parts import Given, Parts
from console.api.problems import Problem
from console.api.requests import Body
from console.api.routing import new_router
from console.api.shapes import DatasourceShape
from rota.errors import Conflict
from store.engine import Connection
from store.queries import bin_items, catalog, datasources
from store.records import BinCounts, BinState, DatasourceRecord

router = new_router(tag="datasources")

IfMatch = Annotated[str | None, Header(description="ETag of the definition that was read.")]

_DEFINITION = {"application/json": ref("DatasourceDefinition")}


@router.get("/datasources", **documented("Datasource[]"))
def list_datasources(request: Request, parts: Given) -> Response:
    """List all datasources by name."""
    return reply_list(request, all_datasources(parts), None)


@router.post("/datasources", **documented("Datasource", status=201, body=_DEFINITION, headers=("Location", "ETag")))
def add_datasource(parts: Given, who: Asking, body: Body) -> Response:
    """Add a datasource; 409 if there is one of that name. It is read by the next sync."""
    return _saved(parts, settings.save(parts, who, settings.parse(body.mapping()), must_be_new), status=201)


@router.get("/datasources/{name}", **documented("Datasource", headers=("ETag",)))
def get_datasource(name: str, parts: Given) -> Response:
    """Return a datasource: its definition, and what became of it."""
    with parts.store.reading() as conn:
        record = datasources.get(conn, name)
    return _saved(parts, record)


@router.put("/datasources/{name}", **documented("Datasource", body=_DEFINITION, headers=("ETag",)))
def put_datasource(name: str, parts: Given, who: Asking, body: Body, if_match: IfMatch = None) -> Response:
    """Save a datasource under its name; to change one, send the ETag that was read with it as If-Match."""
    wanted = settings.parse({"name": name, **body.mapping()})
    if wanted.name != name:
        listed = [{"pointer": "/name", "path": "name", "message": f"must be {name}, as in the address"}]
        raise Problem(422, "the datasource is not valid", name="invalid-definition", errors=listed)
    new = False

    def check(known: DatasourceRecord | None) -> None:
        nonlocal new
        new = known is None
        _check_match(known, if_match)

    return _saved(parts, settings.save(parts, who, wanted, check), status=201 if new else 200)


@router.delete("/datasources/{name}", **documented(status=204))
def delete_datasource(name: str, parts: Given, who: Asking) -> Response:
    """Forget a datasource and its catalog; the files themselves stay untouched."""
    settings.remove(parts, who, name)
    return nothing()


@router.delete("/datasources/{name}/marker", **documented("Datasource", headers=("ETag",)))
def forget_marker(name: str, parts: Given, who: Asking) -> Response:
    """Expect no marker in its root any more; the file itself stays, and a test with `mark` takes it over again."""
    return _saved(parts, settings.forget_marker(parts, who, name))


@router.post("/datasources/{name}/enable", **documented("Datasource", headers=("ETag",)))
def enable_datasource(name: str, parts: Given, who: Asking) -> Response:
    """Let jobs about all datasources include it."""
    return _saved(parts, settings.switch(parts, who, name, enabled=True))


@router.post("/datasources/{name}/disable", **documented("Datasource", headers=("ETag",)))
def disable_datasource(name: str, parts: Given, who: Asking) -> Response:
    """Let jobs about all datasources leave it out; its catalog stays, and it can still be synced by its name."""
    return _saved(parts, settings.switch(parts, who, name, enabled=False))


def all_datasources(parts: Parts) -> list[DatasourceShape]:
    """Return all datasources with how much the catalog has of them."""
    engine, now = parts.settings.search_place.engine, parts.clock.now_ms()
    with parts.store.reading() as conn:
        known = known_of_all(conn)
        bins, states = bin_items.counts_of_all(conn), bin_items.states(conn)
        found = [(record, catalog.counts(conn, record.name)) for record in datasources.list_datasources(conn)]
    return [
        datasource_shape(
            record,
            counts,
            search=index_shape(record, known(record.name), engine=engine, now=now),
            recycled=recycled_shape(bins.get(record.name, BinCounts()), states.get(record.name, BinState())),
        )
        for record, counts in found
    ]


def one_datasource(parts: Parts, conn: Connection, record: DatasourceRecord) -> DatasourceShape:
    """Return a datasource with what the catalog, the index and the bin have of it."""
    search = index_shape(
        record,
        known_of(conn, record.name),
        engine=parts.settings.search_place.engine,
        now=parts.clock.now_ms(),
    )
    recycled = recycled_shape(bin_items.counts(conn, record.name), bin_items.state(conn, record.name))
    return datasource_shape(record, catalog.counts(conn, record.name), search=search, recycled=recycled)


def must_be_new(known: DatasourceRecord | None) -> None:
    """Raise Conflict if there is such a datasource."""
    if known is not None:
        raise Conflict(f"there is a datasource {known.name} already")


def changed(name: str) -> Problem:
    """Return what is said to whoever would have overwritten somebody else's change."""
    return Problem(412, f"{name} was changed by somebody else; read it again", name="changed")


def _saved(parts: Parts, record: DatasourceRecord, *, status: int = 200) -> Response:
    with parts.store.reading() as conn:
        shape = one_datasource(parts, conn, record)
    headers = {"ETag": etag_of(record)}
    if status == 201:
        headers["Location"] = f"/api/v1/datasources/{record.name}"
    return reply(shape, status=status, headers=headers)


def _check_match(known: DatasourceRecord | None, if_match: str | None) -> None:
    if known is None:
        if if_match is not None:
            raise Problem(412, "there is no such datasource any more", name="changed")
        return
    if if_match is None:
        said = "send the ETag of the datasource as If-Match, so that nobody else's change is lost"
        raise Problem(428, said, name="etag-missing")
    if if_match != "*" and etag_of(known) not in [tag.strip() for tag in if_match.split(",")]:
        raise changed(known.name)
