"""Keyset paging: ``{"items": […], "next": cursor|null}``. A cursor names the last row seen, so a page costs the same however far
one has read, and rows added meanwhile shift nothing."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, RowMapping, Select, and_, or_

from mailcrm.crm.done import Refused
from mailcrm.store.engine import Session

T = TypeVar("T")
LARGEST_ID = 2**63 - 1


def _plain(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a character that cannot be stored")
    return value


plain = AfterValidator(_plain)
Word = Annotated[str, Field(max_length=500), plain]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Paging(BaseModel):
    """Parameters of every list."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=200, description="rows in a page")] = 50
    cursor: Annotated[Word | None, Field(description="`next` of the page before")] = None


class Page(BaseModel, Generic[T]):
    """One page of a list; ``next`` is null on the last."""

    items: list[T]
    next: str | None


Key = tuple[ColumnElement[Any], bool]  # column, whether it ascends
_READ: dict[type, Callable[[Any], Any]] = {
    int: int,
    str: str,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}


def page_of(
    session: Session, statement: Select[Any], paging: Paging, keys: Sequence[Key]
) -> tuple[list[RowMapping], str | None]:
    """The rows of one page in the order of ``keys``, whose last must be unique, and the cursor of the next page.

    The statement must select each key as a column of its own name.
    """
    columns = [column for column, _ in keys]
    statement = statement.order_by(*(column.asc() if up else column.desc() for column, up in keys))
    if paging.cursor is not None:
        statement = statement.where(_after(keys, _read_cursor(paging.cursor, columns)))
    rows = list(session.execute(statement.limit(paging.limit + 1)).mappings())
    if len(rows) <= paging.limit:
        return rows, None
    rows = rows[: paging.limit]
    return rows, _cursor([rows[-1][column] for column in columns])


def _after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind ``values``: (a, b) > (x, y) spelled out, since keys may run in different directions."""
    cases = []
    for n, ((column, up), value) in enumerate(zip(keys, values, strict=True)):
        equal = [before == given for (before, _), given in zip(keys[:n], values[:n], strict=True)]
        cases.append(and_(*equal, column > value if up else column < value))
    return or_(*cases)


def _cursor(values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, date) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode("ascii").rstrip("=")


def _read_cursor(text: str, columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        read = [_READ[column.type.python_type](value) for column, value in zip(columns, values, strict=True)]
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        raise Refused("cursor: not one of ours.") from None
    if any(isinstance(value, int) and abs(value) > LARGEST_ID for value in read):
        raise Refused("cursor: not one of ours.")
    if any(isinstance(value, datetime) and value.tzinfo is None for value in read):
        raise Refused("cursor: not one of ours.")
    return read
