"""What datasources of every kind need: rules, queues, doubts that wait for a person, and one writer at a time.

Folders have prints, by which a sync finds the few entries that differ without reading all of them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for column in _columns():
        op.add_column("datasources", column)
    prints = sa.Column(
        "prints", sa.LargeBinary(), comment="8 bytes for each of its entries, by name; only with a digest"
    )
    op.add_column("folders", prints)


def downgrade() -> None:
    op.drop_column("folders", "prints")
    for column in reversed(_columns()):
        op.drop_column("datasources", column.name)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("label", sa.Text(), nullable=False, server_default="", comment="Name for people"),
        sa.Column(
            "rules",
            sa.Text(),
            nullable=False,
            server_default="{}",
            comment="rota.datasources.Rules: globs, guards, watching",
        ),
        sa.Column(
            "enabled",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="Whether jobs about all of them include it",
        ),
        sa.Column("queue", KEY, comment="Queue of the workers that can reach it, if not the actor's own"),
        sa.Column("doubt", sa.Text(), comment="Deletions that wait until somebody confirms them"),
        sa.Column("unreachable", sa.Text(), comment="Since when it cannot be reached, and why; null: it can"),
        sa.Column("held_by", KEY, comment="Task that writes to its catalog now; null: none does"),
        sa.Column(
            "held_fence",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Grows with each holder; every write names it",
        ),
        sa.Column("held_until", sa.BigInteger(), comment="Until when the holder is believed unheard"),
    ]
