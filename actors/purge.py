"""The actor `purge`: deletes for good what a bin need not keep any longer.

The plan:

1. The storage is verified, and the bin compared with its records: an item without a record gets one (from the
   information beside it, so a lost database is rebuilt; else as deleted now), a record without an item goes unless
   somebody holds it. If more than half of the records would go, or the bin cannot be listed completely, nothing is
   purged.
2. What earlier tasks have begun to take out, and left, is finished or given back.
3. It is decided what goes (`rota.purging`): by age since the deletion, by size and by number, the oldest first, and
   what was kept until a time that has come. The time is that of the run or of this machine, whichever is earlier. What
   somebody holds stays, and so does what a pattern of the rules matches, also if it matches something in a folder only.
4. Guards: limits never take more than a part of a bin unasked (`max_purged` of the rules; 20 items always may), and
   nor does age when the last purge is long ago or not known. What is held back is remembered as the doubt of the bin,
   the rest goes on, and the run fails with how to confirm it.
5. Records are claimed, some hundreds at a time, so that no restore takes the same item; then the items are buried (see
   `datasources.burying`: moved to the tomb, compared with their record there, deleted beneath descriptors), and their
   records go last. An item that was changed in the bin stays, and its time begins anew.

A dry run does the same up to the last step, writes nothing at all, and lists what a purge would take. A purge of named
items skips the comparison, the rules and the guards; what is held stays all the same.

A crash leaves claims of a task that ends, things in the tomb, and information without an item: the next purge finishes
them. Memory is some 50 bytes for each item. Not guaranteed: that the result lists everything when an attempt was
killed; its counts then are those of the last checkpoint and what came after.
"""

# ruff: noqa: G004 -- the log of a run takes finished text and is no logging.Logger
from __future__ import annotations

from contextlib import closing, suppress
from typing import Annotated

from pydantic import BeforeValidator, Field

from actors.datasources.opening import open_storage
from actors.datasources.paths import path_of
from actors.finding import find_datasource
from actors.params import Params, Result
from actors.recycling.emptying import Emptying, HeldBack, Order
from actors.recycling.moment import moment_of
from actors.recycling.named import item_names
from actors.recycling.outcome import Outcome
from actors.registry import actor
from actors.run import Run
from actors.syncing.meter import sized
from rota.errors import LeaseLost, PermanentError, RotaError
from rota.fields import DurationText
from rota.purging import Wish
from rota.times import duration_ms


def _none_if_empty(given: object) -> object:
    """Take what a form leaves empty for not given."""
    return None if given == "" else given


_Unset = BeforeValidator(_none_if_empty)
Text = Annotated[Annotated[str, Field(max_length=8192)] | None, _Unset]
Number = Annotated[Annotated[int, Field(ge=1, le=2**62)] | None, _Unset]


_ASKED = {"older_than", "max_size", "max_items", "user", "folder", "items_per_second"}


class PurgeParams(Params):
    """What to purge; what is unset follows the rules of the datasource's bin."""

    datasource: str = Field(min_length=1, description="Name of the datasource.")
    older_than: Annotated[DurationText | None, _Unset] = Field(
        default=None, description="What was deleted longer ago than this goes, such as P30D."
    )
    max_size: Number = Field(default=None, description="Most bytes that stay; the oldest items go first.")
    max_items: Number = Field(default=None, description="Most items that stay; the oldest go first.")
    user: Text = Field(default=None, description="Only what this user deleted.")
    folder: Text = Field(default=None, description="Only what was deleted in this folder, and the folder itself.")
    items: tuple[str, ...] = Field(
        default=(), max_length=500, description="Ids of items that go whatever the rules, unless they are held."
    )
    dry_run: bool = Field(default=False, description="List what would go, and change nothing.")
    items_per_second: Annotated[Annotated[float, Field(gt=0, le=1_000_000)] | None, _Unset] = Field(
        default=None, description="Most items that go in a second; no limit if unset."
    )
    confirmed: int = Field(default=0, ge=0, description="So many items may go although it is more than may go unasked.")

    def wish(self) -> Wish:
        """Give it as the planner takes it; raises PermanentError for a folder that could lead elsewhere."""
        return Wish(
            older_than_ms=None if self.older_than is None else duration_ms(self.older_than),
            max_size=self.max_size,
            max_items=self.max_items,
            user=self.user,
            folder=path_of(self.folder or "").decode("utf-8", "surrogateescape") or None,
            named=bool(self.items),
        )


class PurgedItem(Result):
    """One item that is gone, or would go."""

    path: str
    """Where it was."""
    bytes: int
    deleted_at: str
    why: str


class PurgeResult(Result):
    """What is gone and what stayed; what would be, for a dry run."""

    removed: int
    """Items."""
    entries: int
    """What was in them included."""
    bytes: int
    """Of all files."""
    kept: dict[str, int]
    """How many items stayed, by the reason."""
    items: list[PurgedItem]
    """The first that are gone."""
    more: int
    """How many more are gone than are listed."""
    doubt: str | None = Field(default=None, description="What would be held back; for a dry run.")
    doubtful: int = Field(default=0, description="As many items would have to be confirmed; for a dry run.")
    found: int = Field(default=0, description="Items in the bin that had no record.")
    lost: int = Field(default=0, description="Records whose items are not in the bin.")
    strays: int = Field(default=0, description="What lies in the bin and is no item; it is left alone.")


@actor("purge", queue="sync")
def purge(run: Run, params: PurgeParams) -> PurgeResult:
    """Delete for good what a bin need not keep any longer, and tell what stayed and why."""
    datasource = find_datasource(run, params.datasource, whole=True)
    order = Order(
        wish=params.wish(),
        asked=params.model_dump(mode="json", include=_ASKED, exclude_none=True),
        names=item_names(params.items),
        confirmed=params.confirmed,
        dry_run=params.dry_run,
        per_second=params.items_per_second,
    )
    # A dry run counts from the start: it changed nothing that the next attempt would not find.
    state = {} if params.dry_run else run.state or {}
    outcome = Outcome(**state.get("counts", {}))
    try:
        with closing(open_storage(datasource, check=run.check)) as storage:
            emptying = Emptying(run, datasource, storage, order, outcome=outcome, now_ms=moment_of(run))
            held_back = emptying.execute()
            emptying.record(held_back=held_back is not None)
    except LeaseLost:
        raise
    except Exception:
        # Whatever went wrong is worth more than an event that cannot be sent.
        with suppress(RotaError):
            _tell(run, params, outcome)
        raise
    _tell(run, params, outcome)
    if held_back and not params.dry_run:
        raise _refusal(params.datasource, held_back)
    surveyed, items = emptying.surveyed, [PurgedItem(**each) for each in outcome.listed()]
    return PurgeResult(
        **outcome.counts(),
        kept=outcome.kept_counts(),
        items=items,
        more=outcome.removed - len(items),
        doubt=held_back.reason if held_back else None,
        doubtful=held_back.items if held_back else 0,
        found=surveyed.new,
        lost=len(surveyed.missing),
        strays=surveyed.strays,
    )


def _tell(run: Run, params: PurgeParams, outcome: Outcome) -> None:
    would = "would have " if params.dry_run else ""
    kept = ", ".join(f"{count:,} {why.replace('_', ' ')}" for why, count in outcome.kept_counts().items())
    run.log.info(
        f"{params.datasource}: {would}purged {outcome.removed:,} items with {outcome.entries:,} entries and"
        f" {sized(outcome.bytes)}; kept: {kept or 'nothing'}"
    )
    if outcome.removed and not params.dry_run:
        said = {"datasource": params.datasource, "removed": outcome.removed, "bytes": outcome.bytes}
        run.emit("bin.purged", said, params.datasource)


def _refusal(name: str, held_back: HeldBack) -> PermanentError:
    return PermanentError(
        f"datasource {name!r}: {held_back.reason}; nothing of that was deleted. If it is right, confirm it in the"
        f" console, with `rota bin confirm {name}`, or purge again with confirmed: {held_back.items}"
    )
