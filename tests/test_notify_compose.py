"""What our mails look like: the headers of each kind, the first line, the customer's words, what goes along."""

import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailcrm.address import read_marker, read_return_path, read_token, verify_marker, verify_token
from mailcrm.mail import Event, Intent
from mailcrm.marker import MARKER
from mailcrm.store import tables
from tests.notify_house import DOMAIN, KEYRING, NOW, House, html_of, opened_house, text_of
from tests.smtp_peer import SmtpSink

STAFF = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "OOF, AutoReply"}


@pytest.fixture
def house(tmp_path: Path, smtp_sink: SmtpSink) -> Iterator[House]:
    with opened_house(tmp_path, smtp_sink.port) as opened:
        yield opened


def mail_to(house: House, address: str, *events: Event) -> EmailMessage:
    """Tell the events, deliver, and return the newest mail to that address."""
    house.tell(*events)
    house.deliver()
    row = [row for row in house.rows(tables.outbox_recipient) if row.address == address][-1]
    mails = {mail["Message-ID"].strip("<>"): mail for mail in house.mails()}
    return mails[next(one.message_id for one in house.rows(tables.outbox) if one.id == row.outbox_id)]


def customers_mail(house: House, **more: Any) -> Event:
    return Event("message_in", house.lead, house.add_message(**more))


def answer(house: House, text: str = "Of course.", **more: Any) -> Event:
    return Event("message_out", house.lead, house.add_message("email_out", text, **more), actor_user_id=house.alice)


def note(house: House, text: str = "Go no lower than 11 500.") -> Event:
    return Event("note", house.lead, house.add_message("note", text, author_name="Bob Smith"), actor_user_id=house.bob)


def first_line(mail: EmailMessage) -> str:
    lines = text_of(mail).split("\n")
    assert lines[0] == MARKER
    return lines[1]


def intent_of(house: House, mail: EmailMessage) -> Intent:
    (address,) = mail["Reply-To"].addresses
    claim = read_token(address.addr_spec)
    assert claim is not None
    row = next(row for row in house.rows(tables.outbox) if row.id == claim.outbox_id)
    assert verify_token(claim, row.reply_nonce, KEYRING.keys)
    assert f"<{row.message_id}>" == mail["Message-ID"]
    return claim.intent


# --- to the customer


def test_a_mail_to_the_customer_carries_only_what_the_customer_knows(house: House) -> None:
    house.add_copy("Dave Jones", "dave@customer.test")
    mail_to(house, "alice@firma.test", customers_mail(house, reference_ids=["older@customer.test"]))
    mail = mail_to(house, "carol@customer.test", answer(house))
    assert mail["Subject"] == "Re: Quote for 40 chairs"
    assert mail["From"] == "Alice Virtanen / Firma Oy <sales@crm.firma.test>"
    assert mail["To"] == "Carol Smith <carol@customer.test>"
    assert mail["Cc"] == "Dave Jones <dave@customer.test>"
    assert mail["In-Reply-To"] == "<first@customer.test>"
    assert mail["References"] == "<older@customer.test> <first@customer.test>"
    assert intent_of(house, mail) is Intent.REPLY
    assert not set(STAFF) & set(mail.keys())
    assert "Bcc" not in mail
    for text in (str(mail), text_of(mail), html_of(mail)):
        assert not [word for word in ("alice@firma.test", "page.firma.test", "Assigned", MARKER) if word in text]


def test_the_text_and_its_twin_hold_the_answer_and_a_quote_of_our_own_copy(house: House) -> None:
    mail_to(house, "alice@firma.test", customers_mail(house, text="Could you quote\n40 <chairs>?"))
    mail = mail_to(house, "carol@customer.test", answer(house, "Of course: 3 < 4, see https://firma.test/x."))
    assert text_of(mail) == (
        "Of course: 3 < 4, see https://firma.test/x.\n\n"
        "23 Nov 2026, 14:00, Carol Smith wrote:\n> Could you quote\n> 40 <chairs>?\n"
    )
    assert 'Of course: 3 &lt; 4, see <a href="https://firma.test/x">https://firma.test/x</a>.' in html_of(mail)
    assert "Could you quote<br>\n40 &lt;chairs&gt;?" in html_of(mail)


def test_a_file_alone_is_an_answer_and_nothing_that_was_quoted_below_it_goes_along(house: House) -> None:
    mail_to(house, "alice@firma.test", customers_mail(house))
    quoted = f"On 23 Nov Carol Smith via Firma Oy wrote:\n> {MARKER}\n> Stage: Assigned\n"
    event = answer(house, quoted, new_text="")
    house.attach(event.message_id or 0, "offer.pdf", b"%PDF-1")
    mail = mail_to(house, "carol@customer.test", event)
    assert text_of(mail).strip() == "23 Nov 2026, 14:00, Carol Smith wrote:\n> Could you quote 40 chairs?"
    assert [part.get_filename() for part in mail.iter_attachments()] == ["offer.pdf"]


def test_the_empty_paragraphs_of_a_mail_client_are_one_blank_line(house: House) -> None:
    mail_to(house, "alice@firma.test", customers_mail(house))
    mail = mail_to(house, "carol@customer.test", answer(house, "Hi Carol,\n\n\xa0\n \n20 desks."))
    assert text_of(mail).startswith("Hi Carol,\n\n20 desks.\n")


def test_the_quote_speaks_the_customers_language(house: House) -> None:
    house.change(tables.partner, house.carol, language="fi")
    mail_to(house, "alice@firma.test", customers_mail(house))
    mail = mail_to(house, "carol@customer.test", answer(house))
    assert "23.11.2026 klo 14.00 Carol Smith kirjoitti:" in text_of(mail)


@pytest.mark.parametrize("subject", ["VS: Re: SV: Chairs", "Chairs", "RE[2]: Fwd: Chairs"])
def test_the_subject_has_one_re(house: House, subject: str) -> None:
    mail_to(house, "alice@firma.test", customers_mail(house, subject=subject))
    assert mail_to(house, "carol@customer.test", answer(house))["Subject"] == "Re: Chairs"


def test_a_first_mail_has_the_salespersons_subject_and_no_thread(house: House) -> None:
    mail = mail_to(house, "carol@customer.test", answer(house, subject="Our offer"))
    assert mail["Subject"] == "Our offer"
    assert not {"In-Reply-To", "References"} & set(mail.keys())


def test_ids_of_notices_and_staff_mails_are_left_out_of_references(house: House) -> None:
    mail_to(house, "alice@firma.test", customers_mail(house, message_id="a@customer.test"))
    ours = house.rows(tables.outbox)[0].message_id
    house.add_message("email_out", message_id="typed@firma.test")
    seen = [f"lead-1-1@{DOMAIN}", ours, "typed@firma.test", "a@customer.test"]
    house.wait(hours=1)
    mail_to(house, "alice@firma.test", customers_mail(house, message_id="b@customer.test", reference_ids=seen))
    mail = mail_to(house, "carol@customer.test", answer(house))
    assert mail["References"] == "<a@customer.test> <b@customer.test>"


def test_a_lead_without_its_alias_answers_from_the_teams_first(house: House) -> None:
    house.change(tables.lead, house.lead, alias_key="gone@" + DOMAIN)
    assert "<sales@crm.firma.test>" in mail_to(house, "carol@customer.test", answer(house))["From"]


def test_an_answer_to_a_new_person_quotes_nobody_else(house: House) -> None:
    house.add_message(text="Only between us.")
    house.add_copy("Nina", "nina@new.test", is_confirmed=False, gets_copies=False)
    event = answer(house)
    event = Event("message_out", house.lead, event.message_id, actor_user_id=house.alice, only_to_key="nina@new.test")
    mail = mail_to(house, "nina@new.test", event)
    assert (mail["To"], mail["Cc"]) == ("Nina <nina@new.test>", None)
    assert "between us" not in text_of(mail)
    assert "References" not in mail


def test_an_address_of_ours_in_the_customers_words_is_not_quoted_back(house: House) -> None:
    house.add_message(text=f"Hello\nOn Monday Alice <r{'a' * 26}@{DOMAIN}> wrote:\n{MARKER}\nbye")
    quoted = text_of(mail_to(house, "carol@customer.test", answer(house)))
    assert "> Hello\n> bye" in quoted


def test_files_go_to_the_customer_under_clean_names(house: House) -> None:
    event = answer(house)
    house.attach(event.message_id or 0, "../tar\r\njous ä.pdf", b"%PDF-1")
    mail = mail_to(house, "carol@customer.test", event)
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("_tar jous ä.pdf", b"%PDF-1")
    assert file.get_content_type() == "application/pdf"


# --- to staff


def test_a_notice_goes_to_one_person_and_names_no_outside_address_in_a_header(house: House) -> None:
    house.add_copy("Dave Jones", "dave@customer.test")
    mail = mail_to(house, "alice@firma.test", customers_mail(house))
    assert mail["Subject"] == "Carol Smith: Quote for 40 chairs"
    assert mail["From"] == "Carol Smith via Firma Oy <notify@crm.firma.test>"
    assert mail["To"] == "Alice Virtanen <alice@firma.test>"
    assert mail["Cc"] is None
    assert mail["Reply-To"].addresses[0].display_name == "Reply to Carol Smith (customer)"
    assert mail["References"] == mail["In-Reply-To"] == f"<lead-{house.lead}-{house.alice}@{DOMAIN}>"
    assert {name: mail[name] for name in STAFF} == STAFF
    assert "customer.test" not in str(mail.items())
    assert intent_of(house, mail) is Intent.REPLY


def test_the_first_line_says_to_whom_a_reply_goes_and_the_note_address_stands_below(house: House) -> None:
    house.add_copy("Dave Jones", "dave@customer.test")
    mail = mail_to(house, "alice@firma.test", customers_mail(house))
    assert first_line(mail) == (
        "Your reply goes to Carol Smith <carol@customer.test> and, in copy, Dave Jones <dave@customer.test>."
    )
    note_line = text_of(mail).split("\n")[2]
    assert note_line.startswith("Internal note, stays inside: ")
    claim = read_token(note_line.rpartition(" ")[2])
    assert claim is not None
    assert claim.intent is Intent.NOTE
    assert f"mailto:{claim.address}?subject=" in html_of(mail)
    assert "Your reply goes to Carol Smith &lt;carol@customer.test&gt;" in html_of(mail)


def test_our_own_words_stand_between_two_markers(house: House) -> None:
    mail = mail_to(house, "alice@firma.test", customers_mail(house))
    lines = text_of(mail).strip().split("\n")
    assert (lines[0], lines[-1]) == (MARKER, MARKER)
    assert html_of(mail).count(MARKER) == 2


def test_the_card_is_compact_and_leaves_out_what_is_not_known(house: House) -> None:
    house.add_lead(title="Tables", base_subject="Tables")
    call = {"type": "call", "summary": "ask", "due_on": NOW.date(), "created_at": NOW}
    house.add(tables.activity, lead_id=house.lead, user_id=house.alice, **call)
    text = text_of(mail_to(house, "alice@firma.test", customers_mail(house)))
    assert text.split("Lead 1: ")[1].split("\n\n")[0] == (
        "Quote for 40 chairs\nCustomer: Carol Smith, Customer Oy\nStage: Assigned\nValue: €12,000\n"
        "Owner: Alice Virtanen\nNext: 23 Nov 2026, Call: ask (Alice Virtanen)\nAlso open: 2 Tables (Assigned)\n"
        "Open the lead: https://page.firma.test/leads/1"
    )
    assert house.rows(tables.outbox)[0].params["card_lines"][:2] == [
        "Lead 1: Quote for 40 chairs",
        "Customer: Carol Smith, Customer Oy",
    ]


def test_a_notice_speaks_its_readers_language(house: House) -> None:
    house.change(tables.user, house.alice, locale="fi")
    mail = mail_to(house, "alice@firma.test", customers_mail(house))
    assert first_line(mail) == "Vastauksesi menee: Carol Smith <carol@customer.test>."
    assert "Vaihe: Vastuutettu" in text_of(mail)
    assert "Arvo: 12\xa0000\xa0€" in text_of(mail)
    assert mail["Reply-To"].addresses[0].display_name == "Vastaa: Carol Smith (asiakas)"


def test_a_new_person_stands_above_everything_and_is_the_only_one_answered(house: House) -> None:
    house.add_copy("Dave", "dave@customer.test")
    message = house.add_message(author_name="Carol Smith", author_address="carol@cust0mer.test", is_unconfirmed=True)
    mail = mail_to(house, "alice@firma.test", Event("message_in", house.lead, message, is_unconfirmed=True))
    lines = text_of(mail).split("\n")
    assert lines[1] == (
        "NEW PERSON, not carol@customer.test: Carol Smith <carol@cust0mer.test>. "
        "CAREFUL: cust0mer.test looks like customer.test."
    )
    assert lines[2] == "Your reply goes to Carol Smith <carol@cust0mer.test> only, without earlier messages."
    assert "dave@" not in text_of(mail)


def test_a_misused_address_is_said_first(house: House) -> None:
    message = house.add_message()
    mail = mail_to(house, "alice@firma.test", Event("message_in", house.lead, message, is_staff_token_misused=True))
    assert "wrote to an internal address" in first_line(mail)


def test_a_note_can_only_be_answered_by_a_note(house: House) -> None:
    mail = mail_to(house, "alice@firma.test", note(house))
    assert intent_of(house, mail) is Intent.NOTE
    assert mail["Reply-To"].addresses[0].display_name == "Internal note (stays inside)"
    assert mail["From"] == "Bob Smith via Firma Oy <notify@crm.firma.test>"
    assert first_line(mail) == "A reply to this mail is an internal note: it stays inside."
    assert text_of(mail).count("@crm.firma.test") == 0
    assert {name: mail[name] for name in STAFF} == STAFF


def test_a_mention_says_so_first_and_links_to_the_lead(house: House) -> None:
    event = note(house)
    house.add(tables.mention, message_id=event.message_id, lead_id=house.lead, user_id=house.maija, created_at=NOW)
    mail = mail_to(house, "maija@firma.test", event)
    assert first_line(mail) == "Bob Smith mainitsi sinut: https://page.firma.test/leads/1"
    assert '<a href="https://page.firma.test/leads/1">' in html_of(mail)


def test_a_colleagues_answer_is_shown_to_the_followers(house: House) -> None:
    house.follow(house.bob)
    mail = mail_to(house, "bob@firma.test", answer(house, "Of course."))
    assert mail["From"] == "Alice Virtanen via Firma Oy <notify@crm.firma.test>"
    assert intent_of(house, mail) is Intent.REPLY
    assert "Alice Virtanen wrote to the customer" in text_of(mail)
    assert {name: mail[name] for name in STAFF} == STAFF


def test_an_assignment_names_who_gave_the_lead(house: House) -> None:
    mail = mail_to(house, "alice@firma.test", Event("event_assigned", house.lead, actor_user_id=house.bob))
    assert first_line(mail) == "Bob Smith gave you this lead."
    assert "Your reply goes to Carol Smith <carol@customer.test>." in text_of(mail)
    assert {name: mail[name] for name in STAFF} == STAFF


def test_a_failure_says_what_the_peer_said(house: House, smtp_sink: SmtpSink) -> None:
    smtp_sink.refuse_recipient("carol@customer.test")
    mail_to(house, "carol@customer.test", answer(house))
    mail = house.mails()[-1]
    assert mail["Subject"] == "Carol Smith: Quote for 40 chairs"
    assert mail["From"].addresses[0].display_name == "Not delivered (Firma Oy)"
    assert first_line(mail) == (
        "This mail was not delivered: carol@customer.test: there is no such address (5.1.1 No such user)"
    )
    assert intent_of(house, mail) is Intent.NOTE
    assert {name: mail[name] for name in STAFF} == STAFF


RAW = b"From: Alice <alice@firma.test>\r\nSubject: Chairs\r\n\r\nHello Carol,\r\nsee https://x.test\r\n" + b"x" * 900


def arrived(house: House, **more: Any) -> int:
    raw = house.add(tables.raw, sha256="0" * 64, size=len(RAW), compressed=zlib.compress(RAW), created_at=NOW)
    return house.add(
        tables.inbound, content_key="k", spool_id="s", received_at=NOW, door="smtp", rcpt_to=[], subject="Chairs",
        from_name="Alice", from_address="alice@firma.test", route="hold", reason="staff_not_proven", state="held",
        decided_at=NOW, defects=[], raw_id=raw, **more,
    )  # fmt: skip


def test_a_question_quotes_a_little_and_links_nowhere(house: House) -> None:
    inbound = arrived(house, author_user_id=house.alice)
    mail = mail_to(house, "alice@firma.test", Event("held", house.lead, inbound_id=inbound, actor_user_id=house.alice))
    assert first_line(mail).startswith("Nothing was sent")
    assert "Alice <alice@firma.test> wrote, 23 Nov 2026, 14:00: Chairs" in text_of(mail)
    assert len(text_of(mail).split("Hello Carol,")[1].split("\n\n")[0]) < 500
    assert "page.firma.test" not in text_of(mail) + html_of(mail)
    assert mail["Subject"] == "Carol Smith: Quote for 40 chairs"
    assert mail["From"].addresses[0].display_name == "Not sent yet (Firma Oy)"
    assert {name: mail[name] for name in STAFF} == STAFF


def test_a_loop_and_mail_to_the_admins_say_what_they_are(house: House) -> None:
    admin = house.add_user("Root", "root@firma.test", role="admin", takes_leads=False)
    inbound = arrived(house)
    mail = mail_to(house, "root@firma.test", Event("admin", None, inbound_id=inbound))
    assert first_line(mail) == "Mail to the administrators of mailcrm."
    assert mail["Reply-To"] == "mailcrm <notify@crm.firma.test>"
    assert f"https://page.firma.test/inbound/{inbound}" in text_of(mail)
    assert "References" not in mail
    mail = mail_to(house, "alice@firma.test", Event("loop", house.lead, inbound_id=inbound, detail="x@customer.test"))
    assert "going in circles" in mail["From"]
    assert "x@customer.test" in first_line(mail)
    assert admin


def test_small_files_go_along_large_ones_and_programs_are_links(house: House) -> None:
    event = customers_mail(house)
    message = event.message_id or 0
    house.attach(message, "offer.pdf", b"%PDF")
    house.attach(message, "film.mp4", b"0" * 10_000_001, "video/mp4")
    program = house.attach(message, "invoice.pdf.EXE", b"MZ", "application/pdf")
    house.attach(message, "mail.eml", b"From: x\r\n\r\n", "message/rfc822")
    mail = mail_to(house, "alice@firma.test", event)
    files = {part.get_filename(): part.get_content_type() for part in mail.iter_attachments()}
    assert files == {"offer.pdf": "application/pdf", "mail.eml": "application/octet-stream"}
    assert f"https://page.firma.test/attachments/{program}" in text_of(mail)
    assert "film.mp4, 10 MB: https://page.firma.test/attachments/" in text_of(mail)


def test_what_a_stranger_calls_himself_cannot_break_a_header(house: House) -> None:
    name = 'Mallory\r\nBcc: all@firma.test\x00 "\\" <x@y.test>, ä' + "x" * 500
    house.change(tables.partner, house.carol, name=name)
    house.change(tables.lead, house.lead, base_subject="Hi\r\nX-Evil: 1 =?utf-8?q?x?=")
    mail = mail_to(house, "alice@firma.test", customers_mail(house, author_name=name, author_address="m@y.test"))
    assert not mail.defects
    assert {"Bcc", "X-Evil"} & set(mail.keys()) == set()
    assert [a.addr_spec for a in mail["From"].addresses] == ["notify@crm.firma.test"]
    assert len(mail["Reply-To"].addresses) == 1
    assert "X-Evil: 1 =?utf-8?q?x?=" in mail["Subject"]


def test_every_mail_carries_our_signed_marker_and_a_return_path_of_its_own(house: House, smtp_sink: SmtpSink) -> None:
    house.tell(customers_mail(house), note(house), answer(house))
    house.deliver()
    rows = {row.message_id: row for row in house.rows(tables.outbox)}
    assert len(smtp_sink.mails) == len(rows) == 3
    for caught in smtp_sink.mails:
        mail = caught.parsed()
        row = rows[mail["Message-ID"].strip("<>")]
        assert read_marker(mail["X-Mailcrm-Marker"]) == row.id
        assert verify_marker(mail["X-Mailcrm-Marker"], row.reply_nonce, KEYRING.keys)
        claim = read_return_path(caught.mail_from)
        assert claim is not None
        assert claim.outbox_id == row.id
        assert mail["Date"] == "Mon, 23 Nov 2026 14:00:00 +0200"
        assert max(map(len, caught.raw.split(b"\r\n"))) < 998
