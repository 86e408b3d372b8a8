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


@cache
def _statement(dialect: str, table: Table) -> Prepared:
    if dialect == "postgresql":
        return Prepared(postgresql_insert(table).on_conflict_do_nothing())
    return Prepared(sqlite_insert(table).on_conflict_do_nothing())
