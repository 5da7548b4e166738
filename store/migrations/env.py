"""Runs migrations on the connection that `store.schema` hands over; nothing here makes one."""

from __future__ import annotations

from alembic import context

from store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter much: later migrations copy the table instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
