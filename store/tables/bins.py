"""The tables of the bins: what lies in them, since when, from where and by whom, and what became of the last purge.

Paths are bytes, as those of the catalog are.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import SERIAL_TYPE, Base, Big, Bytes, Json, Key, Millis, one_of, table_of
from store.tables.catalog import ENTRY_KINDS


class RecycledRow(Base):
    """An item in a bin: a file, a link, or a folder with everything in it."""

    __tablename__ = "recycled"
    __table_args__ = (
        UniqueConstraint("datasource", "bin_path", name="uq_recycled_datasource_bin_path"),
        # In the order in which a purge and the console read them, page by page.
        Index("ix_recycled_datasource_deleted_at_id", "datasource", "deleted_at", "id"),
        CheckConstraint(one_of("kind", ENTRY_KINDS), name="kind"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Running number")
    datasource: Mapped[Key] = mapped_column(
        ForeignKey("datasources.name", ondelete="CASCADE"), comment="Its datasource"
    )
    bin_path: Mapped[Bytes] = mapped_column(comment="Path within the bin")
    original_path: Mapped[Bytes] = mapped_column(comment="Path it had in the datasource")
    kind: Mapped[Key] = mapped_column(comment="file | folder | link")
    items: Mapped[Big] = mapped_column(comment="Entries in it, itself included")
    bytes: Mapped[Big] = mapped_column(comment="Sum of their sizes")
    deleted_at: Mapped[Millis] = mapped_column(comment="When it went into the bin")
    deleted_by: Mapped[Key | None] = mapped_column(comment="Who deleted it, where known")
    run: Mapped[Key | None] = mapped_column(comment="Run that put it there, if one did")
    bin: Mapped[Key] = mapped_column(server_default="", comment="Bin with limits of its own: user:NAME, folder:NAME")
    size: Mapped[Big] = mapped_column(server_default="0", comment="Its own, as its storage told it when it came")
    modified_ns: Mapped[Big] = mapped_column(server_default="0", comment="Its own time then, nanoseconds since 1970")
    inode: Mapped[Big | None] = mapped_column(comment="Its own then, where the storage has one; two's complement")
    device: Mapped[Big | None] = mapped_column(comment="Its own then, where the storage has one; two's complement")
    etag: Mapped[Key | None] = mapped_column(comment="The storage's own word for its content then")
    origin: Mapped[Key] = mapped_column(
        server_default="deleted", comment="deleted | rebuilt (from what lies beside it) | found (nothing was known)"
    )
    hold: Mapped[str | None] = mapped_column(comment="Why it must stay, as whoever holds it said; null: it need not")
    keep_until: Mapped[Millis | None] = mapped_column(comment="It stays until then and goes then, whatever the rules")
    claimed_by: Mapped[Key | None] = mapped_column(comment="Task that is taking it out; null: none is")
    claimed_for: Mapped[Key | None] = mapped_column(comment="purge | restore")


class BinRow(Base):
    """What is remembered of the bin of a datasource as a whole."""

    __tablename__ = "bins"

    datasource: Mapped[Key] = mapped_column(
        ForeignKey("datasources.name", ondelete="CASCADE"), primary_key=True, comment="Its datasource"
    )
    last_purge: Mapped[Json | None] = mapped_column(comment="Run, time and counts of the last purge")
    doubt: Mapped[Json | None] = mapped_column(comment="What a purge held back until somebody confirms it")


recycled = table_of(RecycledRow)
bins = table_of(BinRow)
