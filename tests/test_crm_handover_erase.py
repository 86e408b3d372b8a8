"""Handing over everything somebody looks after, and erasing somebody we wrote with."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from mailcrm.crm import leads, people
from mailcrm.crm.activities import NewActivity, cancel, complete, schedule
from mailcrm.crm.call import Call
from mailcrm.crm.chatter import NewMessage, add_message
from mailcrm.crm.done import Refused
from mailcrm.crm.erase import erase
from mailcrm.crm.handover import handover
from mailcrm.crm.leads import move_to_stage
from mailcrm.crm.partners import NewPerson, add_person
from mailcrm.crm.stages import all_stages
from mailcrm.crm.writing import write_note, write_to_customer
from mailcrm.store.tables import (
    activity,
    attachment,
    audit,
    follower,
    inbound,
    lead,
    message,
    message_ref,
    metadata,
    outbox,
    participant,
    partner,
    raw,
)
from tests.house import DOMAIN, START, House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


@pytest.fixture
def postgres_house(tmp_path: Path, postgres_url: str) -> Iterator[House]:
    with open_house(tmp_path, postgres_url) as house:
        yield house


def perform(house: House, verb: Any, *arguments: Any, by: int | None = None) -> int:
    return house.desk.perform(Call(verb, arguments, by))


def stage(house: House, kind: str) -> int:
    with house.desk.store.read() as session:
        return next(s.id for s in all_stages(session) if s.kind == kind)


# --- activities ---------------------------------------------------------------------------------------------------------


def test_the_last_activity_of_a_lead_on_hold_stays(house: House) -> None:
    lead_id = house.add_lead()
    on_hold = stage(house, "on_hold")
    house.desk.perform(
        lambda session, now: move_to_stage(session, lead_id, on_hold, house.alice, now, hold_until=date(2026, 4, 1))
    )
    made = house.one(select(activity.c.id))
    with pytest.raises(Refused, match="on hold"):
        perform(house, cancel, made, by=house.alice)
    other = perform(house, schedule, lead_id, NewActivity("call", date(2026, 3, 5)), by=house.bob)
    assert house.one(select(activity.c.user_id).where(activity.c.id == other)) == house.alice
    perform(house, cancel, made, by=house.alice)


# --- handover -----------------------------------------------------------------------------------------------------------


def test_partners_open_leads_activities_and_follows_go_in_one_logged_step(house: House) -> None:
    open_, won, other = house.add_lead("Open"), house.add_lead("Won"), house.add_lead("Bob's", owner=house.bob)
    won_stage = stage(house, "won")
    house.desk.perform(lambda s, now: move_to_stage(s, won, won_stage, None, now))
    todo = perform(house, schedule, open_, NewActivity("call", date(2026, 3, 5)), by=house.alice)
    done = perform(house, schedule, open_, NewActivity("mail", date(2026, 3, 5)), by=house.alice)
    perform(house, complete, done, "sent", by=house.alice)
    house.desk.perform(lambda s, now: leads.follow(s, other, house.alice, now))
    house.desk.perform(lambda s, now: leads.follow(s, open_, house.alice, now))
    house.desk.perform(lambda s, now: leads.follow(s, open_, house.bob, now))
    perform(house, handover, house.alice, house.bob, by=house.mona)
    owners = dict(tuple(row) for row in house.all(select(lead.c.id, lead.c.owner_id)))
    assert owners == {open_: house.bob, won: house.alice, other: house.bob}
    assert house.one(select(partner.c.owner_id).where(partner.c.id == house.carol)) == house.bob
    workers = dict(tuple(row) for row in house.all(select(activity.c.id, activity.c.user_id)))
    assert workers == {todo: house.bob, done: house.alice}
    follows = {tuple(row) for row in house.all(select(follower.c.lead_id, follower.c.user_id))}
    assert follows == {(other, house.bob), (open_, house.bob)}
    logged = house.all(select(audit.c.user_id, audit.c.data).where(audit.c.verb == "handover"))
    assert logged[0].user_id == house.mona
    assert logged[0].data["counts"] == {"partners": 1, "leads": 1, "activities": 1, "follows": 2, "aliases": 0}
    event = house.all(select(message.c.event_data).where(message.c.event == "owner"))[-1]
    assert event.event_data == {"from_id": house.alice, "to_id": house.bob, "handover": True}


@pytest.mark.parametrize("to", ["dora", "alice"])
def test_nothing_is_handed_to_a_colleague_or_to_oneself(house: House, to: str) -> None:
    with pytest.raises(Refused):
        perform(house, handover, house.alice, getattr(house, to))


def test_nothing_is_handed_to_a_deactivated_user(house: House) -> None:
    perform(house, people.deactivate_user, house.bob)
    with pytest.raises(Refused):
        perform(house, handover, house.alice, house.bob)


# --- erase --------------------------------------------------------------------------------------------------------------

SECRET = "zebra"  # stands in everything that must go


def fill(house: House) -> tuple[int, int]:
    """A lead with mails in and out, notes and files, and a lead of somebody else on which Carol was copied."""
    hers = house.add_lead(
        f"{SECRET} offer", expected_revenue=900, base_subject=SECRET, reply_to=f"{SECRET}@customer.test"
    )
    new = NewPerson("Ella", "ella@other.test")
    ella = perform(house, add_person, new, house.desk.config.mail.domains)
    others = house.add_lead("Ella's offer", partner_id=ella, company_id=None)

    def mails(session: Any) -> None:
        data = {"sha256": "a" * 64, "size": 5, "compressed": SECRET.encode(), "created_at": START}
        raw_id = session.execute(insert(raw), data).inserted_primary_key[0]
        row = {
            "content_key": "1", "spool_id": "1", "received_at": START, "door": "smtp", "mail_from": f"{SECRET}@x.test",
            "rcpt_to": [f"{SECRET}@{DOMAIN}"], "from_name": SECRET, "from_address": "carol@customer.test",
            "from_key": "carol@customer.test", "subject": SECRET, "message_id": f"{SECRET}@x", "author": "outsider",
            "route": "new_lead", "reason": "alias", "reason_detail": SECRET, "state": "done", "lead_id": hers,
            "raw_id": raw_id, "decided_at": START, "defects": [SECRET],
        }  # fmt: skip
        inbound_id = session.execute(insert(inbound), row).inserted_primary_key[0]
        for lead_id in (hers, others):
            new = NewMessage(
                lead_id, "email_in", "partner", START, START, author_partner_id=house.carol, author_name=SECRET,
                author_address="Carol@customer.test", subject=SECRET, text=SECRET, new_text=SECRET, html=SECRET,
                segments=[{"kind": "new", "text": SECRET}], message_id=f"{SECRET}@x", reference_ids=[f"{SECRET}@y"],
                to=[{"name": SECRET, "address": f"sales@{DOMAIN}"}], inbound_id=inbound_id, raw_id=raw_id,
            )  # fmt: skip
            row_id = add_message(session, new)
            file = {"message_id": row_id, "sha256": "b" * 64, "filename": SECRET, "content_type": "a/b", "size": 1}
            session.execute(insert(attachment), [file])
            ref = {"ref": f"{SECRET}@x", "lead_id": lead_id, "message_id": row_id, "kind": "received"}
            session.execute(insert(message_ref), [ref])
            person = {"lead_id": lead_id, "address": "carol@customer.test", "key": "carol@customer.test"}
            person |= {"partner_id": house.carol, "name": SECRET, "is_confirmed": True}
            session.execute(insert(participant), [person])
        copied = [{"name": SECRET, "address": "carol@customer.test"}, {"name": "Ella", "address": "ella@other.test"}]
        add_message(session, NewMessage(others, "email_out", "user", START, START, text="Hello Ella", cc=copied))

    house.desk.store.write(mails)
    perform(house, write_note, hers, f"{SECRET} is difficult", by=house.alice)
    sent = perform(house, write_to_customer, hers, f"Dear {SECRET}", by=house.alice)
    todo = perform(house, schedule, hers, NewActivity("call", date(2026, 3, 5), SECRET), by=house.alice)
    perform(house, complete, todo, SECRET, by=house.alice)
    house.desk.store.write(
        lambda session: session.execute(
            outbox.update().where(outbox.c.message_row_id == sent).values(bytes=SECRET.encode(), subject=SECRET)
        )
    )
    perform(house, leads.set_fields, hers, {"title": f"{SECRET} order", "priority": 2}, by=house.alice)
    lost = stage(house, "lost")
    house.desk.perform(lambda s, now: move_to_stage(s, hers, lost, house.alice, now, reason=SECRET))
    return hers, others


def everything(house: House) -> str:
    return "\n".join(f"{name}: {house.all(select(table))}" for name, table in metadata.tables.items())


def test_nobody_waits_for_an_answer_on_the_lead_of_somebody_erased(house: House) -> None:
    lead_id = house.add_lead("Offer")
    waits = lead.update().where(lead.c.id == lead_id).values(waiting_on="us", waiting_since=START)
    house.desk.store.write(lambda session: session.execute(waits))
    perform(house, erase, house.carol, by=house.mona)
    [kept] = house.all(select(lead).where(lead.c.id == lead_id))
    assert (kept.title, kept.waiting_on, kept.waiting_since) == ("—", None, None)


@pytest.mark.parametrize("database", ["house", "postgres_house"])
def test_erasing_leaves_statistics_and_nothing_of_the_person(database: str, request: pytest.FixtureRequest) -> None:
    house: House = request.getfixturevalue(database)
    hers, others = fill(house)
    assert everything(house).count(SECRET) > 20
    perform(house, erase, house.carol, by=house.mona)
    left = everything(house)
    for gone in (SECRET, "carol", "Carol"):
        assert [line for line in left.splitlines() if gone in line] == []
    kept = house.all(select(lead).where(lead.c.id == hers))[0]
    assert (kept.title, kept.expected_revenue, kept.outcome, kept.partner_id) == ("—", 900, "lost", house.carol)
    assert kept.created_at == START
    assert "Hello Ella" in left
    assert house.one(select(message.c.cc).where(message.c.lead_id == others, message.c.kind == "email_out")) == [
        {"name": "Ella", "address": "ella@other.test"}
    ]
    assert house.all(select(raw.c.id)) == []
    logged = house.all(select(audit).where(audit.c.verb == "erase"))[0]
    assert (logged.user_id, logged.data["leads"]) == (house.mona, 1)
    perform(house, erase, house.carol, by=house.mona)
