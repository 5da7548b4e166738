"""What all tables share: the declarative base, the column types and how constraints are named.

Times are BIGINT milliseconds UTC. JSON is TEXT that `store.encoding` writes and reads: the database never looks inside.
"""

from __future__ import annotations

from typing import Annotated, cast

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Ids and keys are compared byte by byte: a locale's collation is slower and sorts UUIDs by its own rules.
KEY_TYPE = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite gives running numbers to INTEGER keys only.
SERIAL_TYPE = BigInteger().with_variant(Integer(), "sqlite")

Key = Annotated[str, mapped_column(KEY_TYPE)]
Json = Annotated[str, mapped_column(Text)]
Millis = Annotated[int, mapped_column(BigInteger)]
Big = Annotated[int, mapped_column(BigInteger)]
Small = Annotated[int, mapped_column(SmallInteger)]
Bytes = Annotated[bytes, mapped_column(LargeBinary)]


class Base(DeclarativeBase):
    """The base of all models; its metadata is what the migrations are compared with."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {str: Text}  # noqa: RUF012 - the base class declares it so


def table_of(model: type[Base]) -> Table:
    """Give the Core table of a model, which the queries are written with."""
    return cast("Table", model.__table__)


def one_of(column: str, values: tuple[str, ...]) -> str:
    """Write the condition that a column holds one of a closed set of words."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
