"""The first form of all tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATE = "state IN ('waiting', 'queued', 'running', 'retrying', 'paused', 'succeeded', 'failed', 'cancelled', 'skipped')"


def upgrade() -> None:
    _create_audit()
    _create_datasources()
    _create_events()
    _create_job_versions()
    _create_jobs()
    _create_revision()
    _create_runs()
    _create_ticks()
    _create_users()
    _create_folders()
    _create_log_lines()
    _create_recycled()
    _create_tasks()
    _create_tokens()
    _create_attempts()
    _create_entries()
    op.execute("INSERT INTO revision (id, value) VALUES (1, 0)")


def downgrade() -> None:
    for table in (
        "entries",
        "attempts",
        "tokens",
        "tasks",
        "recycled",
        "log_lines",
        "folders",
        "users",
        "ticks",
        "runs",
        "revision",
        "jobs",
        "job_versions",
        "events",
        "datasources",
        "audit",
    ):
        op.drop_table(table)


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", SERIAL, nullable=False, comment="Order of the deeds"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When"),
        sa.Column("who", KEY, nullable=False, comment="User, or the part of Rota that acted by itself"),
        sa.Column("action", KEY, nullable=False, comment="The deed: job.save, run.cancel, …"),
        sa.Column("target", KEY, nullable=False, comment="What it was done to: job:NAME, run:ID, …"),
        sa.Column("address", KEY, nullable=True, comment="Network address it came from"),
        sa.Column("detail", sa.Text(), nullable=False, comment="What else is worth knowing; no secrets"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_target_seq", "audit", ["target", "seq"])


def _create_datasources() -> None:
    op.create_table(
        "datasources",
        sa.Column("name", KEY, nullable=False, comment="Slug"),
        sa.Column("kind", KEY, nullable=False, comment="local, s3, sftp, webdav …"),
        sa.Column("root", sa.Text(), nullable=False, comment="Folder or address"),
        sa.Column("options", sa.Text(), nullable=False, comment="Settings of its kind; secrets only as references"),
        sa.Column(
            "marker",
            sa.Text(),
            nullable=True,
            comment="Content of the marker file that proves the root is the right one",
        ),
        sa.Column("last_sync", sa.Text(), nullable=True, comment="Run, time and counts of the last sync"),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was added"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False, comment="When its settings last changed"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_datasources")),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", SERIAL, nullable=False, comment="Order of arrival"),
        sa.Column("source", KEY, nullable=False, comment="CloudEvents source"),
        sa.Column("event_id", KEY, nullable=False, comment="CloudEvents id, unique per source"),
        sa.Column("type", KEY, nullable=False, comment="CloudEvents type"),
        sa.Column("subject", sa.Text(), nullable=True, comment="CloudEvents subject"),
        sa.Column("time", sa.BigInteger(), nullable=True, comment="CloudEvents time"),
        sa.Column("received_at", sa.BigInteger(), nullable=False, comment="When the scheduler took it"),
        sa.Column("envelope", sa.Text(), nullable=False, comment="The whole event as CloudEvents JSON"),
        sa.Column("matched", sa.Text(), nullable=False, comment="Runs it started, as a list of {job, run}"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_events_source_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_type_seq", "events", ["type", "seq"])


def _create_job_versions() -> None:
    op.create_table(
        "job_versions",
        sa.Column("job", KEY, nullable=False, comment="Name of the job"),
        sa.Column("version", sa.Integer(), nullable=False, comment="1, 2, 3 …"),
        sa.Column("definition", sa.Text(), nullable=False, comment="rota.jobs.Job as JSON"),
        sa.Column("source", sa.Text(), nullable=False, comment="Where it came from"),
        sa.Column("author", sa.Text(), nullable=False, comment="Who saved it"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was saved"),
        sa.PrimaryKeyConstraint("job", "version", name=op.f("pk_job_versions")),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("name", KEY, nullable=False, comment="Slug"),
        sa.Column("label", sa.Text(), nullable=False, comment="For people"),
        sa.Column("owner", KEY, nullable=False, comment="'system' or a user's name"),
        sa.Column("kind", KEY, nullable=False, comment="system | user"),
        sa.Column(
            "enabled",
            sa.Boolean(),
            nullable=False,
            comment="The switch; the definition's own value is only its first position",
        ),
        sa.Column("enabled_reason", sa.Text(), nullable=True, comment="Why it was switched, when a rule did it"),
        sa.Column("enabled_at", sa.BigInteger(), nullable=False, comment="When the switch was last set"),
        sa.Column(
            "version", sa.Integer(), nullable=False, comment="Number of the current definition, see job_versions"
        ),
        sa.Column("definition", sa.Text(), nullable=False, comment="rota.jobs.Job as JSON"),
        sa.Column("source", sa.Text(), nullable=False, comment="Where it came from: shipped, api, or a file's name"),
        sa.Column("author", sa.Text(), nullable=False, comment="Who saved the current version"),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="First saved"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False, comment="Current version saved"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
        sa.CheckConstraint("kind IN ('system', 'user')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_jobs_version")),
    )
    op.create_index("ix_jobs_owner", "jobs", ["owner"])


def _create_revision() -> None:
    op.create_table(
        "revision",
        sa.Column("id", sa.SmallInteger(), nullable=False, autoincrement=False, comment="Always 1"),
        sa.Column(
            "value", sa.BigInteger(), nullable=False, comment="Grows by one with each save, switch or deletion of a job"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.CheckConstraint("id = 1", name=op.f("ck_revision_single_row")),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", KEY, nullable=False, comment="UUIDv7: sorts by time of admission"),
        sa.Column("job", KEY, nullable=False, comment="Name of the job; no foreign key, history outlives it"),
        sa.Column("job_version", sa.Integer(), nullable=False, comment="Which definition it follows to its end"),
        sa.Column("owner", KEY, nullable=False, comment="Owner of the job, or the person who started it"),
        sa.Column("kind", KEY, nullable=False, comment="system | user"),
        sa.Column("state", KEY, nullable=False, comment="rota.states.RunState"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it was skipped, cancelled or failed, in words"),
        sa.Column("cause_kind", KEY, nullable=False, comment="tick | event | person | parent"),
        sa.Column("cause_key", KEY, nullable=False, comment="Unique per job: the same cause never starts it twice"),
        sa.Column("cause", sa.Text(), nullable=False, comment="rota.runs.Cause as JSON"),
        sa.Column("due", sa.BigInteger(), nullable=True, comment="Due time of the tick"),
        sa.Column("params", sa.Text(), nullable=False, comment="Run parameters, bound and checked"),
        sa.Column("priority", KEY, nullable=False, comment="high | normal | low"),
        sa.Column("chain", sa.Text(), nullable=False, comment="Jobs whose runs led to this one, for the loop guard"),
        sa.Column("task_count", sa.Integer(), nullable=False, comment="How many tasks it has"),
        sa.Column("queued_at", sa.BigInteger(), nullable=False, comment="Admission"),
        sa.Column("started_at", sa.BigInteger(), nullable=True, comment="First attempt of its first task"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="Set exactly in the terminal states"),
        sa.Column("progress", sa.Text(), nullable=True, comment="rota.runs.Progress as JSON"),
        sa.Column("error", sa.Text(), nullable=True, comment="rota.runs.Failure as JSON"),
        sa.Column("result", sa.Text(), nullable=True, comment="Result of its last task"),
        sa.Column("slot_key", KEY, nullable=True, comment="Limited key that it holds a slot of"),
        sa.Column("slot_no", sa.Integer(), nullable=True, comment="Number of the slot, from 0"),
        sa.Column("cancel_requested", sa.SmallInteger(), nullable=False, comment="0 nothing | 1 cancel | 2 pause"),
        sa.Column("timeout_at", sa.BigInteger(), nullable=True, comment="When the whole run is cancelled as too slow"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("job", "cause_key", name=op.f("uq_runs_job_cause_key")),
        sa.CheckConstraint(STATE, name=op.f("ck_runs_state")),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled', 'skipped'))",
            name=op.f("ck_runs_ended"),
        ),
        sa.CheckConstraint("kind IN ('system', 'user')", name=op.f("ck_runs_kind")),
        sa.CheckConstraint("cause_kind IN ('tick', 'event', 'person', 'parent')", name=op.f("ck_runs_cause_kind")),
        sa.CheckConstraint("priority IN ('high', 'normal', 'low')", name=op.f("ck_runs_priority")),
        sa.CheckConstraint("(slot_key IS NULL) = (slot_no IS NULL)", name=op.f("ck_runs_slot_whole")),
        sa.CheckConstraint("slot_key IS NULL OR ended_at IS NULL", name=op.f("ck_runs_slot_freed")),
        sa.CheckConstraint("cancel_requested IN (0, 1, 2)", name=op.f("ck_runs_cancel_requested")),
    )
    op.create_index(
        "ix_runs_cause_id",
        "runs",
        ["cause_kind", "id"],
        sqlite_where=sa.text("cause_kind <> 'tick'"),
        postgresql_where=sa.text("cause_kind <> 'tick'"),
    )
    op.create_index("ix_runs_job_id", "runs", ["job", "id"])
    op.create_index(
        "ix_runs_owner_id",
        "runs",
        ["owner", "id"],
        sqlite_where=sa.text("owner <> 'system'"),
        postgresql_where=sa.text("owner <> 'system'"),
    )
    op.create_index("ix_runs_queued_at", "runs", ["queued_at"])
    op.create_index(
        "ix_runs_state_id",
        "runs",
        ["state", "id"],
        sqlite_where=sa.text("state <> 'succeeded'"),
        postgresql_where=sa.text("state <> 'succeeded'"),
    )
    op.create_index(
        "uq_runs_slot",
        "runs",
        ["slot_key", "slot_no"],
        unique=True,
        sqlite_where=sa.text("slot_key IS NOT NULL"),
        postgresql_where=sa.text("slot_key IS NOT NULL"),
    )


def _create_ticks() -> None:
    op.create_table(
        "ticks",
        sa.Column("job", KEY, nullable=False, comment="Name of the job"),
        sa.Column("trigger", KEY, nullable=False, comment="rota.jobs.trigger_key: digest of the trigger's definition"),
        sa.Column("due", sa.BigInteger(), nullable=True, comment="Next due time; null when the trigger has no more"),
        sa.Column(
            "decided_due", sa.BigInteger(), nullable=True, comment="Last due time that became runs or recorded skips"
        ),
        sa.PrimaryKeyConstraint("job", "trigger", name=op.f("pk_ticks")),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("name", KEY, nullable=False, comment="Name to sign in with"),
        sa.Column("label", sa.Text(), nullable=False, comment="For people"),
        sa.Column("role", KEY, nullable=False, comment="viewer | user | publisher | operator | admin"),
        sa.Column("password_hash", sa.Text(), nullable=True, comment="Salted and slow; null when there is no password"),
        sa.Column(
            "enabled", sa.Boolean(), nullable=False, comment="False locks the user out, tokens and sessions included"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When the user was added"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
        sa.CheckConstraint("role IN ('viewer', 'user', 'publisher', 'operator', 'admin')", name=op.f("ck_users_role")),
    )


def _create_folders() -> None:
    op.create_table(
        "folders",
        sa.Column("id", SERIAL, nullable=False, comment="Number that its entries refer to"),
        sa.Column("datasource", KEY, nullable=False, comment="Its datasource"),
        sa.Column("path", sa.LargeBinary(), nullable=False, comment="Path from the root, empty for the root itself"),
        sa.Column("token", KEY, nullable=True, comment="The storage's own word for its state, where it has one"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="Digest of its entries, 8 to 16 bytes"),
        sa.Column("entry_count", sa.Integer(), nullable=False, comment="How many entries it has itself"),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="Sum of the sizes of its own files"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folders")),
        sa.ForeignKeyConstraint(
            ["datasource"], ["datasources.name"], name=op.f("fk_folders_datasource"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("datasource", "path", name=op.f("uq_folders_datasource_path")),
        sa.CheckConstraint("entry_count >= 0 AND bytes >= 0", name=op.f("ck_folders_counters")),
    )


def _create_log_lines() -> None:
    op.create_table(
        "log_lines",
        sa.Column("seq", SERIAL, nullable=False, comment="Running number over all runs"),
        sa.Column("run", KEY, nullable=False, comment="Its run"),
        sa.Column("task", KEY, nullable=False, comment="Its task"),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="Fence of the attempt"),
        sa.Column("n", sa.Integer(), nullable=False, comment="Running number within the attempt"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was said"),
        sa.Column("level", KEY, nullable=False, comment="debug | info | warning | error"),
        sa.Column("message", sa.Text(), nullable=False, comment="The text, cut in the middle when too long"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log_lines")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_log_lines_run"), ondelete="CASCADE"),
        sa.UniqueConstraint("task", "fence", "n", name=op.f("uq_log_lines_task_fence_n")),
        sa.CheckConstraint("level IN ('debug', 'info', 'warning', 'error')", name=op.f("ck_log_lines_level")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_log_lines_run_seq", "log_lines", ["run", "seq"])


def _create_recycled() -> None:
    op.create_table(
        "recycled",
        sa.Column("id", SERIAL, nullable=False, comment="Running number"),
        sa.Column("datasource", KEY, nullable=False, comment="Its datasource"),
        sa.Column("bin_path", sa.LargeBinary(), nullable=False, comment="Path within the bin"),
        sa.Column("original_path", sa.LargeBinary(), nullable=False, comment="Path it had in the datasource"),
        sa.Column("kind", KEY, nullable=False, comment="file | folder | link"),
        sa.Column("items", sa.BigInteger(), nullable=False, comment="Entries in it, itself included"),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="Sum of their sizes"),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False, comment="When it went into the bin"),
        sa.Column("deleted_by", KEY, nullable=True, comment="Who deleted it, where known"),
        sa.Column("run", KEY, nullable=True, comment="Run that put it there, if one did"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recycled")),
        sa.ForeignKeyConstraint(
            ["datasource"], ["datasources.name"], name=op.f("fk_recycled_datasource"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("datasource", "bin_path", name=op.f("uq_recycled_datasource_bin_path")),
        sa.CheckConstraint("kind IN ('file', 'folder', 'link')", name=op.f("ck_recycled_kind")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recycled_datasource_deleted_at", "recycled", ["datasource", "deleted_at"])


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", KEY, nullable=False, comment="UUIDv7; also the id of its message"),
        sa.Column("run", KEY, nullable=False, comment="Its run"),
        sa.Column("step", KEY, nullable=False, comment="Id of the step in the definition"),
        sa.Column("actor", KEY, nullable=False, comment="Name of the actor"),
        sa.Column("queue", KEY, nullable=False, comment="Where its message waits"),
        sa.Column("state", KEY, nullable=False, comment="rota.states.RunState"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it was skipped, cancelled or set aside"),
        sa.Column(
            "message", sa.Text(), nullable=True, comment="rota.messages.TaskMessage; null until the step is ready"
        ),
        sa.Column(
            "attempt",
            sa.Integer(),
            nullable=False,
            comment="Number of the last attempt that started; 0 before the first",
        ),
        sa.Column(
            "fence",
            sa.BigInteger(),
            nullable=False,
            comment="Highest fence recorded; an outcome with a lower one is refused",
        ),
        sa.Column(
            "repeats",
            sa.Integer(),
            nullable=False,
            comment="Attempts started again because their lease or message was lost",
        ),
        sa.Column("checkpoint", sa.Text(), nullable=True, comment="Where the next attempt continues"),
        sa.Column("progress", sa.Text(), nullable=True, comment="rota.runs.Progress as JSON"),
        sa.Column("error", sa.Text(), nullable=True, comment="rota.runs.Failure as JSON"),
        sa.Column("result", sa.Text(), nullable=True, comment="What the actor returned"),
        sa.Column("queued_at", sa.BigInteger(), nullable=True, comment="When the step became ready"),
        sa.Column("sent_at", sa.BigInteger(), nullable=True, comment="When its message last went to the bus"),
        sa.Column("started_at", sa.BigInteger(), nullable=True, comment="First attempt"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="Set exactly in the terminal states"),
        sa.Column("retry_at", sa.BigInteger(), nullable=True, comment="When the next attempt is due, while retrying"),
        sa.Column("worker", KEY, nullable=True, comment="Worker of the last attempt"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_tasks_run"), ondelete="CASCADE"),
        sa.CheckConstraint(STATE, name=op.f("ck_tasks_state")),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled', 'skipped'))",
            name=op.f("ck_tasks_ended"),
        ),
        sa.CheckConstraint(
            "message IS NOT NULL OR state IN ('waiting', 'cancelled', 'skipped')", name=op.f("ck_tasks_message")
        ),
        sa.CheckConstraint("fence >= 0 AND attempt >= 0 AND repeats >= 0", name=op.f("ck_tasks_counters")),
    )
    op.create_index(
        "ix_tasks_sent",
        "tasks",
        ["id"],
        sqlite_where=sa.text("state IN ('queued', 'running', 'retrying')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'retrying')"),
    )
    op.create_index("uq_tasks_run_step", "tasks", ["run", "step"], unique=True)


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", KEY, nullable=False, comment="UUIDv7, shown to people"),
        sa.Column("user", KEY, nullable=False, comment="Whose it is"),
        sa.Column("label", sa.Text(), nullable=False, comment="What it is for, in words"),
        sa.Column("purpose", KEY, nullable=False, comment="api | session | sign_in (works once) | hook"),
        sa.Column("role", KEY, nullable=False, comment="What it allows, never more than its user's role"),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the secret, which has 256 random bits of its own",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="When it was made"),
        sa.Column("expires_at", sa.BigInteger(), nullable=True, comment="Not valid from then on"),
        sa.Column("used_at", sa.BigInteger(), nullable=True, comment="Last use, to the minute"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_tokens_user"), ondelete="CASCADE"),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        sa.CheckConstraint("role IN ('viewer', 'user', 'publisher', 'operator', 'admin')", name=op.f("ck_tokens_role")),
        sa.CheckConstraint("purpose IN ('api', 'session', 'sign_in', 'hook')", name=op.f("ck_tokens_purpose")),
    )
    op.create_index("ix_tokens_user", "tokens", ["user"])


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("task", KEY, nullable=False, comment="Its task"),
        sa.Column("fence", sa.BigInteger(), nullable=False, comment="Fence of its lease"),
        sa.Column(
            "n", sa.Integer(), nullable=False, comment="Number of the attempt; equal numbers mean a repeat after a loss"
        ),
        sa.Column("run", KEY, nullable=False, comment="Run of the task"),
        sa.Column("worker", KEY, nullable=False, comment="Who tried"),
        sa.Column("started_at", sa.BigInteger(), nullable=False, comment="When it began"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="When it ended, or was known to be lost"),
        sa.Column("state", KEY, nullable=False, comment="How it ended; running until then"),
        sa.Column("error", sa.Text(), nullable=True, comment="rota.runs.Failure as JSON"),
        sa.PrimaryKeyConstraint("task", "fence", name=op.f("pk_attempts")),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_attempts_task"), ondelete="CASCADE"),
        sa.CheckConstraint(
            "state IN ('running', 'succeeded', 'failed', 'cancelled', 'retrying', 'paused', 'queued', 'lost')",
            name=op.f("ck_attempts_state"),
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (state = 'running')", name=op.f("ck_attempts_ended")),
        sqlite_with_rowid=False,
    )


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", SERIAL, nullable=False, comment="Running number"),
        sa.Column("datasource", KEY, nullable=False, comment="Its datasource"),
        sa.Column("folder_id", sa.BigInteger(), nullable=False, comment="The folder it is in"),
        sa.Column("name", sa.LargeBinary(), nullable=False, comment="Name within the folder"),
        sa.Column("kind", KEY, nullable=False, comment="file | folder | link"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Bytes; 0 for folders"),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False, comment="Modification time, nanoseconds since 1970"),
        sa.Column(
            "inode",
            sa.BigInteger(),
            nullable=True,
            comment="Where the storage has one; two's complement of unsigned ones",
        ),
        sa.Column("device", sa.BigInteger(), nullable=True, comment="Where the storage has one"),
        sa.Column("etag", KEY, nullable=True, comment="The storage's own word for the content"),
        sa.Column("hash", KEY, nullable=True, comment="algorithm:hex of the content, when it was read"),
        sa.Column("changed_run", KEY, nullable=True, comment="Run that last created or updated this row"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], name=op.f("fk_entries_folder_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("folder_id", "name", name=op.f("uq_entries_folder_id_name")),
        sa.CheckConstraint("kind IN ('file', 'folder', 'link')", name=op.f("ck_entries_kind")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_entries_size")),
    )
