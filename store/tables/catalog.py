"""The tables of what Rota knows about storages: datasources, their folders and entries.

Names and paths are bytes: a name that is not UTF-8 is a name all the same, and has to come back as it was.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import SERIAL_TYPE, Base, Big, Bytes, Json, Key, Millis, one_of, table_of

ENTRY_KINDS = ("file", "folder", "link")


class DatasourceRow(Base):
    """A storage that is looked after."""

    __tablename__ = "datasources"

    name: Mapped[Key] = mapped_column(primary_key=True, comment="Slug")
    kind: Mapped[Key] = mapped_column(comment="local, s3, sftp, webdav …")
    root: Mapped[str] = mapped_column(comment="Folder or address")
    label: Mapped[str] = mapped_column(server_default="", comment="Name for people")
    options: Mapped[Json] = mapped_column(comment="Settings of its kind; secrets only as references")
    rules: Mapped[Json] = mapped_column(server_default="{}", comment="rota.datasources.Rules: globs, guards, watching")
    enabled: Mapped[bool] = mapped_column(server_default=true(), comment="Whether jobs about all of them include it")
    queue: Mapped[Key | None] = mapped_column(comment="Queue of the workers that can reach it, if not the actor's own")
    marker: Mapped[str | None] = mapped_column(
        comment="Content of the marker file that proves the root is the right one"
    )
    last_sync: Mapped[Json | None] = mapped_column(comment="Run, time and counts of the last sync")
    doubt: Mapped[Json | None] = mapped_column(comment="Deletions that wait until somebody confirms them")
    unreachable: Mapped[Json | None] = mapped_column(comment="Since when it cannot be reached, and why; null: it can")
    held_by: Mapped[Key | None] = mapped_column(comment="Task that writes to its catalog now; null: none does")
    held_fence: Mapped[Big] = mapped_column(server_default="0", comment="Grows with each holder; every write names it")
    held_until: Mapped[Millis | None] = mapped_column(comment="Until when the holder is believed unheard")
    created_at: Mapped[Millis] = mapped_column(comment="When it was added")
    updated_at: Mapped[Millis] = mapped_column(comment="When its settings last changed")


class FolderRow(Base):
    """A folder of a datasource with what a sync needs to see quickly that nothing changed in it."""

    __tablename__ = "folders"
    __table_args__ = (
        UniqueConstraint("datasource", "path", name="uq_folders_datasource_path"),
        CheckConstraint("entry_count >= 0 AND bytes >= 0", name="counters"),
    )

    id: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Number that its entries refer to")
    datasource: Mapped[Key] = mapped_column(
        ForeignKey("datasources.name", ondelete="CASCADE"), comment="Its datasource"
    )
    path: Mapped[Bytes] = mapped_column(comment="Path from the root, empty for the root itself")
    token: Mapped[Key | None] = mapped_column(comment="The storage's own word for its state, where it has one")
    digest: Mapped[Bytes] = mapped_column(comment="Digest of its entries, 8 to 16 bytes")
    entry_count: Mapped[int] = mapped_column(comment="How many entries it has itself")
    bytes: Mapped[Big] = mapped_column(comment="Sum of the sizes of its own files")
    prints: Mapped[Bytes | None] = mapped_column(comment="8 bytes for each of its entries, by name; only with a digest")


class EntryRow(Base):
    """One file, folder or link in a folder."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("folder_id", "name", name="uq_entries_folder_id_name"),
        CheckConstraint(one_of("kind", ENTRY_KINDS), name="kind"),
        CheckConstraint("size >= 0", name="size"),
    )

    id: Mapped[int] = mapped_column(SERIAL_TYPE, primary_key=True, comment="Running number")
    datasource: Mapped[Key] = mapped_column(comment="Its datasource")
    folder_id: Mapped[Big] = mapped_column(ForeignKey("folders.id", ondelete="CASCADE"), comment="The folder it is in")
    name: Mapped[Bytes] = mapped_column(comment="Name within the folder")
    kind: Mapped[Key] = mapped_column(comment="file | folder | link")
    size: Mapped[Big] = mapped_column(comment="Bytes; 0 for folders")
    modified_ns: Mapped[Big] = mapped_column(comment="Modification time, nanoseconds since 1970")
    inode: Mapped[Big | None] = mapped_column(comment="Where the storage has one; two's complement of unsigned ones")
    device: Mapped[Big | None] = mapped_column(comment="Where the storage has one")
    etag: Mapped[Key | None] = mapped_column(comment="The storage's own word for the content")
    hash: Mapped[Key | None] = mapped_column(comment="algorithm:hex of the content, when it was read")
    changed_run: Mapped[Key | None] = mapped_column(comment="Run that last created or updated this row")


datasources = table_of(DatasourceRow)
folders = table_of(FolderRow)
entries = table_of(EntryRow)
