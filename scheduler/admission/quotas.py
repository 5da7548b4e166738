"""What one person may have under way at a time: open runs of some jobs, and the bytes that these may make together.

It is looked at in the transaction that admits, under a lock of the person, so that two starts at the same moment do not
both find room for themselves. What a run may make is what it says in `max_bytes`, which its actor holds it to; one
that says nothing there takes all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rota.errors import QuotaExceeded
from rota.params import bind_params
from scheduler.admission.drafts import Request
from scheduler.admission.limits import listed
from scheduler.jobs.plans import Plan
from store.queries import runs

if TYPE_CHECKING:
    from store.engine import Connection

_BYTES_PARAM = "max_bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one person may have under way; a limit of 0 is none."""

    owner: str
    jobs: Collection[str]
    """The jobs whose open runs count."""
    sized: Collection[str]
    """Those of them whose bytes count."""
    most_runs: int
    most_bytes: int


def check_quota(conn: Connection, quota: Quota, requests: Sequence[Request], *, plans: Mapping[str, Plan]) -> None:
    """Raise QuotaExceeded unless there is room for these requests beside what their owner has under way.

    Requests that have started a run before take nothing.
    """
    runs.hold_owner(conn, quota.owner)
    pairs = {(one.job, one.cause.key) for one in requests}
    known = runs.find_by_cause(conn, pairs)
    new = [one for one in requests if one.job in quota.jobs and (one.job, one.cause.key) not in known]
    if not new:
        return
    under_way = runs.open_runs_of(conn, quota.owner, quota.jobs)
    ids = [run for run, _, _ in under_way]
    if quota.most_runs and len(under_way) + len(new) > quota.most_runs:
        raise QuotaExceeded(
            f"{quota.most_runs:,} may be under way for you at a time, and {len(under_way):,} are: {listed(ids)}; wait "
            "for one of them, or cancel it",
            runs=ids,
        )
    if quota.most_bytes:
        _check_bytes(quota, under_way, [(one.job, bind_params(plans[one.job].job, one.params)) for one in new])


def _check_bytes(
    quota: Quota, under_way: Sequence[tuple[str, str, dict[str, Any]]], new: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    taking = [(run, _bytes_of(quota, job, params)) for run, job, params in under_way]
    used = sum(taken for _, taken in taking)
    wanted = sum(_bytes_of(quota, job, params) for job, params in new)
    if not wanted or used + wanted <= quota.most_bytes:
        return
    ids = [run for run, taken in taking if taken]
    how = f"{used:,} of {quota.most_bytes:,} bytes are taken by {listed(ids)}" if ids else "nothing else is under way"
    left = max(0, quota.most_bytes - used)
    raise QuotaExceeded(
        f"this may take {wanted:,} bytes, and {left:,} are left to you: {how}; choose less, or say in {_BYTES_PARAM} "
        "how much it may be at most" + ("; or wait" if ids else ""),
        runs=ids,
    )


def _bytes_of(quota: Quota, job: str, params: Mapping[str, Any]) -> int:
    if job not in quota.sized:
        return 0
    given = params.get(_BYTES_PARAM)
    return given if isinstance(given, int) and not isinstance(given, bool) else quota.most_bytes
