"""A digest is answered by its numbers: each is done, told in one receipt, taken back by one word; nobody outside hears of it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from mailcrm.crm.activities import NewActivity, complete, schedule
from mailcrm.crm.by_hand import Customer, add_lead
from mailcrm.crm.leads import NewLead, assign
from mailcrm.crm.people import set_user_fields
from mailcrm.crm.writing import write_note
from mailcrm.notify.digest import send_one
from mailcrm.store.tables import activity, command_run, digest, inbound, lead, mention, outbox, stage, user
from tests.daemon_house import SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MALLORY,
    STAFF,
    outcome,
    sent_to_nobody_but,
    texts,
)
from tests.journey_steps import plain as plain_text
from tests.smtp_peer import CaughtMail

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    made = make_house()
    made.clock.set(MONDAY)
    return made


def plain(caught: CaughtMail) -> str:
    return plain_text(caught).replace("\r\n", "\n")


def write(house: House, verb: Callable[..., Any]) -> Any:
    return house.base.store.write(lambda session: verb(session, house.clock()))


def a_lead(house: House, name: str, owner: str = "alice") -> int:
    """A customer's lead of this owner, made by hand."""
    who = Customer(address=f"{name.lower()}@acme.example", name=name)
    new = NewLead(f"Pump for {name}", None, owner_id=house.people[owner])
    domains = house.config.mail.domains
    return int(write(house, lambda session, now: add_lead(session, new, who, domains, house.people[owner], now)).id)


def who_waits(house: House) -> int:
    """Carol wrote thirty hours ago and waits for Alice."""
    house.receive(mail(CAROL, SALES, "Pump for Carol", "What does a pump cost?"))
    lead_id = int(house.one(select(func.max(lead.c.id))))
    write(house, lambda session, now: assign(session, lead_id, house.people["alice"], None, now))
    house.clock.move(timedelta(hours=30))
    return lead_id


def planned(house: House, lead_id: int, days: int, summary: str = "", who: str = "alice") -> int:
    new = NewActivity("call", MONDAY.date() + timedelta(days=days), summary, user_id=house.people[who])
    return int(write(house, lambda session, now: schedule(session, lead_id, new, house.people[who], now)).id)


def digest_of(house: House, who: str = "alice", day: date | None = None) -> CaughtMail:
    """The person's digest, as it came to them."""
    config, store = house.config, house.base.store
    said = send_one(store, house.people[who], day or house.clock().date(), house.clock(), config)
    assert said == "sent"
    house.settle()
    return house.notice(f"{who}@firma.test")


def numbers(house: House, who: str = "alice") -> dict[tuple[str, int], int]:
    """What the last digest of this person calls each thing."""
    asked = select(digest.c.snapshot).where(digest.c.user_id == house.people[who]).order_by(digest.c.id.desc())
    rows = house.read(asked)
    return {(one["kind"], one["id"]): one["number"] for one in rows[0].snapshot["items"]}


def says(house: House, to: CaughtMail, text: str, who: str = ALICE, **more: Any) -> CaughtMail:
    """They answer so; the last mail that they got."""
    house.staff(answer(to, who, text, **more))
    return house.notice(who.rpartition("<")[2].rstrip(">"))


def an_activity(house: House, row_id: int) -> Any:
    (row,) = house.read(select(activity).where(activity.c.id == row_id))
    return row


def a_stage(house: House, lead_id: int) -> str:
    asked = select(stage.c.name_en).join(lead, lead.c.stage_id == stage.c.id).where(lead.c.id == lead_id)
    return str(house.one(asked))


def everything(house: House) -> tuple[Any, ...]:
    """All that an answer may change."""
    leads = house.read(select(lead.c.id, lead.c.stage_id, lead.c.owner_id, lead.c.expected_revenue, lead.c.outcome,
                              lead.c.on_hold_until, lead.c.waiting_on, lead.c.waiting_since, lead.c.lost_reason))  # fmt: skip
    planned_now = house.read(
        select(activity.c.id, activity.c.user_id, activity.c.due_on, activity.c.done_at, activity.c.feedback)
    )
    return tuple(sorted(map(tuple, leads))), tuple(sorted(map(tuple, planned_now)))


@pytest.fixture
def five(house: House) -> tuple[CaughtMail, tuple[int, ...], tuple[int, ...]]:
    """Alice's digest with an overdue call on each of five leads, numbered one to five; the leads, the calls."""
    leads = tuple(a_lead(house, name) for name in ("Carol", "Dave", "Erika", "Frank", "Greta"))
    calls = tuple(planned(house, lead_id, -9 + at) for at, lead_id in enumerate(leads))
    got = digest_of(house)
    assert [numbers(house)["activity", call] for call in calls] == [1, 2, 3, 4, 5]
    return got, leads, calls


Five = tuple[CaughtMail, tuple[int, ...], tuple[int, ...]]


@pytest.mark.parametrize(
    "text",
    [
        "1 done, 3 +2d, 4 Bob, 5 hold 1.6.",
        "1 tehty, 3 +2pv, 4 Bob, 5 odota 1.6.",
        "Hi,\n\n1. done\n3: +2d\n4 - Bob Berg\n5 /hold 1.6.\n\nBest regards\nAlice Aalto\nFirma Oy, 00100 Helsinki",
    ],
)
def test_one_line_does_it_all_with_one_receipt_and_one_word_takes_it_back(house: House, five: Five, text: str) -> None:
    got, leads, calls = five
    before, mails = everything(house), len(house.to(ALICE_AT))

    receipt = says(house, got, text)

    assert an_activity(house, calls[0]).done_at is not None
    assert an_activity(house, calls[1]).done_at is None
    assert an_activity(house, calls[2]).due_on == date(2026, 11, 25)
    assert an_activity(house, calls[3]).user_id == house.people["bob"]
    assert (a_stage(house, leads[4]), an_activity(house, calls[4]).done_at) == ("On hold", None)
    assert outcome(house) == ("commands", "digest_answer")
    assert len(house.to(ALICE_AT)) == mails + 1
    said = plain(receipt)
    for line in (
        "1 Carol: Call is done",
        "3 Erika: Call, moved to Wed 25 Nov 2026",
        "4 Frank: Call is Bob Berg’s now",
        "5 Greta: stage On hold until Tue 1 Jun 2027",
    ):
        assert line in said
    assert "Not done" not in said
    assert sent_to_nobody_but(house, STAFF)

    undone = says(house, receipt, "undo")

    assert everything(house) == before
    assert "Not taken back" not in plain(undone)
    assert sent_to_nobody_but(house, STAFF)


def test_days_later_the_numbers_are_those_of_that_digest(house: House, five: Five) -> None:
    got, leads, calls = five
    write(house, lambda session, now: complete(session, calls[0], "", house.people["alice"], now))
    house.clock.move(timedelta(days=3))
    digest_of(house)
    assert numbers(house)["activity", calls[1]] == 1

    receipt = says(house, got, "2 done")

    assert an_activity(house, calls[1]).done_at is not None
    assert an_activity(house, calls[2]).done_at is None
    assert "2 Dave: Call is done" in plain(receipt)
    assert leads


def test_what_became_of_a_number_since_is_said_in_words(house: House, five: Five) -> None:
    got, _, calls = five
    write(house, lambda session, now: complete(session, calls[0], "", house.people["alice"], now))
    says(house, got, "2 Bob")

    receipt = says(house, got, "1-3 done, 99 done")

    said = plain(receipt)
    assert "3 Erika: Call is done" in said
    assert "1 done (Carol) – This activity is done already." in said
    assert "2 done (Dave) – The activity is Bob Berg’s by now." in said
    assert "99 done – That digest ends with" in said


def test_what_is_not_understood_is_asked_about_and_the_rest_is_done(house: House, five: Five) -> None:
    got, _, calls = five

    receipt = says(house, got, "1 doen, 2 done\n3 perhaps later this year or so\ndone\n4 done thanks, 2 pieces\n5 3/5")

    said = plain(receipt)
    assert [an_activity(house, call).done_at is not None for call in calls] == [False, True, False, False, False]
    assert "2 Dave: Call is done" in said
    assert "1 doen (Carol) – no such command; did you mean /done?" in said
    assert "3 perhaps later this year or so – no such command" in said
    assert "done – a line begins with a number of the digest" in said
    assert "4 done thanks, 2 pieces – this may be one thing or two" in said
    assert "5 3/5 – it may be" in said
    assert "1 done" in said.partition("Answers to a digest")[2]

    again = says(house, receipt, "1 done\n3 +1d")

    assert [an_activity(house, call).done_at is not None for call in calls] == [True, True, False, False, False]
    assert an_activity(house, calls[2]).due_on == date(2026, 11, 24)
    assert "1 Carol: Call is done" in plain(again)


def test_nothing_understood_is_still_answered_and_the_answer_can_be_answered(house: House, five: Five) -> None:
    got, _, calls = five
    before = everything(house)

    receipt = says(house, got, "Please do something about Carol")

    assert everything(house) == before
    assert "Nothing was changed." in plain(receipt)
    assert house.read(select(command_run)) == []
    says(house, receipt, "1 done")
    assert an_activity(house, calls[0]).done_at is not None


def test_commands_of_every_kind_work_behind_a_number(house: House, five: Five) -> None:
    got, leads, calls = five
    before = everything(house)

    receipt = says(
        house,
        got,
        "1 won 1200, 2 lost too dear\n3 note She wants it blue,\nand soon.\n4 /tag big\n4 stars 3\n5 call tomorrow at 10 ask",
    )

    assert [a_stage(house, one) for one in leads[:2]] == ["Won", "Lost"]
    assert house.one(select(lead.c.expected_revenue).where(lead.c.id == leads[0])) == Decimal(1200)
    assert house.one(select(lead.c.lost_reason).where(lead.c.id == leads[1])) == "too dear"
    assert texts(house, leads[2], "note") == ["She wants it blue,\nand soon."]
    assert house.one(select(lead.c.priority).where(lead.c.id == leads[3])) == 3
    new = house.read(select(activity).where(activity.c.lead_id == leads[4]).order_by(activity.c.id.desc()))[0]
    assert (new.summary, new.due_on) == ("ask", date(2026, 11, 24))
    said = plain(receipt)
    assert "1 Carol: stage Won; value €1,200" in said
    assert "4 Frank: tag big; priority ★★★" in said
    assert "Not done" not in said
    undone = says(house, receipt, "kumoa")
    assert everything(house) == before
    assert "Notes stay written." in plain(undone)
    assert sent_to_nobody_but(house, STAFF)
    assert calls


def test_all_means_what_was_to_be_done_that_day_and_nothing_that_closes(house: House, five: Five) -> None:
    got, leads, calls = five
    next_week = planned(house, leads[0], 4)

    says(house, got, "all +1d")
    asked = says(house, got, "all lost too dear")

    assert {an_activity(house, call).due_on for call in calls} == {date(2026, 11, 24)}
    assert "Lost" not in {a_stage(house, one) for one in leads}
    assert "all lost too dear – " in plain(asked)
    assert "Nothing of that day is left to do." in plain(says(house, got, "kaikki tehty"))
    house.clock.move(timedelta(days=1))
    says(house, digest_of(house), "all done")
    assert [an_activity(house, call).done_at is not None for call in (*calls, next_week)] == [True] * 5 + [False]


def test_two_changes_of_one_lead_are_taken_back_both(house: House, five: Five) -> None:
    got, leads, _ = five
    before = everything(house)

    receipt = says(house, got, "1 stage quote sent\n1 won 500\n1 value 700")
    assert a_stage(house, leads[0]) == "Won"
    says(house, receipt, "undo")

    assert everything(house) == before


def test_somebody_elses_answer_or_one_without_proof_does_nothing(house: House, five: Five) -> None:
    got, _, _ = five
    before = everything(house)

    house.receive(answer(got, ALICE, "1 done, 2 won"), ALICE_AT)
    assert outcome(house) == ("hold", "staff_not_proven")
    house.staff(answer(got, BOB, "1 done, 2 won"))
    assert outcome(house) == ("hold", "customer_or_note")
    assert everything(house) == before
    house.receive(answer(got, MALLORY, "1 done, 2 won"))

    assert everything(house) == before
    assert house.read(select(command_run)) == []
    assert not [one for one in house.to(ALICE_AT) if "Call is done" in plain(one)]


def test_the_same_answer_twice_is_done_once(house: House, five: Five) -> None:
    got, leads, _ = five
    made = answer(got, ALICE, "1 note He called, 3 done")
    house.staff(made)
    mails = len(house.to(ALICE_AT))

    house.staff(made)

    assert len(texts(house, leads[0], "note")) <= 1
    assert len(house.to(ALICE_AT)) == mails
    assert len(house.read(select(inbound).where(inbound.c.reason == "digest_answer"))) == 1


def test_a_word_of_thanks_changes_nothing_and_is_not_answered(house: House, five: Five) -> None:
    got, _, _ = five
    mails = len(house.to(ALICE_AT))

    house.staff(answer(got, ALICE, "Thanks!\n\nBr,\nAlice"))

    assert outcome(house) == ("commands", "digest_answer")
    assert len(house.to(ALICE_AT)) == mails


def test_who_waits_can_be_answered_otherwise_and_waits_again_after_undo(house: House) -> None:
    lead_id = who_waits(house)
    got = digest_of(house)
    number = numbers(house)["waiting", lead_id]
    before = everything(house)

    receipt = says(house, got, f"{number} done called her")

    assert house.one(select(lead.c.waiting_on).where(lead.c.id == lead_id)) is None
    assert texts(house, lead_id, "note") == ["called her"]
    assert "the customer no longer waits; the note is written" in plain(receipt)
    says(house, receipt, "undo")
    assert everything(house) == before
    assert house.to(CAROL_AT) == ()


def test_a_lead_that_changed_hands_is_left_alone(house: House) -> None:
    lead_id = who_waits(house)
    got = digest_of(house)
    number = numbers(house)["waiting", lead_id]
    write(house, lambda session, now: assign(session, lead_id, house.people["bob"], None, now))

    receipt = says(house, got, f"{number} lost too dear\n{number} note but she said no")

    assert a_stage(house, lead_id) != "Lost"
    assert "The lead is Bob Berg’s by now." in plain(receipt)
    assert texts(house, lead_id, "note") == ["but she said no"]


def test_a_date_alone_on_a_customer_plans_a_to_do(house: House) -> None:
    lead_id = who_waits(house)
    got = digest_of(house)

    receipt = says(house, got, f"{numbers(house)['waiting', lead_id]} huomenna")

    (row,) = house.read(select(activity))
    assert (row.type, row.due_on, row.lead_id) == ("todo", date(2026, 11, 25), lead_id)
    assert "To do, Wed 25 Nov 2026" in plain(receipt)


def test_a_mention_is_read_by_done_and_unread_by_undo(house: House) -> None:
    lead_id = a_lead(house, "Carol", "bob")
    write(house, lambda session, now: write_note(session, lead_id, "@Alice what now?", house.people["bob"], now))
    got = digest_of(house)
    row_id = house.one(select(mention.c.id))

    receipt = says(house, got, f"{numbers(house)['mention', row_id]} done")

    assert house.one(select(mention.c.read_at)) is not None
    assert "the mention is read" in plain(receipt)
    says(house, receipt, "undo")
    assert house.one(select(mention.c.read_at)) is None


def test_held_mail_is_dropped_by_its_number_and_never_sent(house: House) -> None:
    who_waits(house)
    notice = house.notice(ALICE_AT) if house.to(ALICE_AT) else house.notice(BOB_AT)
    house.receive(answer(notice, ALICE, "500 euros."), ALICE_AT)
    held = house.one(select(inbound.c.id).where(inbound.c.state == "held"))
    house.clock.move(timedelta(hours=2))
    got = digest_of(house)
    number = numbers(house)["inbound", held]

    refused = says(house, got, f"{number} send")
    assert "Nothing is sent by answering a digest" in plain(refused)
    receipt = says(house, got, f"{number} drop")

    assert house.one(select(inbound.c.state).where(inbound.c.id == held)) == "dismissed"
    says(house, receipt, "undo")
    assert house.one(select(inbound.c.state).where(inbound.c.id == held)) == "held"
    assert sent_to_nobody_but(house, STAFF)


def test_help_and_absence_need_no_number(house: House, five: Five) -> None:
    got, _, _ = five

    receipt = says(house, got, "help\naway until 5.12. deputy Bob")

    assert house.one(select(user.c.absent_until).where(user.c.id == house.people["alice"])) is not None
    said = plain(receipt)
    assert "1-3 done" in said
    assert "/hold until DATE" in said


def test_who_wants_errors_only_hears_of_errors_only(house: House, five: Five) -> None:
    got, _, calls = five
    write(
        house, lambda session, now: set_user_fields(session, house.people["alice"], {"receipts": "errors"}, None, now)
    )
    mails = len(house.to(ALICE_AT))
    house.staff(answer(got, ALICE, "1 done"))
    assert (an_activity(house, calls[0]).done_at is not None, len(house.to(ALICE_AT))) == (True, mails)
    house.staff(answer(got, ALICE, "1 done"))
    assert len(house.to(ALICE_AT)) == mails + 1


def test_a_file_has_nowhere_to_go_and_that_is_said(house: House, five: Five) -> None:
    got, _, _ = five
    made = answer(got, ALICE, "1 done")
    made.add_attachment(b"x" * 100, maintype="application", subtype="pdf", filename="offer.pdf")

    house.staff(made)

    assert "offer.pdf – A file has no lead to go to" in plain(house.notice(ALICE_AT))


def test_bob_reads_finnish(house: House) -> None:
    lead_id = a_lead(house, "Carol", "bob")
    call = planned(house, lead_id, -1, who="bob")
    got = digest_of(house, "bob")

    receipt = says(house, got, "1 tehyt", BOB)
    assert "1 tehyt (Carol) – tällaista komentoa ei ole; tarkoititko /tehty?" in plain(receipt)
    receipt = says(house, receipt, "1 tehty soitin\n\nTerveisin\nBob", BOB)

    assert an_activity(house, call).feedback == "soitin"
    assert "1 Carol: Puhelu on tehty" in plain(receipt)
    assert house.one(select(func.count()).select_from(outbox).where(outbox.c.kind == "customer_reply")) == 0
