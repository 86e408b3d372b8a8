"""One more address of a user: it is asked by mail, and acts as the user only once that mail was answered from there, with proof."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from mailcrm.address import address_key
from mailcrm.crm.call import Call
from mailcrm.crm.claims import claim_address, claimed_by_token, confirm_address, open_claims, withdraw_claim
from mailcrm.crm.done import NotFound, Refused
from mailcrm.crm.people import deactivate_user
from mailcrm.store.tables import outbox, user_address
from tests.daemon_house import SALES, House, address_in, answer, mail, proven
from tests.journey_steps import ALICE, ALICE_AT, BOB, CAROL_AT, carol_writes, outcome, plain
from tests.smtp_peer import CaughtMail

HOME_AT = "alice@home.example"
HOME = f"Alice Aalto <{HOME_AT}>"
_FROM_HOME = "mx.firma.test; dmarc=pass header.from=home.example"


def _claim(house: House, address: str = HOME_AT, who: str = "alice") -> CaughtMail:
    user = house.people[who]
    house.base.desk().perform(Call(claim_address, (user, address, house.config.mail), user))
    house.settle()
    return house.notice(address_key(address))


def _addresses(house: House, who: str = "alice") -> list[str]:
    asked = select(user_address.c.key).where(user_address.c.user_id == house.people[who])
    return [row.key for row in house.read(asked.order_by(user_address.c.id))]


def _yes(house: House, question: CaughtMail, from_: str = HOME, results: str = _FROM_HOME, text: str = "Yes.") -> None:
    made = answer(question, from_, text)
    house.receive(proven(made, results) if results else made, address_in(from_), [address_in(made["To"])])


def test_an_address_that_answered_with_proof_acts_as_its_user(house: House) -> None:
    question = _claim(house)
    assert question.rcpt_to == (HOME_AT,)
    assert HOME_AT in str(question.parsed()["To"])
    assert "Alice Aalto says that alice@home.example is theirs" in plain(question)
    assert _addresses(house) == [ALICE_AT]

    _yes(house, question)

    assert outcome(house) == ("confirm", "address_confirmed")
    assert _addresses(house) == [ALICE_AT, HOME_AT]
    assert "yours now" in plain(house.notice(ALICE_AT))
    notice = carol_writes(house)
    made = answer(notice, HOME, "A pump costs 500 euros.")
    house.receive(proven(made, _FROM_HOME), HOME_AT, [address_in(made["To"])])
    assert len(house.to(CAROL_AT)) == 1


def test_until_then_it_is_a_strangers(house: House) -> None:
    notice = carol_writes(house)
    _claim(house)

    made = answer(notice, HOME, "A pump costs 500 euros.")
    house.receive(proven(made, _FROM_HOME), HOME_AT, [address_in(made["To"])])

    assert not house.to(CAROL_AT)
    assert outcome(house) == ("append", "outsider_used_staff_token")


@pytest.mark.parametrize(
    ("from_", "results"),
    [
        (HOME, ""),
        (HOME, "mx.firma.test; dmarc=fail header.from=home.example"),
        (HOME, "mx.firma.test; dmarc=none header.from=home.example"),
        ("Mallory <mallory@evil.example>", "mx.firma.test; dmarc=pass header.from=evil.example"),
        ("Mallory <mallory@home.example>", _FROM_HOME),
        (BOB, "mx.firma.test; dmarc=pass header.from=firma.test"),
    ],
    ids=["no proof", "forged", "none", "another house", "another of that house", "a colleague"],
)
def test_nobody_else_can_say_yes(house: House, from_: str, results: str) -> None:
    _yes(house, _claim(house), from_, results)

    assert outcome(house) == ("hold", "address_not_proven")
    assert _addresses(house) == [ALICE_AT]
    assert _addresses(house, "bob") == ["bob@firma.test"]


def test_a_forged_yes_from_the_user_is_held(house: House) -> None:
    _yes(house, _claim(house), ALICE, "")

    assert outcome(house) == ("hold", "staff_not_proven")
    assert _addresses(house) == [ALICE_AT]


def test_the_user_may_answer_from_an_address_we_know(house: House) -> None:
    """As when the new mailbox is read in the old one."""
    _yes(house, _claim(house), ALICE, "mx.firma.test; dmarc=pass header.from=firma.test")

    assert _addresses(house) == [ALICE_AT, HOME_AT]


def test_an_automatic_reply_says_nothing(house: House) -> None:
    made = answer(_claim(house), HOME, "I am away.", headers=[("Auto-Submitted", "auto-replied")])
    house.receive(proven(made, _FROM_HOME), HOME_AT, [address_in(made["To"])])

    assert _addresses(house) == [ALICE_AT]


def test_a_second_yes_and_one_too_late_change_nothing(house: House) -> None:
    question = _claim(house)
    _yes(house, question)
    _yes(house, question, text="Yes again.")
    assert _addresses(house) == [ALICE_AT, HOME_AT]

    late = _claim(house, "alice@late.example")
    house.clock.move(timedelta(days=8))
    _yes(house, late, "alice@late.example", "mx.firma.test; dmarc=pass header.from=late.example")
    assert _addresses(house) == [ALICE_AT, HOME_AT]


def test_a_withdrawn_question_or_a_deactivated_user_is_not_answered(house: House) -> None:
    desk, alice, bob = house.base.desk(), house.people["alice"], house.people["bob"]
    question, bobs = _claim(house), _claim(house, "bob@home.example", "bob")

    desk.perform(Call(withdraw_claim, (alice, HOME_AT), alice))
    desk.perform(Call(deactivate_user, (bob,)))
    _yes(house, question)
    _yes(house, bobs, "bob@home.example")

    assert (_addresses(house), _addresses(house, "bob")) == ([ALICE_AT], ["bob@firma.test"])


def test_what_is_somebody_elses_cannot_be_claimed_or_confirmed(house: House) -> None:
    carol_writes(house)
    for taken in (CAROL_AT, "bob@firma.test", SALES, "alice@crm.firma.test", "nonsense"):
        with pytest.raises(Refused):
            _claim(house, taken)

    question = _claim(house)
    house.receive(mail(HOME, SALES, "I am a customer", "What does a pump cost?"))  # a partner from now on
    _yes(house, question)
    assert _addresses(house) == [ALICE_AT]


def test_an_address_is_asked_once_an_hour_five_are_open_and_ten_mails_leave_a_day(house: House) -> None:
    _claim(house)
    with pytest.raises(Refused, match="less than an hour"):
        _claim(house)
    house.clock.move(timedelta(minutes=61))
    _claim(house)
    for number in range(4):
        _claim(house, f"a{number}@home.example")
    with pytest.raises(Refused, match="Too many"):
        _claim(house, "a5@home.example")

    desk, alice = house.base.desk(), house.people["alice"]
    for number in range(4):
        desk.perform(Call(withdraw_claim, (alice, f"a{number}@home.example"), alice))
        _claim(house, f"b{number}@home.example")
    desk.perform(Call(withdraw_claim, (alice, "b0@home.example"), alice))
    with pytest.raises(Refused, match="Too many"):
        _claim(house, "c@home.example")
    with house.base.store.read() as session:
        assert len(open_claims(session, alice, house.clock())) == 4


def test_the_link_works_for_that_user_with_that_token_only(house: House) -> None:
    desk, alice, bob = house.base.desk(), house.people["alice"], house.people["bob"]
    text = plain(_claim(house))
    token = text.partition("/settings/addresses/")[2].split()[0]
    notice_token = address_in(carol_writes(house).parsed()["Reply-To"]).partition("@")[0]

    other = token[:-5] + ("a" if token[-5] != "a" else "b") + token[-4:]
    with desk.store.read() as session:
        assert claimed_by_token(session, token, alice, desk.keyring.keys) == HOME_AT
        for who, wrong in ((bob, token), (alice, notice_token), (alice, other), (alice, "x")):
            with pytest.raises(NotFound):
                claimed_by_token(session, wrong, who, desk.keyring.keys)
    desk.perform(Call(confirm_address, (alice, HOME_AT), alice))
    assert _addresses(house) == [ALICE_AT, HOME_AT]
    with pytest.raises(Refused):
        desk.perform(Call(confirm_address, (alice, HOME_AT), alice))


def test_where_a_token_is_enough_it_is_for_this_too_but_not_against_proof(make_house: Callable[..., House]) -> None:
    house = make_house(security={"authserv_ids": ["mx.firma.test"], "unproven_staff": "token_is_enough"})
    question = _claim(house)

    _yes(house, question, results="mx.firma.test; dmarc=fail header.from=home.example")
    assert _addresses(house) == [ALICE_AT]
    _yes(house, question, results="", text="Yes, really.")
    assert _addresses(house) == [ALICE_AT, HOME_AT]


def test_nothing_of_it_is_a_way_to_a_customer(house: House) -> None:
    carol_writes(house)
    _yes(house, _claim(house), text="Dear Carol, it costs 500.")

    assert not house.to(CAROL_AT)
    assert {row.kind for row in house.read(select(outbox.c.kind))} == {"message", "address"}
