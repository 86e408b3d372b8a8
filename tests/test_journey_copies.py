"""Copies of one mail: delivered twice, sent to two addresses of ours, or brought by somebody who wants to gain by it."""

import pytest
from sqlalchemy import select

from mailcrm.store.tables import inbound_copy, moved_lead
from tests.daemon_house import EXPORT, SALES, House, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    ERIN_AT,
    MALLORY_AT,
    MONA_AT,
    STAFF,
    alice_answers,
    carol_writes,
    in_conversation,
    kinds,
    note_address,
    notice_kinds,
    outcome,
    owner_name,
    plain,
    reply_address,
    sent_to_nobody_but,
    texts,
    without,
)

_TRACE = (
    b"Received: from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n",
    b"Return-Path: <carol@acme.example>\r\nReceived: from c.example by d.example; Mon, 23 Nov 2026 10:01:00 +0000\r\n",
)


# --- the same mail twice ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traces", [(b"", b""), _TRACE], ids=["the same bytes", "other trace headers"])
def test_a_mail_that_comes_twice_has_one_effect(house: House, traces: tuple[bytes, bytes]) -> None:
    made = mail(CAROL, SALES, "Pump", "What does a pump cost?")

    for trace in traces:
        house.receive(trace + made.as_bytes(), CAROL_AT, [SALES])

    (lead,), (row,) = house.leads(), house.inbounds()
    assert kinds(house, lead.id) == ["email_in"]
    assert row.copies == 2
    assert len(house.sink.mails) == 1


@pytest.mark.parametrize("traces", [(b"", b""), _TRACE], ids=["the same bytes", "other trace headers"])
def test_a_mail_without_message_id_that_comes_twice_has_one_effect(house: House, traces: tuple[bytes, bytes]) -> None:
    made = mail(CAROL, SALES, "Pump", "What does a pump cost?", message_id="")

    for trace in traces:
        house.receive(trace + made.as_bytes(), CAROL_AT, [SALES])

    assert len(house.leads()) == len(house.inbounds()) == len(house.sink.mails) == 1


def test_the_owners_reply_that_comes_twice_leaves_once(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "500 euros.")

    house.staff(made)
    house.staff(made)

    assert len(house.to(CAROL_AT)) == 1
    assert kinds(house, house.leads()[0].id) == ["email_in", "email_out"]


def test_a_mailing_lists_variant_of_a_mail_is_folded_and_tells_nobody(house: House) -> None:
    asked = (
        "What does a pump cost? We need one for our cellar before the winter comes and the ground is frozen too hard for "
        "anybody to dig there."
    )
    made = mail(CAROL, SALES, "Pump", asked)
    house.receive(made)
    footer = "\n_______________\nsales mailing list\n"
    variant = mail(CAROL, SALES, "[sales] Pump", made.get_content() + footer, message_id=str(made["Message-ID"]))

    house.receive(variant)

    (lead,) = house.leads()
    assert [row.is_folded for row in house.chatter(lead.id)] == [False, True]
    assert outcome(house) == ("variant", "variant")
    assert len(house.sink.mails) == 1


def test_another_mail_with_a_used_message_id_is_a_mail_of_its_own(house: House) -> None:
    made = mail(CAROL, SALES, "Pump", "What does a pump cost?")
    house.receive(made)

    house.receive(mail(CAROL, SALES, "Roof", "Our roof leaks!", message_id=str(made["Message-ID"])))

    assert [row.title for row in house.leads()] == ["Pump", "Roof"]


# --- one mail, two addresses of ours ------------------------------------------------------------------------------------


def test_a_copy_to_the_alias_first_and_the_token_copy_second_end_on_one_lead(house: House) -> None:
    _, reply = in_conversation(house)
    lead_id = house.leads()[0].id
    made = without(answer(reply, CAROL, "I take two.", quote=False), "In-Reply-To", "References", "Subject")
    made["Cc"] = SALES

    house.receive(made, CAROL_AT, [SALES])
    opened = house.leads()[-1].id
    house.receive(made, CAROL_AT, [reply_address(reply)])

    assert [row.id for row in house.leads()] == [lead_id]
    assert texts(house, lead_id, "email_in") == ["What does a pump cost?", "I take two."]
    assert [row.to_lead_id for row in house.read(select(moved_lead).where(moved_lead.c.id == opened))] == [lead_id]
    assert len(house.to(ALICE_AT)) == 2  # of the first mail, and of this one once
    alice_answers(house, house.notice(ALICE_AT), "They are yours.")
    assert texts(house, lead_id, "email_out")[-1] == "They are yours."


def test_the_owner_hears_of_a_mail_that_the_token_copy_brought_from_somebody_elses_lead(house: House) -> None:
    house.receive(mail("Dora <dora@gmail.com>", SALES, "Pump", "What does a pump cost?"))
    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))
    reply = house.notice("dora@gmail.com")
    made = without(answer(reply, "Dora <dora@gmail.com>", "I take two.", quote=False), "In-Reply-To", "References")

    house.receive(without(made, "Subject"), "dora@gmail.com", [SALES])
    assert owner_name(house, house.leads()[-1].id) == "Bob Berg"
    house.receive(made, "dora@gmail.com", [reply_address(reply)])

    (lead,) = house.leads()
    assert "I take two." in plain(house.notice(ALICE_AT))
    assert texts(house, lead.id, "email_in") == ["What does a pump cost?", "I take two."]


def test_a_token_copy_first_and_the_alias_copy_second_change_nothing(house: House) -> None:
    _, reply = in_conversation(house)
    made = answer(reply, CAROL, "I take two.")

    house.receive(made, CAROL_AT, [reply_address(reply)])
    house.receive(made, CAROL_AT, [SALES])

    (lead,) = house.leads()
    assert kinds(house, lead.id) == ["email_in", "email_out", "email_in"]
    assert len(house.to(ALICE_AT)) == 2


def test_a_copy_at_another_teams_alias_tells_that_team_once(house: House) -> None:
    made = mail(CAROL, SALES, "Pump", "Do you ship pumps to Norway?")

    house.receive(made, CAROL_AT, [SALES])
    house.receive(made, CAROL_AT, [EXPORT])
    house.receive(made, CAROL_AT, [EXPORT])

    (lead,) = house.leads()
    assert owner_name(house, lead.id) == "Alice Aalto"
    assert len(house.to(ALICE_AT)) == len(house.to(ERIN_AT)) == 1


def test_one_mail_to_two_aliases_opens_one_lead_for_the_first(house: House) -> None:
    house.receive(mail(CAROL, SALES, "Pump", "Do you ship pumps to Norway?"), CAROL_AT, [EXPORT, SALES])

    (lead,) = house.leads()
    assert owner_name(house, lead.id) == "Erin Ek"
    assert lead.alias_key == EXPORT
    assert set(house.sink.mails[0].rcpt_to + house.sink.mails[1].rcpt_to) >= {ERIN_AT}


# --- reply-all with a note address --------------------------------------------------------------------------------------


def test_a_reply_all_to_reply_and_note_addresses_is_a_note(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "Their last order was never paid.", headers=[("Cc", note_address(notice))])

    house.staff(made, to=[reply_address(notice), note_address(notice)])

    assert kinds(house, house.leads()[0].id) == ["email_in", "note"]
    assert outcome(house) == ("note", "note_address_present")
    assert sent_to_nobody_but(house, STAFF)


@pytest.mark.parametrize("is_note_first", [True, False], ids=["note first", "reply first"])
def test_a_reply_all_as_two_transactions_is_a_note(house: House, is_note_first: bool) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "Their last order was never paid.", headers=[("Cc", note_address(notice))])
    order = [note_address(notice), reply_address(notice)]

    for address in order if is_note_first else reversed(order):
        house.staff(made, to=[address])

    assert kinds(house, house.leads()[0].id) == ["email_in", "note"]
    assert sent_to_nobody_but(house, STAFF)


def test_a_note_address_in_bcc_that_comes_first_keeps_the_mail_inside(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "Their last order was never paid.")

    house.staff(made, to=[note_address(notice)])
    house.staff(made, to=[reply_address(notice)])

    assert kinds(house, house.leads()[0].id) == ["email_in", "note"]
    assert sent_to_nobody_but(house, STAFF)


# --- copies that somebody brings ----------------------------------------------------------------------------------------


def test_a_forged_copy_first_does_not_stop_the_authentic_one(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "500 euros.")

    house.receive(made, MALLORY_AT)
    assert outcome(house) == ("hold", "staff_not_proven")
    assert not house.to(CAROL_AT)
    house.staff(made)

    assert len(house.to(CAROL_AT)) == 1
    assert kinds(house, house.leads()[0].id) == ["email_in", "email_out"]
    assert outcome(house) == ("reply", "reply_token")


def test_a_forged_mail_with_the_same_message_id_does_not_stop_the_authentic_one(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "500 euros.")
    forged = mail(ALICE, reply_address(notice), "Re: Pump", "Pay to this account!", message_id=str(made["Message-ID"]))

    house.receive(forged, MALLORY_AT)
    house.staff(made)

    (reply,) = house.to(CAROL_AT)
    assert "500 euros." in plain(reply)
    assert "account" not in plain(reply)


def test_an_attackers_copy_never_turns_a_salespersons_mail_into_a_reply(house: House) -> None:
    notice = carol_writes(house)
    made = mail(ALICE, SALES, "Carol Customer", "Carol never pays.")

    house.staff(made)
    assert outcome(house) == ("hold", "forward_or_copy")
    house.receive(made, MALLORY_AT, [reply_address(notice)])
    house.receive(proven(made, "mx.firma.test; dmarc=fail header.from=firma.test"), MALLORY_AT, [reply_address(notice)])
    house.receive(proven(made, "evil.example; dmarc=pass header.from=firma.test"), MALLORY_AT, [reply_address(notice)])

    assert not house.to(CAROL_AT)
    assert house.inbounds()[-1].state == "held"
    assert len(house.read(select(inbound_copy))) == 3


def test_an_attackers_copy_that_came_first_gives_the_authentic_mail_no_way_out(house: House) -> None:
    notice = carol_writes(house)
    made = mail(ALICE, SALES, "Carol Customer", "Carol never pays.")

    house.receive(made, MALLORY_AT, [reply_address(notice)])
    house.staff(made)

    assert not house.to(CAROL_AT)
    assert house.inbounds()[-1].state == "held"


def test_an_attackers_copy_of_a_note_stays_inside(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "Carol never pays.", address=note_address(notice))

    house.staff(made)
    house.receive(made, MALLORY_AT, [reply_address(notice)])
    house.receive(proven(made), MALLORY_AT, [reply_address(notice)])

    assert kinds(house, house.leads()[0].id) == ["email_in", "note"]
    assert sent_to_nobody_but(house, STAFF)


def test_an_attackers_copy_never_moves_a_customers_mail_to_the_attackers_lead(house: House) -> None:
    house.receive(mail("Mallory <mallory@evil.example>", SALES, "Hello", "I am a customer too."))
    house.staff(answer(house.notice(ALICE_AT), ALICE, "Welcome."))
    token = reply_address(house.notice(MALLORY_AT))
    made = mail(CAROL, SALES, "Secret pump", "Our cellar is at 60.17 N, 24.94 E.", headers=[("Cc", MALLORY_AT)])
    house.receive(made)

    house.receive(made, MALLORY_AT, [token])

    own, hers = house.leads()
    assert texts(house, hers.id) == ["Our cellar is at 60.17 N, 24.94 E."]
    assert texts(house, own.id) == ["I am a customer too.", "Welcome."]
    assert owner_name(house, hers.id) == "Bob Berg"
    assert len(house.to(BOB_AT)) == 1


def test_a_note_and_its_copies_make_no_notice_for_managers(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "Carol never pays.", address=note_address(notice))

    for _ in range(3):
        house.staff(made)

    assert not house.to(MONA_AT)
    assert notice_kinds(house) == ["message"]
