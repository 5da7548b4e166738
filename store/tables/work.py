"""The tables of the work: definitions, ticks, limits, runs, tasks, attempts and log lines."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import SERIAL_TYPE, Base, Big, Json, Key, Millis, Small, one_of, table_of

OPEN_STATES = ("waiting", "queued", "running", "retrying", "paused")
ENDED_STATES = ("succeeded", "failed", "cancelled", "skipped")
# Tasks in these states have a message in the bus, or should have: the sweeper looks at them.
SENT_STATES = ("queued", "running", "retrying")
# `lost`: the lease ran out and another attempt took over. `queued`: handed back at a graceful stop.
ATTEMPT_STATES = ("running", "succeeded", "failed", "cancelled", "retrying", "paused", "queued", "lost")
LEVELS = ("debug", "info", "warning", "error")

_STATE = one_of("state", OPEN_STATES + ENDED_STATES)
_ENDED = f"(ended_at IS NOT NULL) = ({one_of('state', ENDED_STATES)})"


class RevisionRow(Base):
    """The one counter that every change of a definition bumps, so that watchers ask one cheap question."""

    __tablename__ = "revision"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[Small] = mapped_column(primary_key=True, autoincrement=False, comment="Always 1")
    value: Mapped[Big] = mapped_column(comment="Grows by one with each save, switch or deletion of a job")
    deleted: Mapped[Big] = mapped_column(server_default="0", comment="The value at the last deletion of a job")
    followed: Mapped[Big] = mapped_column(server_default="0", comment="Up to which value the ticks follow the jobs")
    paused_at: Mapped[Millis | None] = mapped_column(comment="Since when nothing new is started; null: it is")
    paused_by: Mapped[Key | None] = mapped_column(comment="Who paused everything")
    paused_reason: Mapped[str | None] = mapped_column(comment="Why everything is paused, in words")


class JobRow(Base):
    """The current definition of each job."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(one_of("kind", ("system", "user")), name="kind"),
        CheckConstraint("version >= 1", name="version"),
        Index("ix_jobs_owner", "owner"),
        # Who follows the definitions asks for what changed since, and holds in memory only who listens for events.
        Index("ix_jobs_revision", "revision", "name"),
        Index("ix_jobs_listens", "name", sqlite_where=text("listens"), postgresql_where=text("listens")),
    )

    name: Mapped[Key] = mapped_column(primary_key=True, comment="Slug")
    label: Mapped[str] = mapped_column(comment="For people")
    owner: Mapped[Key] = mapped_column(comment="'system' or a user's name")
    kind: Mapped[Key] = mapped_column(comment="system | user")
    enabled: Mapped[bool] = mapped_column(comment="The switch; the definition's own value is only its first position")
    enabled_reason: Mapped[str | None] = mapped_column(comment="Why it was switched, when a rule did it")
    enabled_at: Mapped[Millis] = mapped_column(comment="When the switch was last set")
    version: Mapped[int] = mapped_column(comment="Number of the current definition, see job_versions")
    definition: Mapped[Json] = mapped_column(comment="rota.jobs.Job as JSON")
    revision: Mapped[Big] = mapped_column(server_default="0", comment="The value of `revision` at its last change")
    listens: Mapped[bool] = mapped_column(server_default=true(), comment="Whether a trigger of it waits for events")
    source: Mapped[str] = mapped_column(comment="Where it came from: shipped, api, or a file's name")
    author: Mapped[str] = mapped_column(comment="Who saved the current version")
    created_at: Mapped[Millis] = mapped_column(comment="First saved")
    updated_at: Mapped[Millis] = mapped_column(comment="Current version saved")


class JobVersionRow(Base):
    """Every definition a job has had; kept after the job is deleted, because its runs refer to them."""

    __tablename__ = "job_versions"
    __table_args__ = (PrimaryKeyConstraint("job", "version", name="pk_job_versions"),)

    job: Mapped[Key] = mapped_column(comment="Name of the job")
    version: Mapped[int] = mapped_column(comment="1, 2, 3 …")
    definition: Mapped[Json] = mapped_column(comment="rota.jobs.Job as JSON")
    source: Mapped[str] = mapped_column(comment="Where it came from")
    author: Mapped[str] = mapped_column(comment="Who saved it")
    at: Mapped[Millis] = mapped_column(comment="When it was saved")


class SwitchRow(Base):
    """When jobs were switched on and off, so that it can be said why one did not run. Rows go by age."""

    __tablename__ = "switches"
    __table_args__ = (Index("ix_switches_job_seq", "job", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Order of the changes")
    job: Mapped[Key] = mapped_column(comment="Name of the job; empty for everything")
    at: Mapped[Millis] = mapped_column(comment="When")
    enabled: Mapped[bool] = mapped_column(comment="The new position")
    person: Mapped[Key | None] = mapped_column(comment="Who did it; null for a rule")
    reason: Mapped[str | None] = mapped_column(comment="Why, in words")


class TickRow(Base):
    """The next due time and the last decided one of each trigger."""

    __tablename__ = "ticks"
    __table_args__ = (PrimaryKeyConstraint("job", "trigger", name="pk_ticks"),)

    job: Mapped[Key] = mapped_column(comment="Name of the job")
    trigger: Mapped[Key] = mapped_column(comment="rota.jobs.trigger_key: digest of the trigger's definition")
    due: Mapped[Millis | None] = mapped_column(comment="Next due time; null when the trigger has no more")
    decided_due: Mapped[Millis | None] = mapped_column(comment="Last due time that became runs or recorded skips")


class RateRow(Base):
    """When the last runs of a rate-limited key started; one row holds them all, so that one lock guards them."""

    __tablename__ = "rates"
    __table_args__ = (Index("ix_rates_until", "until"),)

    key: Mapped[Key] = mapped_column(primary_key=True, comment="What is limited")
    starts: Mapped[Json] = mapped_column(comment="The newest starts that still count, in order, ms UTC")
    until: Mapped[Millis] = mapped_column(comment="From when on none of them counts any more")


class RunRow(Base):
    """One execution of a job, with its cause."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(_STATE, name="state"),
        CheckConstraint(_ENDED, name="ended"),
        CheckConstraint(one_of("kind", ("system", "user")), name="kind"),
        CheckConstraint(one_of("cause_kind", ("tick", "event", "person", "parent")), name="cause_kind"),
        CheckConstraint(one_of("priority", ("high", "normal", "low")), name="priority"),
        CheckConstraint("(slot_key IS NULL) = (slot_no IS NULL)", name="slot_whole"),
        CheckConstraint("slot_key IS NULL OR ended_at IS NULL", name="slot_freed"),
        CheckConstraint("cancel_requested IN (0, 1, 2)", name="cancel_requested"),
        UniqueConstraint("job", "cause_key", name="uq_runs_job_cause_key"),
        # Overlap and concurrency limits without a lock: two runs cannot hold the same numbered slot.
        Index(
            "uq_runs_slot",
            "slot_key",
            "slot_no",
            unique=True,
            sqlite_where=text("slot_key IS NOT NULL"),
            postgresql_where=text("slot_key IS NOT NULL"),
        ),
        # What waits for a slot; a job that lets only one wait numbers the place, like a slot.
        Index(
            "ix_runs_wait_key_wait_limit_id",
            "wait_key",
            "wait_limit",
            "id",
            sqlite_where=text("wait_key IS NOT NULL"),
            postgresql_where=text("wait_key IS NOT NULL"),
        ),
        Index(
            "uq_runs_wait",
            "wait_key",
            "wait_no",
            unique=True,
            sqlite_where=text("wait_no IS NOT NULL"),
            postgresql_where=text("wait_no IS NOT NULL"),
        ),
        Index(
            "ix_runs_start_at",
            "start_at",
            sqlite_where=text("state = 'waiting' AND start_at IS NOT NULL"),
            postgresql_where=text("state = 'waiting' AND start_at IS NOT NULL"),
        ),
        Index(
            "ix_runs_late_at",
            "late_at",
            sqlite_where=text("late_at IS NOT NULL"),
            postgresql_where=text("late_at IS NOT NULL"),
        ),
        Index(
            "ix_runs_untold",
            "id",
            sqlite_where=text("untold"),
            postgresql_where=text("untold"),
        ),
        Index(
            "ix_runs_unannounced",
            "id",
            sqlite_where=text("unannounced"),
            postgresql_where=text("unannounced"),
        ),
        Index("ix_runs_job_id", "job", "id"),
        Index("ix_runs_queued_at", "queued_at"),
        # Ticks are the many; what people and events started is found without walking past them.
        Index(
            "ix_runs_cause_id",
            "cause_kind",
            "id",
            sqlite_where=text("cause_kind <> 'tick'"),
            postgresql_where=text("cause_kind <> 'tick'"),
        ),
        # People look for their own runs among many of the system's, which cost no entry here.
        Index(
            "ix_runs_owner_id",
            "owner",
            "id",
            sqlite_where=text("owner <> 'system'"),
            postgresql_where=text("owner <> 'system'"),
        ),
        # Nearly all runs succeed: lists of the others stay quick, and the many cost no entry here.
        Index(
            "ix_runs_state_id",
            "state",
            "id",
            sqlite_where=text("state <> 'succeeded'"),
            postgresql_where=text("state <> 'succeeded'"),
        ),
    )

    id: Mapped[Key] = mapped_column(primary_key=True, comment="UUIDv7: sorts by time of admission")
    job: Mapped[Key] = mapped_column(comment="Name of the job; no foreign key, history outlives it")
    job_version: Mapped[int] = mapped_column(comment="Which definition it follows to its end")
    owner: Mapped[Key] = mapped_column(comment="Owner of the job, or the person who started it")
    kind: Mapped[Key] = mapped_column(comment="system | user")
    state: Mapped[Key] = mapped_column(comment="rota.states.RunState")
    reason: Mapped[str | None] = mapped_column(comment="Why it was skipped, cancelled or failed, in words")
    cause_kind: Mapped[Key] = mapped_column(comment="tick | event | person | parent")
    cause_key: Mapped[Key] = mapped_column(comment="Unique per job: the same cause never starts it twice")
    cause: Mapped[Json] = mapped_column(comment="rota.runs.Cause as JSON")
    due: Mapped[Millis | None] = mapped_column(comment="Due time of the tick")
    params: Mapped[Json] = mapped_column(comment="Run parameters, bound and checked")
    priority: Mapped[Key] = mapped_column(comment="high | normal | low")
    chain: Mapped[Json] = mapped_column(comment="Jobs whose runs led to this one, for the loop guard")
    task_count: Mapped[int] = mapped_column(comment="How many tasks it has")
    queued_at: Mapped[Millis] = mapped_column(comment="Admission")
    started_at: Mapped[Millis | None] = mapped_column(comment="First attempt of its first task")
    ended_at: Mapped[Millis | None] = mapped_column(comment="Set exactly in the terminal states")
    progress: Mapped[Json | None] = mapped_column(comment="rota.runs.Progress as JSON")
    error: Mapped[Json | None] = mapped_column(comment="rota.runs.Failure as JSON")
    result: Mapped[Json | None] = mapped_column(comment="Result of its last task")
    slot_key: Mapped[Key | None] = mapped_column(comment="Limited key that it holds a slot of")
    slot_no: Mapped[int | None] = mapped_column(comment="Number of the slot, from 0")
    wait_key: Mapped[Key | None] = mapped_column(
        comment="Limited key that it waits for a slot of; null once it has one"
    )
    wait_no: Mapped[int | None] = mapped_column(
        comment="Its numbered place among those that wait, where they are limited"
    )
    wait_limit: Mapped[int | None] = mapped_column(comment="How many slots of the key its job allows, while it waits")
    start_at: Mapped[Millis | None] = mapped_column(comment="When a rate limit lets it start; null: at once")
    late_at: Mapped[Millis | None] = mapped_column(comment="When it is announced as late; null once it was, or never")
    cancel_requested: Mapped[Small] = mapped_column(comment="0 nothing | 1 cancel | 2 pause")
    untold: Mapped[bool] = mapped_column(
        server_default=false(), comment="It was ended here, and the bus may still hold tasks of it"
    )
    unannounced: Mapped[bool] = mapped_column(
        server_default=false(), comment="It has ended, and jobs that follow it may not have heard of that"
    )
    timeout_at: Mapped[Millis | None] = mapped_column(comment="When the whole run is cancelled as too slow")


class TaskRow(Base):
    """One step of a run."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(_STATE, name="state"),
        CheckConstraint(_ENDED, name="ended"),
        CheckConstraint("message IS NOT NULL OR state IN ('waiting', 'cancelled', 'skipped')", name="message"),
        CheckConstraint("fence >= 0 AND attempt >= 0 AND repeats >= 0", name="counters"),
        Index("uq_tasks_run_step_branch", "run", "step", "branch", unique=True),
        Index(
            "ix_tasks_sent",
            "id",
            sqlite_where=text(one_of("state", SENT_STATES)),
            postgresql_where=text(one_of("state", SENT_STATES)),
        ),
        Index(
            "ix_tasks_paused",
            "run",
            sqlite_where=text("state = 'paused'"),
            postgresql_where=text("state = 'paused'"),
        ),
    )

    id: Mapped[Key] = mapped_column(primary_key=True, comment="UUIDv7; also the id of its message")
    run: Mapped[Key] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), comment="Its run")
    step: Mapped[Key] = mapped_column(comment="Id of the step in the definition")
    branch: Mapped[int] = mapped_column(
        server_default="-1", comment="Its place in the list of a step with for_each, from 0; -1 for the step itself"
    )
    item: Mapped[Json | None] = mapped_column(comment="Its entry of that list")
    actor: Mapped[Key] = mapped_column(comment="Name of the actor")
    queue: Mapped[Key] = mapped_column(comment="Where its message waits")
    state: Mapped[Key] = mapped_column(comment="rota.states.RunState")
    reason: Mapped[str | None] = mapped_column(comment="Why it was skipped, cancelled or set aside")
    message: Mapped[Json | None] = mapped_column(comment="rota.messages.TaskMessage; null until the step is ready")
    attempt: Mapped[int] = mapped_column(comment="Number of the last attempt that started; 0 before the first")
    fence: Mapped[Big] = mapped_column(comment="Highest fence recorded; an outcome with a lower one is refused")
    repeats: Mapped[int] = mapped_column(comment="Attempts started again because their lease or message was lost")
    checkpoint: Mapped[Json | None] = mapped_column(comment="Where the next attempt continues")
    progress: Mapped[Json | None] = mapped_column(comment="rota.runs.Progress as JSON")
    error: Mapped[Json | None] = mapped_column(comment="rota.runs.Failure as JSON")
    result: Mapped[Json | None] = mapped_column(comment="What the actor returned")
    queued_at: Mapped[Millis | None] = mapped_column(comment="When the step became ready")
    sent_at: Mapped[Millis | None] = mapped_column(comment="When its message last went to the bus")
    started_at: Mapped[Millis | None] = mapped_column(comment="First attempt")
    ended_at: Mapped[Millis | None] = mapped_column(comment="Set exactly in the terminal states")
    retry_at: Mapped[Millis | None] = mapped_column(comment="When the next attempt is due, while retrying")
    worker: Mapped[Key | None] = mapped_column(comment="Worker of the last attempt")


class AttemptRow(Base):
    """One try of a task by one worker."""

    __tablename__ = "attempts"
    __table_args__ = (
        PrimaryKeyConstraint("task", "fence", name="pk_attempts"),
        CheckConstraint(one_of("state", ATTEMPT_STATES), name="state"),
        CheckConstraint("(ended_at IS NULL) = (state = 'running')", name="ended"),
        # The key is all that is ever looked for: without a rowid there is one tree to write, not two.
        {"sqlite_with_rowid": False},
    )

    task: Mapped[Key] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), comment="Its task")
    fence: Mapped[Big] = mapped_column(comment="Fence of its lease")
    n: Mapped[int] = mapped_column(comment="Number of the attempt; equal numbers mean a repeat after a loss")
    run: Mapped[Key] = mapped_column(comment="Run of the task")
    worker: Mapped[Key] = mapped_column(comment="Who tried")
    started_at: Mapped[Millis] = mapped_column(comment="When it began")
    ended_at: Mapped[Millis | None] = mapped_column(comment="When it ended, or was known to be lost")
    state: Mapped[Key] = mapped_column(comment="How it ended; running until then")
    error: Mapped[Json | None] = mapped_column(comment="rota.runs.Failure as JSON")


class LogLineRow(Base):
    """What attempts said."""

    __tablename__ = "log_lines"
    __table_args__ = (
        CheckConstraint(one_of("level", LEVELS), name="level"),
        UniqueConstraint("task", "fence", "n", name="uq_log_lines_task_fence_n"),
        Index("ix_log_lines_run_seq", "run", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Running number over all runs")
    run: Mapped[Key] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), comment="Its run")
    task: Mapped[Key] = mapped_column(comment="Its task")
    fence: Mapped[Big] = mapped_column(comment="Fence of the attempt")
    n: Mapped[int] = mapped_column(comment="Running number within the attempt")
    at: Mapped[Millis] = mapped_column(comment="When it was said")
    level: Mapped[Key] = mapped_column(comment="debug | info | warning | error")
    message: Mapped[str] = mapped_column(comment="The text, cut in the middle when too long")


revision = table_of(RevisionRow)
jobs = table_of(JobRow)
job_versions = table_of(JobVersionRow)
ticks = table_of(TickRow)
runs = table_of(RunRow)
tasks = table_of(TaskRow)
attempts = table_of(AttemptRow)
log_lines = table_of(LogLineRow)
switches = table_of(SwitchRow)
rates = table_of(RateRow)
