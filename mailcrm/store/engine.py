"""Engines and transactions. ``Store.write`` runs a closure in one write transaction; ``Store.read`` lends a read-only session.

On SQLite one writer thread owns the only writing connection of the process (see the WAL-reset bug, sqlite.org/wal.html#walresetbug,
and lost updates under the driver's deferred BEGIN): every writer hands it closures, it opens with BEGIN IMMEDIATE, WAL,
synchronous FULL. On PostgreSQL each ``write`` takes a connection of the pool.

A ``session`` here and everywhere is an SQLAlchemy Core connection inside a transaction. Writers must do nothing slow: no network,
no rendering, no file removal.
"""

import json
import queue
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, Insert, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from mailcrm.store.prepared import run_plain

Session = Connection
T = TypeVar("T")


def insert_row(session: Session, statement: Insert, row: Mapping[str, Any]) -> int:
    """Insert one row; returns its new id."""
    key = session.execute(statement, row).inserted_primary_key
    assert key is not None  # every table with an id answers it
    return int(key[0])


def connection_limits(url: str | URL) -> dict[str, int]:
    """How long libpq waits for a PostgreSQL server to connect (s), and for one that became silent (ms, s)."""
    if make_url(url).get_backend_name() != "postgresql":
        return {}
    return {"connect_timeout": 30, "tcp_user_timeout": 30_000, "keepalives_idle": 30, "keepalives_interval": 10}


_MEMORY = "mailcrm.memory"


@contextmanager
def remembering(session: Session) -> Iterator[None]:
    """While inside, ``remembered`` reads once what a batch of mails asks again and again and no mail changes."""
    session.info[_MEMORY] = {}
    try:
        yield
    finally:
        if not session.invalidated:  # else the connection is gone, and what was remembered with it
            session.info.pop(_MEMORY, None)


def remembered(session: Session, key: Hashable, read: Callable[[], T], is_whole: Callable[[T], bool] = bool) -> T:
    """What ``read`` answers; inside ``remembering`` the first whole answer for ``key`` is given again."""
    memory: dict[Hashable, T] | None = session.info.get(_MEMORY)
    if memory is None:
        return read()
    if key in memory:
        return memory[key]
    answer = read()
    if is_whole(answer):
        memory[key] = answer
    return answer


def has_ended(session: Session) -> bool:
    """Whether the transaction is gone with all that was written in it: the connection is lost, or SQLite took everything back.

    SQLite does so on its own when the disk is full. What is written after that would be committed statement by statement.
    """
    if session.invalidated:
        return True
    return session.dialect.name == "sqlite" and not session.connection.in_transaction


@contextmanager
def savepoint(session: Session, name: Literal["one_mail", "commands", "one_command"] = "one_mail") -> Iterator[None]:
    """What is written inside stays or goes as one; inside another only under another name."""
    run_plain(session, f"SAVEPOINT {name}")
    try:
        yield
    except BaseException:
        if not has_ended(session):
            run_plain(session, f"ROLLBACK TO SAVEPOINT {name}")
            run_plain(session, f"RELEASE SAVEPOINT {name}")
        raise
    run_plain(session, f"RELEASE SAVEPOINT {name}")


@contextmanager
def recoverable(session: Session) -> Iterator[Callable[[], None]]:
    """For reads of which one may fail without the others: call what is given after a failure, and read on.

    PostgreSQL refuses everything after a statement that failed until it is taken back. What was written inside is lost with it.
    """
    run_plain(session, "SAVEPOINT reads")
    yield lambda: run_plain(session, "ROLLBACK TO SAVEPOINT reads")
    run_plain(session, "RELEASE SAVEPOINT reads")


class Store:
    """The database of one process. Close it at the end; using it after that raises RuntimeError."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.writer = _sqlite_engine(url, is_writer=True)
            self.reader = _sqlite_engine(url, is_writer=False)
        else:
            limits = connection_limits(self.url)
            self.writer = create_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True, connect_args=limits)
            self.reader = self.writer.execution_options(postgresql_readonly=True)
        self._thread = _WriterThread(self.writer) if self.is_sqlite else None

    def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one write transaction and commit; whatever it raises rolls back and is raised here."""
        if self._thread is not None:
            return self._thread.run(work)
        with self.writer.begin() as session:
            return work(session)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read-only session on a snapshot; do not keep it long, it stops the checkpoint on SQLite."""
        with self.reader.connect() as session, session.begin():
            yield session

    def close(self) -> None:
        """Finish what was handed in and close all connections."""
        if self._thread is not None:
            self._thread.stop()
        self.reader.dispose()
        self.writer.dispose()


class _WriterThread:
    """Runs closures one after the other on one connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._work: queue.SimpleQueue[tuple[Callable[[Session], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._is_stopped = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Session], T]) -> T:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write inside a write: pass the session on instead")
        done: Future[T] = Future()
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("the store is closed")
            self._work.put((work, done))
        return done.result()

    def stop(self) -> None:
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
            self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, done = item
            try:
                with self._engine.begin() as session:
                    result = work(session)
            except BaseException as e:  # noqa: BLE001 -- handed to the caller, who decides
                done.set_exception(e)
            else:
                done.set_result(result)
            del work, done, item


def _json(value: Any) -> str:
    """Most lists and mappings of a mail's rows are empty, and the encoder takes as long over those as over any."""
    return "[]" if value == [] else "{}" if value == {} else json.dumps(value)


def _sqlite_engine(url: str, *, is_writer: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": 10, "cached_statements": 500},
        json_serializer=_json,
        **({"poolclass": StaticPool} if is_writer else {"poolclass": QueuePool, "pool_size": 5, "max_overflow": 20}),
    )

    @event.listens_for(engine, "connect")
    def _on_connect(dbapi: Any, _record: ConnectionPoolEntry) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves: the driver sends none before a SELECT
        cursor = dbapi.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=10000")
        if is_writer:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA wal_autocheckpoint=4000")
            cursor.execute("PRAGMA journal_size_limit=67108864")
        else:
            cursor.execute("PRAGMA wal_autocheckpoint=0")
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine
