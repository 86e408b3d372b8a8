"""The envelope rebuilt from a header, as servers really write it."""

import random
import time
from datetime import UTC, datetime

import pytest

from mailcrm.ingest.envelope import addresses_in, envelope_from_headers
from mailcrm.mail import Door, Envelope

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def envelope(head: bytes, *, headers: tuple[str, ...] = ("Delivered-To", "X-Original-To", "Envelope-To")) -> Envelope:
    return envelope_from_headers(
        head,
        received_at=NOON,
        door=Door.IMAP,
        peer="sales box",
        recipient_headers=headers,
        mailbox_address="box@crm.test",
    )


POSTFIX = b"""Return-Path: <carol@firma.test>
X-Original-To: offers@crm.test
Delivered-To: box@crm.test
Received: from mx.firma.test by mail.crm.test; Mon, 2 Mar 2026 12:00:00 +0000
Received: from group.test by mx.firma.test; Mon, 2 Mar 2026 11:59:00 +0000
Delivered-To: everybody@firma.test
Return-Path: <bounce@group.test>
From: Carol <carol@firma.test>
To: Everybody <everybody@firma.test>

Delivered-To: in-the-body@crm.test
"""


def test_the_topmost_block_names_the_recipients_and_the_topmost_return_path_the_sender() -> None:
    rebuilt = envelope(POSTFIX)
    assert rebuilt == Envelope(
        "carol@firma.test", ("offers@crm.test", "box@crm.test"), NOON, Door.IMAP, "sales box", "headers"
    )
    assert envelope(POSTFIX.replace(b"\n", b"\r\n")) == rebuilt


def test_the_fields_that_name_the_recipients_are_a_setting() -> None:
    assert envelope(POSTFIX, headers=("x-original-to",)).rcpt_to == ("offers@crm.test",)
    assert envelope(POSTFIX, headers=("X-Forwarded-To",)).rcpt_to == ("everybody@firma.test",)


def test_a_block_below_a_local_hand_over_is_found_when_nothing_stands_above() -> None:
    head = b"Received: by lmtp\nReturn-Path: <>\nX-Original-To: a@crm.test\nReceived: x\nX-Original-To: b@crm.test\n\n"
    assert envelope(head).rcpt_to == ("a@crm.test",)


def test_exim_names_several_in_one_field() -> None:
    assert envelope(b"Envelope-to: a@crm.test, b@crm.test\nTo: c@crm.test\n\n").rcpt_to == ("a@crm.test", "b@crm.test")


def test_without_such_a_field_to_and_cc_are_the_recipients() -> None:
    head = b"""To: "Doe, John" <john@crm.test>,
 =?utf-8?q?J=C3=B6?= <jo@crm.test>
Cc: Team: a@crm.test, B@crm.test;
Bcc: z@x.test

"""
    assert envelope(head).rcpt_to == ("john@crm.test", "jo@crm.test", "a@crm.test", "B@crm.test")


def test_a_mail_that_names_nobody_is_for_the_mailbox() -> None:
    assert envelope(b"Subject: x\nTo: undisclosed-recipients:;\n\n").rcpt_to == ("box@crm.test",)


def test_a_null_return_path_is_null_and_a_missing_one_is_from() -> None:
    assert envelope(b"Return-Path: <>\nFrom: MAILER-DAEMON@firma.test\n\n").mail_from == ""
    assert envelope(b"Return-path: carol@firma.test\n\n").mail_from == "carol@firma.test"
    assert envelope(b"From: Carol <carol@firma.test>\nReturn-Path-Info: x@y.test\n\n").mail_from == "carol@firma.test"
    assert envelope(b"Subject: nobody\n\n").mail_from == ""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("carol@firma.test", ("carol@firma.test",)),
        ("<Carol@Firma.test>", ("Carol@Firma.test",)),
        ("ceo@firma.test <mallory@evil.test>", ("mallory@evil.test",)),
        ('"ceo@firma.test" <mallory@evil.test>', ("mallory@evil.test",)),
        ("=?utf-8?q?ceo@firma.test?= <mallory@evil.test>", ("mallory@evil.test",)),
        ("mallory@evil.test (ceo@firma.test)", ("mallory@evil.test",)),
        ("a@b.test, A@B.test,, ;c@d.test", ("a@b.test", "c@d.test")),
        ('"odd one"@b.test', ('"odd one"@b.test',)),
        ("jörg@lämpö.test", ("jörg@lämpö.test",)),
        ("nobody", ()),
        ("", ()),
    ],
)
def test_addresses_are_found_and_names_passed_over(value: str, found: tuple[str, ...]) -> None:
    assert addresses_in([value]) == found


def test_bytes_of_any_kind_never_raise() -> None:
    chance = random.Random(7)
    for _ in range(300):
        damaged = bytearray(POSTFIX)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        envelope(bytes(damaged)).to_json()
    envelope(b"")
    envelope(b"\xff\x00\r\r\n: x\n \n")


@pytest.mark.parametrize(
    "hostile",
    [
        b"(" * 250_000,
        b"<" * 250_000,
        b'"' * 250_000,
        b'"\\' * 125_000,
        b"a@" * 125_000,
        b"=?a" * 80_000,
        b"x" * 250_000,
        b"@x," * 80_000,
    ],
)
def test_a_hostile_header_takes_no_time(hostile: bytes) -> None:
    started = time.monotonic()
    envelope(b"To: " + hostile + b"\n\n")
    assert time.monotonic() - started < 2
