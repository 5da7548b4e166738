"""What the search needs: an index per datasource, the folders it has to catch up on, and files that gave no text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

LANGUAGES = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
)  # fmt: skip
"""Whose words PostgreSQL stems."""


def upgrade() -> None:
    op.create_table(
        "indexes",
        _datasource("indexes"),
        sa.Column("live", sa.BigInteger(), comment="Generation that is searched; null: none yet"),
        sa.Column("live_shape", sa.Text(), comment="store.search.engine.Shape that it was built for"),
        sa.Column("building", sa.BigInteger(), comment="Generation that is being built, which may be the live one"),
        sa.Column("building_shape", sa.Text(), comment="Shape that it is built for"),
        _count("last_generation", "Highest generation that there ever was"),
        _count("documents", "Documents of the live one, after the last run"),
        _count("bytes", "Its size, after the last run"),
        sa.Column("last_run", sa.Text(), comment="Run, time and counts of the last one that wrote to it"),
        sa.Column("last_check", sa.Text(), comment="Run, time and findings of the last check"),
        sa.Column("held_by", KEY, comment="Task that writes to it now; null: none does"),
        _count("held_fence", "Grows with each holder; every write names it"),
        sa.Column("held_until", sa.BigInteger(), comment="Until when the holder is believed unheard"),
        sa.PrimaryKeyConstraint("datasource", name="pk_indexes"),
    )
    op.create_table(
        "stale_folders",
        _datasource("stale_folders"),
        sa.Column("path", sa.LargeBinary(), nullable=False, comment="Path of the folder, which may be gone by now"),
        sa.Column(
            "mark",
            sa.BigInteger(),
            nullable=False,
            comment="Another one with each change: whoever settles names the one it saw",
        ),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="When it first changed without being indexed"),
        sa.PrimaryKeyConstraint("datasource", "path", name="pk_stale_folders"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_stale_folders_datasource_since", "stale_folders", ["datasource", "since"])
    op.create_table(
        "unread",
        _datasource("unread"),
        sa.Column("document", sa.BigInteger(), nullable=False, comment="Id of its document: of this state of the file"),
        sa.Column("path", sa.LargeBinary(), nullable=False, comment="Path of the file"),
        sa.Column("reason", KEY, nullable=False, comment="encrypted, broken, timeout … : a word from a closed set"),
        sa.Column("message", sa.Text(), nullable=False, comment="What was wrong, for people"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was tried last"),
        sa.Column("run", KEY, comment="Run that tried it"),
        sa.PrimaryKeyConstraint("datasource", "document", name="pk_unread"),
    )
    op.create_table(
        "generations",
        sa.Column("id", SERIAL, nullable=False, comment="Number in the name of its table"),
        sa.Column("datasource", KEY, nullable=False, comment="Its datasource, which may be gone by now"),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="Which generation of the datasource's index it is"
        ),
        sa.Column("shape", sa.Text(), nullable=False, comment="store.search.engine.Shape that it was built for"),
        _count("documents", "How many it has; changes with each commit"),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sa.UniqueConstraint("datasource", "number", name="uq_generations_datasource_number"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _create_dictionaries()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _drop_documents()
        _drop_dictionaries()
    for table in ("generations", "unread", "stale_folders", "indexes"):
        op.drop_table(table)


def _create_dictionaries() -> None:
    """Make a dictionary for each language that stems words; those that PostgreSQL has leave frequent words out.

    They would make phrases and names of such words impossible to find.
    """
    for language in LANGUAGES:
        op.execute(f"CREATE TEXT SEARCH DICTIONARY rota_{language} (TEMPLATE = snowball, Language = {language})")


def _drop_dictionaries() -> None:
    for language in LANGUAGES:
        op.execute(f"DROP TEXT SEARCH DICTIONARY rota_{language}")


def _drop_documents() -> None:
    for number in op.get_bind().execute(sa.text("SELECT id FROM generations")).scalars().all():
        op.execute(f"DROP TABLE IF EXISTS documents_{number}")


def _datasource(table: str) -> sa.Column[str]:
    return sa.Column(
        "datasource",
        KEY,
        sa.ForeignKey("datasources.name", ondelete="CASCADE", name=f"fk_{table}_datasource"),
        nullable=False,
        comment="Its datasource",
    )


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0", comment=comment)
