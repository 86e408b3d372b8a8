"""A reply that somebody else was quicker than waits, and its writer decides about it with one word."""

from collections.abc import Callable

import pytest

from mailcrm import triage
from mailcrm.crm.done import Refused
from tests.daemon_house import SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MALLORY_AT,
    STAFF,
    alice_answers,
    carol_writes,
    in_conversation,
    kinds,
    last_inbound,
    outcome,
    plain,
    reply_address,
    sent_to_nobody_but,
    texts,
)
from tests.smtp_peer import CaughtMail


def bob_was_quicker(house: House) -> tuple[CaughtMail, CaughtMail]:
    """Alice's notice of Carol's mail, which Bob answers first; and the question about Alice's own answer."""
    first = mail(CAROL, SALES, "Pump", "What does a pump cost?", headers=[("Cc", BOB)])
    house.receive(first)
    notice = house.notice(ALICE_AT)
    threaded = [("In-Reply-To", str(first["Message-ID"])), ("Cc", SALES)]
    house.staff(mail(BOB, CAROL, "Re: Pump", "A pump costs 450 euros.", headers=threaded), to=[SALES])
    house.staff(answer(notice, ALICE, "A pump costs 500 euros."))
    return notice, house.notice(ALICE_AT)


def test_a_reply_that_a_colleague_was_quicker_than_waits(house: House) -> None:
    _, question = bob_was_quicker(house)

    assert outcome(house) == ("hold", "answered_by_another")
    assert not house.to(CAROL_AT)
    said = plain(question)
    assert "Nothing was sent yet." in said
    assert "Bob Berg answered 1 minute ago: “A pump costs 450 euros.”" in said
    assert "A pump costs 500 euros." in said
    assert last_inbound(house).reason_detail == "Bob Berg: A pump costs 450 euros."


def test_a_reply_to_an_older_mail_waits_when_the_customer_wrote_again(house: House) -> None:
    notice = carol_writes(house)
    house.receive(mail(CAROL, SALES, "Re: Pump for our cellar", "I found one, never mind."))

    house.staff(answer(notice, ALICE, "500 euros."))

    assert outcome(house) == ("hold", "customer_wrote_again")
    assert not house.to(CAROL_AT)
    assert "Carol Customer wrote again 1 minute ago: “I found one, never mind.”" in plain(house.notice(ALICE_AT))


@pytest.mark.parametrize("said", ["send", "Send.", "lähetä", "LÄHETÄ\n\nAlice"])
def test_send_lets_it_leave(house: House, said: str) -> None:
    _, question = bob_was_quicker(house)

    house.staff(answer(question, ALICE, said))

    (reply,) = house.to(CAROL_AT)
    assert "A pump costs 500 euros." in plain(reply)
    assert said.split()[0] not in plain(reply)
    assert outcome(house) == ("release", "released_by_mail")
    held = house.inbounds()[-2]
    assert (held.state, held.route, held.reason, held.decided_by_id) == (
        "done",
        "reply",
        "released_by_mail",
        house.people["alice"],
    )


@pytest.mark.parametrize(
    ("said", "state", "route"), [("drop", "dismissed", "dismissed"), ("Hylkää", "dismissed", "dismissed")]
)
def test_drop_lets_it_lie(house: House, said: str, state: str, route: str) -> None:
    _, question = bob_was_quicker(house)

    house.staff(answer(question, ALICE, said))

    held = house.inbounds()[-2]
    assert (held.state, held.route) == (state, route)
    assert not house.to(CAROL_AT)


@pytest.mark.parametrize("said", ["note", "muistio", "Muistiinpano"])
def test_note_keeps_it_inside(house: House, said: str) -> None:
    _, question = bob_was_quicker(house)

    house.staff(answer(question, ALICE, said))

    assert texts(house, house.leads()[0].id, "note") == ["A pump costs 500 euros."]
    assert not house.to(CAROL_AT)


def test_any_other_answer_to_the_question_is_a_note_and_decides_nothing(house: House) -> None:
    _, question = bob_was_quicker(house)

    house.staff(answer(question, ALICE, "send him the cheaper one, not mine"))

    assert texts(house, house.leads()[0].id, "note") == ["send him the cheaper one, not mine"]
    assert [row.state for row in house.inbounds()] == ["done", "done", "held", "done"]
    assert not house.to(CAROL_AT)


def test_it_is_decided_once(house: House) -> None:
    _, question = bob_was_quicker(house)
    house.staff(answer(question, ALICE, "drop"))

    house.staff(answer(question, ALICE, "send"))

    assert not house.to(CAROL_AT)
    assert house.inbounds()[2].state == "dismissed"


# --- who may ------------------------------------------------------------------------------------------------------------


def test_without_proof_the_word_does_nothing(house: House) -> None:
    _, question = bob_was_quicker(house)

    house.receive(answer(question, ALICE, "send"), MALLORY_AT)

    assert outcome(house) == ("hold", "staff_not_proven")
    assert not house.to(CAROL_AT)
    with pytest.raises(Refused):
        triage.send(house.base.desk(), last_inbound(house).id, house.people["mona"])
    assert sent_to_nobody_but(house, STAFF)


def test_a_colleague_with_the_question_decides_nothing(house: House) -> None:
    _, question = bob_was_quicker(house)

    house.staff(answer(question, BOB, "send"))

    assert outcome(house) == ("hold", "customer_or_note")
    assert not house.to(CAROL_AT)


def test_an_outsider_with_the_question_only_writes_a_mail(house: House) -> None:
    _, question = bob_was_quicker(house)

    house.receive(answer(question, CAROL, "send", quote=False))

    assert not house.to(CAROL_AT)
    assert house.inbounds()[2].state == "held"


def test_send_does_not_let_a_piece_of_our_notice_leave(house: House) -> None:
    notice = carol_writes(house)
    house.receive(mail(CAROL, SALES, "Re: Pump for our cellar", "Hello?"))
    house.staff(answer(notice, ALICE, "500 euros."))
    question = house.notice(ALICE_AT)
    house.staff(answer(question, ALICE, f"send\n{reply_address(notice)}\n{plain(notice)}"))

    assert not [one for one in house.to(CAROL_AT) if "@crm.firma.test" in plain(one)]


# --- what is not late ---------------------------------------------------------------------------------------------------


def test_who_answered_last_themselves_is_not_asked(house: House) -> None:
    notice, reply = in_conversation(house)
    house.receive(answer(reply, CAROL, "And two?"))
    house.staff(answer(house.notice(ALICE_AT), ALICE, "Two cost 900."))

    house.staff(answer(notice, ALICE, "By the way, delivery is free."))

    assert "By the way" in plain(house.notice(CAROL_AT))


def test_what_a_machine_or_a_stranger_writes_makes_no_reply_late(house: House) -> None:
    notice, reply = in_conversation(house)
    away = answer(reply, CAROL, "I am away.", quote=False, headers=[("Auto-Submitted", "auto-replied")])
    house.receive(away)
    house.receive(answer(reply, "Mallory <mallory@evil.example>", "Me too.", quote=False))

    house.staff(answer(notice, ALICE, "And in blue."))

    assert "And in blue." in plain(house.notice(CAROL_AT))


def test_it_can_be_switched_off(make_house: Callable[..., House]) -> None:
    house = make_house(security={"authserv_ids": ["mx.firma.test"]}, routing={"late_reply_hold": False})
    notice = carol_writes(house)
    house.receive(mail(CAROL, SALES, "Re: Pump for our cellar", "Hello?"))

    alice_answers(house, notice, "500 euros.")


def test_a_finnish_reader_is_asked_in_finnish(house: House) -> None:
    house.receive(mail(CAROL, SALES, "Roof", "A roof?"))
    house.receive(mail("Dave <dave@other.example>", SALES, "Pump", "A pump?"))
    notice = house.notice(BOB_AT)
    house.receive(mail("Dave <dave@other.example>", SALES, "Re: Pump for us", "Hei?", headers=_thread(house)))

    house.staff(answer(notice, BOB, "500 euroa."))

    said = plain(house.notice(BOB_AT))
    assert "kirjoitti uudelleen 1 minuutti sitten: ”Hei?”" in said
    assert "lähetä" in said
    assert kinds(house, house.leads()[-1].id) == ["email_in", "email_in"]


def _thread(house: House) -> list[tuple[str, str]]:
    return [("In-Reply-To", f"<{last_inbound(house).message_id}>")]
