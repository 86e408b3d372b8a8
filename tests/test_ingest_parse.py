"""Reading a mail: keys, addresses, ids, authentication results, limits."""

import pickle
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from mailcrm.ingest.parse import parse
from mailcrm.ingest.understand import understand
from mailcrm.mail import Address, AuthResults, Door, Envelope, ParsedMail

ENVELOPE = Envelope("carol@asiakas.example", ("myynti@firma.example",), datetime(2024, 3, 5, tzinfo=UTC), Door.SMTP)
PLAIN = (
    b"From: Carol <carol@asiakas.example>\r\nTo: myynti@firma.example\r\nSubject: Hei\r\n"
    b"Date: Tue, 05 Mar 2024 10:11:12 +0200\r\nMessage-ID: <a@asiakas.example>\r\n\r\nTerve\r\n"
)


def _parse(raw: bytes) -> ParsedMail:
    return parse(raw, ENVELOPE)


def test_the_fields_of_a_plain_mail() -> None:
    mail = _parse(PLAIN)
    assert mail.from_ == Address("Carol", "carol@asiakas.example")
    assert mail.date == datetime(2024, 3, 5, 8, 11, 12, tzinfo=UTC)
    assert (mail.message_id, mail.subject, mail.new_text, mail.size) == (
        "a@asiakas.example",
        "Hei",
        "Terve",
        len(PLAIN),
    )
    assert mail.defects == ()


def test_the_same_mail_by_another_door_has_the_same_key() -> None:
    other = (
        b"Delivered-To: myynti@firma.example\nReceived: from a by b; Tue, 5 Mar 2024 10:11:13 +0200\n"
        + PLAIN.replace(b"\r\n", b"\n")
        + b"\n"
    )
    assert _parse(other).content_key == _parse(PLAIN).content_key
    assert _parse(PLAIN).content_key.startswith("01")


def test_other_content_under_the_same_id_has_another_key() -> None:
    assert _parse(PLAIN.replace(b"Terve", b"Moi")).content_key != _parse(PLAIN).content_key


def test_trailing_space_and_transfer_encoding_do_not_change_the_key() -> None:
    encoded = PLAIN.replace(b"\r\n\r\nTerve", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nTerve=20")
    assert _parse(encoded).content_key == _parse(PLAIN).content_key


def test_without_an_id_the_key_leaves_out_the_trace_fields() -> None:
    bare = PLAIN.replace(b"Message-ID: <a@asiakas.example>\r\n", b"")
    traced = b"Return-Path: <x@y>\r\nReceived: from a\r\n by b\r\n" + bare
    assert _parse(traced).content_key == _parse(bare).content_key
    assert not _parse(bare).has_message_id


def test_the_text_key_folds_space_and_case() -> None:
    assert _parse(PLAIN.replace(b"Terve", b" TER VE ")).text_key == _parse(PLAIN).text_key


def test_references_are_capped_to_the_newest() -> None:
    ids = " ".join(f"<{number}@x.example>" for number in range(100))
    mail = _parse(PLAIN.replace(b"Subject:", f"References: {ids}\r\nSubject:".encode()))
    assert len(mail.references) == 32
    assert mail.references[-1] == "99@x.example"


def test_no_string_holds_nul_or_surrogates() -> None:
    mail = _parse(PLAIN.replace(b"Hei", b"H\x00e\xe4i").replace(b"Terve", b"Te\x00rve \xff\xfe"))
    assert mail.subject == "Heäi"
    assert "\x00" not in mail.text
    mail.text.encode("utf-8")


@pytest.mark.parametrize("subject", [b"Hei", b"Hei \xe4"])
def test_a_nul_in_a_charset_costs_no_text(subject: bytes) -> None:
    mail = _parse(
        b"Subject: " + subject + b"\nFrom: c@x.example\nContent-Type: text/plain; charset=utf\x00-8\n"
        b"Content-Transfer-Encoding: 8bit\n\nHei"
    )
    assert mail.new_text == "Hei"


def test_recipients_come_from_the_topmost_block_only() -> None:
    raw = (
        b"Return-Path: <x@y>\nX-Original-To: myynti@firma.example\nDelivered-To: kaikki@firma.example\n"
        b"Received: from a\nDelivered-To: mallory@paha.example\n" + PLAIN
    )
    assert _parse(raw).original_to == ("myynti@firma.example", "kaikki@firma.example")


def test_our_marker_is_read() -> None:
    assert _parse(b"X-Mailcrm-Marker: 17.abc\r\n" + PLAIN).marker == "17.abc"


def test_authentication_results_keep_their_place_and_their_passes() -> None:
    raw = (
        b"Received: from a by mx\r\n"
        b"Authentication-Results: mx.firma.example; dkim=pass (2048-bit; dkim=fail) header.d=Asiakas.example;\r\n"
        b" dkim=fail header.d=paha.example;"
        b" spf=pass smtp.mailfrom=carol@asiakas.example; dmarc=pass header.from=asiakas.example\r\n"
    )
    assert _parse(raw + PLAIN).auth == (
        AuthResults(
            "mx.firma.example",
            1,
            (("dkim", "pass"), ("dkim", "fail"), ("spf", "pass"), ("dmarc", "pass")),
            ("asiakas.example",),
            "asiakas.example",
            "asiakas.example",
        ),
    )


def test_exchange_writes_authentication_results_without_an_id() -> None:
    raw = (
        b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n"
        b" smtp.mailfrom=asiakas.example; dkim=none; dmarc=bestguesspass action=none header.from=x\r\n"
    )
    (found,) = _parse(raw + PLAIN).auth
    assert (found.authserv_id, found.spf_domain, found.dmarc_from) == ("", "asiakas.example", "")


def test_a_quoted_local_part_cannot_pose_as_a_result() -> None:
    raw = b'Authentication-Results: mx.firma.example; spf=fail smtp.mailfrom="x; '
    raw += b'dmarc=pass header.from=firma.example"@paha.example\r\n'
    (found,) = _parse(raw + PLAIN).auth
    assert found.results == (("spf", "fail"),)


def test_a_header_bomb_is_cut_and_noted() -> None:
    mail = _parse(b"X-A: b\r\n" * 5_000 + PLAIN)
    assert "too many header lines" in mail.defects
    assert mail.text.strip() == "Terve"


def test_what_is_beyond_the_limits_is_kept_as_attachment() -> None:
    raw = (
        PLAIN.replace(b"Subject", b"Content-Type: multipart/mixed; boundary=b\r\nSubject") + b"--b\r\n\r\nx\r\n" * 5_000
    )
    mail = _parse(raw)
    assert "too many parts" in mail.defects
    assert sum(attachment.size for attachment in mail.attachments) > 10_000


def test_nested_bombs_are_kept_whole() -> None:
    levels = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (level, level) for level in range(400)
    )
    mail = _parse(PLAIN.split(b"\r\n\r\n")[0] + b"\r\n" + levels + b"\r\nloppu")
    assert "too many nested parts" in mail.defects
    assert b"loppu" in mail.attachments[-1].content


def test_big_attachments_are_decoded_once_and_whole() -> None:
    message = EmailMessage()
    message["From"] = "carol@asiakas.example"
    message["Message-ID"] = "<b@asiakas.example>"
    message.set_content("Ohessa.")
    message.add_attachment(b"\x00\xff" * 100_000, maintype="application", subtype="octet-stream", filename="data.bin")
    (attachment,) = _parse(message.as_bytes()).attachments
    assert attachment.content == b"\x00\xff" * 100_000
    assert attachment.filename == "data.bin"


def test_the_answer_travels_between_processes() -> None:
    answer = understand(PLAIN, ENVELOPE)
    assert pickle.loads(pickle.dumps(answer)) == answer  # noqa: S301 - our own bytes
