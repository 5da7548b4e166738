"""The tables of the search: one index per datasource, what it has yet to catch up on, and which files gave no text."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import SERIAL_TYPE, Base, Big, Bytes, Json, Key, Millis, table_of


class IndexRow(Base):
    """The index of a datasource: which of its generations is searched, which is being built, and who writes."""

    __tablename__ = "indexes"

    datasource: Mapped[Key] = mapped_column(
        ForeignKey("datasources.name", ondelete="CASCADE"), primary_key=True, comment="Its datasource"
    )
    live: Mapped[Big | None] = mapped_column(comment="Generation that is searched; null: none yet")
    live_shape: Mapped[Json | None] = mapped_column(comment="store.search.engine.Shape that it was built for")
    building: Mapped[Big | None] = mapped_column(comment="Generation that is being built, which may be the live one")
    building_shape: Mapped[Json | None] = mapped_column(comment="Shape that it is built for")
    last_generation: Mapped[Big] = mapped_column(server_default="0", comment="Highest generation that there ever was")
    documents: Mapped[Big] = mapped_column(server_default="0", comment="Documents of the live one, after the last run")
    bytes: Mapped[Big] = mapped_column(server_default="0", comment="Its size, after the last run")
    last_run: Mapped[Json | None] = mapped_column(comment="Run, time and counts of the last one that wrote to it")
    last_check: Mapped[Json | None] = mapped_column(comment="Run, time and findings of the last check")
    held_by: Mapped[Key | None] = mapped_column(comment="Task that writes to it now; null: none does")
    held_fence: Mapped[Big] = mapped_column(server_default="0", comment="Grows with each holder; every write names it")
    held_until: Mapped[Millis | None] = mapped_column(comment="Until when the holder is believed unheard")


class StaleRow(Base):
    """A folder whose entries changed in the catalog since they were indexed; written with the change itself."""

    __tablename__ = "stale_folders"
    __table_args__ = (
        Index("ix_stale_folders_datasource_since", "datasource", "since"),
        {"sqlite_with_rowid": False},
    )

    datasource: Mapped[Key] = mapped_column(
        ForeignKey("datasources.name", ondelete="CASCADE"), primary_key=True, comment="Its datasource"
    )
    path: Mapped[Bytes] = mapped_column(primary_key=True, comment="Path of the folder, which may be gone by now")
    mark: Mapped[Big] = mapped_column(comment="Another one with each change: whoever settles names the one it saw")
    since: Mapped[Millis] = mapped_column(comment="When it first changed without being indexed")


class UnreadRow(Base):
    """An entry that is found by its name only, because its file gave no text."""

    __tablename__ = "unread"

    datasource: Mapped[Key] = mapped_column(
        ForeignKey("datasources.name", ondelete="CASCADE"), primary_key=True, comment="Its datasource"
    )
    document: Mapped[Big] = mapped_column(primary_key=True, comment="Id of its document: of this state of the file")
    path: Mapped[Bytes] = mapped_column(comment="Path of the file")
    reason: Mapped[Key] = mapped_column(comment="encrypted, broken, timeout … : a word from a closed set")
    message: Mapped[str] = mapped_column(comment="What was wrong, for people")
    at: Mapped[Millis] = mapped_column(comment="When it was tried last")
    run: Mapped[Key | None] = mapped_column(comment="Run that tried it")


class GenerationRow(Base):
    """A generation of an index that PostgreSQL keeps; its documents have a table of their own, `documents_<id>`.

    Used by `store.search.postgresql` only; empty where another engine keeps the indexes.
    """

    __tablename__ = "generations"
    __table_args__ = (UniqueConstraint("datasource", "number"),)

    id: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Number in the name of its table")
    datasource: Mapped[Key] = mapped_column(comment="Its datasource, which may be gone by now")
    number: Mapped[Big] = mapped_column(comment="Which generation of the datasource's index it is")
    shape: Mapped[Json] = mapped_column(comment="store.search.engine.Shape that it was built for")
    documents: Mapped[Big] = mapped_column(server_default="0", comment="How many it has; changes with each commit")


indexes = table_of(IndexRow)
generations = table_of(GenerationRow)
stale_folders = table_of(StaleRow)
unread = table_of(UnreadRow)
