"""All migrations together equal the tables in the code, on both databases; a wrong version stops the start."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from mailcrm.crm.stages import all_stages, seed_stages
from mailcrm.mail import ConfigError
from mailcrm.store import migrate
from mailcrm.store.engine import Store
from mailcrm.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mailcrm.sqlite'}"
    make: Callable[[], str] = request.getfixturevalue("make_postgres_database")
    return make()


def test_all_migrations_together_equal_the_tables_in_the_code(database: str) -> None:
    migrate.upgrade(database)
    assert migrate.differences(database) == []


def test_they_make_the_same_constraints_and_defaults_as_the_tables_in_the_code(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    migrate.upgrade(database)
    if database.startswith("sqlite"):
        made_by_code = f"sqlite:///{tmp_path / 'code.sqlite'}"
    else:
        made_by_code = request.getfixturevalue("make_postgres_database")()
    engine = create_engine(made_by_code)
    metadata.create_all(engine)
    engine.dispose()
    assert _described(database) == _described(made_by_code)


def _described(url: str) -> dict[str, list[str]]:
    engine = create_engine(url)
    look = inspect(engine)
    described = {}
    for table in metadata.tables:
        columns = [f"{c['name']} {c['type']} {c['nullable']} {c['default']}" for c in look.get_columns(table)]
        checks = [f"{c['name']} {c['sqltext']}" for c in look.get_check_constraints(table)]
        uniques = [f"{c['name']} {c['column_names']}" for c in look.get_unique_constraints(table)]
        foreign = [f"{c['name']} {c['referred_table']}" for c in look.get_foreign_keys(table)]
        indexes = [f"{i['name']} {i['column_names']} {i['unique']}" for i in look.get_indexes(table)]
        described[table] = columns + sorted(checks) + sorted(uniques) + sorted(foreign) + sorted(indexes)
    engine.dispose()
    return described


def test_upgrading_twice_changes_nothing_and_the_version_is_known(database: str) -> None:
    assert migrate.current_revision(database) is None
    assert not migrate.is_current(database)
    for _ in range(2):
        migrate.upgrade(database)
        assert migrate.current_revision(database) == migrate.newest_revision()
    migrate.require_current(database)


def test_an_empty_database_stops_the_start_and_names_the_command(database: str) -> None:
    with pytest.raises(ConfigError, match="run `mailcrm migrate`"):
        migrate.require_current(database)


def test_a_database_newer_than_the_program_stops_the_start(database: str) -> None:
    migrate.upgrade(database)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match="newer than this program"):
        migrate.require_current(database)


def test_an_upgraded_database_takes_the_ten_stages_once(database: str) -> None:
    migrate.upgrade(database)
    store = Store(database)
    try:
        for _ in range(2):
            store.write(seed_stages)
        with store.read() as session:
            assert [s.name("fi") for s in all_stages(session)][:2] == ["Uusi", "Vastuutettu"]
            assert len(all_stages(session)) == 10
        assert migrate.is_current(store)
    finally:
        store.close()
