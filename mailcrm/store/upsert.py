"""Insert what is not there yet: one statement for both databases."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared


def insert_ignore(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows``; a row that hits any unique key is left as it is in the table."""
    _statement(session.dialect.name, table).run_all(session, rows)


def insert_first(session: Session, table: Table, row: Mapping[str, Any]) -> int | None:
    """Insert ``row`` and return its id; None where a unique key says that somebody else was first, who may still be at it."""
    insert = postgresql_insert(table) if session.dialect.name == "postgresql" else sqlite_insert(table)
    key = session.execute(insert.values(dict(row)).on_conflict_do_nothing().returning(table.c.id)).scalar()
    return None if key is None else int(key)


@cache
def _statement(dialect: str, table: Table) -> Prepared:
    if dialect == "postgresql":
        return Prepared(postgresql_insert(table).on_conflict_do_nothing())
    return Prepared(sqlite_insert(table).on_conflict_do_nothing())
