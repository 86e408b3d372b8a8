"""What reading a mail finds reaches the lead and the notice: borrowed names, forms, lists, shared addresses, absences, bounces."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Executable, select, update

from mailcrm.findings import findings_of
from mailcrm.mail import AutoReplyType, HintKind
from mailcrm.store.engine import Session
from mailcrm.store.tables import inbound, partner, partner_address, user
from tests.daemon_house import DOMAIN, SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    alice_answers,
    carol_writes,
    in_conversation,
    known_person,
    last_inbound,
    notice_kinds,
    participants,
    partner_named,
    plain,
)

# --- borrowed names -----------------------------------------------------------------------------------------------------


def _first(notice_text: str) -> str:
    """The first line below the marker."""
    return notice_text.strip().splitlines()[1]


@pytest.mark.parametrize("name", ["Bob Berg", "BERG, Bob", "Bób  Berg (Firma)"])
def test_a_strangers_mail_in_a_colleagues_name_says_so_first(house: House, name: str) -> None:
    house.receive(mail(f'"{name}" <bob.berg@gmail.com>', SALES, "Invoice", "Please pay this today."))

    told = house.notice(ALICE_AT)
    assert _first(plain(told)) == (
        "CAREFUL: the name of Bob Berg, who works here, but bob.berg@gmail.com is not their address."
    )
    (hint,) = findings_of(last_inbound(house).findings).hints
    assert (hint.kind, hint.name) == (HintKind.NAME_OF_USER, "Bob Berg")


def test_it_is_said_in_the_readers_language(house: House) -> None:
    carol_writes(house)
    house.receive(mail("Mona Mäki <mona@evil.example>", SALES, "Lasku", "Maksathan tämän tänään."))

    assert _first(plain(house.notice(BOB_AT))).startswith("VARO: nimi on meillä työskentelevän Mona Mäki")


def test_a_name_of_a_customer_somebody_looks_after_at_another_address(house: House) -> None:
    known_person(house, "carol.smith@acme.example", owner="alice")
    house.base.store.write(
        lambda session: session.execute(
            update(partner).where(partner.c.name == "Carol.smith").values(name="Carol Smith", name_key="carol smith")
        )
    )

    house.receive(mail("Carol Smith <carol@free.example>", SALES, "New bank account", "Please use it."))

    assert _first(plain(house.notice(ALICE_AT))) == (
        "CAREFUL: the name of Carol Smith, whom we know at carol.smith@acme.example, but this came from carol@free.example."
    )


@pytest.mark.parametrize(
    "from_",
    [
        "Carol Smith <smith@acme.example>",  # one more address at her company
        "Carol <carol@free.example>",  # no full name
        "Nina Nobody <nina@free.example>",
        "Former Frank <frank@free.example>",  # nobody looks after him
        "Gone Gina <gina@free.example>",  # works here no more
    ],
)
def test_no_hint_for_a_name_that_is_not_borrowed(house: House, from_: str) -> None:
    def fill(name: str, address: str, owner: str | None) -> None:
        row_id = known_person(house, address, owner=owner)
        keys = {"name": name, "name_key": " ".join(sorted(name.lower().split()))}
        house.base.store.write(
            lambda session: session.execute(update(partner).where(partner.c.id == row_id).values(keys))
        )

    fill("Carol Smith", "carol.smith@acme.example", "alice")
    fill("Former Frank", "frank@old.example", None)
    house.base.store.write(
        lambda session: session.execute(
            update(user).where(user.c.name == "Erin Ek").values(name="Gone Gina", is_active=False)
        )
    )

    house.receive(mail(from_, SALES, "Hello", "What does a pump cost?"))

    assert findings_of(last_inbound(house).findings).hints == ()
    assert house.leads()


# --- contact forms ------------------------------------------------------------------------------------------------------

_FORM = "Nimi: Pekka Puu\nSähköposti: pekka.puu@gmail.com\nPuhelin: 040 123 4567\nYritys: Puu ja Lauta Oy\nViesti: Soittakaa.\n"


def test_who_fills_in_a_form_becomes_the_partner_with_phone_and_company(house: House) -> None:
    for _ in range(2):
        house.receive(mail("Lomake <noreply@firma.test>", SALES, "Yhteydenotto", _FORM))

    first, second = house.leads()
    pekka = partner_named(house, "pekka.puu@gmail.com")
    assert first.partner_id == second.partner_id == pekka.id
    assert (pekka.name, pekka.phone) == ("Pekka Puu", "040 123 4567")
    companies = house.read(select(partner).where(partner.c.kind == "company"))
    assert [(c.id, c.name) for c in companies] == [(pekka.company_id, "Puu ja Lauta Oy")]
    assert {first.company_id, second.company_id} == {pekka.company_id}
    told = [row for row in house.chatter(first.id, "event") if row.event == "partner_filled"]
    assert [row.event_data for row in told] == [{"phone": "040 123 4567", "company": "Puu ja Lauta Oy"}]
    assert ("Viesti", "Soittakaa.") in findings_of(last_inbound(house).findings).form
    house.staff(answer(house.to(ALICE_AT)[0], ALICE, "Soitamme huomenna."))
    assert house.to("pekka.puu@gmail.com")


def test_what_a_person_typed_is_not_overwritten_by_a_form(house: House) -> None:
    row_id = known_person(house, "pekka.puu@gmail.com")
    known = {"phone": "09 1", "name": "Pena"}
    house.base.store.write(lambda session: session.execute(update(partner).where(partner.c.id == row_id).values(known)))

    house.receive(mail("Lomake <noreply@firma.test>", SALES, "Yhteydenotto", _FORM))

    pekka = partner_named(house, "pekka.puu@gmail.com")
    assert (pekka.name, pekka.phone) == ("Pena", "09 1")
    assert pekka.company_id is not None


# --- lists --------------------------------------------------------------------------------------------------------------


def test_a_writer_behind_a_list_is_named_with_what_tells_it(house: House) -> None:
    listed = [("X-Original-From", "Dan Doe <dan@customer.example>"), ("Reply-To", "Dan Doe <dan@customer.example>")]
    house.receive(
        mail("'Dan Doe' via Tenders <tenders@lists.example>", SALES, "Tender", "We need pumps.", headers=listed)
    )

    assert partner_named(house, "dan@customer.example").name == "Dan Doe"
    assert plain(house.notice(ALICE_AT)).strip().splitlines()[1] == (
        "Came through tenders@lists.example, which put its own address in place of the writer's; "
        "its field X-Original-From names dan@customer.example."
    )


# --- whose address it is ------------------------------------------------------------------------------------------------


def test_a_shared_address_is_the_companys_and_makes_no_person(house: House) -> None:
    house.receive(mail("Acme Oy <info@acme.example>", SALES, "Pump", "What does it cost?"))
    house.receive(mail("Acme Oy <orders@acme.example>", SALES, "Hose", "And a hose?"))

    (acme,) = house.read(select(partner))
    assert acme.kind == "company"
    assert [(row.partner_id, row.company_id) for row in house.leads()] == [(acme.id, acme.id)] * 2
    keys = house.read(select(partner_address.c.key).order_by(partner_address.c.id))
    assert [row.key for row in keys] == ["info@acme.example", "orders@acme.example"]
    house.staff(answer(house.to(ALICE_AT)[0], ALICE, "500 euros."))
    assert house.to("info@acme.example")
    house.receive(mail(CAROL, SALES, "Third", "I work there."))
    assert house.leads()[-1].company_id == acme.id
    assert house.leads()[-1].partner_id != acme.id


def test_a_shared_address_at_a_mail_provider_is_a_person(house: House) -> None:
    house.receive(mail("Kukkakauppa <info.kukka@gmail.com>", SALES, "Pump", "What does it cost?"))
    house.receive(mail("Kauppa <myynti@luukku.com>", SALES, "Pump 2", "What does it cost?"))

    assert {row.kind for row in house.read(select(partner))} == {"person"}


_OWN = (
    SALES,
    f"sales+fair@{DOMAIN}",
    f"anything@{DOMAIN}",
    ALICE_AT,
    "alice+crm@firma.test",
    "bob@firma.test",  # deactivated below
    "sales@firma.test",  # forwards to us
)


@pytest.mark.parametrize("field", ["To", "Cc", "Reply-To", "Sender"])
def test_own_addresses_are_nobody_outside_in_any_field(house: House, field: str) -> None:
    house.base.store.write(
        lambda session: session.execute(update(user).where(user.c.name == "Bob Berg").values(is_active=False))
    )
    made = mail(CAROL, SALES, "Pump", "What does it cost?")
    del made[field]
    made[field] = _OWN[3] if field == "Sender" else ", ".join(_OWN)

    house.receive(made, CAROL_AT, [SALES])

    (row,) = house.leads()
    assert set(participants(house, row.id)) == {CAROL_AT}
    assert {a.key for a in house.read(select(partner_address))} == {CAROL_AT}
    alice_answers(house, house.notice(ALICE_AT))
    assert house.sink.mails[-1].rcpt_to == (CAROL_AT,) or list(house.sink.mails[-1].rcpt_to) == [CAROL_AT]


@pytest.mark.parametrize("from_", [SALES, f"sales+fair@{DOMAIN}", f"anything@{DOMAIN}"])
def test_a_mail_from_an_address_of_ours_makes_no_partner(house: House, from_: str) -> None:
    house.receive(mail(f"Spam <{from_}>", SALES, "Hello", "Buy this."), "x@evil.example", [SALES])

    assert not house.read(select(partner))
    assert not house.read(select(partner_address))
    for row in house.leads():
        assert not participants(house, row.id)


@pytest.mark.parametrize("from_", ["Alice Aalto <alice+x@firma.test>", "Bob Berg <bob@firma.test>"])
def test_a_mail_from_a_users_other_or_former_address_makes_no_partner(house: House, from_: str) -> None:
    house.base.store.write(
        lambda session: session.execute(update(user).where(user.c.name == "Bob Berg").values(is_active=False))
    )

    house.receive(mail(from_, SALES, "Hello", "Buy this."))

    assert last_inbound(house).author == "user_claimed"
    assert not house.read(select(partner))


# --- machines -----------------------------------------------------------------------------------------------------------


def test_an_absence_is_kept_with_its_day_and_stand_in(house: House) -> None:
    _, reply = in_conversation(house)
    back = (house.clock() + timedelta(days=20)).date()
    text = f"I am out of the office until {back:%d %B %Y}. In urgent cases please contact Bob Stone, bob.stone@acme.example."
    threaded = [("In-Reply-To", str(reply.parsed()["Message-ID"])), ("Auto-Submitted", "auto-replied")]

    house.receive(mail(CAROL, reply.mail_from, "Out of office", text, headers=threaded), "", [reply.mail_from])

    said = findings_of(last_inbound(house).findings).auto_reply
    assert said is not None
    assert (said.type, said.until) == (AutoReplyType.OUT_OF_OFFICE, back.isoformat())
    assert said.stand_in is not None
    assert said.stand_in.address == "bob.stone@acme.example"


def test_a_bounce_is_told_in_plain_words_in_the_owners_language(house: House) -> None:
    for locale, words in (("en", "there is no such address"), ("fi", "osoitetta ei ole")):
        reads = update(user).where(user.c.name == "Alice Aalto").values(locale=locale)
        house.base.store.write(_running(reads))
        house.sink.refuse_recipient(CAROL_AT, "550 5.1.1 User unknown", times=1)
        before = len(house.to(CAROL_AT))
        notice = carol_writes(house, subject=f"Pump {locale}")
        house.staff(answer(notice, ALICE, "A pump costs 500 euros."))
        assert len(house.to(CAROL_AT)) == before
        assert notice_kinds(house)[-1] == "failed"
        assert f"{CAROL_AT}: {words} (5.1.1 User unknown)" in plain(house.notice(ALICE_AT))
        house.clock.move(timedelta(hours=3))


def _running(statement: Executable) -> Callable[[Session], Any]:
    return lambda session: session.execute(statement)


# --- mails in files -----------------------------------------------------------------------------------------------------


def test_an_attached_mail_is_readable_in_the_notice_and_kept_with_the_lead(house: House) -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"], inner["Date"] = (
        "Dan <dan@x.example>",
        "Our pumps",
        "Mon, 02 Mar 2026 08:00:00 +0200",
    )
    inner.set_content("Three pumps are broken.")
    made = mail(CAROL, SALES, "See attached", "Please look at this.")
    made.add_attachment(inner)

    house.receive(made)

    (found,) = findings_of(house.read(select(inbound.c.findings))[0].findings).mails
    assert (found.from_, found.subject, found.body) == ("Dan <dan@x.example>", "Our pumps", "Three pumps are broken.")
    text = plain(house.notice(ALICE_AT))
    assert "Attached mail · Dan <dan@x.example> · Mon, 02 Mar 2026 08:00:00 +0200 · Our pumps" in text
    assert "Three pumps are broken." in text
