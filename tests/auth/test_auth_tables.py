"""The tables in the program are the tables that the migrations make."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from hie.auth.tables import metadata


def only_auth(name: str | None, kind: str, _: Any) -> bool:
    return kind != "schema" or name == "auth"


def test_tables_are_as_declared(cloned: Callable[[], AbstractContextManager[str]]) -> None:
    with cloned() as conninfo:
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool
        )
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"include_schemas": True, "include_name": only_auth}
            )
            differences = [
                one for one in compare_metadata(context, metadata) if "comment" not in str(one)
            ]
        engine.dispose()
    assert differences == []
