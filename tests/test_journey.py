"""The main journey: a customer writes, the owner is told and answers from a mail client, the customer writes back."""

import pytest
from sqlalchemy import select

from mailcrm.store.tables import lead_tag, partner, tag
from tests.daemon_house import EXPORT, SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    ERIN_AT,
    OTTO_AT,
    STAFF,
    alice_answers,
    carol_writes,
    everything,
    in_conversation,
    kinds,
    known_company,
    known_person,
    note_address,
    outcome,
    owner_name,
    partner_named,
    plain,
    reply_address,
    sent_to_nobody_but,
    texts,
    without,
)


def test_a_new_customers_mail_opens_a_lead_and_its_owner_by_rotation_is_told(house: House) -> None:
    house.receive(mail(CAROL, SALES, "Pump for our cellar", "What does a pump cost?"))
    house.receive(mail("Dora <dora@other.example>", SALES, "Two valves", "Do you sell valves?"))

    first, second = house.leads()
    assert (first.title, second.title) == ("Pump for our cellar", "Two valves")
    assert (owner_name(house, first.id), owner_name(house, second.id)) == ("Alice Aalto", "Bob Berg")
    assert first.owner_reason == second.owner_reason == "owner_by_rotation"
    assert (first.source, first.medium, first.waiting_on) == ("mail", "email", "us")
    assert house.read(select(tag.c.name).join(lead_tag).where(lead_tag.c.lead_id == first.id)) == [("web",)]
    assert [row.reason for row in house.inbounds()] == ["alias", "alias"]
    assert len(house.to(ALICE_AT)) == len(house.to(BOB_AT)) == 1
    assert "What does a pump cost?" in plain(house.notice(ALICE_AT))
    assert sent_to_nobody_but(house, (ALICE_AT, BOB_AT))


def test_a_first_contact_makes_the_person_and_their_company(house: House) -> None:
    carol_writes(house)
    house.receive(mail("Dora <dora@gmail.com>", SALES, "Valves", "Do you sell valves?"))

    carol, dora = partner_named(house, CAROL_AT), partner_named(house, "dora@gmail.com")
    company = house.read(select(partner).where(partner.c.id == carol.company_id))[0]
    assert (carol.name, carol.kind) == ("Carol Customer", "person")
    assert (company.kind, company.domain) == ("company", "acme.example")
    assert dora.company_id is None


def test_a_known_partners_mail_goes_to_the_partners_owner(house: House) -> None:
    known_person(house, CAROL_AT, owner="bob")

    house.receive(mail(CAROL, SALES, "Pump", "What does a pump cost?"))

    (lead,) = house.leads()
    assert (owner_name(house, lead.id), lead.owner_reason) == ("Bob Berg", "owner_of_partner")
    assert len(house.to(BOB_AT)) == 1
    assert not house.to(ALICE_AT)


def test_a_colleague_at_a_known_company_goes_to_the_companys_owner(house: House) -> None:
    known_company(house, "acme.example", owner="bob")

    house.receive(mail("Dan <dan@acme.example>", SALES, "Valves", "Do you sell valves?"))
    house.receive(mail("Eve <eve@elsewhere.example>", SALES, "Valves", "Do you sell valves as well?"))

    known, other = house.leads()
    assert (owner_name(house, known.id), known.owner_reason) == ("Bob Berg", "owner_of_company")
    assert known.company_id != other.company_id
    assert other.owner_reason == "owner_by_rotation"


def test_a_colleague_of_a_customer_goes_to_the_owner_of_their_companys_open_lead(house: House) -> None:
    carol_writes(house)

    house.receive(mail("Dan <dan@acme.example>", SALES, "Valves", "Do you sell valves?"))

    lead = house.leads()[-1]
    assert (owner_name(house, lead.id), lead.owner_reason) == ("Alice Aalto", "owner_of_company_lead")


def test_each_alias_gives_its_own_team(house: House) -> None:
    house.receive(mail(CAROL, EXPORT, "Pumps abroad", "Do you ship to Norway?"))

    assert owner_name(house, house.leads()[0].id) == "Erin Ek"
    assert sent_to_nobody_but(house, (ERIN_AT,))


def test_the_owners_reply_from_a_mail_client_reaches_the_customer(house: House) -> None:
    notice = carol_writes(house)

    reply = alice_answers(house, notice, "A pump costs 500 euros.")

    said = reply.parsed()
    assert "A pump costs 500 euros." in plain(reply)
    assert "What does a pump cost?" in plain(reply)  # quoted from our own copy
    assert said["Subject"] == "Re: Pump for our cellar"
    assert "Alice Aalto" in said["From"]
    assert SALES in said["From"]
    assert not any(address in everything(reply) for address in STAFF)
    assert said["Auto-Submitted"] is None
    (lead,) = house.leads()
    assert kinds(house, lead.id) == ["email_in", "email_out"]
    assert lead.waiting_on == "them"
    assert outcome(house) == ("reply", "reply_token")


def test_the_customers_reply_by_token_with_all_headers_stripped_is_on_the_same_lead(house: House) -> None:
    _, reply = in_conversation(house)

    house.receive(without(answer(reply, CAROL, "I take two.", quote=False), "In-Reply-To", "References", "Subject"))

    (lead,) = house.leads()
    assert texts(house, lead.id, "email_in") == ["What does a pump cost?", "I take two."]
    assert outcome(house) == ("append", "reply_token")
    assert len(house.to(ALICE_AT)) == 2
    assert "I take two." in plain(house.notice(ALICE_AT))
    assert lead.waiting_on == "us"


def test_the_customers_reply_by_references_with_the_token_stripped_is_on_the_same_lead(house: House) -> None:
    _, reply = in_conversation(house)

    house.receive(without(answer(reply, CAROL, "I take two.", address=SALES), "Subject"))

    (lead,) = house.leads()
    assert texts(house, lead.id, "email_in") == ["What does a pump cost?", "I take two."]
    assert outcome(house) == ("append", "references")
    assert len(house.to(ALICE_AT)) == 2


def test_the_conversation_goes_on_for_several_turns_on_one_lead(house: House) -> None:
    notice, reply = in_conversation(house)
    for turn in range(3):
        house.receive(answer(reply, CAROL, f"Question {turn}?"))
        notice = house.notice(ALICE_AT)
        reply = alice_answers(house, notice, f"Answer {turn}.")

    (lead,) = house.leads()
    assert kinds(house, lead.id) == ["email_in", "email_out"] * 4
    assert reply.parsed()["Subject"] == "Re: Pump for our cellar"
    assert notice.parsed()["Subject"] == "Carol Customer: Pump for our cellar"


def test_a_note_and_a_mention_reach_only_people_inside(house: House) -> None:
    notice = carol_writes(house)

    house.staff(answer(notice, ALICE, "@Bob Berg what discount may I give? @Otto", address=note_address(notice)))

    (lead,) = house.leads()
    assert kinds(house, lead.id) == ["email_in", "note"]
    assert outcome(house) == ("note", "note_token")
    assert lead.waiting_on == "us"
    for address in (BOB_AT, OTTO_AT):
        said = house.notice(address)
        assert "what discount may I give?" in plain(said)
        assert f"/leads/{lead.id}" in plain(said)
    assert sent_to_nobody_but(house, STAFF)


@pytest.mark.parametrize("writer", [BOB, "Otto Ojala <otto@firma.test>"], ids=["salesperson", "colleague"])
def test_a_reply_to_a_notes_notice_is_a_note(house: House, writer: str) -> None:
    notice = carol_writes(house)
    house.staff(answer(notice, ALICE, "@Bob Berg @Otto Ojala how much?", address=note_address(notice)))
    at = writer.rpartition("<")[2].rstrip(">")

    house.staff(answer(house.notice(at), writer, "Ten per cent at most."))

    (lead,) = house.leads()
    assert texts(house, lead.id, "note")[-1] == "Ten per cent at most."
    assert "Ten per cent at most." in plain(house.notice(ALICE_AT))
    assert not house.to(CAROL_AT)


def test_the_customers_cc_is_answered_too_and_may_answer(house: House) -> None:
    house.receive(mail(CAROL, SALES, "Pump", "What does it cost?", headers=[("Cc", "Dan <dan@acme.example>")]))

    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))

    (reply,) = house.to(CAROL_AT)
    assert set(reply.rcpt_to) == {CAROL_AT, "dan@acme.example"}
    assert "dan@acme.example" in reply.parsed()["Cc"]
    house.receive(answer(reply, "Dan <dan@acme.example>", "Too much!"))
    (lead,) = house.leads()
    assert texts(house, lead.id, "email_in") == ["What does it cost?", "Too much!"]
    assert not house.chatter(lead.id)[-1].is_unconfirmed


def test_addresses_of_the_notice_are_where_its_first_lines_say(house: House) -> None:
    notice = carol_writes(house)

    assert "Your reply goes to Carol Customer" in plain(notice)
    assert reply_address(notice) != note_address(notice)
    assert CAROL_AT not in str([notice.parsed()[name] for name in ("From", "To", "Cc", "Reply-To")])
