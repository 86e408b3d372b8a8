"""Attacks on a running house: acting as a salesperson, drawing answers away, making the house leak, and stopping it."""

import base64
import time
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from mailcrm import triage
from mailcrm.address import sign_token
from mailcrm.mail import Intent
from mailcrm.store.tables import outbox
from tests.daemon_house import PROOF, SALES, House, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MALLORY,
    MALLORY_AT,
    MONA_AT,
    STAFF,
    carol_writes,
    everything,
    in_conversation,
    kinds,
    last_inbound,
    notice_kinds,
    outcome,
    participants,
    plain,
    reply_address,
    sent_to_nobody_but,
    texts,
    without,
)

_EVIL = ("Authentication-Results", "mx.firma.test; dmarc=pass header.from=evil.example")
_FORGED = ("Authentication-Results", "mx.firma.test; dmarc=fail header.from=acme.example")
NEW_AT = "newcomer@acme.example"


def _on_top(made: EmailMessage, *fields: tuple[str, str]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in fields) + made.as_bytes()


# --- acting as a salesperson --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "results",
    [
        None,
        "mx.evil.example; dmarc=pass header.from=firma.test",
        "mx.firma.test; dmarc=fail; spf=pass smtp.mailfrom==?utf-8?q?x=3b_dmarc=3dpass_header.from=3dfirma.test_y?=@evil.example",
        r'mx.firma.test; dmarc=fail; spf=pass smtp.mailfrom="x\"; dmarc=pass header.from=firma.test; \""@evil.example',
    ],
)
def test_a_forged_from_with_a_valid_token_reaches_nobody(house: House, results: str | None) -> None:
    notice = carol_writes(house)
    forged = answer(notice, ALICE, "Send the money to another account.")

    house.receive(
        _on_top(forged, ("Authentication-Results", results)) if results else forged, MALLORY_AT, [reply_address(notice)]
    )

    assert outcome(house) == ("hold", "staff_not_proven")
    assert not house.to(CAROL_AT)
    assert texts(house, house.leads()[0].id, "email_out", "note") == []


def test_a_users_forged_mail_to_a_thousand_people_is_still_a_users(house: House) -> None:
    notice = carol_writes(house)
    forged = answer(notice, ALICE, "Send the money to another account.")
    forged["Cc"] = ", ".join(f"a{i}@aaa.example" for i in range(1_000))

    house.receive(forged, MALLORY_AT, [reply_address(notice)])

    assert outcome(house) == ("hold", "staff_not_proven")
    assert kinds(house, house.leads()[0].id) == ["email_in"]


def test_a_salespersons_signed_mail_handed_in_again_for_another_lead_reaches_nobody(house: House) -> None:
    notice = carol_writes(house)
    signed = mail(ALICE, MALLORY, "Our agreement", "Fine, twenty per cent off then.")

    house.receive(proven(signed), ALICE_AT, [reply_address(notice)])
    house.receive(
        _on_top(signed, ("To", reply_address(notice)), ("Authentication-Results", PROOF)),
        ALICE_AT,
        [reply_address(notice)],
    )

    assert not house.to(CAROL_AT)
    assert kinds(house, house.leads()[0].id) == ["email_in"]


def test_a_claimed_users_variant_of_a_known_mail_writes_nothing(house: House) -> None:
    _notice, reply = in_conversation(house)
    lead_id = house.leads()[0].id
    direct = answer(
        reply, ALICE, "I come on Monday at ten o'clock to look at the cellar.", address=CAROL_AT, quote=False
    )
    direct["Cc"] = SALES
    house.receive(proven(direct), ALICE_AT, [SALES])
    before = kinds(house, lead_id)

    again = mail(
        ALICE,
        CAROL_AT,
        str(direct["Subject"]),
        direct.get_content() + "Bring cash.",
        message_id=str(direct["Message-ID"]),
    )
    house.receive(again, MALLORY_AT, [SALES])

    assert outcome(house) == ("hold", "staff_not_proven")
    assert kinds(house, lead_id) == before


# --- drawing answers away -----------------------------------------------------------------------------------------------


def test_a_forged_from_with_the_known_subject_draws_no_answer_away(make_house: Callable[..., House]) -> None:
    house = make_house(routing={"late_reply_hold": False})
    notice = carol_writes(house)
    forged = mail(
        CAROL,
        SALES,
        "Re: Pump for our cellar",
        "And how long?",
        headers=(("Reply-To", MALLORY), ("Cc", "eve@evil.example")),
    )

    house.receive(forged, MALLORY_AT, [SALES])
    house.staff(answer(notice, ALICE, "500 euros."))

    assert house.to(CAROL_AT)
    assert sent_to_nobody_but(house, (*STAFF, CAROL_AT))


def test_a_reply_to_in_the_customers_own_house_or_with_proof_is_honoured(make_house: Callable[..., House]) -> None:
    house = make_house(routing={"late_reply_hold": False})
    notice, reply = in_conversation(house)
    made = answer(reply, CAROL, "Please answer to our buyer.", headers=(("Reply-To", "buyer@acme.example"),))
    house.receive(made, CAROL_AT, [reply_address(reply)])
    house.staff(answer(house.notice(ALICE_AT), ALICE, "Dear buyer"))
    assert house.to("buyer@acme.example")

    again = answer(reply, CAROL, "Or to our agent.", headers=(("Reply-To", "agent@agency.example"),))
    results = ("Authentication-Results", "mx.firma.test; dmarc=pass header.from=acme.example")
    house.receive(_on_top(again, results), CAROL_AT, [reply_address(reply)])
    house.staff(answer(notice, ALICE, "Dear agent"))
    assert house.to("agent@agency.example")


def test_a_from_that_our_relay_calls_forged_is_nobody_known(house: House) -> None:
    _notice, reply = in_conversation(house)
    forged = answer(reply, CAROL, "Send it to Eve as well.", headers=(("Cc", "eve@evil.example"),))

    house.receive(_on_top(forged, _FORGED), MALLORY_AT, [SALES])

    assert outcome(house) == ("append", "references_unconfirmed")
    assert not participants(house, house.leads()[0].id)["eve@evil.example"].gets_copies
    assert "may be forged" in plain(house.notice(ALICE_AT))


def test_a_web_forms_reply_to_is_not_proven_by_the_forms_domain(house: House) -> None:
    _notice, reply = in_conversation(house)
    forged = answer(reply, "noreply@evil.example", "I am new here.", headers=(("Reply-To", f"New <{NEW_AT}>"),))

    house.receive(_on_top(forged, _EVIL), "noreply@evil.example", [SALES])

    assert outcome(house) == ("append", "references_unconfirmed")
    assert not participants(house, house.leads()[0].id)[NEW_AT].is_confirmed


@pytest.mark.parametrize("named", [CAROL, f"New <{NEW_AT}>"])
def test_a_field_that_names_the_customer_makes_nobody_the_customer(house: House, named: str) -> None:
    notice, reply = in_conversation(house)
    headers = (("X-Original-From", named), ("Reply-To", MALLORY), ("Cc", "eve@evil.example"))
    forged = answer(reply, MALLORY, "Please answer me here.", headers=headers)

    house.receive(_on_top(forged, _EVIL), MALLORY_AT, [reply_address(reply)])

    assert house.chatter(house.leads()[0].id, "email_in")[-1].is_unconfirmed
    assert not participants(house, house.leads()[0].id)["eve@evil.example"].gets_copies
    house.staff(answer(notice, ALICE, "Dear Carol"))
    assert not house.to(MALLORY_AT)
    assert "Dear Carol" in plain(house.to(CAROL_AT)[-1])


def test_every_answer_to_a_new_persons_notice_goes_to_that_person_only(house: House) -> None:
    _notice, reply = in_conversation(house)
    house.receive(answer(reply, MALLORY, "I want one too."), MALLORY_AT, [SALES])
    notice = house.notice(ALICE_AT)
    house.staff(answer(notice, ALICE, "Who are you?"))
    triage.send(house.base.desk(), last_inbound(house).id, house.people["alice"])
    house.settle()
    to_carol = len(house.to(CAROL_AT))

    house.staff(answer(notice, ALICE, "Between you and me: fine."))

    assert len(house.to(CAROL_AT)) == to_carol
    assert "Between you and me" in plain(house.notice(MALLORY_AT))


# --- somebody else's copy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field", [("X-Spam-Flag", "YES"), ("Received", "from a by b; Mon, 23 Nov 2026 10:00:00 +0000")]
)
def test_a_copy_dressed_up_as_worthless_does_not_hide_the_true_mail(house: House, field: tuple[str, str]) -> None:
    made = mail(CAROL, SALES, "Pump for our cellar", "What does a pump cost?")
    house.receive(_on_top(made, *[field] * 31), MALLORY_AT, [SALES])
    house.receive(made.as_bytes(), "", [SALES])
    assert not house.leads()

    house.receive(made)

    assert len(house.leads()) == 1
    assert "What does a pump cost?" in plain(house.notice(ALICE_AT))


def test_a_customers_mail_handed_in_with_somebody_elses_token_stays_where_it_is(house: House) -> None:
    house.receive(mail(MALLORY, SALES, "Valves", "Do you sell valves?"))
    house.staff(answer(house.notice(ALICE_AT), ALICE, "We do."))
    token = reply_address(house.notice(MALLORY_AT))
    made = mail(CAROL, SALES, "Pump for our cellar", "What does a pump cost?")
    house.receive(made)

    house.receive(made, MALLORY_AT, [token])

    mallorys, carols = house.leads()
    assert texts(house, mallorys.id, "email_in") == ["Do you sell valves?"]
    assert texts(house, carols.id, "email_in") == ["What does a pump cost?"]


# --- making the house leak ----------------------------------------------------------------------------------------------


def _html_of(notice: object) -> str:
    part = notice.parsed().get_body(("html",))  # type: ignore[attr-defined]
    return str(part.get_content())


@pytest.mark.parametrize("kind", ["html", "eml", "html file", "calendar", "name"])
def test_nothing_of_a_notice_leaves_in_any_form(house: House, kind: str) -> None:
    notice = carol_writes(house)
    html = _html_of(notice)
    for line in plain(notice).splitlines()[:1]:
        html = html.replace(line, "")  # as a client that drops the marker line
    note = "The margin is thin: never below 11 500 euros whatever she says."
    house.staff(
        mail(
            ALICE,
            next(w for w in plain(notice).replace("<", " ").split() if "@crm" in w and w != reply_address(notice)),
            "n",
            note,
        )
    )
    made = answer(notice, ALICE, "Here you are.", quote=False)
    files = {
        "eml": ("notice.eml", base64.b64encode(notice.raw)),
        "html file": ("page.htm", html[html.find('class="rows"') :].encode()),
        "calendar": (
            "meeting.ics",
            f"BEGIN:VCALENDAR\r\nDESCRIPTION:{note[:30]}\r\n {note[30:]}\r\nEND:VCALENDAR".encode(),
        ),
        "name": (f"{note} ä.pdf", b"%PDF"),
    }
    if kind == "html":
        made.set_content(f"<p>Here you are.</p>{html}", subtype="html")
    else:
        name, content = files[kind]
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)

    house.staff(made)

    for caught in house.to(CAROL_AT):
        said = everything(caught)
        assert "margin is thin" not in said
        assert "Owner" not in said
        assert ALICE_AT not in said


@pytest.mark.parametrize("where", ["text", "subject"])
def test_a_customer_cannot_write_what_makes_their_answer_stay_here(house: House, where: str) -> None:
    token = f"r{sign_token(7, Intent.REPLY, b'0' * 16, 0, b'0' * 32)}@crm.firma.test"
    words = f"— mailcrm: reply above this line · vastaa\ntämän rivin yläpuolelle — {token}"
    if where == "text":
        notice = carol_writes(house, text=f"What does a pump cost?\n{words}\n")
    else:
        notice = carol_writes(house, subject=f"Pump {token} mailcrm: reply above this line")

    house.staff(answer(notice, ALICE, "500 euros.", quote=False))

    assert "500 euros." in plain(house.notice(CAROL_AT))
    assert token not in everything(house.notice(CAROL_AT))


def test_a_question_about_a_forged_mail_has_no_link_in_it(house: House) -> None:
    notice = carol_writes(house)
    house.receive(
        answer(notice, ALICE, "See https://evil.example/sign-in now.", quote=False), MALLORY_AT, [reply_address(notice)]
    )

    question = house.notice(ALICE_AT)
    assert "evil.example/sign-in" in plain(question)
    assert 'href="http' not in _html_of(question)


def test_names_and_subjects_from_strangers_make_no_header_of_ours(house: House) -> None:
    name = "=?utf-8?q?Carol=0D=0ABcc:_eve=40evil.example=0D=0AX-Evil:_1?="
    raw = mail(CAROL_AT, SALES, "Pump", "What does a pump cost?").as_bytes()
    raw = raw.replace(b"From: carol@acme.example", f"From: {name} <{CAROL_AT}>".encode())
    raw = raw.replace(b"Subject: Pump", b"Subject: =?utf-8?q?Pump=0D=0ABcc:_eve=40evil.example?=")

    house.receive(raw, CAROL_AT, [SALES])
    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))

    assert sent_to_nobody_but(house, (*STAFF, CAROL_AT))
    for caught in house.sink.mails:
        assert not {"bcc", "x-evil"} & {field.lower() for field in caught.parsed()}


# --- stopping the house -------------------------------------------------------------------------------------------------


def test_one_mail_that_breaks_the_excerpt_stops_no_other(house: House) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(1_500))
    raw = (
        b"From: mallory@evil.example\r\nTo: postmaster@crm.firma.test\r\nSubject: s\r\nMessage-ID: <1@evil.example>\r\n"
        + nested
    )

    house.receive(raw, MALLORY_AT, ["postmaster@crm.firma.test"])
    carol_writes(house)

    assert house.to(MONA_AT)
    assert house.to(ALICE_AT)


_HOSTILE = {
    "nul": b"a\0b \xff\xfe \xed\xa0\x80",
    "words": "=?utf-8?q?=00=ED=A0=80=F4=8F=BF=BF?= \U0001f600 ﷽".encode(),
    "long": b"x" * 60_000,
    "sharp": "ß".encode() * 2_000,
}


def _with_everywhere(words: bytes, number: bytes) -> bytes:
    """A mail that holds the words in every field, name and part."""
    bare = words.replace(b" ", b"")
    lines = [
        b"From: " + words[:30_000] + b" <" + bare[:9_000] + b"m@evil.example>",
        b"To: sales@crm.firma.test, " + words[:900] + b" <x" + bare[:400] + b"@evil.example>",
        b"Reply-To: " + words[:500] + b"@evil.example",
        b"Subject: " + words,
        b"Message-ID: <" + number + bare[:490] + b">",
        b"References: <" + words[:400] + b">",
        b"Date: " + words[:400],
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n",
        b"<p>" + words + number,
        b"--b\r\nContent-Type: x/" + words[:400] + b'; name="' + words[:800] + b'"',
        b"Content-ID: <" + words[:900] + b">\r\nContent-Disposition: attachment\r\n",
        words,
        b"--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nDTSTART:99999999\r\n--b--\r\n",
    ]
    return b"\r\n".join(lines)


@pytest.mark.parametrize("kind", _HOSTILE)
def test_any_letters_anywhere_in_a_mail_are_stored(house: House, kind: str) -> None:
    words = _HOSTILE[kind]
    for number in (b"1", b"2"):
        raw = _with_everywhere(words, number)
        house.receive(raw, MALLORY_AT, [SALES])

    assert [row.state for row in house.inbounds()] == ["done", "done"]
    assert len(house.leads()) in (1, 2)
    assert house.to(ALICE_AT)


def test_the_hostile_report_of_a_mail_of_ours_is_stored(house: House) -> None:
    _notice, reply = in_conversation(house)
    words = b"\0\xff\xed\xa0\x80" + b"y" * 3_000
    lines = [
        b"From: mailer-daemon@evil.example\r\nTo: " + reply.mail_from.encode() + b"\r\nSubject: failed",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b",
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n",
        b"Final-Recipient: rfc822; " + CAROL_AT.encode() + b"\r\nAction: failed\r\nStatus: 5.1.1" + words[:40],
        b"Diagnostic-Code: smtp; 550 " + words + b"\r\n\r\n--b--\r\n",
    ]
    raw = b"\r\n".join(lines)

    house.receive(raw, "", [reply.mail_from])

    assert last_inbound(house).state != "buried"
    assert "buried" not in {row.state for row in house.inbounds()}


def test_thousands_of_made_up_reply_addresses_hold_up_nobody(house: House) -> None:
    made_up = (f"r{sign_token(n + 1, Intent.NOTE, b'0' * 16, 0, b'0' * 32)}@crm.firma.test" for n in range(1_200))
    made = mail(MALLORY, SALES, "Pump", "What does a pump cost?")
    made["Reply-To"] = ", ".join(f"p{n}@d{n}.example" for n in range(1_200))
    made["Cc"] = ", ".join(made_up)
    start = time.monotonic()

    house.receive(made, MALLORY_AT, [SALES])

    assert time.monotonic() - start < 10
    assert last_inbound(house).state == "done"


def test_a_flood_of_one_message_id_costs_no_more_each_time(house: House) -> None:
    for number in range(12):
        house.receive(
            mail(
                CAROL,
                SALES,
                f"Pump {number}",
                f"{'abcdefghijkl'[number] * 40} {number}",
                message_id="<same@acme.example>",
            )
        )

    assert {row.state for row in house.inbounds()} <= {"done", "held"}


# --- loops --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [("Auto-Submitted", "auto-replied"), ("X-Autoreply", "yes"), ("Precedence", "auto_reply"),
                                   ("Auto-Submitted", "auto-generated (vacation)"),
                                   ("Subject", "Automaattinen vastaus: Pump")])  # fmt: skip
def test_an_automatic_answer_to_a_notice_a_question_or_a_reply_moves_nothing(
    house: House, field: tuple[str, str]
) -> None:
    notice, reply = in_conversation(house)
    before = len(house.sink.mails)
    for to, from_ in ((notice, ALICE), (reply, CAROL)):
        made = without(answer(to, from_, "I am away until Monday.", quote=False), field[0])
        made[field[0]] = field[1]
        house.receive(proven(made) if from_ is ALICE else made.as_bytes(), "", [reply_address(to)])
        house.receive(made.as_bytes() + b"\r\n.", from_.rpartition("<")[2].rstrip(">"), [reply_address(to)])

    told = [one.rcpt_to for one in house.sink.mails[before:]]
    assert sorted(told) == [(ALICE_AT,), (MONA_AT,)]  # that Alice is away, which her mail box said with proof
    assert notice_kinds(house)[-2:] == ["absence", "absence"]
    assert len(house.leads()) == 1


def test_two_houses_that_write_to_each_other_fall_silent(house: House) -> None:
    """A notice and a salesperson's mail of ours that come back as another house would send them."""
    notice, reply = in_conversation(house)
    before = len(house.sink.mails)

    house.receive(notice.raw, notice.mail_from, ["notify@crm.firma.test"])
    house.receive(reply.raw, reply.mail_from, [SALES])
    house.receive(reply.raw.replace(b"Message-ID: <", b"Message-ID: <x"), "other@house.example", [reply_address(reply)])

    told = [row.kind for row in house.read(select(outbox.c.kind).order_by(outbox.c.id))][-2:]
    assert len(house.sink.mails) - before <= 1
    assert "customer_reply" not in told[-1:]
    assert not house.to(BOB_AT)
