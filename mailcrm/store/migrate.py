"""The schema's version: bring a database up to date, and refuse to start on one that is not.

``python -m mailcrm.store.migrate "What it is for."`` writes the next revision from the difference between the existing ones and
``tables.py``; with ``--again`` it writes the newest one anew, which is only right before that revision was released.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from mailcrm.mail import ConfigError, Temporary
from mailcrm.store.engine import Store, connection_limits
from mailcrm.store.faults import in_a_line, is_away
from mailcrm.store.tables import metadata

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_261_140_001  # any number, the same on every node: two nodes starting together upgrade one after the other


def upgrade(database: Store | str) -> None:
    """Run the revisions that are missing, all or none. Nobody else may be writing to an SQLite file meanwhile."""
    with _connection(database) as connection:
        command.upgrade(_config(connection), "head")


def current_revision(database: Store | str) -> str | None:
    """The revision the database is at; None for an empty one."""
    with _connection(database) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision this version of the program needs."""
    head = ScriptDirectory.from_config(_config(None)).get_current_head()
    if head is None:
        raise ConfigError(["this installation has no migrations: install it again"])
    return head


def is_current(database: Store | str) -> bool:
    return current_revision(database) == newest_revision()


def require_current(database: Store | str) -> None:
    """ConfigError, naming the command that mends it, unless the schema is the one this program needs."""
    found, needed = current_revision(database), newest_revision()
    if found == needed:
        return
    if found is not None and found not in _known_revisions():
        raise ConfigError(
            [f"the database is at schema {found}, which is newer than this program: install the newer one"]
        )
    at = f"at schema {found}" if found else "empty"
    raise ConfigError([f"the database is {at} and this program needs {needed}: run `mailcrm migrate`"])


def differences(database: Store | str) -> list[Any]:
    """What a revision would have to change to make this database equal ``tables.py``."""
    with _connection(database) as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connection(database: Store | str) -> Iterator[Connection]:
    """One transaction on a connection of its own; Temporary if the database does not answer.

    SQLite: foreign keys are off, since Alembic changes a table by replacing it, and all rows are checked before the commit.
    """
    url = database.url if isinstance(database, Store) else database
    engine = create_engine(url, poolclass=NullPool, connect_args=connection_limits(url))
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        event.listen(engine, "connect", _manual_begin)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            if not is_sqlite:
                connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
            if is_sqlite:
                _refuse_dangling(connection)
    except SQLAlchemyError as e:
        if is_away(e):
            raise Temporary(f"the database does not answer: {in_a_line(e)}") from e
        raise


def _manual_begin(dbapi: Any, _record: object) -> None:
    dbapi.isolation_level = None


def _refuse_dangling(connection: Connection) -> None:
    if dangling := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5):
        raise ConfigError([f"the migration would leave rows that point nowhere: {dangling}; nothing was changed"])


def _write_revision(message: str, *, is_again: bool) -> None:
    newest = sorted((_FOLDER / "versions").glob("[0-9]*.py"))
    if is_again and newest:
        newest.pop().unlink()
    with _connection("sqlite://") as connection:
        config = _config(connection)
        if newest:
            command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=f"{len(newest) + 1:04}")
    for path in (_FOLDER / "versions").glob(f"{len(newest) + 1:04}_*.py"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.strip().startswith("# ###")), "utf-8")


def main(write: Callable[..., None] = _write_revision) -> None:
    parser = argparse.ArgumentParser(prog="python -m mailcrm.store.migrate", description="Write the next revision.")
    parser.add_argument("message", help="what it is for, in one sentence")
    parser.add_argument("--again", action="store_true", help="replace the newest, unreleased revision")
    arguments = parser.parse_args()
    write(arguments.message, is_again=arguments.again)


if __name__ == "__main__":
    main()
