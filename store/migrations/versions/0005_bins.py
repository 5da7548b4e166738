"""What a purge has to know of an item in a bin: what it looked like, which bin's limits count, and why it must stay.

Beside it, what is remembered of each bin as a whole.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for column in _columns():
        op.add_column("recycled", column)
    op.create_index("ix_recycled_datasource_deleted_at_id", "recycled", ["datasource", "deleted_at", "id"])
    op.drop_index("ix_recycled_datasource_deleted_at", "recycled")
    op.create_table(
        "bins",
        sa.Column(
            "datasource",
            KEY,
            sa.ForeignKey("datasources.name", ondelete="CASCADE", name="fk_bins_datasource"),
            nullable=False,
            comment="Its datasource",
        ),
        sa.Column("last_purge", sa.Text(), comment="Run, time and counts of the last purge"),
        sa.Column("doubt", sa.Text(), comment="What a purge held back until somebody confirms it"),
        sa.PrimaryKeyConstraint("datasource", name="pk_bins"),
    )


def downgrade() -> None:
    op.drop_table("bins")
    op.create_index("ix_recycled_datasource_deleted_at", "recycled", ["datasource", "deleted_at"])
    op.drop_index("ix_recycled_datasource_deleted_at_id", "recycled")
    for column in reversed(_columns()):
        op.drop_column("recycled", column.name)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "bin", KEY, nullable=False, server_default="", comment="Bin with limits of its own: user:NAME, folder:NAME"
        ),
        _number("size", "Its own, as its storage told it when it came"),
        _number("modified_ns", "Its own time then, nanoseconds since 1970"),
        sa.Column("inode", sa.BigInteger(), comment="Its own then, where the storage has one; two's complement"),
        sa.Column("device", sa.BigInteger(), comment="Its own then, where the storage has one; two's complement"),
        sa.Column("etag", KEY, comment="The storage's own word for its content then"),
        sa.Column(
            "origin",
            KEY,
            nullable=False,
            server_default="deleted",
            comment="deleted | rebuilt (from what lies beside it) | found (nothing was known)",
        ),
        sa.Column("hold", sa.Text(), comment="Why it must stay, as whoever holds it said; null: it need not"),
        sa.Column("keep_until", sa.BigInteger(), comment="It stays until then and goes then, whatever the rules"),
        sa.Column("claimed_by", KEY, comment="Task that is taking it out; null: none is"),
        sa.Column("claimed_for", KEY, comment="purge | restore"),
    ]


def _number(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0", comment=comment)
