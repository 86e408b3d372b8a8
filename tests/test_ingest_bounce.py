"""Delivery reports: what counts as one, and what never does."""

from datetime import UTC, datetime

import pytest

from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope, MailKind

FROM_NOBODY = Envelope("", ("b1.x@crm.firma.example",), datetime(2024, 3, 5, tzinfo=UTC), Door.SMTP)
FROM_CAROL = Envelope("carol@asiakas.example", ("myynti@firma.example",), datetime(2024, 3, 5, tzinfo=UTC), Door.SMTP)


def _report(groups: str) -> bytes:
    return (
        "From: MAILER-DAEMON@mx.example\nSubject: report\nMessage-ID: <r@mx.example>\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nReport.\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example\n\n{groups}\n--b--\n"
    ).encode()


def test_each_recipient_has_its_own_outcome() -> None:
    groups = "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1\n\n"
    groups += "Final-Recipient: rfc822; b@x.example\nAction: delayed\nStatus: 4.4.1\n"
    _, verdict = understand(_report(groups), FROM_NOBODY)
    assert verdict.report is not None
    assert [(one.address, one.action) for one in verdict.report.recipients] == [
        ("a@x.example", "failed"),
        ("b@x.example", "delayed"),
    ]
    assert verdict.kind is MailKind.BOUNCE


@pytest.mark.parametrize(
    ("status", "kind"), [("5.1.1", MailKind.BOUNCE), ("4.4.1", MailKind.DELAY), ("2.0.0", MailKind.RECEIPT)]
)
def test_the_status_tells_where_the_action_is_missing(status: str, kind: MailKind) -> None:
    _, verdict = understand(_report(f"Final-Recipient: rfc822; a@x.example\nStatus: {status}\n"), FROM_NOBODY)
    assert verdict.kind is kind


def test_a_group_without_an_address_is_no_recipient() -> None:
    _, verdict = understand(_report("Final-Recipient: rfc822; nobody\nAction: failed\nStatus: 5.1.1\n"), FROM_NOBODY)
    assert verdict.report is not None
    assert verdict.report.recipients == ()
    assert verdict.kind is MailKind.BOUNCE


def test_a_person_who_attaches_a_bounce_is_a_person() -> None:
    inner = _report("Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.1.1\n").decode()
    raw = (
        "From: carol@asiakas.example\nSubject: VL: report\nMessage-ID: <p@asiakas.example>\n"
        'Content-Type: multipart/mixed; boundary="o"\n\n--o\nContent-Type: text/plain\n\nMikä tämä on?\n'
        f"--o\nContent-Type: message/rfc822\n\n{inner}\n--o--\n"
    )
    _, verdict = understand(raw.encode(), FROM_CAROL)
    assert verdict.kind is MailKind.HUMAN
    assert verdict.report is None


def test_a_person_who_quotes_a_bounce_is_a_person() -> None:
    raw = (
        b"From: carol@asiakas.example\nSubject: Re: failure notice\nMessage-ID: <q@asiakas.example>\n\n"
        b"Hei\n\n> 550 5.1.1 <a@x.example> user unknown\n"
    )
    assert understand(raw, FROM_CAROL)[1].kind is MailKind.HUMAN


def test_the_failed_recipients_field_is_believed_for_a_daemon() -> None:
    raw = (
        b"From: Mail Delivery Subsystem <mailer-daemon@x.example>\nX-Failed-Recipients: a@x.example\n"
        b"Subject: Delivery Status Notification (Failure)\n\nNo.\n"
    )
    _, verdict = understand(raw, FROM_NOBODY)
    assert verdict.report is not None
    assert verdict.report.recipients[0].address == "a@x.example"
