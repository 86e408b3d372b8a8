"""Mail that came through something: a contact form, a group, a newsletter, a supplier, postmaster@."""

from collections.abc import Callable

import pytest

from tests.daemon_house import DOMAIN, SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    ERIN_AT,
    MONA_AT,
    STAFF,
    carol_writes,
    in_conversation,
    known_person,
    outcome,
    plain,
    routes,
    sent_to_nobody_but,
    texts,
)

_NEWSLETTER = [("List-Unsubscribe", "<https://acme.example/u>"), ("List-Id", "<news.acme.example>")]
_ONE_CLICK = [*_NEWSLETTER, ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
_OUR_GROUP = [("List-Id", "<myynti.firma.test>"), ("List-Unsubscribe", "<mailto:u@firma.test>"), ("Precedence", "list")]


# --- forms --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["Web <www@firma.test>", "Web <noreply@forms.example>"], ids=["ours", "a service"])
def test_ten_equal_mails_of_a_contact_form_are_ten_leads_and_answers_go_to_the_person(house: House, form: str) -> None:
    for number in range(10):
        person = [("Reply-To", f"Visitor {number} <v{number}@gmail.com>")]
        house.receive(mail(form, SALES, "Contact request", "Please call me.", headers=person))

    assert [row.reason for row in house.inbounds()] == ["alias"] * 10
    assert len(house.leads()) == 10
    house.staff(answer(house.to(ALICE_AT)[0], ALICE, "When may we call?"))
    (reply,) = house.to("v0@gmail.com")
    assert reply.rcpt_to == ("v0@gmail.com",)
    house.receive(answer(reply, "Visitor 0 <v0@gmail.com>", "At ten."))
    assert texts(house, house.leads()[0].id, "email_in") == ["Please call me.", "At ten."]


def test_one_person_who_uses_the_form_twice_has_two_leads(house: House) -> None:
    for _ in range(2):
        person = [("Reply-To", "Dora <dora@gmail.com>")]
        house.receive(mail("Web <www@firma.test>", SALES, "Contact request", "Please call me.", headers=person))

    first, second = house.leads()
    assert first.partner_id == second.partner_id
    assert len(house.to(ALICE_AT)) + len(house.to(BOB_AT)) == 2


def test_a_form_that_sends_with_a_null_reverse_path_is_still_its_visitors_mail(house: House) -> None:
    made = mail("Web <www@firma.test>", SALES, "Contact", "Call me.", headers=[("Reply-To", "Dora <dora@gmail.com>")])

    house.receive(made, "", [SALES])

    house.staff(answer(house.notice(ALICE_AT), ALICE, "When?"))
    assert len(house.to("dora@gmail.com")) == 1


# --- groups and newsletters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "group",
    [_OUR_GROUP, [("List-Id", f"Sales <sales.{DOMAIN}>")], [("List-Post", f"<mailto:{SALES}>")]],
    ids=["configured", "its id names an alias", "its post address is an alias"],
)
def test_a_customer_through_a_group_of_ours_opens_a_lead(
    make_house: Callable[..., House], group: list[tuple[str, str]]
) -> None:
    house = make_house(ingest={"processes": 0, "own_lists": ["myynti.firma.test"]})

    house.receive(mail(CAROL, SALES, "Pump", "What does it cost?", headers=group))

    assert routes(house) == ["new_lead"]
    assert "What does it cost?" in plain(house.notice(ALICE_AT))


@pytest.mark.parametrize(
    "headers",
    [_NEWSLETTER, _ONE_CLICK, _OUR_GROUP, [("Precedence", "bulk")], [("X-Spam-Flag", "YES")]],
    ids=["newsletter", "with one click", "somebody's group", "bulk", "spam"],
)
def test_newsletters_and_spam_are_kept_quietly(house: House, headers: list[tuple[str, str]]) -> None:
    house.receive(mail("News <news@acme.example>", SALES, "Our news", "Look!", headers=headers))

    assert routes(house) == ["quiet"]
    assert not house.leads()
    assert not house.sink.mails


@pytest.mark.parametrize(
    ("owner", "headers", "is_lead"),
    [
        ("bob", _NEWSLETTER, True),
        ("bob", _ONE_CLICK, False),
        ("bob", [*_NEWSLETTER, ("X-Spam-Flag", "YES")], False),
        (None, _NEWSLETTER, False),
    ],
    ids=["owned", "owned, one click", "owned, spam", "owned by nobody"],
)
def test_a_known_partner_with_an_unsubscribe_header_is_heard_if_somebody_owns_them(
    house: House, owner: str | None, headers: list[tuple[str, str]], is_lead: bool
) -> None:
    known_person(house, CAROL_AT, owner)

    house.receive(mail(CAROL, SALES, "Pump", "What does it cost?", headers=headers))

    assert routes(house) == (["new_lead"] if is_lead else ["quiet"])
    assert len(house.to(BOB_AT)) == (1 if is_lead else 0)


def test_an_answer_with_list_headers_is_still_an_answer(house: House) -> None:
    _, reply = in_conversation(house)

    house.receive(answer(reply, CAROL, "I take two.", headers=_ONE_CLICK))
    house.receive(answer(reply, CAROL, "No, three.", address=SALES, headers=_ONE_CLICK))

    assert [row.reason for row in house.inbounds()][-2:] == ["reply_token", "references"]
    assert len(house.to(ALICE_AT)) == 3


# --- not customers ------------------------------------------------------------------------------------------------------


def test_a_suppliers_mail_reaches_the_team_and_opens_no_lead(house: House) -> None:
    known_person(house, "sam@supplier.example", relation="supplier")

    house.receive(mail("Sam <sam@supplier.example>", SALES, "New prices", "Steel costs more."))

    assert outcome(house) == ("team", "supplier")
    assert not house.leads()
    for address in (ALICE_AT, BOB_AT):
        (told,) = house.to(address)
        assert "Steel costs more." in plain(told)
    assert sent_to_nobody_but(house, (ALICE_AT, BOB_AT))
    assert not house.to(ERIN_AT)


@pytest.mark.parametrize("local", ["postmaster", "abuse", "notify"])
def test_mail_to_the_administrators_is_no_lead(house: House, local: str) -> None:
    house.receive(mail(CAROL, f"{local}@{DOMAIN}", "Your mail", "It does not arrive."))

    assert outcome(house) == ("admin", "admin_address")
    assert not house.leads()
    assert "It does not arrive." in plain(house.notice(MONA_AT))
    assert sent_to_nobody_but(house, (MONA_AT,))


def test_a_meeting_invitation_is_an_activity_on_its_lead(house: House) -> None:
    _, reply = in_conversation(house)
    calendar = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nDTSTART:20301224T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    made = answer(reply, CAROL, "Shall we meet?")
    made.add_attachment(calendar, maintype="text", subtype="calendar", params={"method": "REQUEST"}, filename="i.ics")

    house.receive(made)

    (lead,) = house.leads()
    (planned,) = [row for row in house.chatter(lead.id, "event") if row.event == "activity_scheduled"]
    assert (planned.event_data["type"], planned.event_data["due_on"]) == ("meeting", "2030-12-24")
    assert texts(house, lead.id, "email_in")[-1] == "Shall we meet?"


def test_a_cancelled_meeting_is_read_and_plans_nothing(house: House) -> None:
    _, reply = in_conversation(house)
    calendar = b"BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nBEGIN:VEVENT\r\nDTSTART:20301224T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    made = answer(reply, CAROL, "It is off.")
    made.add_attachment(calendar, maintype="text", subtype="calendar", params={"method": "CANCEL"}, filename="i.ics")

    house.receive(made)

    (lead,) = house.leads()
    assert not [row for row in house.chatter(lead.id, "event") if row.event == "activity_scheduled"]
    assert texts(house, lead.id, "email_in")[-1] == "It is off."


def test_a_users_copy_of_a_mail_to_somebody_outside_is_logged_and_nothing_leaves(house: House) -> None:
    carol_writes(house)

    house.staff(mail(ALICE, SALES, "VL: Pump", "Please take care.", headers=[("Cc", "Dora <dora@other.example>")]))

    assert outcome(house) == ("sent", "copy_opens_lead")
    assert sent_to_nobody_but(house, STAFF)
