"""A mail in a salesperson's name without proof: held, asked about, and released by that person's own word with proof."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailcrm import release
from mailcrm.address import read_token
from mailcrm.ingest.understand import understand
from mailcrm.mail import Intent
from mailcrm.store.engine import Session
from tests.daemon_house import House, address_in, answer
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    CAROL_AT,
    carol_writes,
    kinds,
    notice_kinds,
    outcome,
    plain,
)
from tests.smtp_peer import CaughtMail


def _held(house: House, text: str = "A pump costs 500 euros.", **more: object) -> CaughtMail:
    """An answer of Alice's without proof, or of somebody who says so; the question about it."""
    made = answer(carol_writes(house), ALICE, text, **more)  # type: ignore[arg-type]
    house.receive(made, ALICE_AT, [address_in(made["To"])])
    assert outcome(house) == ("hold", "staff_not_proven")
    assert not house.to(CAROL_AT)
    return house.notice(ALICE_AT)


def _first(house: House) -> tuple[str, str]:
    row = house.inbounds()[1]
    return row.state, row.reason


@pytest.mark.parametrize("word", ["send", "Send.", "Lähetä!\n\nBr, Alice"])
def test_its_writer_says_send_with_proof_and_it_leaves_once(house: House, word: str) -> None:
    question = _held(house)
    claim = read_token(address_in(question.parsed()["Reply-To"]))
    assert claim is not None
    assert claim.intent is Intent.DECIDE
    assert "Reply “send”" in plain(question)

    house.staff(answer(question, ALICE, word))

    (sent,) = house.to(CAROL_AT)
    assert "A pump costs 500 euros." in plain(sent)
    assert "send" not in plain(sent).lower().replace("sender", "")
    row = house.inbounds()[1]
    assert (row.state, row.author_proof) == ("done", "released by mail, dmarc=pass (mx.firma.test)")
    house.staff(answer(question, ALICE, "send", headers=[("X-Again", "1")]))
    assert len(house.to(CAROL_AT)) == 1
    assert kinds(house, house.leads()[0].id) == ["email_in", "email_out"]


def test_what_waits_is_read_before_the_transaction_that_lets_it_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, write, is_writing, read_while_writing = _held(house), house.base.store.write, threading.Event(), []

    def watched(work: Callable[[Session], Any]) -> Any:
        is_writing.set()
        try:
            return write(work)
        finally:
            is_writing.clear()

    def understanding(*given: Any) -> Any:
        read_while_writing.append(is_writing.is_set())
        return understand(*given)

    monkeypatch.setattr(house.base.store, "write", watched)
    monkeypatch.setattr(release, "understand", understanding)
    house.staff(answer(question, ALICE, "send"))

    assert len(house.to(CAROL_AT)) == 1
    assert read_while_writing == [False]


def test_its_writer_says_drop(house: House) -> None:
    question = _held(house)

    house.staff(answer(question, ALICE, "drop"))

    assert _first(house) == ("dismissed", "released_by_mail")
    house.staff(answer(question, ALICE, "send", headers=[("X-Again", "1")]))
    assert not house.to(CAROL_AT)


def test_without_proof_or_by_somebody_else_the_word_does_nothing(house: House) -> None:
    question = _held(house)

    for from_ in (ALICE, "Mallory <mallory@evil.example>"):
        made = answer(question, from_, "send")
        house.receive(made, address_in(from_), [address_in(made["To"])])
    house.staff(answer(question, BOB, "send"))

    assert _first(house) == ("held", "staff_not_proven")
    assert not house.to(CAROL_AT)


@pytest.mark.parametrize(
    "more",
    [
        {"text": "A pump costs 500 euros. " * 30 + "Pay to another account."},
        {"attachments": True},
    ],
    ids=["longer than was quoted", "with a file"],
)
def test_what_the_question_did_not_show_is_decided_on_the_page(house: House, more: dict[str, object]) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, str(more.get("text", "See the file.")), quote=False)
    if more.get("attachments"):
        made.add_attachment(b"%PDF-1.4 forged", maintype="application", subtype="pdf", filename="bill.pdf")
    house.receive(made, ALICE_AT, [address_in(made["To"])])

    house.staff(answer(house.notice(ALICE_AT), ALICE, "send"))

    assert not house.to(CAROL_AT)
    assert _first(house) == ("held", "staff_not_proven")
    assert "decide on the page" in plain(house.notice(ALICE_AT))


def test_a_piece_of_our_notice_does_not_leave_on_anybodys_word(house: House) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "Write to: " + address_in(notice.parsed()["Reply-To"]), quote=False)
    house.receive(made, ALICE_AT, [address_in(made["To"])])

    house.staff(answer(house.notice(ALICE_AT), ALICE, "send"))

    assert not house.to(CAROL_AT)
    assert _first(house) == ("held", "staff_reply_leaks")


def test_anything_else_in_the_answer_stays_inside(house: House) -> None:
    house.staff(answer(_held(house), ALICE, "That was me, please send it to her."))

    assert not house.to(CAROL_AT)
    assert _first(house) == ("held", "staff_not_proven")
    assert "customer_reply" not in notice_kinds(house)
