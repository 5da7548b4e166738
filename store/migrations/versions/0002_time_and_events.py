"""What schedules, policies, events and steps need: waiting runs, branches, windows, rates, switches and hooks."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _add_columns()
    _fill_jobs()
    _create_indexes()
    _create_switches()
    _create_rates()
    _create_windows()
    _create_gathered()
    _create_hooks()


def downgrade() -> None:
    for table in ("hooks", "gathered", "windows", "rates", "switches"):
        op.drop_table(table)
    op.drop_index("ix_tasks_paused", "tasks")
    op.drop_index("uq_tasks_run_step_branch", "tasks")
    op.create_index("uq_tasks_run_step", "tasks", ["run", "step"], unique=True)
    for name in ("unannounced", "untold", "late_at", "start_at", "wait_key_wait_limit_id"):
        op.drop_index(f"ix_runs_{name}", "runs")
    op.drop_index("uq_runs_wait", "runs")
    for name in ("ix_jobs_listens", "ix_jobs_revision"):
        op.drop_index(name, "jobs")
    for table, columns in COLUMNS.items():
        for column in columns():
            op.drop_column(table, column.name)


def _of_revision() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "deleted",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="The value at the last deletion of a job",
        ),
        sa.Column(
            "followed",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Up to which value the ticks follow the jobs",
        ),
        sa.Column("paused_at", sa.BigInteger(), comment="Since when nothing new is started; null: it is"),
        sa.Column("paused_by", KEY, comment="Who paused everything"),
        sa.Column("paused_reason", sa.Text(), comment="Why everything is paused, in words"),
    ]


def _of_jobs() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "revision",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="The value of `revision` at its last change",
        ),
        sa.Column(
            "listens",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="Whether a trigger of it waits for events",
        ),
    ]


def _of_runs() -> list[sa.Column[Any]]:
    return [
        sa.Column("wait_key", KEY, comment="Limited key that it waits for a slot of; null once it has one"),
        sa.Column("wait_no", sa.Integer(), comment="Its numbered place among those that wait, where they are limited"),
        sa.Column("wait_limit", sa.Integer(), comment="How many slots of the key its job allows, while it waits"),
        sa.Column("start_at", sa.BigInteger(), comment="When a rate limit lets it start; null: at once"),
        sa.Column("late_at", sa.BigInteger(), comment="When it is announced as late; null once it was, or never"),
        sa.Column(
            "untold",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="It was ended here, and the bus may still hold tasks of it",
        ),
        sa.Column(
            "unannounced",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="It has ended, and jobs that follow it may not have heard of that",
        ),
    ]


def _of_tasks() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "branch",
            sa.Integer(),
            nullable=False,
            server_default="-1",
            comment="Its place in the list of a step with for_each, from 0; -1 for the step itself",
        ),
        sa.Column("item", sa.Text(), comment="Its entry of that list"),
    ]


COLUMNS = {"revision": _of_revision, "jobs": _of_jobs, "runs": _of_runs, "tasks": _of_tasks}


def _add_columns() -> None:
    for table, columns in COLUMNS.items():
        for column in columns():
            op.add_column(table, column)


def _fill_jobs() -> None:
    # All of them count as changed just now, so that they are followed once. Whether a job listens is said here for more
    # of them than do; whoever reads the definition finds out.
    op.execute("""UPDATE jobs SET revision = (SELECT value FROM revision), listens = (definition LIKE '%"event":%')""")


def _create_indexes() -> None:
    op.create_index("ix_jobs_revision", "jobs", ["revision", "name"])
    _create_partial_index("ix_jobs_listens", "jobs", ["name"], where="listens")
    _create_partial_index(
        "ix_runs_wait_key_wait_limit_id", "runs", ["wait_key", "wait_limit", "id"], where="wait_key IS NOT NULL"
    )
    _create_partial_index("ix_runs_start_at", "runs", ["start_at"], where="state = 'waiting' AND start_at IS NOT NULL")
    _create_partial_index("uq_runs_wait", "runs", ["wait_key", "wait_no"], where="wait_no IS NOT NULL", unique=True)
    _create_partial_index("ix_runs_late_at", "runs", ["late_at"], where="late_at IS NOT NULL")
    _create_partial_index("ix_runs_untold", "runs", ["id"], where="untold")
    _create_partial_index("ix_runs_unannounced", "runs", ["id"], where="unannounced")
    op.drop_index("uq_tasks_run_step", "tasks")
    op.create_index("uq_tasks_run_step_branch", "tasks", ["run", "step", "branch"], unique=True)
    _create_partial_index("ix_tasks_paused", "tasks", ["run"], where="state = 'paused'")


def _create_partial_index(name: str, table: str, columns: list[str], *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _create_switches() -> None:
    op.create_table(
        "switches",
        sa.Column("seq", SERIAL, nullable=False, comment="Order of the changes"),
        sa.Column("job", KEY, nullable=False, comment="Name of the job; empty for everything"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When"),
        sa.Column("enabled", sa.Boolean(), nullable=False, comment="The new position"),
        sa.Column("person", KEY, nullable=True, comment="Who did it; null for a rule"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why, in words"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_switches")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_switches_job_seq", "switches", ["job", "seq"])


def _create_rates() -> None:
    op.create_table(
        "rates",
        sa.Column("key", KEY, nullable=False, comment="What is limited"),
        sa.Column("starts", sa.Text(), nullable=False, comment="The newest starts that still count, in order, ms UTC"),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="From when on none of them counts any more"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rates")),
    )
    op.create_index("ix_rates_until", "rates", ["until"])


def _create_windows() -> None:
    op.create_table(
        "windows",
        sa.Column("id", KEY, nullable=False, comment="UUIDv7; also the id of the run that it becomes"),
        sa.Column("job", KEY, nullable=False, comment="Name of the job"),
        sa.Column("trigger", KEY, nullable=False, comment="rota.triggers.trigger_key of the trigger that gathers"),
        sa.Column(
            "key",
            KEY,
            nullable=True,
            comment="What its events have in common; null once it is full and another may open",
        ),
        sa.Column("opened_at", sa.BigInteger(), nullable=False, comment="When the first event came"),
        sa.Column("latest", sa.BigInteger(), nullable=False, comment="When the run starts, however many events come"),
        sa.Column("due", sa.BigInteger(), nullable=False, comment="When the run starts, unless another event comes"),
        sa.Column("count", sa.Integer(), nullable=False, comment="How many events it holds"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_windows")),
        sa.UniqueConstraint("job", "trigger", "key", name=op.f("uq_windows_job_trigger_key")),
    )
    op.create_index("ix_windows_due", "windows", ["due"])


def _create_gathered() -> None:
    op.create_table(
        "gathered",
        sa.Column(
            "run", KEY, nullable=False, comment="The run, or the window that becomes it; no foreign key for that"
        ),
        sa.Column("n", sa.Integer(), nullable=False, comment="Place in the list, from 0"),
        sa.Column(
            "event",
            sa.BigInteger(),
            nullable=False,
            comment="The event; it goes from the list when it is pruned",
        ),
        sa.PrimaryKeyConstraint("run", "n", name=op.f("pk_gathered")),
        sa.ForeignKeyConstraint(["event"], ["events.seq"], name=op.f("fk_gathered_event"), ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_gathered_event", "gathered", ["event"])


def _create_hooks() -> None:
    op.create_table(
        "hooks",
        sa.Column("slug", KEY, nullable=False, comment="Last part of its address and of the event's type"),
        sa.Column("label", sa.Text(), nullable=False, comment="What it is for, in words"),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the secret, which has 256 random bits of its own",
        ),
        sa.Column("enabled", sa.Boolean(), nullable=False, comment="False refuses whoever knows the secret"),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was added"),
        sa.Column("created_by", KEY, nullable=False, comment="Who added it"),
        sa.Column("used_at", sa.BigInteger(), nullable=True, comment="Last use, to the minute"),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_hooks")),
    )
