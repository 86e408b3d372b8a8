"""Who may speak for the house: proof, tokens in wrong hands, and what must not leave in a salesperson's mail."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import func, select, update

from mailcrm import triage
from mailcrm.crm.people import deactivate_user
from mailcrm.store.tables import outbox, team
from tests.daemon_house import PROOF, SALES, House, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MALLORY_AT,
    OTTO_AT,
    STAFF,
    alice_answers,
    carol_writes,
    everything,
    in_conversation,
    kinds,
    last_inbound,
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
from tests.smtp_peer import CaughtMail

_FAILED = "mx.firma.test; dmarc=fail header.from=firma.test"
_NONE = "mx.firma.test; dmarc=none header.from=firma.test"


# --- proof --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "is_sent"),
    [
        (PROOF, True),
        ("mx.firma.test; dkim=pass header.d=firma.test", True),
        ("mx.firma.test; spf=pass smtp.mailfrom=alice@firma.test", True),
        (_NONE, False),
        (_FAILED, False),
        ("mx.firma.test; dmarc=temperror header.from=firma.test", False),
        ("mx.firma.test; dkim=pass header.d=evil.example", False),
        ("mx.firma.test; dmarc=pass header.from=evil.example", False),
        ("mx.evil.example; dmarc=pass header.from=firma.test", False),
        ("", False),
    ],
)
def test_a_staff_address_with_a_valid_token_acts_only_with_proof(house: House, results: str, is_sent: bool) -> None:
    made = answer(carol_writes(house), ALICE, "Pay to this account.")

    _receive(house, made, results)

    (lead,) = house.leads()
    assert bool(house.to(CAROL_AT)) is is_sent
    assert kinds(house, lead.id) == (["email_in", "email_out"] if is_sent else ["email_in"])
    assert outcome(house) == (("reply", "reply_token") if is_sent else ("hold", "staff_not_proven"))


def test_a_mail_of_two_writers_proves_neither(house: House) -> None:
    notice = carol_writes(house)
    made = mail(f"{ALICE}, Mallory <{MALLORY_AT}>", reply_address(notice), "Re: Pump", "Pay to this account.")

    _receive(house, made, "mx.firma.test; dmarc=pass")

    assert not house.to(CAROL_AT)
    assert outcome(house) == ("hold", "staff_not_proven")


def test_where_a_token_is_enough_it_still_does_not_stand_against_a_failed_proof(
    make_house: Callable[..., House],
) -> None:
    house = make_house(security={"authserv_ids": ["mx.firma.test"], "unproven_staff": "token_is_enough"})
    notice = carol_writes(house)

    _receive(house, answer(notice, ALICE, "Forged."), _FAILED)
    assert not house.to(CAROL_AT)
    _receive(house, answer(notice, BOB, "Somebody else's token."), "")
    assert not house.to(CAROL_AT)
    _receive(house, answer(notice, ALICE, "500 euros."), "")

    assert len(house.to(CAROL_AT)) == 1


def test_who_is_held_is_asked_at_the_stored_address_only(house: House) -> None:
    made = answer(carol_writes(house), ALICE, "Pay to this account.", headers=[("Reply-To", MALLORY_AT)])

    _receive(house, made, _NONE, "mallory@evil.example")

    question = house.notice(ALICE_AT)
    assert question.rcpt_to == (ALICE_AT,)
    assert "Nothing was sent" in plain(question)
    assert notice_kinds(house) == ["message", "held"]
    assert sent_to_nobody_but(house, STAFF)


@pytest.mark.parametrize("address", ["", SALES], ids=["of a lead", "of no lead"])
def test_a_question_is_asked_once_an_hour(house: House, address: str) -> None:
    notice = carol_writes(house)

    for turn in range(3):
        made = answer(notice, ALICE, f"Pay to account {turn}.", address=address)
        _receive(house, made if not address else without(made, "In-Reply-To", "References"), _NONE)

    assert notice_kinds(house) == ["message", "held"]
    assert [row.state for row in house.inbounds()[1:]] == ["held"] * 3
    house.clock.move(timedelta(minutes=61))
    _receive(house, answer(notice, ALICE, "Pay to another account.", address=address), _NONE)
    assert notice_kinds(house) == ["message", "held", "held"]


def test_the_answer_to_a_question_never_reaches_the_customer(house: House) -> None:
    _receive(house, answer(carol_writes(house), ALICE, "Pay to this account."), _NONE)
    question = house.notice(ALICE_AT)

    house.staff(answer(question, ALICE, "Yes, send it to them."))
    house.staff(answer(question, ALICE, "Send it now!", address=SALES))

    assert not house.to(CAROL_AT)
    assert sent_to_nobody_but(house, STAFF)


def test_a_released_mail_is_sent_once(house: House) -> None:
    _receive(house, answer(carol_writes(house), ALICE, "500 euros."), _NONE)
    held, desk = last_inbound(house), house.base.desk()

    triage.send(desk, held.id, house.people["alice"])
    with pytest.raises(Exception, match="decided already"):
        triage.send(desk, held.id, house.people["alice"])
    house.settle()

    assert len(house.to(CAROL_AT)) == 1
    assert kinds(house, house.leads()[0].id) == ["email_in", "email_out"]


# --- tokens in other hands ----------------------------------------------------------------------------------------------


def test_another_proven_user_acts_as_themselves_on_a_colleagues_token(house: House) -> None:
    notice = carol_writes(house)

    house.staff(answer(notice, BOB, "Alice is ill; a pump costs 500."))

    (reply,) = house.to(CAROL_AT)
    assert "Bob Berg" in reply.parsed()["From"]
    assert house.chatter(house.leads()[0].id)[-1].author_user_id == house.people["bob"]
    assert "Alice is ill" in plain(house.notice(ALICE_AT))


def test_the_token_of_a_deactivated_user_is_no_way_out(house: House) -> None:
    notice = carol_writes(house)
    house.base.store.write(lambda session: deactivate_user(session, house.people["alice"], None, house.clock()))

    house.staff(answer(notice, ALICE, "500 euros."))
    assert outcome(house) == ("hold", "staff_not_proven")
    house.staff(answer(notice, BOB, "I found this in the mailbox of Alice."))
    assert outcome(house) == ("hold", "customer_or_note")

    assert not house.to(CAROL_AT)
    assert len(house.to(ALICE_AT)) == 1  # the notice of before


def test_a_customer_on_a_staff_token_is_a_customer_and_the_token_is_retired(house: House) -> None:
    notice = carol_writes(house)

    house.receive(answer(notice, CAROL, "I got this address from Alice.", quote=False))

    (lead,) = house.leads()
    assert texts(house, lead.id, "email_in")[-1] == "I got this address from Alice."
    assert outcome(house) == ("append", "outsider_used_staff_token")
    told = house.notice(ALICE_AT)
    assert "wrote to an internal address" in plain(told)
    house.staff(answer(notice, ALICE, "By the old token."))
    assert not house.to(CAROL_AT)
    alice_answers(house, told, "By the new one.")


def test_an_outsider_on_a_note_token_writes_no_note(house: House) -> None:
    notice = carol_writes(house)

    house.receive(answer(notice, CAROL, "An order!", address=note_address(notice)))

    assert kinds(house, house.leads()[0].id) == ["email_in", "email_in"]


def test_a_stranger_on_a_staff_token_is_a_new_person(house: House) -> None:
    notice = carol_writes(house)

    house.receive(answer(notice, "Mallory <mallory@evil.example>", "Hello.", quote=False))

    assert house.chatter(house.leads()[0].id)[-1].is_unconfirmed
    assert "NEW PERSON, not carol@acme.example" in plain(house.notice(ALICE_AT))


# --- an unassigned lead -------------------------------------------------------------------------------------------------


def test_of_two_answers_to_an_unassigned_notice_one_leaves_and_one_is_held(house: House) -> None:
    house.base.store.write(lambda session: session.execute(update(team).values(rule="nobody")))
    house.receive(mail(CAROL, SALES, "Pump", "What does a pump cost?"))
    lead_id = house.leads()[0].id
    assert owner_name(house, lead_id) is None
    by_alice = answer(house.notice(ALICE_AT), ALICE, "500 euros.")
    by_bob = answer(house.notice(BOB_AT), BOB, "450 euros.")

    house.staff(by_alice)
    house.staff(by_bob)

    (reply,) = house.to(CAROL_AT)
    assert "500 euros." in plain(reply)
    assert owner_name(house, lead_id) == "Alice Aalto"
    assert outcome(house) == ("hold", "answered_by_another")
    assert "Nothing was sent" in plain(house.notice(BOB_AT)) or "450 euros." in plain(house.notice(BOB_AT))
    assert house.to(OTTO_AT) == ()


# --- what must not leave ------------------------------------------------------------------------------------------------


def _quoting_in_html(notice: CaughtMail) -> EmailMessage:
    html = f"<p>A pump costs 500 euros.</p><blockquote>{_html(notice)}</blockquote>"
    return mail(ALICE, reply_address(notice), "Re: Pump", "A pump costs 500 euros.", html=html)


def _only_html(notice: CaughtMail) -> EmailMessage:
    """The notice below the new text without any mark of a quote."""
    made = mail(ALICE, reply_address(notice), "Re: Pump", "-")
    made.set_content(f"<p>A pump costs 500 euros.</p><div>{_html(notice)}</div>", subtype="html")
    return made


def _html(notice: CaughtMail) -> str:
    part = notice.parsed().get_body(("html",))
    assert part is not None
    return str(part.get_content())


def _with_the_card_in_the_text(notice: CaughtMail) -> EmailMessage:
    """The notice's text below the answer, unmarked."""
    return mail(ALICE, reply_address(notice), "Re: Pump", "A pump costs 500 euros.\n\n" + plain(notice))


def _with_winmail(notice: CaughtMail) -> EmailMessage:
    content = b"\x78\x9f\x3e\x22" + plain(notice).encode()
    return mail(
        ALICE,
        reply_address(notice),
        "Re: Pump",
        "500 euros.",
        attachments=[("winmail.dat", "application/ms-tnef", content)],
    )


def _with_eml(notice: CaughtMail) -> EmailMessage:
    made = mail(ALICE, reply_address(notice), "Re: Pump", "500 euros.")
    made.add_attachment(notice.parsed())
    return made


def _with_eml_as_a_file(notice: CaughtMail) -> EmailMessage:
    return mail(
        ALICE,
        reply_address(notice),
        "Re: Pump",
        "500 euros.",
        attachments=[("notice.eml", "application/octet-stream", notice.raw)],
    )


@pytest.mark.parametrize(
    "written",
    [_quoting_in_html, _only_html, _with_the_card_in_the_text, _with_winmail, _with_eml, _with_eml_as_a_file],
    ids=["quote in HTML", "HTML without a quote mark", "text", "winmail.dat", "attached mail", "eml as a file"],
)
def test_nothing_of_the_card_in_a_staff_reply_reaches_the_customer(
    house: House, written: Callable[[CaughtMail], EmailMessage]
) -> None:
    notice = carol_writes(house)

    house.staff(written(notice))

    secrets = ("Stage", "Assigned", reply_address(notice), note_address(notice), "crm-page.firma.test", *STAFF)
    assert "Assigned" in plain(notice)
    for caught in house.to(CAROL_AT):
        assert not [secret for secret in secrets if secret in everything(caught)]
    assert bool(house.to(CAROL_AT)) or "Nothing was sent" in plain(house.notice(ALICE_AT))


def test_files_we_sent_ourselves_are_not_sent_back_but_own_files_are(house: House) -> None:
    drawing, quote = b"%PDF-1.4 drawing", b"%PDF-1.4 quote"
    first = mail(CAROL, SALES, "Pump", "See the drawing.", attachments=[("cellar.pdf", "application/pdf", drawing)])
    house.receive(first)
    made = answer(house.notice(ALICE_AT), ALICE, "Here is our quote.")
    made.add_attachment(drawing, maintype="application", subtype="pdf", filename="cellar.pdf")
    made.add_attachment(quote, maintype="application", subtype="pdf", filename="quote.pdf")

    house.staff(made)

    (reply,) = house.to(CAROL_AT)
    assert [part.get_filename() for part in reply.parsed().iter_attachments()] == ["quote.pdf"]


def test_a_reply_with_nothing_new_is_held(house: House) -> None:
    notice = carol_writes(house)

    house.staff(answer(notice, ALICE, ""))

    assert outcome(house) == ("hold", "staff_reply_empty")
    assert not house.to(CAROL_AT)


def test_a_reply_that_is_a_file_alone_leaves_without_what_was_quoted_below_it(house: House) -> None:
    made = answer(carol_writes(house), ALICE, "")
    made.add_attachment(b"%PDF-1.4 quote", maintype="application", subtype="pdf", filename="quote.pdf")

    house.staff(made)

    (reply,) = house.to(CAROL_AT)
    assert [part.get_filename() for part in reply.parsed().iter_attachments()] == ["quote.pdf"]
    assert "Assigned" not in everything(reply)


# --- mails past us ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_proven", [True, False], ids=["proven", "not proven"])
def test_a_user_in_the_customers_cc_who_replies_to_all_is_logged_once_and_never_relayed(
    house: House, is_proven: bool
) -> None:
    first = mail(CAROL, SALES, "Pump", "What does a pump cost?", headers=[("Cc", BOB)])
    house.receive(first)
    threaded = [("In-Reply-To", str(first["Message-ID"])), ("References", str(first["Message-ID"])), ("Cc", SALES)]
    made = mail(BOB, CAROL, "Re: Pump", "A pump costs 500 euros.", headers=threaded)

    for _ in range(2):
        house.receive(proven(made) if is_proven else made.as_bytes(), BOB_AT, [SALES])

    (lead,) = house.leads()
    assert not house.to(CAROL_AT)
    assert kinds(house, lead.id) == (["email_in", "email_out"] if is_proven else ["email_in"])
    assert outcome(house) == (("sent", "sent_directly") if is_proven else ("hold", "staff_not_proven"))
    if is_proven:
        assert lead.waiting_on == "them"
        assert "A pump costs 500 euros." in plain(house.notice(ALICE_AT))


def test_a_user_in_the_customers_cc_on_the_customers_token_is_not_relayed_either(house: House) -> None:
    _, reply = in_conversation(house)
    asked = answer(reply, CAROL, "And two?", headers=[("Cc", BOB)])
    house.receive(asked)
    threaded = [("In-Reply-To", str(asked["Message-ID"])), ("Cc", reply_address(reply))]
    before = len(house.to(CAROL_AT))

    house.staff(mail(BOB, CAROL, "Re: Pump", "Two cost 900.", headers=threaded), to=[reply_address(reply)])

    assert outcome(house) == ("sent", "sent_directly")
    assert len(house.to(CAROL_AT)) == before


def test_a_user_who_answers_without_token_and_without_the_customer_is_asked(house: House) -> None:
    notice = carol_writes(house)

    house.staff(answer(notice, ALICE, "500 euros.", address=SALES))

    assert outcome(house) == ("hold", "customer_or_note")
    assert "Nothing was sent" in plain(house.notice(ALICE_AT))


def test_tokens_of_two_leads_from_a_user_are_held(house: House) -> None:
    first = carol_writes(house)
    house.receive(mail("Dora <dora@acme.example>", SALES, "Valves", "Do you sell valves?"))
    second = house.notice(ALICE_AT)

    house.staff(answer(first, ALICE, "500 euros."), to=[reply_address(first), reply_address(second)])

    assert outcome(house) == ("hold", "tokens_of_two_leads")
    assert sent_to_nobody_but(house, STAFF)


def test_tokens_of_two_leads_from_a_customer_are_on_the_newer_one_and_linked(house: House) -> None:
    _, first = in_conversation(house)
    house.receive(mail(CAROL, SALES, "Roof", "And what does a roof cost?"))
    second = alice_answers(house, house.notice(ALICE_AT), "A lot.")

    house.receive(answer(second, CAROL, "I take both."), to=[reply_address(first), reply_address(second)])

    older, newer = house.leads()
    assert texts(house, newer.id, "email_in")[-1] == "I take both."
    assert [row.event for row in house.chatter(older.id, "event")][-1] == "linked"


def test_no_two_mails_of_ours_share_a_token(house: House) -> None:
    notice, reply = in_conversation(house)
    house.receive(answer(reply, CAROL, "I take two."))

    tokens = [reply_address(caught) for caught in house.sink.mails] + [note_address(notice)]
    assert len(set(tokens)) == len(tokens)
    assert house.one(select(func.count()).select_from(outbox)) == len(house.sink.mails)


def _receive(house: House, made: EmailMessage, results: str, mail_from: str = ALICE_AT) -> None:
    raw = proven(made, results) if results else made.as_bytes()
    house.receive(raw, mail_from, [str(made["To"]).rpartition("<")[2].rstrip(">")])
