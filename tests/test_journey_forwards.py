"""Forwards and copies: a salesperson hands us a customer's mail, or writes to a customer with us in copy."""

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from mailcrm import triage
from mailcrm.store.tables import attachment, lead, stage
from tests.daemon_house import SALES, House, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    DAVE,
    DAVE_AT,
    MALLORY_AT,
    OTTO,
    STAFF,
    alice_answers,
    carol_writes,
    kinds,
    known_person,
    last_inbound,
    outcome,
    owner_name,
    participants,
    plain,
    reply_address,
    routes,
    sent_to_nobody_but,
    texts,
)

CATCH_ALL = "crm@crm.firma.test"
_TWO_DAYS_AGO = "Mon, 2 Mar 2026 10:15:00 +0200"


def block(from_: str, to: str, subject: str, text: str, *, date: str = _TWO_DAYS_AGO, cc: str = "") -> str:
    """A mail as Outlook prints it below a separator."""
    copies = f"Cc: {cc}\n" if cc else ""
    return (
        f"\n-----Original Message-----\nFrom: {from_}\nSent: {date}\nTo: {to}\n{copies}Subject: {subject}\n\n{text}\n"
    )


def forward(
    from_: str, words: str, *blocks: str, subject: str = "FW: Pump", to: str = CATCH_ALL, cc: str = ""
) -> EmailMessage:
    return mail(from_, to, subject, f"{words}\n{''.join(blocks)}", headers=[("Cc", cc)] if cc else [])


CAROLS = block(CAROL, BOB, "Pump", "What does a pump cost?", cc=DAVE)


# --- row 7: a new lead --------------------------------------------------------------------------------------------------


def test_a_forwarded_mail_opens_a_lead_of_its_writer_owned_by_who_forwarded(house: House) -> None:
    house.staff(forward(BOB, "She called as well.", CAROLS))

    (lead_,) = house.leads()
    assert outcome(house) == ("forward", "forwarded")
    assert owner_name(house, lead_.id) == "Bob Berg"
    assert (lead_.title, lead_.owner_reason, lead_.waiting_on) == ("Pump", "owner_forwarded_it", "us")
    first, second = house.chatter(lead_.id)
    assert (first.kind, first.author_address, first.new_text) == ("email_in", CAROL_AT, "What does a pump cost?")
    assert first.at == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
    assert lead_.waiting_since == first.at
    assert (second.kind, second.new_text) == ("note", "She called as well.")
    people = participants(house, lead_.id)
    assert {key: row.gets_copies for key, row in people.items()} == {CAROL_AT: False, DAVE_AT: True}


def test_the_forwarder_gets_a_notice_and_answers_the_customer_from_it(house: House) -> None:
    house.staff(forward(ALICE, "Mine.", CAROLS))
    (notice,) = house.to(ALICE_AT)
    assert "You forwarded this mail." in plain(notice)
    assert "What does a pump cost?" in plain(notice)

    house.staff(answer(notice, ALICE, "500 euros."))

    (reply,) = house.to(CAROL_AT)
    assert "500 euros." in plain(reply)
    assert "Mine." not in plain(reply)
    assert set(reply.rcpt_to) == {CAROL_AT, DAVE_AT}


def test_a_chain_becomes_dated_entries_of_both_sides_oldest_first(house: House) -> None:
    asked = block(CAROL, BOB, "Pump", "What does a pump cost?", date="1.3.2026 klo 9.00")
    told = block(BOB, CAROL, "VS: Pump", "A pump costs 500 euros.", date="maanantai 2. maaliskuuta 2026 10.00")
    thanked = block(CAROL, BOB, "VS: VS: Pump", "I take two.", date="Tuesday, March 3, 2026 10:15 AM")

    house.staff(forward(BOB, "Please help.", thanked, told, asked, subject="VL: Pump"))

    (lead_,) = house.leads()
    rows = house.chatter(lead_.id)
    assert [row.kind for row in rows] == ["email_in", "email_out", "email_in", "note"]
    assert [row.new_text for row in rows[:3]] == ["What does a pump cost?", "A pump costs 500 euros.", "I take two."]
    assert [row.at.day for row in rows[:3]] == [1, 2, 3]
    assert rows[1].reason == "sent_directly"
    assert rows[1].author_user_id == house.people["bob"]
    assert lead_.waiting_on == "us"
    assert house.one(select(stage.c.name_en).where(stage.c.id == lead_.stage_id)) == "Contacted"
    assert sent_to_nobody_but(house, STAFF)


def test_what_stayed_between_colleagues_is_a_note_and_never_leaves(house: House) -> None:
    inner = block(BOB, ALICE, "FW: Pump", "She will pay anything, so ask for nine hundred euros at the very least.")

    house.staff(forward(ALICE, "", inner, CAROLS))

    (lead_,) = house.leads()
    assert [(row.kind, row.author_user_id) for row in house.chatter(lead_.id)] == [
        ("email_in", None),
        ("note", house.people["bob"]),
    ]
    house.staff(
        answer(house.notice(ALICE_AT), ALICE, "Bob says: she will pay anything, so ask for nine hundred euros.")
    )
    assert not house.to(CAROL_AT)


def test_a_forward_without_words_leaves_no_note(house: House) -> None:
    house.staff(forward(ALICE, "", CAROLS))

    assert kinds(house, house.leads()[0].id) == ["email_in"]


def test_a_colleague_who_may_own_nothing_forwards_for_the_team(house: House) -> None:
    house.staff(forward(OTTO, "For you.", CAROLS, to=SALES))

    (lead_,) = house.leads()
    assert owner_name(house, lead_.id) in ("Alice Aalto", "Bob Berg")
    assert lead_.source == "mail"


def test_an_impossible_or_future_date_is_clamped(house: House) -> None:
    house.staff(forward(ALICE, "", block(CAROL, ALICE, "Pump", "Hello?", date="3.3.2099 10:00")))

    (row,) = house.chatter(house.leads()[0].id)
    assert row.at <= last_inbound(house).received_at
    assert row.date_written == "3.3.2099 10:00"


# --- row 7: attached mails ----------------------------------------------------------------------------------------------


def attached(from_: str, *mails: EmailMessage, words: str = "See attached.") -> EmailMessage:
    made = mail(from_, CATCH_ALL, "Fwd: Pump", words)
    for one in mails:
        made.add_attachment(one)
    return made


def carols_mail(text: str = "What does a pump cost?") -> EmailMessage:
    drawing = [("cellar.pdf", "application/pdf", b"%PDF-1.4 cellar")]
    return mail(CAROL, BOB, "Pump", text, headers=[("Cc", DAVE)], attachments=drawing)


def test_an_attached_mail_is_an_entry_with_its_own_files(house: House) -> None:
    original = carols_mail()
    house.staff(attached(BOB, original))

    (lead_,) = house.leads()
    entry, note = house.chatter(lead_.id)
    assert (entry.kind, entry.message_id) == ("email_in", str(original["Message-ID"]).strip("<>"))
    files = house.read(select(attachment.c.filename, attachment.c.message_id).order_by(attachment.c.id))
    assert {row.filename for row in files if row.message_id == entry.id} == {"cellar.pdf", "Pump.eml"}
    assert note.new_text == "See attached."
    assert house.base.blobs.read(
        house.read(select(attachment.c.sha256).where(attachment.c.filename == "cellar.pdf"))[0][0]
    )


def test_the_answer_to_an_attached_mail_threads_in_the_customers_client(house: House) -> None:
    original = carols_mail()
    house.staff(attached(BOB, original))

    house.staff(answer(house.notice(BOB_AT), BOB, "500 euros."))
    (reply,) = house.to(CAROL_AT)
    assert reply.parsed()["In-Reply-To"] == original["Message-ID"]
    house.receive(answer(reply, CAROL, "I take two."))

    assert len(house.leads()) == 1


def test_a_mail_that_was_received_already_is_not_entered_again(house: House) -> None:
    original = mail(CAROL, SALES, "Pump", "What does a pump cost?")
    house.receive(original)

    house.staff(attached(BOB, original, words="Is this ours?"))

    (lead_,) = house.leads()
    assert outcome(house) == ("forward", "forwarded_of_lead")
    assert kinds(house, lead_.id) == ["email_in", "note"]
    assert owner_name(house, lead_.id) == "Alice Aalto"
    assert "Is this ours?" in plain(house.notice(ALICE_AT))


@pytest.mark.parametrize("is_attached", [True, False], ids=["attached", "in the text"])
def test_forwarded_twice_and_by_two_people_it_is_entered_once(house: House, is_attached: bool) -> None:
    original = carols_mail()
    for who in (BOB, BOB, ALICE):
        house.staff(attached(who, original) if is_attached else forward(who, "", CAROLS))

    (lead_,) = house.leads()
    assert kinds(house, lead_.id).count("email_in") == 1
    assert owner_name(house, lead_.id) == "Bob Berg"


def test_one_that_came_in_is_known_in_the_text_of_a_forward(house: House) -> None:
    carol_writes(house, "Pump", "What does a pump cost?")
    row = last_inbound(house)
    date = row.received_at.strftime("%a, %d %b %Y %H:%M:%S +0000")

    house.staff(forward(BOB, "", block(CAROL, SALES, "Pump", "What does a pump cost?", date=date)))

    (lead_,) = house.leads()
    assert kinds(house, lead_.id) == ["email_in"]
    assert outcome(house) == ("forward", "forwarded_same_subject")


def test_files_of_a_forward_are_kept_with_the_mail_they_came_with(house: House) -> None:
    made = forward(BOB, "Her drawing.", CAROLS)
    made.add_attachment(b"%PDF-1.4 cellar", maintype="application", subtype="pdf", filename="cellar.pdf")

    house.staff(made)

    (lead_,) = house.leads()
    (row,) = house.read(select(attachment))
    assert (row.filename, row.message_id) == ("cellar.pdf", house.chatter(lead_.id, "email_in")[0].id)


# --- row 7: an existing lead --------------------------------------------------------------------------------------------


def test_a_forward_joins_the_open_lead_with_its_subject_and_its_owner_is_told(house: House) -> None:
    carol_writes(house, "Roof", "A roof?")
    alice_answers(house, house.notice(ALICE_AT))
    carol_writes(house, "Pump", "A pump?")
    roof, pump = house.leads()

    house.staff(forward(BOB, "She wrote to me.", block(CAROL, BOB, "Re: Pump", "I take two pumps.")))

    assert texts(house, pump.id, "email_in") == ["I take two pumps.", "A pump?"]
    assert kinds(house, roof.id) == ["email_in", "email_out"]
    owner = owner_name(house, pump.id)
    told = house.to(ALICE_AT if owner == "Alice Aalto" else BOB_AT)
    assert any("I take two pumps." in plain(one) for one in told)


def test_without_a_subject_that_fits_it_is_on_the_persons_latest_open_lead(house: House) -> None:
    carol_writes(house, "Roof", "A roof?")

    house.staff(forward(BOB, "", block(CAROL, BOB, "Something else", "A door as well.")))

    (lead_,) = house.leads()
    assert outcome(house) == ("forward", "forwarded_same_person")
    assert "Bob Berg forwarded this mail." in plain(house.notice(ALICE_AT))
    assert texts(house, lead_.id, "email_in") == ["A door as well.", "A roof?"]


def test_a_person_known_by_another_address_of_ours_keeps_their_partner(house: House) -> None:
    partner_id = known_person(house, CAROL_AT, owner="bob")

    house.staff(forward(ALICE, "", CAROLS))

    (lead_,) = house.leads()
    assert lead_.partner_id == partner_id
    assert owner_name(house, lead_.id) == "Alice Aalto"


# --- row 7: what is not plain -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ((block(BOB, ALICE, "Pump", "Take this."),), "forward_of_ours"),
        ((block("Sales <sales@crm.firma.test>", ALICE, "Pump", "Take this."),), "forward_of_ours"),
        ((block("Secretary <office@firma.test>", ALICE, "Pump", "Take this."),), "forward_of_ours"),
        ((block("Carol Customer", ALICE, "Pump", "A pump?"),), "forward_without_sender"),
        (("\n---------- Forwarded message ----------\nA pump?\n",), "forward_without_sender"),
        ((CAROLS, block(DAVE, CAROL, "Pump", "We need a pump.")), "forward_of_several"),
    ],
)
def test_where_it_is_not_plain_whose_mail_it_was_the_forwarder_is_asked(
    house: House, blocks: tuple[str, ...], reason: str
) -> None:
    house.staff(forward(ALICE, "Look.", *blocks))

    assert outcome(house) == ("hold", reason)
    assert not house.leads()
    assert "Look." in plain(house.notice(ALICE_AT))


def test_a_held_forward_of_several_is_entered_where_a_person_puts_it(house: House) -> None:
    carol_writes(house)
    (lead_,) = house.leads()
    house.staff(forward(ALICE, "Look.", CAROLS, block("Eve <eve@other.example>", CAROL, "Pump", "We need a pump.")))
    assert outcome(house)[1] == "forward_of_several"

    triage.attach(house.base.desk(), last_inbound(house).id, lead_.id, house.people["alice"])

    assert sorted(row.author_address for row in house.chatter(lead_.id, "email_in")) == [
        CAROL_AT,
        CAROL_AT,
        "eve@other.example",
    ]
    assert texts(house, lead_.id, "note") == ["Look."]


def test_handed_on_to_somebody_outside_with_us_in_copy_it_is_asked(house: House) -> None:
    house.staff(forward(ALICE, "Can you deliver?", CAROLS, to="Eve <eve@other.example>", cc=SALES), to=[SALES])

    assert outcome(house) == ("hold", "forward_or_copy")


def test_words_that_the_customer_was_sent_as_well_are_no_note(house: House) -> None:
    house.staff(forward(ALICE, "My colleagues know now.", CAROLS, cc=CAROL))

    (lead_,) = house.leads()
    assert kinds(house, lead_.id) == ["email_in", "email_out"]
    assert lead_.waiting_on == "them"
    assert house.one(select(stage.c.name_en).where(stage.c.id == lead_.stage_id)) == "Contacted"


# --- row 7: forged ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "results", ["", "mx.firma.test; dmarc=fail header.from=firma.test", "evil.example; dmarc=pass"]
)
def test_a_forged_forward_is_held_and_the_user_is_asked(house: House, results: str) -> None:
    made = forward(ALICE, "Pay him.", CAROLS)

    house.receive(proven(made, results) if results else made.as_bytes(), MALLORY_AT, [CATCH_ALL])

    assert outcome(house) == ("hold", "staff_not_proven")
    assert not house.leads()


def test_a_proven_copy_of_an_unproven_forward_is_entered(house: House) -> None:
    made = forward(ALICE, "Mine.", CAROLS)
    house.receive(made.as_bytes(), ALICE_AT, [CATCH_ALL])

    house.receive(proven(made), ALICE_AT, [CATCH_ALL])

    assert kinds(house, house.leads()[0].id) == ["email_in", "note"]


def test_an_outsiders_forward_is_an_ordinary_mail_of_theirs(house: House) -> None:
    house.receive(forward(DAVE, "My colleague asks.", CAROLS, to=SALES))

    (lead_,) = house.leads()
    assert outcome(house) == ("new_lead", "alias")
    assert [(row.kind, row.author_address) for row in house.chatter(lead_.id)] == [("email_in", DAVE_AT)]


def test_a_token_on_a_forward_is_obeyed_and_no_new_lead_is_opened(house: House) -> None:
    notice = carol_writes(house)
    made = forward(ALICE, "Here is what Dave says.", block(DAVE, ALICE, "Pump", "Cheap!"), to=reply_address(notice))

    house.staff(made)

    assert len(house.leads()) == 1
    assert routes(house)[-1] in ("reply", "hold")


# --- row 8 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_hidden", [True, False], ids=["Bcc", "Cc"])
def test_a_mail_to_a_customer_with_us_in_copy_opens_a_lead_and_is_logged_as_sent(house: House, is_hidden: bool) -> None:
    made = mail(
        BOB, CAROL, "Offer for a pump", "It was good to meet you.", headers=[] if is_hidden else [("Cc", CATCH_ALL)]
    )

    house.staff(made, to=[CATCH_ALL])

    (lead_,) = house.leads()
    assert outcome(house) == ("sent", "copy_opens_lead")
    assert owner_name(house, lead_.id) == "Bob Berg"
    assert (lead_.title, lead_.waiting_on, lead_.owner_reason) == ("Offer for a pump", "them", "owner_wrote_first")
    assert house.one(select(stage.c.name_en).where(stage.c.id == lead_.stage_id)) == "Contacted"
    (row,) = house.chatter(lead_.id)
    assert (row.kind, row.new_text) == ("email_out", "It was good to meet you.")
    assert not house.sink.mails


def test_the_customers_answer_to_it_comes_to_that_lead(house: House) -> None:
    made = mail(BOB, CAROL, "Offer for a pump", "It was good to meet you.", headers=[("Cc", SALES)])
    house.staff(made, to=[SALES])
    threaded = [("In-Reply-To", str(made["Message-ID"])), ("Cc", SALES)]

    house.receive(mail(CAROL, BOB, "Re: Offer for a pump", "Thank you.", headers=threaded), to=[SALES])

    (lead_,) = house.leads()
    assert kinds(house, lead_.id) == ["email_out", "email_in"]
    assert lead_.waiting_on == "us"


def test_it_is_logged_on_the_customers_open_lead_and_its_owner_is_told(house: House) -> None:
    carol_writes(house)
    (lead_,) = house.leads()

    house.staff(
        mail(BOB, CAROL, "By the way", "We also have valves.", headers=[("Bcc", "x@x.example")]), to=[CATCH_ALL]
    )

    assert outcome(house) == ("sent", "copy_to_customer")
    assert kinds(house, lead_.id) == ["email_in", "email_out"]
    assert house.leads()[0].waiting_on == "them"
    assert "We also have valves." in plain(house.notice(ALICE_AT))
    assert not house.to(CAROL_AT)


def test_of_several_people_it_is_the_one_we_know_else_the_first(house: House) -> None:
    known_person(house, CAROL_AT)
    to_two = [("Cc", f"{CAROL}, {CATCH_ALL}")]
    house.staff(mail(ALICE, "Eve <eve@other.example>", "Pump", "For you both.", headers=to_two), to=[CATCH_ALL])
    (lead_,) = house.leads()
    assert lead_.partner_id == house.one(select(lead.c.partner_id).where(lead.c.id == lead_.id))
    assert participants(house, lead_.id)[CAROL_AT].partner_id == lead_.partner_id
    assert not participants(house, lead_.id)["eve@other.example"].gets_copies

    house.staff(mail(ALICE, "Fay <fay@new.example>, Gil <gil@new.example>", "Roof", "For you."), to=[CATCH_ALL])
    newest = house.leads()[-1]
    assert participants(house, newest.id)["fay@new.example"].is_confirmed
    assert newest.partner_id != lead_.partner_id


@pytest.mark.parametrize("to", [BOB, "Secretary <office@firma.test>", "noreply@shop.example"])
def test_a_mail_to_our_own_people_or_to_nobody_opens_nothing(house: House, to: str) -> None:
    house.staff(mail(ALICE, to, "Lunch", "At noon?", headers=[("Cc", CATCH_ALL)]), to=[CATCH_ALL])

    assert outcome(house) == ("hold", "forward_or_copy")
    assert not house.leads()


def test_a_forged_copy_is_held(house: House) -> None:
    house.receive(mail(ALICE, CAROL, "New account", "Pay here."), MALLORY_AT, [CATCH_ALL])

    assert outcome(house) == ("hold", "staff_not_proven")
    assert not house.leads()


def test_a_mail_in_a_known_thread_to_somebody_new_is_asked_about(house: House) -> None:
    first = mail(CAROL, SALES, "Pump", "A pump?")
    house.receive(first)
    threaded = [("In-Reply-To", str(first["Message-ID"]))]

    house.staff(
        mail(ALICE, "Eve <eve@other.example>", "Re: Pump", "Can you deliver?", headers=threaded), to=[CATCH_ALL]
    )

    assert outcome(house) == ("hold", "customer_or_note")
