"""Prepared statements answer as SQLAlchemy's own ``execute`` does, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import bindparam, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from mailcrm.store.engine import Session, Store, remembering, savepoint
from mailcrm.store.faults import is_away, is_conflict
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import metadata, partner, partner_address

NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
_ADD = Prepared(insert(partner))
_ADD_ADDRESS = Prepared(insert(partner_address))
_BY_ID = Prepared(select(partner).where(partner.c.id == bindparam("id")))
_BY_NAME = Prepared(
    select(partner.c.id, partner.c.name)
    .where(partner.c.name.in_(bindparam("names", expanding=True)))
    .order_by(partner.c.id)
)
_KINDS = Prepared(
    select(func.count()).select_from(partner).where(
        partner.c.kind.in_(("person", "company")), partner.c.id.in_(bindparam("ids", expanding=True))
    )
)  # fmt: skip
_END_OWN_SESSION = Prepared(select(func.pg_terminate_backend(func.pg_backend_pid())))
_RENAME = Prepared(
    update(partner).where(partner.c.id == bindparam("b_id")).values(name=bindparam("b_name"), language="fi")
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'a.sqlite3'}" if is_sqlite else request.getfixturevalue("make_postgres_database")()
    store = Store(url)
    metadata.create_all(store.writer)
    yield store
    store.close()


def _row(name: str, **more: object) -> dict[str, object]:
    return {"kind": "person", "name": name, "created_at": NOW, **more}


def test_values_come_back_as_they_went_in(store: Store) -> None:
    row_id = store.write(lambda s: _ADD.insert(s, _row("Örn", revenue=Decimal("12.50"))))
    with store.read() as session:
        row = _BY_ID.one(session, {"id": row_id})
        same = session.execute(select(partner).where(partner.c.id == row_id)).one()
    assert tuple(row) == tuple(same)
    assert (row.name, row.created_at, row.revenue) == ("Örn", NOW, Decimal("12.50"))
    assert row.relation == "prospect"  # the table's own default
    assert row.company_id is None


def test_sequences_of_any_length_and_constants_in_the_statement(store: Store) -> None:
    ids = store.write(lambda s: [_ADD.insert(s, _row(name)) for name in ("a", "b", "c")])
    with store.read() as session:
        assert [tuple(r) for r in _BY_NAME.all(session, {"names": ["a", "c"]})] == [(ids[0], "a"), (ids[2], "c")]
        assert _BY_NAME.all(session, {"names": []}) == []
        assert _BY_NAME.column(session, {"names": ["b"]}) == [ids[1]]
        assert _KINDS.scalar(session, {"ids": ids}) == 3
        assert _KINDS.scalar(session, {"ids": ids[:1]}) == 1
        assert _BY_ID.first(session, {"id": 999}) is None
        assert _BY_ID.scalar(session, {"id": 999}) is None
        with pytest.raises(ValueError, match="unpack"):
            _BY_ID.one(session, {"id": 999})


def test_rows_of_different_columns_and_many_at_once(store: Store) -> None:
    with_domain = store.write(lambda s: _ADD.insert(s, _row("x", domain="x.example")))
    store.write(lambda s: _ADD.run_all(s, [_row("y"), _row("z")]))
    store.write(lambda s: _ADD.run_all(s, []))
    assert store.write(lambda s: _RENAME.run(s, {"b_id": with_domain, "b_name": "w"})) == 1
    assert store.write(lambda s: _RENAME.run(s, {"b_id": 999, "b_name": "w"})) == 0
    with store.read() as session:
        row = _BY_ID.one(session, {"id": with_domain})
        assert (row.name, row.domain, row.language) == ("w", "x.example", "fi")
        assert [r.name for r in _BY_NAME.all(session, {"names": ["y", "z"]})] == ["y", "z"]


def test_a_refused_row_is_sqlalchemys_error_without_its_values(store: Store) -> None:
    row_id = store.write(lambda s: _ADD.insert(s, _row("a")))
    address = {"partner_id": row_id, "address": "secret@a.example", "key": "secret@a.example", "is_primary": True}
    store.write(lambda s: _ADD_ADDRESS.run(s, address))
    with pytest.raises(IntegrityError) as refused:
        store.write(lambda s: _ADD_ADDRESS.run(s, address))
    assert is_conflict(refused.value)
    assert not is_away(refused.value)
    assert not refused.value.params
    with store.read() as session:
        assert _BY_ID.one(session, {"id": row_id}).name == "a"


def test_who_listens_to_statements_hears_these_too(store: Store) -> None:
    said: list[str] = []
    event.listen(store.writer, "before_cursor_execute", lambda *args: said.append(args[2]))
    store.write(lambda s: _ADD.insert(s, _row("a")))
    assert any("INSERT INTO partner" in statement for statement in said)


def test_a_connection_that_is_lost_is_told_as_the_database_away(postgres_url: str) -> None:
    store = Store(postgres_url)
    metadata.create_all(store.writer)
    try:
        with pytest.raises(OperationalError) as lost:
            store.write(_END_OWN_SESSION.all)
        assert lost.value.connection_invalidated
        assert is_away(lost.value)
        assert store.write(lambda s: _ADD.insert(s, _row("after"))) == 1
    finally:
        store.close()


def test_a_connection_that_is_lost_inside_a_batch_is_told_so_too(postgres_url: str) -> None:
    store = Store(postgres_url)

    def work(session: Session) -> None:
        with remembering(session), savepoint(session):
            _END_OWN_SESSION.all(session)

    with pytest.raises(OperationalError) as told:
        store.write(work)
    store.close()
    assert is_away(told.value)


def test_each_shape_is_compiled_once(store: Store) -> None:
    by_name = Prepared(_BY_NAME.statement)
    with store.read() as session:
        for names in (["a"], ["b"], ["a", "b"], ["c", "d"], list("abcde"), list("abcdefgh")):
            by_name.all(session, {"names": names})
    assert len(by_name.compiled) == 3  # one, two, up to eight
