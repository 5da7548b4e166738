"""The tables of the events: what was received, and what is gathered for one run."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import SERIAL_TYPE, Base, Big, Json, Key, Millis, table_of


class EventRow(Base):
    """Events that were received, with what they matched."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("source", "event_id", name="uq_events_source_event_id"),
        Index("ix_events_type_seq", "type", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Order of arrival")
    source: Mapped[Key] = mapped_column(comment="CloudEvents source")
    event_id: Mapped[Key] = mapped_column(comment="CloudEvents id, unique per source")
    type: Mapped[Key] = mapped_column(comment="CloudEvents type")
    subject: Mapped[str | None] = mapped_column(comment="CloudEvents subject")
    time: Mapped[Millis | None] = mapped_column(comment="CloudEvents time")
    received_at: Mapped[Millis] = mapped_column(comment="When the scheduler took it")
    envelope: Mapped[Json] = mapped_column(comment="The whole event as CloudEvents JSON")
    matched: Mapped[Json] = mapped_column(comment="Runs it started, as a list of {job, run}")


class WindowRow(Base):
    """Events that are being gathered for one run. The row goes when the run is admitted."""

    __tablename__ = "windows"
    __table_args__ = (
        UniqueConstraint("job", "trigger", "key", name="uq_windows_job_trigger_key"),
        Index("ix_windows_due", "due"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True, comment="UUIDv7; also the id of the run that it becomes")
    job: Mapped[Key] = mapped_column(comment="Name of the job")
    trigger: Mapped[Key] = mapped_column(comment="rota.triggers.trigger_key of the trigger that gathers")
    key: Mapped[Key | None] = mapped_column(
        comment="What its events have in common; null once it is full and another may open"
    )
    opened_at: Mapped[Millis] = mapped_column(comment="When the first event came")
    latest: Mapped[Millis] = mapped_column(comment="When the run starts, however many events come")
    due: Mapped[Millis] = mapped_column(comment="When the run starts, unless another event comes")
    count: Mapped[int] = mapped_column(comment="How many events it holds")


class GatheredRow(Base):
    """Which events a run was given, or will be when its window closes, in order."""

    __tablename__ = "gathered"
    __table_args__ = (
        PrimaryKeyConstraint("run", "n", name="pk_gathered"),
        Index("ix_gathered_event", "event"),
        {"sqlite_with_rowid": False},
    )

    run: Mapped[Key] = mapped_column(comment="The run, or the window that becomes it; no foreign key for that")
    n: Mapped[int] = mapped_column(comment="Place in the list, from 0")
    event: Mapped[Big] = mapped_column(
        ForeignKey("events.seq", ondelete="CASCADE"), comment="The event; it goes from the list when it is pruned"
    )


events = table_of(EventRow)
windows = table_of(WindowRow)
gathered = table_of(GatheredRow)
