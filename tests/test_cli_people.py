"""The commands for people, teams, aliases and keys, run as a person runs them."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from mailcrm.cli.main import run
from mailcrm.config import load
from mailcrm.crm.api_keys import use_key
from mailcrm.crm.passwords import is_right
from mailcrm.crm.people import password_of
from mailcrm.store.engine import Store
from mailcrm.store.tables import alias, outbox_recipient, team_member, user, user_address
from tests.house import START


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('[mail]\ndomains = ["crm.firma.test"]\n[company]\nlocale = "fi"\n')
    assert run(["migrate", "--config", str(path)]) == 0
    return path


def store_of(config: Path) -> Store:
    return Store(load(config).database_url)


def test_a_house_is_furnished_by_commands(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        assert run([*words, "--config", str(config)]) == status
        return "".join(capsys.readouterr())

    say("user", "add", "alice@firma.test", "--name", "Alice Aalto")
    say("user", "add", "bob@firma.test", "--name", "Bob Berg", "--role", "manager", "--locale", "en")
    assert "would come back here" in say("user", "add", "eve@crm.firma.test", "--name", "Eve", status=1)
    assert "gets receipts: errors" in say("user", "receipts", "alice@firma.test", "errors")
    assert "gets notices of note: off" in say("user", "notices", "alice@firma.test", "note", "off")
    assert "cannot be switched off" in say("user", "notices", "alice@firma.test", "reply", "off", status=1)
    assert "gets notices of reply: batched" in say("user", "notices", "bob@firma.test", "all", "batched")
    weekly = ("weekly", "--day", "4", "--at", "08:15", "--working-days", "1234", "--holidays", "SE")
    assert "gets the digest: weekly" in say("user", "digest", "alice@firma.test", *weekly)
    say("team", "add", "North", "--member", "alice@firma.test")
    say("team", "add-member", "north", "bob@firma.test", "--no-leads")
    say("alias", "add", "sales@crm.firma.test", "--team", "North", "--source", "web", "--tag", "a", "--tag", "b")
    assert "There is no team South." in say("alias", "add", "x@crm.firma.test", "--team", "South", status=1)
    key = say("apikey", "add", "alice@firma.test", "--name", "robot").strip()
    assert "Alice Aalto, (Bob Berg)" in say("team", "list")
    assert "web" in say("alias", "list")
    assert "robot" in say("apikey", "list")
    assert key not in say("apikey", "list")
    say("user", "deactivate", "bob@firma.test", "--handover", "alice@firma.test")
    assert "deactivated" in say("user", "list")
    store = store_of(config)
    try:
        with store.read() as session:
            found = use_key(session, key, START)
            assert found is not None
            assert (found.actor.name, found.actor.locale) == ("Alice Aalto", "fi")
            assert session.execute(select(alias.c.tags)).scalar_one() == ["a", "b"]
            receipts = session.execute(select(user.c.receipts).order_by(user.c.id)).scalars()
            assert list(receipts) == ["errors", "all"]
            notices = session.execute(select(user.c.notices).order_by(user.c.id)).scalars().all()
            assert (notices[0], notices[1]["reply"]) == ({"note": "off"}, "batched")
            columns = (user.c.digest, user.c.digest_day, user.c.digest_at, user.c.working_days, user.c.holidays)
            assert [tuple(row) for row in session.execute(select(*columns).order_by(user.c.id))] == [
                ("weekly", "4", "08:15", "1234", "SE"),
                ("daily", "1", "07:30", "12345", None),
            ]
            assert len(session.execute(select(team_member)).all()) == 2
    finally:
        store.close()
    say("apikey", "revoke", "1")
    assert "no key 1" in say("apikey", "revoke", "1", status=1)


def test_a_password_is_read_from_standard_input(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(["user", "add", "alice@firma.test", "--name", "Alice", "--config", str(config)])
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert run(["user", "password", "alice@firma.test", "--config", str(config)]) == 0
    store = store_of(config)
    try:
        with store.read() as session:
            found = password_of(session, "alice@firma.test")
            assert session.execute(select(user.c.locale)).scalar_one() == "fi"
    finally:
        store.close()
    assert found is not None
    assert is_right("correct horse", found[1])


def test_one_more_address_is_asked_unless_somebody_knows_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["user", "add", "alice@firma.test", "--name", "Alice", "--config", str(config)])
    add = ["user", "add-address", "alice@firma.test", "--config", str(config)]

    assert run([*add, "alice@home.test"]) == 0
    assert "was asked by mail" in capsys.readouterr().out
    assert run([*add, "alice@phone.test", "--confirmed"]) == 0
    store = store_of(config)
    try:
        with store.read() as session:
            keys = session.execute(select(user_address.c.key).order_by(user_address.c.id)).scalars().all()
            asked = session.execute(select(outbox_recipient.c.key)).scalars().all()
    finally:
        store.close()
    assert (list(keys), list(asked)) == (["alice@firma.test", "alice@phone.test"], ["alice@home.test"])


def test_a_user_is_away_and_back_by_command(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("alice", "bob"):
        assert run(["user", "add", f"{name}@firma.test", "--name", name.title(), "--config", str(config)]) == 0
    away = ["user", "away", "alice@firma.test", "--config", str(config)]

    assert run([*away, "--until", "2001-01-01"]) == 1
    assert "This day is past." in capsys.readouterr().err
    assert _absence_of_alice(config) == (None, None)
    next_month = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    assert run([*away, "--until", next_month, "--deputy", "bob@firma.test"]) == 0
    until, deputy = _absence_of_alice(config)
    assert (until is not None, deputy) == (True, 2)
    assert run(["user", "back", "alice@firma.test", "--config", str(config)]) == 0
    assert _absence_of_alice(config) == (None, 2)


def _absence_of_alice(config: Path) -> tuple[datetime | None, int | None]:
    store = store_of(config)
    try:
        with store.read() as session:
            row = session.execute(select(user.c.absent_until, user.c.deputy_id).where(user.c.name == "Alice")).one()
            return row.absent_until, row.deputy_id
    finally:
        store.close()
