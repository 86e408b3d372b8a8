"""What a database error says: the database is away, two writers met, or neither, and then the statement is at fault. Pure.

SQLAlchemy's classes do not tell: on PostgreSQL an index row that is too large is an ``OperationalError``, as is a lost connection.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# PostgreSQL, Appendix A: connection, resources, shutdown, system. Not 57014, which ends one statement that took too long.
_AWAY_CLASSES = ("08", "53", "57P", "58")
_MET = ("40", "55P03")  # serialisation failure, deadlock, lock not available
_SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def is_away(error: BaseException) -> bool:
    """Whether nothing can be written just now, whatever it is: no mail is to blame."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_AWAY
    state = getattr(error.orig, "sqlstate", None)
    return state.startswith(_AWAY_CLASSES) if state else _is_of_connection(error)


def _is_of_connection(error: DBAPIError) -> bool:
    """Without a word of the server: it was never reached, or went away in the middle."""
    return type(error.orig).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")


def in_a_line(error: BaseException) -> str:
    """What the driver said, on one line and without the statement and its values, which hold what mails hold."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())[:300]


def is_conflict(error: BaseException) -> bool:
    """Whether somebody else wrote at the same time: the next look may find what they wrote."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return isinstance(error, IntegrityError) or state.startswith(_MET)
