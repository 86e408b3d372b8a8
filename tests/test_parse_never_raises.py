"""Whatever comes ends as a mail: damage to the corpus, and shapes made to hurt parsers. Nothing raises, nothing is slow."""

import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope, ParsedMail

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.eml"))
ENVELOPE = Envelope("a@b.example", ("myynti@firma.example",), datetime(2024, 3, 5, tzinfo=UTC), Door.SMTP)
HEAD = b"From: a@b.example\nSubject: Re: VL: x\nMessage-ID: <x@b.example>\n"


def _strings(mail: ParsedMail) -> list[str]:
    found = [
        mail.subject,
        mail.text,
        mail.html,
        mail.html_raw,
        mail.new_text,
        mail.message_id,
        mail.date_raw,
        mail.marker,
    ]
    found += [attachment.filename for attachment in mail.attachments]
    found += [address.name + address.address for address in (mail.from_, *mail.to, *mail.cc, *mail.reply_to) if address]
    return [*found, *mail.references, *mail.in_reply_to, *mail.list_ids, *mail.original_to]


def _check(raw: bytes) -> None:
    mail, _ = understand(raw, ENVELOPE)
    for text in _strings(mail):
        text.encode("utf-8")
        assert "\x00" not in text
    assert "\n".join(part.text for part in mail.segments) == mail.text
    assert not any(defect.startswith(("unreadable", "classify")) for defect in mail.defects), mail.defects


def _flip(raw: bytearray, dice: random.Random) -> None:
    raw[dice.randrange(len(raw))] = dice.randrange(256)


def _cut(raw: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(raw))
    del raw[start : start + dice.randrange(1, 80)]


def _double(raw: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(raw))
    raw[start:start] = raw[start : start + dice.randrange(1, 200)]


def _plant(raw: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(raw))
    raw[start:start] = dice.choice(
        [b"\x00", b"\r", b"\n\n", b"=?utf-8?b?w6T?=", b"--", b"\xff\xfe", b"\x1b$B", b"<", b'"', b"(", b";"]
    )


DAMAGE: tuple[Callable[[bytearray, random.Random], None], ...] = (_flip, _cut, _double, _plant)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_random_damage_never_raises(path: Path) -> None:
    dice = random.Random(path.stem)
    for _ in range(12):
        raw = bytearray(path.read_bytes())
        for _ in range(dice.randrange(1, 12)):
            if raw:
                dice.choice(DAMAGE)(raw, dice)
        _check(bytes(raw))


def test_two_mails_cut_and_put_together_are_a_mail() -> None:
    dice = random.Random("spliced")
    mails = [raw for path in CORPUS if len(raw := path.read_bytes()) < 60_000]
    for _ in range(400):
        first, second = dice.choice(mails), dice.choice(mails)
        spliced = bytearray(first[: dice.randrange(len(first) + 1)] + second[dice.randrange(len(second) + 1) :])
        for _ in range(dice.randrange(6)):
            if spliced:
                dice.choice(DAMAGE)(spliced, dice)
        _check(bytes(spliced))


def _words(mail_number: int, part: int) -> bytes:
    return b" ".join(b"qz%dqz%d" % (mail_number * 100 + part, n) for n in range(8)) + b"\n"


def _of_parts(kind: bytes, boundary: bytes, *parts: bytes) -> bytes:
    inside = b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts)
    return (
        b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\n\n' + inside + b"--" + boundary + b"--\n"
    )


def _mails_of_words(number: int) -> list[bytes]:
    text, file = (b"Content-Type: text/plain\n\n", b"Content-Type: application/octet-stream; name=x.bin\n\n")
    html = b"Content-Type: text/html\n\n<p>\n" + _words(number, 1) + b"</p>\n"
    mail = b"Content-Type: message/rfc822\n\nFrom: c@b.example\nSubject: y\n\n" + _words(number, 2)
    both = _of_parts(b"alternative", b"ab", text + _words(number, 3), html)
    return [
        HEAD + b"\n" + _words(number, 4),
        HEAD + html,
        HEAD + both,
        HEAD + _of_parts(b"mixed", b"ac", both, file + _words(number, 5), mail),
        HEAD + _of_parts(b"mixed", b"ad", mail, text + _words(number, 6)),
    ]


_LINE_OF_WORDS = re.compile(rb"(?:qz\d+qz\d+ ?)+")


def test_random_damage_loses_no_line_of_text() -> None:
    """A line that is still whole, and did not become part of a header field, stands in the text or in a file."""
    dice = random.Random("words")
    for number in range(80):
        for raw in map(bytearray, _mails_of_words(number)):
            for _ in range(dice.randrange(1, 5)):
                dice.choice(DAMAGE)(raw, dice)
            mail, _ = understand(bytes(raw), ENVELOPE)
            read = [mail.text, mail.html_raw, *(level.body for level in mail.forwarded)]
            kept = b"\n".join(["\n".join(read).encode(), *(file.content for file in mail.attachments)])
            for line in re.split(rb"[\r\n]+", raw):
                if _LINE_OF_WORDS.fullmatch(line):
                    assert line in kept, bytes(raw)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    _check(raw)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "From: ",
                "Content-Type: multipart/mixed; boundary=b",
                "\n",
                "--b",
                "--b--",
                "\x00",
                "ä",
                ">",
                "On 1.1.2024 x wrote:",
                "<p>",
                "-- ",
                "=?utf-8?q?=C3?=",
            ]
        )
    )
)
def test_any_heap_of_mail_words_is_a_mail(words: list[str]) -> None:
    _check("\n".join(words).encode())


DAEMON = b"Return-Path: <>\nFrom: mailer-daemon@x.example\nSubject: failure notice\n\n"
HOSTILE = {
    "nested multiparts": HEAD
    + b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(90))
    + b"x\n" * 50_000,
    "nested mails": HEAD + b"Content-Type: message/rfc822\n\n" * 3_000,
    "many parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 50_000,
    "many parameters": HEAD + b"Content-Type: text/plain" + b";a=b" * 50_000 + b"\n\nhei",
    "many encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n\nhei",
    "unfinished encoded words": b"Subject: " + b"=?a?q?" * 80_000 + b"\n\nhei",
    "many recipients": HEAD + b"To: " + b"a@b.example, " * 40_000 + b"\n\nhei",
    "parentheses": b"From: " + b"(" * 50_000 + b"\n\nhei",
    "many references": HEAD + b"References: " + b"<a@b>" * 100_000 + b"\n\nhei",
    "deep HTML": HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 60_000,
    "deep quotes": HEAD + b"Content-Type: text/html\n\n" + b"<blockquote>x" * 250 + b"<br>" * 50_000,
    "marks": HEAD + b"\n" + b">" * 500_000,
    "colons": HEAD + b"\n" + (b"From: " + b"To: " * 100 + b"\n") * 1_000,
    "attributions": HEAD + b"\n" + b"12:30 a@b.example wrote:\n" * 20_000,
    "a bounce of words": b"From: mailer-daemon@x.example\nSubject: failure notice\n\n"
    + b"could not be delivered to\n" * 20_000,
    "a bounce of addresses": DAEMON + b"a@b.example " * 80_000,
    "a bounce of recipients": DAEMON + b"".join(b"u%d@b.example could not be delivered\n" % n for n in range(20_000)),
    "a bounce of aliases": DAEMON
    + b"could not be delivered\n"
    + b"  u@b.example (generated from v@b.example)\n" * 20_000,
    "an absence of dates": HEAD + b"Auto-Submitted: auto-replied\n\n" + b"until 1 march 1.1.2025 " * 40_000,
    "a form of fields": b"From: noreply@b.example\nReply-To: c@d.example\n\n"
    + b"Email: a@b.example\nName: x\n" * 40_000,
    "a calendar of guests": HEAD
    + b"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nBEGIN:VEVENT\n"
    + b"ATTENDEE;CN=x:mailto:a@b.example\n" * 30_000
    + b"END:VEVENT\nEND:VCALENDAR\n",
    "a winmail.dat of attributes": HEAD
    + b"Content-Type: application/ms-tnef\n\n\x78\x9f\x3e\x22\x01\x00"
    + b"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" * 90_000,
    "begins of uuencoded files": HEAD + b"\n" + b"begin 644 x\n" * 80_000,
    "empty lines in a uuencoded file": HEAD + b"\nbegin 644 x\n" + b"\n" * 1_000_000,
    "a name of many escapes": b"From: " + b"\x1b$B" * 300_000 + b"\n\nhei",
    "a head of junk": b"junk line here\n" * 70_000 + HEAD + b"\nx",
    "a NUL in a charset and a raw letter in a field": b"Subject: \xe4\nContent-Type: text/plain; charset=\x00.\n\n\xe4"
    * 2,
    "refused codec": HEAD + b"Content-Type: text/plain; charset=idna\n\n" + b"a." * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_shapes_are_read_in_time(name: str) -> None:
    started = time.process_time()
    _check(HOSTILE[name])
    assert time.process_time() - started < 2.0
