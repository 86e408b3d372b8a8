"""Where a mail belongs: by ids in any order, by subject, by a person nobody knew, on leads that were closed."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import select, update

from mailcrm import triage
from mailcrm.crm.leads import move_to_stage
from mailcrm.marker import has_marker
from mailcrm.store.tables import outbox, stage
from tests.daemon_house import SALES, House, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MALLORY,
    MALLORY_AT,
    alice_answers,
    carol_writes,
    in_conversation,
    kinds,
    last_inbound,
    outcome,
    owner_name,
    participants,
    plain,
    reply_address,
    texts,
    without,
)

_DAN = "Dan <dan@acme.example>"
_ACME_PROOF = "mx.firma.test; dmarc=pass header.from=acme.example"


# --- what is new -------------------------------------------------------------------------------------------------------


def test_answers_inside_our_unmarked_words_are_shown_and_told(house: House) -> None:
    notice = carol_writes(house)
    asked = "How many pumps do you need for the new house?\nWhere shall we send them in the tenth week?"
    reply = alice_answers(house, notice, asked)
    block = f"From: Alice <{SALES}>\nSent: Monday, November 23, 2026 10:00\nTo: Carol\nSubject: Pump\n\n"
    answered = asked.replace("house?", "house?\nTwo.") + "\nMill Street 1."
    house.receive(answer(reply, CAROL, f"See below.\n\n{block}{answered}", quote=False))

    (lead,) = house.leads()
    assert texts(house, lead.id)[-1] == "See below.\n\nTwo.\nMill Street 1."


# --- order and ids ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_writer", [CAROL, _DAN], ids=["the same person", "somebody in its Cc"])
def test_a_reply_before_its_original_is_on_one_lead_in_the_order_of_writing(house: House, second_writer: str) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    first = mail(CAROL, SALES, "Pump", "What does it cost?", headers=[("Date", format_datetime(at)), ("Cc", _DAN)])
    threaded = [("In-Reply-To", str(first["Message-ID"])), ("Cc", CAROL)]
    second = mail(second_writer, SALES, "Re: Pump", "And two of them?", headers=threaded)

    house.receive(second)
    house.receive(first)

    (lead,) = house.leads()
    assert texts(house, lead.id) == ["What does it cost?", "And two of them?"]
    assert outcome(house) == ("append", "named_by_earlier_reply")
    assert not any(row.is_unconfirmed for row in house.chatter(lead.id))
    assert len(house.to(ALICE_AT)) == 2


def test_after_a_restore_an_old_token_never_finds_another_customers_lead(house: House) -> None:
    notice, reply = in_conversation(house)
    house.receive(mail("Dora <dora@other.example>", SALES, "Valves", "Do you sell valves?"))
    carols, doras = (lead.id for lead in house.leads())
    _restore_an_older_database(house, doras)

    house.receive(without(answer(reply, CAROL, "I take two.", quote=False), "In-Reply-To", "References", "Subject"))
    house.receive(answer(reply, CAROL, "By the ids: two."))
    house.staff(answer(notice, ALICE, "Our secret price for Carol."))

    assert texts(house, doras) == ["Do you sell valves?"]
    assert "By the ids: two." in texts(house, carols)
    assert [row.reason for row in house.inbounds()][-3:-1] == ["known_partner_writes", "references"]
    assert not house.to("dora@other.example")
    assert last_inbound(house).state == "held"


def _restore_an_older_database(house: House, lead_id: int) -> None:
    """As after a restore: the outbox's numbers were given out again, to another customer's mails, with nonces of their own."""
    rows = house.read(select(outbox.c.id))
    message_row_id = house.chatter(lead_id)[0].id
    for row in rows:
        values = {"reply_nonce": secrets.token_bytes(16), "lead_id": lead_id, "message_row_id": message_row_id}
        statement = update(outbox).where(outbox.c.id == row.id).values(values)
        house.base.store.write(lambda session, statement=statement: session.execute(statement) and None)  # type: ignore[misc]


def test_a_made_up_token_finds_nothing(house: House) -> None:
    _, reply = in_conversation(house)
    real = reply_address(reply)
    made_up = real[:10] + ("a" if real[10] != "a" else "b") + real[11:]

    house.receive(mail(MALLORY, made_up, "Hello", "Let me in."))

    assert len(house.leads()) == 1
    assert outcome(house) == ("triage", "unknown_local_part")


def test_a_known_customer_at_an_unknown_local_part_opens_a_lead_and_a_stranger_does_not(house: House) -> None:
    carol_writes(house)

    house.receive(mail(CAROL, "salse@crm.firma.test", "Roof", "And what does a roof cost?"))
    house.receive(mail(MALLORY, "salse@crm.firma.test", "Offer", "Buy!"))

    assert [row.reason for row in house.inbounds()][1:] == ["known_partner_writes", "unknown_local_part"]
    assert len(house.leads()) == 2
    assert len(house.sink.mails) == 2


@pytest.mark.parametrize("length", [300, 900])
def test_ids_of_any_length_and_script_are_remembered_or_left_alone(house: House, length: int) -> None:
    strange = "".join(chr(0x4E00 + secrets.randbelow(20_000)) for _ in range(length)) + "@acme.example"
    raw = mail(CAROL, SALES, "Pump", "What does it cost?").as_bytes()

    house.receive(f"References: <{strange}>\n".encode() + raw, CAROL_AT, [SALES])

    assert texts(house, house.leads()[0].id) == ["What does it cost?"]


# --- by subject ---------------------------------------------------------------------------------------------------------


def test_a_reply_by_subject_alone_is_a_guess_on_the_persons_open_lead(house: House) -> None:
    carol_writes(house)

    house.receive(mail(CAROL, SALES, "VS: Pump for our cellar", "I take two."))

    (lead,) = house.leads()
    assert outcome(house) == ("append", "same_subject")
    assert [row.is_guess for row in house.chatter(lead.id)] == [False, True]
    assert len(house.to(ALICE_AT)) == 2


@pytest.mark.parametrize(
    ("from_", "to", "first", "then"),
    [
        (CAROL, CAROL, "Pump for our cellar", "Pump for our cellar"),
        (CAROL, CAROL, "Pump for our cellar", "Re: Pump for our garden"),
        (CAROL, CAROL, "Pump 12", "Re: Pump 12"),
        (CAROL, _DAN, "Pump for our cellar", "Re: Pump for our cellar"),
        ("Acme <info@acme.example>", "Acme <info@acme.example>", "Pump for our cellar", "Re: Pump for our cellar"),
        ("A <noreply@acme.example>", "A <noreply@acme.example>", "Pump for our cellar", "Re: Pump for our cellar"),
    ],
    ids=["no prefix", "another subject", "too few letters", "another person", "a role", "nobody reads it"],
)
def test_without_every_condition_a_subject_proves_nothing(
    house: House, from_: str, to: str, first: str, then: str
) -> None:
    house.receive(mail(from_, SALES, first, "What does it cost?"))

    house.receive(mail(to, SALES, then, "I take two."))

    assert len(house.leads()) == 2
    assert not any(row.is_guess for lead in house.leads() for row in house.chatter(lead.id))


def test_a_subject_finds_no_lead_whose_last_message_is_old(house: House) -> None:
    carol_writes(house)
    house.clock.move(timedelta(days=31))

    house.receive(mail(CAROL, SALES, "Re: Pump for our cellar", "I take two."))

    assert len(house.leads()) == 2


def test_a_subject_finds_no_closed_lead(house: House) -> None:
    carol_writes(house)
    _move(house, "won")

    house.receive(mail(CAROL, SALES, "Re: Pump for our cellar", "I take two."))

    assert len(house.leads()) == 2


# --- somebody new -------------------------------------------------------------------------------------------------------


def _mallory_writes_on_carols_lead(house: House) -> None:
    _, reply = in_conversation(house)
    house.receive(answer(reply, MALLORY, "Send me the price too.", address=SALES))


def test_a_stranger_on_a_thread_is_shown_as_a_new_person(house: House) -> None:
    _mallory_writes_on_carols_lead(house)

    (lead,) = house.leads()
    assert outcome(house) == ("append", "references_unconfirmed")
    assert house.chatter(lead.id)[-1].is_unconfirmed
    marker, first_line, *_ = (line for line in plain(house.notice(ALICE_AT)).splitlines() if line.strip())
    assert has_marker(marker)
    assert first_line.startswith("NEW PERSON, not carol@acme.example")
    assert not participants(house, lead.id)[MALLORY_AT].is_confirmed


def test_an_answer_to_a_new_person_is_held_once_then_goes_to_them_alone_without_earlier_mails(house: House) -> None:
    _mallory_writes_on_carols_lead(house)
    before = len(house.to(CAROL_AT))
    house.staff(answer(house.notice(ALICE_AT), ALICE, "Who are you?"))
    assert outcome(house) == ("hold", "new_person_reply")
    assert not house.to(MALLORY_AT)

    triage.send(house.base.desk(), last_inbound(house).id, house.people["alice"])
    house.settle()

    (sent,) = house.to(MALLORY_AT)
    assert sent.rcpt_to == (MALLORY_AT,)
    assert "Who are you?" in plain(sent)
    assert "cost" not in plain(sent).lower()
    assert CAROL_AT not in str(sent.parsed())
    assert len(house.to(CAROL_AT)) == before
    assert participants(house, house.leads()[0].id)[MALLORY_AT].is_confirmed


def test_a_new_person_gets_no_copy_of_what_the_customer_is_told(house: House) -> None:
    _mallory_writes_on_carols_lead(house)
    house.receive(answer(house.notice(CAROL_AT), CAROL, "So?", headers=[("Cc", "Eve <eve@acme.example>")]))

    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros, only for you."))

    assert set(house.notice(CAROL_AT).rcpt_to) == {CAROL_AT, "eve@acme.example"}
    assert not house.to(MALLORY_AT)
    assert "Send me the price too." not in plain(house.notice(CAROL_AT))


@pytest.mark.parametrize(("proof", "is_new"), [(_ACME_PROOF, False), ("", True)], ids=["proven", "not proven"])
def test_a_colleague_of_the_customer_is_known_if_the_domain_is_proven(house: House, proof: str, is_new: bool) -> None:
    _, reply = in_conversation(house)
    made = answer(reply, _DAN, "I am Carol's colleague.", address=SALES)

    house.receive(proven(made, proof) if proof else made.as_bytes(), "dan@acme.example", [SALES])

    (lead,) = house.leads()
    assert house.chatter(lead.id)[-1].is_unconfirmed is is_new


def test_spam_from_a_stranger_reaches_no_lead_even_with_a_token(house: House) -> None:
    _, reply = in_conversation(house)

    house.receive(answer(reply, MALLORY, "Buy!", headers=[("X-Spam-Flag", "YES")]))
    house.receive(answer(reply, MALLORY, "Buy more!", address=SALES, headers=[("X-Spam-Flag", "YES")]))
    house.receive(answer(reply, CAROL, "Mine is no spam.", headers=[("X-Spam-Flag", "YES")]))

    assert [row.reason for row in house.inbounds()][-3:] == ["quiet_spam", "quiet_spam", "reply_token"]
    assert texts(house, house.leads()[0].id, "email_in")[1:] == ["Mine is no spam."]


# --- Reply-To -----------------------------------------------------------------------------------------------------------


def test_a_customers_reply_to_is_where_answers_go_and_may_come_from(house: House) -> None:
    private = "carol@home.example"
    house.receive(mail(CAROL, SALES, "Pump", "What does it cost?", headers=[("Reply-To", private)]))

    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))

    (reply,) = house.to(private)
    assert not house.to(CAROL_AT)
    house.receive(answer(reply, f"Carol <{private}>", "I take two."))
    (lead,) = house.leads()
    assert texts(house, lead.id, "email_in")[-1] == "I take two."
    assert not house.chatter(lead.id)[-1].is_unconfirmed


def test_only_the_customer_says_where_answers_go(house: House) -> None:
    first = mail(CAROL, SALES, "Pump", "What does it cost?", headers=[("Cc", _DAN), ("Reply-To", "carol@home.example")])
    house.receive(first)
    threaded = [("In-Reply-To", str(first["Message-ID"])), ("Reply-To", "dan@home.example")]
    house.receive(mail(_DAN, SALES, "Re: Pump", "I want to know too.", headers=threaded))

    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))

    assert house.to("carol@home.example")
    assert not house.to("dan@home.example")


def test_a_reply_to_that_names_us_is_ignored(house: House) -> None:
    house.receive(mail(CAROL, SALES, "Pump", "What does it cost?", headers=[("Reply-To", f"{SALES}, {BOB_AT}")]))

    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))

    assert len(house.to(CAROL_AT)) == 1
    assert not house.to(SALES)


# --- closed leads -------------------------------------------------------------------------------------------------------


def _move(house: House, kind: str, days: int = 0) -> None:
    """Close the only lead as a person does, so many days ago."""
    (lead,) = house.leads()
    stage_id = house.one(select(stage.c.id).where(stage.c.kind == kind))
    until = (house.clock() + timedelta(days=200)).date() if kind == "on_hold" else None

    def move(session: object) -> None:
        move_to_stage(session, lead.id, stage_id, house.people["alice"], house.clock(), hold_until=until)  # type: ignore[arg-type]

    house.base.store.write(move)
    house.clock.move(timedelta(days=days))


def _stage_kind(house: House, lead_id: int) -> str:
    lead = next(row for row in house.leads() if row.id == lead_id)
    return str(house.one(select(stage.c.kind).where(stage.c.id == lead.stage_id)))


@pytest.mark.parametrize("kind", ["lost", "cancelled"])
@pytest.mark.parametrize("address", ["", SALES], ids=["by token", "by References"])
def test_a_lost_lead_wakes_in_its_last_open_stage_within_90_days(house: House, kind: str, address: str) -> None:
    _, reply = in_conversation(house)
    before = house.leads()[0].stage_id
    _move(house, kind, 80)

    house.receive(answer(reply, CAROL, "Now we can pay.", address=address))

    (lead,) = house.leads()
    assert (lead.stage_id, lead.outcome) == (before, None)
    assert "Now we can pay." in plain(house.notice(ALICE_AT))


@pytest.mark.parametrize(("kind", "days"), [("lost", 91), ("cancelled", 91), ("won", 31)])
def test_a_lead_closed_long_ago_is_continued_by_a_linked_new_one_with_its_old_owner(
    house: House, kind: str, days: int
) -> None:
    _, reply = in_conversation(house)
    _move(house, kind, days)

    house.receive(answer(reply, CAROL, "Now we need a second pump."))

    old, new = house.leads()
    assert (old.outcome, new.follows_lead_id) == (kind, old.id)
    assert owner_name(house, new.id) == "Alice Aalto"
    assert texts(house, new.id) == ["Now we need a second pump."]
    assert outcome(house) == ("new_lead", "closed_lead_continued")
    assert [row.event for row in house.chatter(old.id, "event")][-1] == "continued"
    assert "Now we need a second pump." in plain(house.notice(ALICE_AT))


def test_a_won_lead_takes_answers_for_30_days_stays_won_and_its_owner_is_told(house: House) -> None:
    _, reply = in_conversation(house)
    _move(house, "won", 29)

    house.receive(answer(reply, CAROL, "Thank you!"))

    (lead,) = house.leads()
    assert lead.outcome == "won"
    assert kinds(house, lead.id) == ["email_in", "email_out", "email_in"]
    assert "Thank you!" in plain(house.notice(ALICE_AT))


def test_on_hold_survives_an_automatic_reply_and_ends_with_the_customers_word(house: House) -> None:
    _, reply = in_conversation(house)
    _move(house, "on_hold")
    lead_id = house.leads()[0].id

    house.receive(answer(reply, CAROL, "I am away.", headers=[("Auto-Submitted", "auto-replied")]))
    assert _stage_kind(house, lead_id) == "on_hold"
    house.receive(answer(reply, CAROL, "I am back. Two, please."))

    assert _stage_kind(house, lead_id) == "open"
    assert "I am back." in plain(house.notice(ALICE_AT))


def test_an_automatic_reply_wakes_no_lost_lead(house: House) -> None:
    _, reply = in_conversation(house)
    _move(house, "lost")

    house.receive(answer(reply, CAROL, "I am away.", headers=[("Auto-Submitted", "auto-replied")]))

    assert house.leads()[0].outcome == "lost"
    assert len(house.to(ALICE_AT)) == 1


def test_a_new_mail_without_thread_opens_a_new_lead_whatever_became_of_the_old_one(house: House) -> None:
    alice_answers(house, carol_writes(house))
    _move(house, "lost")

    house.receive(mail(CAROL, SALES, "A roof this time", "What does a roof cost?"))

    titles: Sequence[str] = [lead.title for lead in house.leads()]
    assert titles == ["Pump for our cellar", "A roof this time"]
