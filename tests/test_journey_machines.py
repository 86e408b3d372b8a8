"""What machines send: absences, reports, floods and mail in circles. No lead, no loop, and a human told where it matters."""

import smtplib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import func, select

from mailcrm.store.tables import inbound, lead, outbox, outbox_recipient
from tests.daemon_house import DOMAIN, SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB_AT,
    CAROL,
    CAROL_AT,
    MONA_AT,
    STAFF,
    alice_answers,
    carol_writes,
    in_conversation,
    kinds,
    notice_kinds,
    outcome,
    plain,
    recipient_states,
    routes,
    sent_to_nobody_but,
    texts,
)
from tests.smtp_peer import CaughtMail

_REPORT = """\
From: Mail Delivery System <mailer-daemon@mx.firma.test>
To: {to}
Subject: {subject}
Message-ID: <{number}@mx.firma.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={type}; boundary="b"

--b
Content-Type: text/plain

This is the mail system at mx.firma.test.
--b
Content-Type: message/{type}

{fields}
--b
Content-Type: message/rfc822-headers

Message-ID: <{original}>
--b--
"""


def _report(to: str, action: str, status: str, about: str = CAROL_AT, *, original: str = "x@y.example") -> bytes:
    fields = (
        f"Reporting-MTA: dns; mx.firma.test\n\nFinal-Recipient: rfc822; {about}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {status.replace('.', '')} said the peer\n"
    )
    number = f"{time.monotonic_ns()}"
    made = {"to": to, "subject": "Delivery Status Notification", "type": "delivery-status", "number": number}
    return _REPORT.format(fields=fields, original=original, **made).encode()


def _read_receipt(to: str, original: str) -> bytes:
    fields = f"Final-Recipient: rfc822; {CAROL_AT}\nOriginal-Message-ID: <{original}>\nDisposition: manual-action/x; displayed\n"
    made = {"to": to, "subject": "Read: Pump", "type": "disposition-notification", "number": "mdn"}
    return _REPORT.format(fields=fields, original=original, **made).encode()


def _absence(of: str, answered: CaughtMail) -> EmailMessage:
    threaded = [("In-Reply-To", str(answered.parsed()["Message-ID"])), ("Auto-Submitted", "auto-replied")]
    return mail(of, answered.mail_from, "Out of office", "I am away until May.", headers=threaded)


# --- answers of machines ------------------------------------------------------------------------------------------------


def test_a_customers_absence_is_folded_on_the_lead_and_changes_nothing(house: House) -> None:
    _, reply = in_conversation(house)
    before = len(house.sink.mails)

    house.receive(_absence(CAROL, reply), "", [reply.mail_from])

    (row,) = house.leads()
    assert [entry.is_folded for entry in house.chatter(row.id)] == [False, False, True]
    assert outcome(house) == ("fold", "auto_reply_on_lead")
    assert row.waiting_on == "them"
    assert len(house.sink.mails) == before


def test_an_absence_to_the_reply_address_is_folded_too(house: House) -> None:
    _, reply = in_conversation(house)

    house.receive(answer(reply, CAROL, "I am away.", headers=[("Auto-Submitted", "auto-replied")]))

    assert outcome(house) == ("fold", "auto_reply_on_lead")
    assert len(house.to(ALICE_AT)) == 1


def test_a_colleagues_absence_is_quiet(house: House) -> None:
    notice = carol_writes(house)

    house.receive(_absence(ALICE, notice), "", [notice.mail_from])

    assert outcome(house)[0] == "quiet"
    assert kinds(house, house.leads()[0].id) == ["email_in"]
    assert len(house.sink.mails) == 1


def test_a_read_receipt_is_an_event_on_the_lead_and_tells_nobody(house: House) -> None:
    _, reply = in_conversation(house)
    before = len(house.sink.mails)

    house.receive(_read_receipt(reply.mail_from, str(reply.parsed()["Message-ID"])[1:-1]), "", [reply.mail_from])

    assert outcome(house) == ("receipt", "receipt_tied")
    assert [row.event for row in house.chatter(house.leads()[0].id, "event")][-1] == "receipt"
    assert len(house.sink.mails) == before


def test_a_report_to_an_address_never_issued_is_nothing(house: House) -> None:
    house.receive(_report(f"b17.abcdefghijkl@{DOMAIN}", "failed", "5.1.1"), "", [f"b17.abcdefghijkl@{DOMAIN}"])
    house.receive(mail("robot@x.example", SALES, "Notice", "Beep."), "", [SALES])

    assert routes(house) == ["quiet", "quiet"]
    assert not house.leads()
    assert not house.sink.mails


@pytest.mark.timeout(400)
def test_a_thousand_untied_reports_make_no_lead_no_notice_and_no_loop(house: House) -> None:
    to = [f"b{number}.abcdefghijkl@{DOMAIN}" for number in range(1, 1001)]

    _flood(house, (("", address, _report(address, "failed", "5.1.1")) for address in to))
    house.settle(300)

    assert not house.leads()
    assert not house.sink.mails
    assert house.read(
        select(inbound.c.route, inbound.c.reason, func.count()).group_by(inbound.c.route, inbound.c.reason)
    ) == [("quiet", "report_untied", 1000)]


# --- what becomes of our own mail ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_to_return_path", [True, False], ids=["by return-path", "by Message-ID"])
def test_a_bounce_is_the_mails_state_and_its_writer_is_told(house: House, is_to_return_path: bool) -> None:
    _, reply = in_conversation(house)
    to = reply.mail_from if is_to_return_path else SALES

    for _ in range(2):
        original = str(reply.parsed()["Message-ID"])[1:-1]
        house.receive(_report(to, "failed", "5.1.1", original=original), "", [to])

    assert recipient_states(house) == {CAROL_AT: "bounced"}
    assert outcome(house) == ("report", "report_tied")
    assert notice_kinds(house) == ["message", "customer_reply", "failed"]
    told = house.notice(ALICE_AT)
    assert "not delivered" in plain(told)
    assert "511 said the peer" in plain(told)
    assert len(house.leads()) == 1


def test_a_bounced_notice_tells_nobody(house: House) -> None:
    notice = carol_writes(house)

    house.receive(_report(notice.mail_from, "failed", "5.2.2", ALICE_AT), "", [notice.mail_from])

    assert recipient_states(house, "message") == {ALICE_AT: "bounced"}
    assert notice_kinds(house) == ["message"]


def test_a_delay_is_told_once_and_only_after_four_hours(house: House) -> None:
    _, reply = in_conversation(house)

    told = []
    for _ in range(3):
        house.receive(_report(reply.mail_from, "delayed", "4.4.1"), "", [reply.mail_from])
        told.append(notice_kinds(house).count("failed"))
        house.clock.move(timedelta(hours=5))

    assert told == [0, 1, 1]
    assert recipient_states(house) == {CAROL_AT: "delayed"}
    assert "not been delivered yet" in plain(house.notice(ALICE_AT))


def test_of_three_recipients_each_has_its_own_state(house: House) -> None:
    dan, eve = "dan@acme.example", "eve@acme.example"
    house.receive(mail(CAROL, SALES, "Pump", "What does it cost?", headers=[("Cc", f"Dan <{dan}>, Eve <{eve}>")]))
    house.sink.refuse_recipient(dan, "550 5.1.1 No such user")
    house.sink.refuse_recipient(eve, "451 4.2.1 Try later", times=1)

    house.staff(answer(house.notice(ALICE_AT), ALICE, "500 euros."))

    assert recipient_states(house) == {CAROL_AT: "sent", dan: "failed", eve: "deferred"}
    failed = house.notice(ALICE_AT)
    assert "not delivered" in plain(failed)
    assert dan in plain(failed)
    assert eve not in plain(failed)
    house.clock.move(timedelta(minutes=2))
    house.settle()
    assert recipient_states(house) == {CAROL_AT: "sent", dan: "failed", eve: "sent"}
    first, second = (caught for caught in house.sink.mails if caught.mail_from == house.notice(eve).mail_from)
    assert (first.rcpt_to, second.rcpt_to) == ((CAROL_AT,), (eve,))
    assert first.raw == second.raw
    assert house.one(select(outbox.c.state).where(outbox.c.kind == "customer_reply")) == "partly"


def test_what_the_relay_said_is_kept_with_each_recipient(house: House) -> None:
    house.sink.refuse_recipient(CAROL_AT, "550 5.7.1 Not wanted here")
    house.staff(answer(carol_writes(house), ALICE, "500 euros."))

    row = house.read(select(outbox_recipient).where(outbox_recipient.c.key == CAROL_AT))[0]
    assert (row.state, row.code) == ("failed", "5.7.1")
    assert "Not wanted here" in row.text


# --- circles ------------------------------------------------------------------------------------------------------------


def test_our_own_mail_that_comes_back_is_held_and_told_once(house: House) -> None:
    _, reply = in_conversation(house)

    house.receive(reply.raw, "forwarder@acme.example", [SALES])
    house.receive(b"Subject: again\r\n" + reply.raw, "forwarder@acme.example", [SALES])

    assert outcome(house) == ("hold", "loop_own_mail")
    assert len(house.leads()) == 1
    assert kinds(house, house.leads()[0].id) == ["email_in", "email_out"]
    assert len(house.to(MONA_AT)) == 1
    assert "going in circles" in plain(house.notice(MONA_AT)) or "kiertää" in plain(house.notice(MONA_AT))


def test_a_notice_that_a_colleagues_mailbox_forwards_to_us_is_quiet(house: House) -> None:
    notice = carol_writes(house)

    house.receive(notice.raw, ALICE_AT, [SALES])

    assert len(house.leads()) == 1
    assert len(house.sink.mails) == 1


def test_a_mail_that_wandered_too_far_is_held(house: House) -> None:
    trace = b"Received: from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n" * 31

    house.receive(trace + mail(CAROL, SALES, "Pump", "Hello.").as_bytes(), CAROL_AT, [SALES])

    assert outcome(house) == ("hold", "loop_received")
    assert not house.leads()
    assert len(house.to(MONA_AT)) == 1


def _many_new_leads(house: House, count: int) -> None:
    for number in range(count):
        house.receive(mail(CAROL, SALES, f"Pump {number}", f"Alarm number {number}."))


def _many_from_one_domain(house: House, count: int) -> None:
    for number in range(count):
        house.receive(mail(f"robot{number}@acme.example", SALES, f"Pump {number}", f"Alarm number {number}."))


def _many_on_one_lead(house: House, count: int) -> None:
    reply = alice_answers(house, carol_writes(house))
    for number in range(count - 1):
        house.receive(answer(reply, CAROL, f"Alarm number {number}."))


def _many_equal_bodies(house: House, count: int) -> None:
    for number in range(count):
        house.receive(mail(CAROL, SALES, f"Pump {number}", "The pump has stopped."))


@pytest.mark.parametrize(
    ("limit", "write", "reason", "told"),
    [
        ("max_new_leads_per_address", _many_new_leads, "loop_new_leads", MONA_AT),
        ("max_new_leads_per_domain", _many_from_one_domain, "loop_new_leads_domain", MONA_AT),
        ("max_messages_per_lead", _many_on_one_lead, "loop_messages", ALICE_AT),
        ("max_equal_bodies", _many_equal_bodies, "loop_equal_bodies", MONA_AT),
    ],
    ids=["new leads of one address", "new leads of one domain", "messages on one lead", "equal bodies"],
)
def test_more_than_a_person_writes_is_held_and_a_human_is_told_once(
    make_house: Callable[..., House], limit: str, write: Callable[[House, int], None], reason: str, told: str
) -> None:
    house = make_house(ingest={"processes": 0, limit: 3})

    write(house, 5)

    from_outside = [row.reason for row in house.inbounds() if row.author == "outsider"]
    assert from_outside[3:] == [reason, reason]
    assert reason not in from_outside[:3]
    assert notice_kinds(house).count("loop") == 1
    assert [row.state for row in house.inbounds()][-2:] == ["held", "held"]
    loops = select(outbox_recipient.c.key).join(outbox).where(outbox.c.kind == "loop")
    assert house.read(loops) == [(told,)]


def test_a_trusted_sender_has_no_such_limits(make_house: Callable[..., House]) -> None:
    house = make_house(ingest={"processes": 0, "max_new_leads_per_address": 2, "trusted_senders": ["acme.example"]})

    _many_new_leads(house, 4)

    assert routes(house) == ["new_lead"] * 4


# --- guessing -----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(400)
def test_a_guessing_robot_opens_no_lead_and_keeps_no_customer_waiting(house: House) -> None:
    served: list[float] = []

    def robot() -> Iterator[tuple[str, str, bytes]]:
        for number in range(5000):
            to = f"x{number:05}@{DOMAIN}"
            yield f"r{number}@s{number % 50}.example", to, mail("r@s.example", to, "Offer", f"Buy {number}!").as_bytes()
            if number == 2500:
                served.append(_time_to_notice(house))

    codes = _flood(house, robot())
    house.settle(120)

    assert codes["250"] <= 300
    assert codes["451"] == 5000 - codes["250"]
    assert served[0] < 2
    assert house.one(select(func.count()).select_from(lead)) == 1
    assert sent_to_nobody_but(house, [ALICE_AT])
    assert Counter(routes(house)) == {"triage": codes["250"], "new_lead": 1}


def _time_to_notice(house: House) -> float:
    house.send(mail(CAROL, SALES, "Pump", "What does a pump cost?"))
    started = time.monotonic()
    house.sink.wait_for(1, to=ALICE_AT, timeout=20)
    return time.monotonic() - started


def _flood(house: House, mails: Iterator[tuple[str, str, bytes]]) -> Counter[str]:
    """Hand in many mails over one connection, opened again when the daemon closes it; counts the last replies' codes."""
    assert house.listening.smtp is not None
    codes: Counter[str] = Counter()
    client = smtplib.SMTP(*house.listening.smtp, timeout=30)
    for mail_from, to, raw in mails:
        try:
            code = _handed_in(client, mail_from, to, raw)
        except smtplib.SMTPServerDisconnected:
            client = smtplib.SMTP(*house.listening.smtp, timeout=30)
            code = _handed_in(client, mail_from, to, raw)
        codes[str(code)] += 1
    client.close()
    return codes


def _handed_in(client: smtplib.SMTP, mail_from: str, to: str, raw: bytes) -> int:
    client.ehlo_or_helo_if_needed()
    code, _ = client.mail(mail_from)
    if code == 250:
        code, _ = client.rcpt(to)
    if code == 250:
        code, _ = client.data(raw)
    else:
        client.rset()
    return code


def test_a_challenge_and_a_system_mail_open_nothing(house: House) -> None:
    house.receive(mail("root@acme.example", SALES, "Cron <root@acme> backup", "done", headers=[("X-Cron-Env", "x")]))
    house.receive(mail("robot@acme.example", SALES, "Please confirm", "Click.", headers=[("X-Challenge", "1")]))

    assert routes(house) == ["quiet", "quiet"]
    assert not house.sink.mails


def test_texts_of_machines_do_not_count_as_the_customers_words(house: House) -> None:
    _, reply = in_conversation(house)
    house.receive(_absence(CAROL, reply), "", [reply.mail_from])
    house.receive(answer(reply, CAROL, "I take two."))

    again = alice_answers(house, house.notice(ALICE_AT), "They are yours.")

    assert "I take two." in plain(again)
    assert "away until May" not in plain(again)
    assert texts(house, house.leads()[0].id, "email_in")[-1] == "I take two."
    assert not house.to(BOB_AT)
    assert sent_to_nobody_but(house, (*STAFF, CAROL_AT))
