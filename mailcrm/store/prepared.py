"""Statements of the hot path: compiled once, then run on the driver's own cursor.

SQLAlchemy writes the SQL and converts the values; its ``execute`` costs 50 to 170 microseconds a call beside that, where the
database answers in five. A ``Prepared`` is a constant of its module. Values are given by name; a bind parameter that is
``expanding`` takes a sequence. Rows are named tuples. Errors are SQLAlchemy's, without the values.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import CompoundSelect
from sqlalchemy.types import TypeEngine

from mailcrm.store.tables import UTCDateTime

Statement = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]] | Insert | Update | Delete
_namedtuple: Any = namedtuple
_Column = tuple[str, TypeEngine[Any]]
Convert = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Slot:
    """Stands for the value of a bind parameter, or for one element of a sequence, while the SQL is written."""

    name: str
    element: int | None = None


@dataclass(frozen=True, slots=True)
class _Bind:
    """Where one value of the SQL comes from: given by name, an element of a sequence, or part of the statement."""

    key: str
    slot: _Slot | None
    constant: Any
    convert: Convert


class _Compiled:
    """The SQL for one database and one shape of values."""

    def __init__(self, compiled: SQLCompiler, sql: str, binds: Sequence[_Bind], columns: Sequence[_Column]) -> None:
        self.sql = sql
        self.is_returning = bool(compiled.effective_returning)
        self.column_types = tuple(type_ for _, type_ in columns)
        self.make_row = _namedtuple("Row", [name for name, _ in columns], rename=True)._make
        self.converts: tuple[tuple[int, Callable[[Any], Any]], ...] | None = (
            None  # known when the first answer has come
        )
        self._keys = None if compiled.positional else tuple(bind.key for bind in binds)
        self._constants = [bind.constant for bind in binds]
        slots = [(place, bind.slot, bind.convert) for place, bind in enumerate(binds) if bind.slot is not None]
        self._named = [(place, slot.name) for place, slot, _ in slots if slot.element is None]
        self._elements = [(place, slot.name, slot.element) for place, slot, _ in slots if slot.element is not None]
        self._converted = [(place, convert) for place, _, convert in slots if convert is not None]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """As the driver takes them: by place or by name."""
        made = self._constants.copy()
        for place, name in self._named:
            made[place] = values[name]
        for place, name, element in self._elements:
            sequence = values[name]
            made[place] = sequence[element] if element < len(sequence) else sequence[-1]
        for place, convert in self._converted:
            made[place] = convert(made[place])
        return made if self._keys is None else dict(zip(self._keys, made, strict=True))


class Prepared:
    """One statement, and what was compiled of it so far."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.compiled: dict[tuple[Any, ...], _Compiled] = {}
        self._expanding: tuple[str, ...] | None = None

    def all(self, session: Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """All rows."""
        compiled, cursor = self._run(session, values or {})
        try:
            rows = cursor.fetchall()
            return _converted(compiled, session.dialect, cursor.description, rows) if rows else []
        finally:
            cursor.close()

    def first(self, session: Connection, values: Mapping[str, Any] | None = None) -> Any:
        """The first row, or None."""
        rows = self.all(session, values)
        return rows[0] if rows else None

    def one(self, session: Connection, values: Mapping[str, Any] | None = None) -> Any:
        """The only row; ValueError if there is none or another."""
        (row,) = self.all(session, values)
        return row

    def column(self, session: Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in self.all(session, values)]

    def scalar(self, session: Connection, values: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        rows = self.all(session, values)
        return rows[0][0] if rows else None

    def run(self, session: Connection, values: Mapping[str, Any]) -> int:
        """Execute; how many rows it changed."""
        _, cursor = self._run(session, values)
        count = int(cursor.rowcount)
        cursor.close()
        return count

    def run_all(self, session: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each of ``rows``, which are of one shape; none is fine."""
        if len(rows) == 1:
            self.run(session, rows[0])
        elif rows:
            compiled = self._of(session.dialect, rows[0])
            parameters = [compiled.parameters(row) for row in rows]
            _execute(session, compiled.sql, parameters, is_many=True).close()

    def insert(self, session: Connection, row: Mapping[str, Any]) -> int:
        """Insert one row into a table with an id; the new id."""
        compiled, cursor = self._run(session, row)
        key = cursor.fetchone()[0] if compiled.is_returning else cursor.lastrowid
        cursor.close()
        return int(key)

    # compile

    def _run(self, session: Connection, values: Mapping[str, Any]) -> tuple[_Compiled, Any]:
        compiled = self._of(session.dialect, values)
        return compiled, _execute(session, compiled.sql, compiled.parameters(values), is_many=False)

    def _of(self, dialect: Dialect, values: Mapping[str, Any]) -> _Compiled:
        if self._expanding is None:
            self._expanding = _expanding_names(self.statement, dialect)
        lengths = {name: _stepped(len(values[name])) for name in self._expanding}
        shape = (dialect.name, *values, *lengths.values())
        found = self.compiled.get(shape)
        if found is None:
            found = self.compiled[shape] = _compile(self.statement, dialect, values, lengths)
        return found


def _stepped(length: int) -> int:
    """A sequence is filled up to a few lengths, with its last element again: else every length were an SQL of its own."""
    return length if length <= 4 or length > 1000 else 1 << (length - 1).bit_length()


def _expanding_names(statement: Statement, dialect: Dialect) -> tuple[str, ...]:
    if isinstance(statement, Insert):
        return ()
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return tuple(name for name, bind in compiled.binds.items() if bind.expanding and bind.required)


def _compile(
    statement: Statement, dialect: Dialect, values: Mapping[str, Any], lengths: Mapping[str, int]
) -> _Compiled:
    slots: dict[str, Any] = {name: _Slot(name) for name in values}
    slots |= {name: [_Slot(name, i) for i in range(length)] for name, length in lengths.items()}
    compiled = statement.compile(dialect=dialect, column_keys=list(values) if isinstance(statement, Insert) else None)
    assert isinstance(compiled, SQLCompiler)
    state = compiled.construct_expanded_state(slots)
    found = state.parameters
    whole = {part: name for name, parts in state.parameter_expansion.items() for part in parts}
    binds = [_bind(key, found[key], compiled, dialect, whole) for key in state.positiontup or found]
    return _Compiled(compiled, state.statement, binds, _columns(statement))


def _bind(key: str, found: Any, compiled: SQLCompiler, dialect: Dialect, whole: Mapping[str, str]) -> _Bind:
    """``whole`` says of which sequence a parameter is an element."""
    slot = found if isinstance(found, _Slot) else None
    bind = compiled.binds[whole.get(key, key)]
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if convert is not None and isinstance(bind.type, UTCDateTime):
        convert = lru_cache(maxsize=100)(convert)  # a mail writes the same few moments into all its rows
    constant = found if slot or convert is None else convert(found)
    return _Bind(key, slot, constant, convert)


def _columns(statement: Statement) -> list[_Column]:
    """Names and types of what it answers: of a query, or of RETURNING."""
    return [(column.key or "", column.type) for column in statement.exported_columns]


# --- run ----------------------------------------------------------------------------------------------------------------


def run_plain(session: Connection, sql: str) -> None:
    """Run SQL that has no values and no answer."""
    _execute(session, sql, (), is_many=False).close()


def _execute(session: Connection, sql: str, parameters: Any, *, is_many: bool) -> Any:
    cursor = session.connection.cursor()
    listeners = session.dispatch.before_cursor_execute
    if listeners:
        listeners(session, cursor, sql, parameters, None, is_many)
    try:
        if is_many:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
    except session.dialect.loaded_dbapi.Error as e:
        raise _told(session, sql, cursor, e) from e
    return cursor


def _told(session: Connection, sql: str, cursor: Any, error: Exception) -> BaseException:
    """The error as SQLAlchemy's own ``execute`` would have raised it; a connection that is lost is given up."""
    dialect = session.dialect
    is_lost = dialect.is_disconnect(error, session.connection.dbapi_connection, cursor)  # type: ignore[arg-type]
    told = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    if is_lost:
        session.invalidate(error)
    return told


def _converted(compiled: _Compiled, dialect: Dialect, description: Any, rows: Sequence[Any]) -> list[Any]:
    converts = compiled.converts
    if converts is None:
        typed = zip(compiled.column_types, description, strict=True)
        made = [type_.dialect_impl(dialect).result_processor(dialect, column[1]) for type_, column in typed]
        converts = compiled.converts = tuple((i, convert) for i, convert in enumerate(made) if convert is not None)
    make = compiled.make_row
    if not converts:
        return [make(row) for row in rows]
    answer = []
    for row in rows:
        values = list(row)
        for i, convert in converts:
            values[i] = convert(values[i])
        answer.append(make(values))
    return answer
