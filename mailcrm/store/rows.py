"""Adding one row and learning its id."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Insert

from mailcrm.store.engine import Session


def add_row(session: Session, statement: Insert, row: Mapping[str, Any]) -> int:
    """Run a prepared ``insert(table)`` with one row; returns the new id."""
    key = session.execute(statement, dict(row)).inserted_primary_key
    if key is None:
        raise TypeError("the statement inserted no row with an id")
    return int(key[0])
