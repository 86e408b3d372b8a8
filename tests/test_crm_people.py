"""Users, their addresses and passwords, teams, aliases and keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from mailcrm.config import Mail
from mailcrm.crm import people, teams
from mailcrm.crm.addresses import checked
from mailcrm.crm.api_keys import add_api_key, key_hash, new_key
from mailcrm.crm.call import Call
from mailcrm.crm.done import Done, NotFound, Refused, Taken
from mailcrm.crm.passwords import is_right, password_hash
from mailcrm.store.tables import (
    alias,
    api_key,
    audit,
    outbox,
    outbox_recipient,
    team_member,
    user,
    user_address,
    web_session,
)
from tests.house import DOMAIN, START, House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def perform(house: House, verb: Any, *arguments: Any) -> int:
    return house.desk.perform(Call(verb, arguments))


def write_to(house: House, user_id: int, address: str) -> int:
    """A notice that was sent to this address of the user."""

    def verb(session: Any, _now: Any) -> Done:
        row: dict[str, Any] = {
            "kind": "message",
            "dedupe_key": address,
            "message_id": address,
            "reply_nonce": b"0" * 16,
        }
        row |= {"user_id": user_id, "params": {}, "next_attempt_at": START, "created_at": START}
        outbox_id = session.execute(insert(outbox), row).inserted_primary_key[0]
        to = {"outbox_id": outbox_id, "address": address, "key": address, "kind": "to"}
        session.execute(insert(outbox_recipient), [to])
        return Done(outbox_id)

    return house.desk.perform(verb)


def is_retired(house: House, outbox_id: int) -> bool:
    return bool(house.one(select(outbox.c.is_token_retired).where(outbox.c.id == outbox_id)))


@pytest.mark.parametrize("address", ["", "alice", "@firma.test", "a b@firma.test", "a@b@firma.test", "a@firma..test"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="not an e-mail address"):
        checked(address)


def test_an_address_with_letters_beyond_ascii_is_one() -> None:
    assert checked(" Pekka@Yhtiö.test ") == ("Pekka@Yhtiö.test", "pekka@xn--yhti-8qa.test")


def test_a_users_address_in_a_catch_all_domain_is_refused_unless_routed(house: House) -> None:
    new = people.NewUser("Eve", f"eve@{DOMAIN}")
    with pytest.raises(Refused, match="would come back here"):
        perform(house, people.add_user, new, Mail(domains=[DOMAIN]))
    routed = Mail(domains=[DOMAIN], staff_routes=[f"Eve@{DOMAIN}"])
    added = perform(house, people.add_user, new, routed)
    assert house.one(select(user_address.c.key).where(user_address.c.user_id == added)) == f"eve@{DOMAIN}"


@pytest.mark.parametrize("address", ["ALICE@firma.test", "carol@customer.test"])
def test_an_address_belongs_to_one_user_partner_or_alias_only(house: House, address: str) -> None:
    with pytest.raises(Taken):
        perform(house, people.add_address, house.bob, address, house.desk.config.mail)
    with pytest.raises(Taken):
        perform(house, teams.add_alias, teams.NewAlias(address, house.team))
    with pytest.raises(Taken):
        perform(house, people.add_user, people.NewUser("X", f"sales@{DOMAIN}"), Mail(domains=["other.test"]))
    assert len(house.all(select(user.c.id))) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"role": "boss"},
        {"locale": "sv"},
        {"time_zone": "Helsinki"},
        {"working_days": "54321"},
        {"digest_at": "7:30"},
        {"receipts": "none"},
        {"digest": "hourly"},
        {"digest_day": "8"},
        {"holidays": "XX"},
    ],
)
def test_settings_that_do_not_fit_are_refused(house: House, wrong: dict[str, str]) -> None:
    with pytest.raises(Refused):
        perform(house, people.set_user_fields, house.bob, wrong)
    given = {"name": "X", "address": "x@firma.test"} | wrong
    with pytest.raises(Refused):
        perform(house, people.add_user, people.NewUser(**given), house.desk.config.mail)


def test_deactivating_ends_sign_ins_keys_and_tokens_at_once(house: House) -> None:
    sent, other = write_to(house, house.bob, "bob@firma.test"), write_to(house, house.alice, "alice@firma.test")
    perform(house, add_api_key, house.bob, "k", key_hash(new_key()))
    signed_in = {"hash": "h", "user_id": house.bob, "csrf": "c", "created_at": START, "expires_at": START}
    house.desk.store.write(lambda session: session.execute(insert(web_session), [signed_in]))
    perform(house, people.deactivate_user, house.bob)
    assert is_retired(house, sent)
    assert not is_retired(house, other)
    assert house.one(select(api_key.c.revoked_at)) == START
    assert house.all(select(web_session.c.id)) == []
    with house.desk.store.read() as session:
        assert people.user_by_address(session, "bob@firma.test") is None
        assert people.password_of(session, "bob@firma.test") is None
    assert house.one(select(audit.c.object).where(audit.c.verb == "deactivate_user")) == f"user {house.bob}"
    perform(house, people.activate_user, house.bob)
    assert is_retired(house, sent)


def test_removing_an_address_ends_its_tokens_and_keeps_the_last_one(house: House) -> None:
    perform(house, people.add_address, house.bob, "bob@home.test", house.desk.config.mail)
    at_home, at_work = write_to(house, house.bob, "bob@home.test"), write_to(house, house.bob, "bob@firma.test")
    perform(house, people.make_primary, house.bob, "bob@home.test")
    perform(house, people.remove_address, house.bob, "BOB@home.test")
    assert (is_retired(house, at_home), is_retired(house, at_work)) == (True, False)
    left = house.all(select(user_address.c.key, user_address.c.is_primary).where(user_address.c.user_id == house.bob))
    assert [tuple(row) for row in left] == [("bob@firma.test", True)]
    with pytest.raises(Refused, match="only address"):
        perform(house, people.remove_address, house.bob, "bob@firma.test")
    with pytest.raises(NotFound):
        perform(house, people.remove_address, house.bob, "alice@firma.test")


def test_a_password_is_stored_as_argon2id_and_nobody_has_none() -> None:
    stored = password_hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_right("correct horse", stored)
    assert not is_right("wrong horse", stored)
    assert not is_right("correct horse", None)
    assert not is_right("correct horse", "broken")
    for refused in ("short", "x" * 2000):
        with pytest.raises(Refused):
            password_hash(refused)


def test_a_new_password_signs_everybody_out(house: House) -> None:
    signed_in = {"hash": "h", "user_id": house.bob, "csrf": "c", "created_at": START, "expires_at": START}
    house.desk.store.write(lambda session: session.execute(insert(web_session), [signed_in]))
    perform(house, people.set_password, house.bob, password_hash("correct horse"))
    assert house.all(select(web_session.c.id)) == []
    with house.desk.store.read() as session:
        found = people.password_of(session, "Bob@firma.test")
    assert found is not None
    assert is_right("correct horse", found[1])


def test_members_join_once_and_a_colleague_takes_no_leads(house: House) -> None:
    perform(house, teams.add_member, house.team, house.bob, False)
    takes = select(team_member.c.takes_leads).where(team_member.c.user_id == house.bob)
    assert house.one(takes) is False
    with pytest.raises(Refused):
        perform(house, teams.add_member, house.team, house.dora, True)
    perform(house, teams.add_member, house.team, house.dora, False)
    perform(house, teams.remove_member, house.team, house.dora)
    assert len(house.all(select(team_member.c.user_id))) == 2


def test_a_team_and_an_alias_have_names_of_their_own(house: House) -> None:
    with pytest.raises(Taken):
        perform(house, teams.add_team, " North ", "round_robin")
    with pytest.raises(Refused):
        perform(house, teams.add_team, "South", "lottery")
    with pytest.raises(NotFound):
        perform(house, teams.add_alias, teams.NewAlias("info@firma.test", 999))
    perform(house, teams.add_alias, teams.NewAlias("Info@firma.test", house.team, house.bob, tags=["a", " a ", "b"]))
    assert house.one(select(alias.c.tags).where(alias.c.key == "info@firma.test")) == ["a", "b"]
    perform(house, teams.remove_alias, "info@FIRMA.test")
    with pytest.raises(NotFound):
        perform(house, teams.remove_alias, "info@firma.test")
    with house.desk.store.read() as session:
        assert teams.team_by_name(session, "NORTH") == house.team


def test_a_key_is_stored_hashed_and_only_for_active_users(house: House) -> None:
    key = new_key()
    perform(house, add_api_key, house.bob, "robot", key_hash(key))
    assert key not in str(house.all(select(api_key)))
    perform(house, people.deactivate_user, house.bob)
    with pytest.raises(Refused):
        perform(house, add_api_key, house.bob, "robot", key_hash(new_key()))
