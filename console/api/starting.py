"""Starting a job in somebody's name: admitted in the store first, then sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from fastapi import Header
from starlette.responses import Response

from console.api.answers import reply
from console.api.archive_jobs import quota_of, typed_secrets
from console.api.deeds import deed
from console.api.identity import Who
from console.api.parts import Parts
from console.api.problems import Problem
from rota.errors import BusUnavailable, InvalidDefinition, NotFound, Refused
from rota.ids import new_id
from rota.params import bind_params
from rota.runs import Cause
from rota.sealing import KEPT_SECONDS, Sealed, seal, shown
from scheduler.admission.admitting import Admitted, Request, admit, deliver
from store.queries import audit, jobs, runs
from store.records import RunRecord

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key of the same caller starts the job once; the answer names the same run.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which terms somebody starts a job."""

    in_own_name: bool = False
    """The run is theirs, whoever's the job is: whoever says so has looked whether they may."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Parameters that they typed and that nobody may read."""


PLAIN = Terms()


def start_job(
    parts: Parts, who: Who, name: str, params: Mapping[str, Any], *, key: str | None = None, terms: Terms = PLAIN
) -> Admitted:
    """Start a job and return what became of it.

    Raises NotFound for a job that does not exist or is not theirs, Refused for a disabled one, InvalidDefinition for
    parameters that do not fit, QuotaExceeded for more than they may have under way, and a Problem for what their role
    may not start, and for a key that was used with other parameters.
    """
    now = parts.clock.now_ms()
    with parts.store.reading() as conn:
        record = jobs.get(conn, name)
    if not terms.in_own_name:
        who.check(record.owner, f"job {name}")
    who.check_run(name, params)
    secrets = {**typed_secrets(name, params), **terms.secrets}
    sealed = {word: seal(secret) for word, secret in secrets.items()}
    params = {**params, **{word: one.reference for word, one in sealed.items()}}
    request_id = new_id() if key is None else request_id_of(who, key)
    request = Request(
        job=name,
        cause=Cause.of_person(who.name, request_id),
        params=dict(params),
        owner=who.name if terms.in_own_name else None,
    )
    with _kept(parts, sealed.values()) as drop:
        (admitted,) = admit(parts.store, [request], now=now, actors=parts.actors, quota=quota_of(parts, who, name))
        if admitted.repeated:
            drop()
    if admitted.repeated:
        _check_same(parts, admitted.run, bind_params(record.job(), params))
        return admitted
    deliver(parts.bus, [admitted])
    with parts.store.writing() as conn:
        audit.add(conn, [deed(who, "job.run", f"job:{name}", now, run=admitted.run)])
    return admitted


def repeated(parts: Parts, who: Who, name: str, key: str | None) -> RunRecord | None:
    """Return the run of a job that somebody has started with this key: what it was about may be gone by now."""
    if key is None:
        return None
    cause = Cause.of_person(who.name, request_id_of(who, key)).key
    with parts.store.reading() as conn:
        return runs.with_causes(conn, name, [cause]).get(cause)


def request_id_of(who: Who, key: str) -> str:
    """Return what names a request for ever; keys of different people never meet."""
    # The length keeps name and key apart.
    return f"{len(who.name)}:{who.name}:{key}"


def started(admitted: Admitted) -> Response:
    """Answer that a run was admitted, and where it is."""
    said = {"run": admitted.run, "state": admitted.state, "reason": admitted.reason}
    return reply(said, status=202, headers={"Location": f"/api/v1/runs/{admitted.run}"})


@contextmanager
def _kept(parts: Parts, sealed: Collection[Sealed]) -> Iterator[Callable[[], None]]:
    """Keep what is sealed before its run is admitted, and drop it if none is; BusUnavailable if it cannot be kept.

    Yields what drops it where there is such a run already, which has its own.
    """
    seals = parts.bus.seals

    def drop() -> None:
        with suppress(BusUnavailable):  # then it goes by itself
            seals.drop([one.id for one in sealed])

    for one in sealed:
        seals.keep(one.id, one.ciphertext, seconds=KEPT_SECONDS)
    try:
        yield drop
    except (NotFound, Refused, InvalidDefinition):
        # After any other error nobody knows whether there is a run.
        drop()
        raise


def _check_same(parts: Parts, run_id: str, params: Mapping[str, Any]) -> None:
    with parts.store.reading() as conn:
        run = runs.get_run(conn, run_id)
    # Compared as they are stored: 1 and 1.0 are one number in JSON. What was sealed is another text each time.
    if msgspec.json.encode(shown(run.params), order="sorted") != msgspec.json.encode(shown(params), order="sorted"):
        raise Problem(422, "this Idempotency-Key was used with other parameters", name="idempotency-key-reused")
