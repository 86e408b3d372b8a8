"""Attacks on the reading of mail: results that pose as a relay's, and mails made to hold up whoever reads them."""

import ipaddress
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope
from mailcrm.notify.excerpt import excerpt
from mailcrm.rules import Rules
from mailcrm.threading.author import staff_proof
from mailcrm.web.mail_reads import stored_mail

_ENVELOPE = Envelope("mallory@evil.example", ("sales@crm.firma.test",), datetime.now(UTC), Door.SMTP, "127.0.0.1")
_STRANGERS = Envelope("mallory@evil.example", ("sales@crm.firma.test",), datetime.now(UTC), Door.SMTP, "192.0.2.9")
_RULES = Rules(
    frozenset({"crm.firma.test"}),
    "notify@crm.firma.test",
    "page.firma.test",
    authserv_ids=frozenset({"mx.firma.test"}),
    trusted_networks=(ipaddress.ip_network("127.0.0.0/8"),),
)
_PASS = "mx.firma.test; dmarc=pass header.from=firma.test"
_QUICK = 6.0  # seconds; each of these took from half a minute to for ever


def _proof(results: str, from_: str = "alice@firma.test", *, above: str = "", envelope: Envelope = _ENVELOPE) -> str:
    head = f"{above}Authentication-Results: {results}\r\nFrom: {from_}\r\nTo: sales@crm.firma.test\r\n"
    mail, _ = understand(f"{head}Subject: s\r\nMessage-ID: <a@b>\r\n\r\nhello".encode(), envelope)
    return staff_proof(mail, envelope, _RULES)


# --- results that pose as a relay's -------------------------------------------------------------------------------------


@pytest.mark.parametrize("results", [_PASS, _PASS.replace(";", " 1;"), _PASS.replace("mx.firma.test", '"MX.firma.test"'),
                                     "mx.firma.test; dkim=pass (2048-bit key) header.d=firma.test header.s=a",
                                     "mx.firma.test; dmarc=none; spf=pass smtp.mailfrom=alice@mail.firma.test"])  # fmt: skip
def test_a_trusted_relays_pass_is_proof(results: str) -> None:
    assert _proof(results)


@pytest.mark.parametrize(
    "results",
    [
        # the envelope sender as the relay repeats it, made to end its own field
        "mx.firma.test; dmarc=fail; spf=pass smtp.mailfrom==?utf-8?q?x=3b_dmarc=3dpass_header.from=3dfirma.test_y?=@evil.example",
        r'mx.firma.test; dmarc=fail; spf=pass smtp.mailfrom="x\"; dmarc=pass header.from=firma.test; \""@evil.example',
        r'mx.firma.test; dmarc=none; spf=pass smtp.mailfrom="x\"; dkim=pass header.d=firma.test; \""@evil.example',
        r"mx.firma.test; spf=pass (of a\) ; dkim=pass header.d=firma.test ; (x@evil.example) smtp.mailfrom=a@evil.example",
        'mx.firma.test; spf=pass (of "a) ; dkim=pass header.d=firma.test ; ("@evil.example) smtp.mailfrom=a@evil.example',
        'mx.firma.test; spf=pass smtp.mailfrom="open; dkim=pass header.d=firma.test',
        f'mx.firma.test; dkim=pass header.i="{"a" * 301} header.d=firma.test"@evil.example header.s=x',
        "mx.firma.test; dmarc=fail; dmarc=pass header.from=firma.test",
        "mx.firma.test; dmarc=pass header.from=firma.test; dmarc=fail",
        "mx.firma.test; spf=fail smtp.mailfrom=evil.example; spf=pass smtp.mailfrom=firma.test",
        # alignment
        "mx.firma.test; dkim=pass header.d=test",
        "mx.firma.test; dkim=pass header.d=firma.test.evil.example",
        "mx.firma.test; dkim=pass header.d=evilfirma.test",
        "mx.firma.test; dkim=fail header.d=firma.test; dkim=pass header.d=evil.example",
        "mx.firma.test; dmarc=pass header.from=evil.example",
        "mx.firma.test; spf=pass smtp.helo=firma.test",
        'mx.firma.test; spf=pass smtp.mailfrom="alice@firma.test"@evil.example',
        "mx.firma.test; none (dmarc=pass header.from=firma.test)",
        # somebody else's field
        "mx.firma.test.evil.example; dmarc=pass header.from=firma.test",
        "evil.example mx.firma.test; dmarc=pass header.from=firma.test",
        "dmarc=pass header.from=firma.test",
    ],
)
def test_no_word_of_a_strangers_poses_as_the_relays(results: str) -> None:
    assert not _proof(results)


def test_results_further_down_or_from_an_untrusted_peer_are_not_believed() -> None:
    received = "Received: from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    assert _proof(_PASS, above=received)
    assert not _proof(_PASS, above=received * 2)
    assert not _proof(_PASS, above="Authentication-Results: mx.firma.test; dmarc=fail\r\n")
    assert not _proof(_PASS, envelope=_STRANGERS)


@pytest.mark.parametrize("from_", ["alice@firma.test, mallory@evil.example", "<alice@firma.test>, <mallory@evil.example>",
                                   "group: alice@firma.test, mallory@evil.example;",
                                   "alice@firma.test\r\nFrom: mallory@evil.example"])  # fmt: skip
def test_a_from_of_several_is_never_proven(from_: str) -> None:
    assert not _proof("mx.firma.test; dmarc=pass", from_)
    assert not _proof(_PASS, from_)


@pytest.mark.parametrize("from_", ["alice@firma.test <mallory@evil.example>", '"alice@firma.test" <mallory@evil.example>',
                                   "=?utf-8?q?alice=40firma.test?= <mallory@evil.example>",
                                   "=?utf-8?q?alice=40firma.test=2C?= <mallory@evil.example>",
                                   "mallory@evil.example (alice@firma.test)"])  # fmt: skip
def test_a_staff_address_in_a_name_or_comment_is_not_the_writer(from_: str) -> None:
    raw = f"From: {from_}\r\nTo: sales@crm.firma.test\r\nMessage-ID: <a@b>\r\n\r\nhello".encode()
    mail, _ = understand(raw, _ENVELOPE)
    assert mail.from_ is not None
    assert mail.from_.address == "mallory@evil.example"


# --- mails that hold up their reader ------------------------------------------------------------------------------------

_HEAD = b"From: m@evil.example\r\nTo: sales@crm.firma.test\r\nSubject: s\r\nMessage-ID: <a@b>\r\nMIME-Version: 1.0\r\n"
_MIXED = _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def _html(body: bytes) -> bytes:
    return _HEAD + b"Content-Type: text/html\r\n\r\n" + body


def _nested(depth: int, lines: int, kind: bytes = b"multipart/mixed") -> bytes:
    parts = (b"Content-Type: %s; boundary=b%d\r\n\r\n--b%d\r\n" % (kind, i, i) for i in range(depth))
    return b"".join(parts) + b"hello\r\n" + b"x\r\n" * lines


_BOMBS: dict[str, Callable[[], bytes]] = {
    "options": lambda: _html(b"<select>" + b"<option>" * 60_000),
    "paragraphs in a table": lambda: _html(b"<table>" + b"<p>" * 130_000),
    "foreign elements": lambda: _html(b"<svg>" + b"<td>" * 120_000),
    "parameters": lambda: (
        _MIXED + (b"--b\r\nContent-Type: text/plain; " + b"a=b;" * 700 + b"\r\n\r\nx\r\n") * 990 + b"--b--"
    ),
    "name pieces": lambda: _MIXED + (b"--b\r\nContent-Type: x/y; " + b"name*0*=u;" * 300 + b"\r\n\r\nx\r\n") * 990,
    "nested, in capitals": lambda: _HEAD + _nested(300, 800_000, b"MULTIPART/mixed"),
    "nested, boundary to be guessed": lambda: (
        _HEAD
        + b"Content-Type: multipart/mixed\r\n\r\n--ab\r\n"
        + _nested(300, 700_000, b"MULTIPART/mixed")
        + b"--ab\r\n"
    ),
    "blocks of a report": lambda: _HEAD + b"Content-Type: message/delivery-status\r\n\r\n" + b"a:\r\n\r\n" * 400_000,
    "references": lambda: _HEAD + b"References: " + b"<abcdefgh@evil.example> " * 400_000 + b"\r\n\r\nhello",
    "recipients": lambda: _HEAD + b"Cc: " + b"u@x.example," * 400_000 + b"\r\n\r\nhello",
    "quotes in From": lambda: b"From: " + b'"a,<' * 12_000 + b"\r\n\r\nhello",
    "one line": lambda: _HEAD + b"\r\n" + b"a" * 10_000_000,
    "attributions": lambda: _HEAD + b"\r\n" + b"On Mon, 1 Jan 2024 at 10:00 a@b.example wrote:\r\n" * 200_000,
}


@pytest.mark.parametrize("name", _BOMBS)
def test_no_mail_holds_up_its_reader(name: str) -> None:
    raw = _BOMBS[name]()
    start = time.monotonic()
    mail, _ = understand(raw, _ENVELOPE)
    assert time.monotonic() - start < _QUICK
    assert mail.size == len(raw)


@pytest.mark.parametrize("raw", [_HEAD + _nested(1_500, 10), _HEAD + _nested(300, 50_000),
                                 _HEAD + b"Content-Type: " + b"(" * 20_000 + b"\r\n\r\nhello",
                                 _HEAD + b"Content-Type: text/plain; " + b"a=b;" * 40_000 + b"\r\n\r\nhello",
                                 _HEAD + b"Content-Transfer-Encoding: " + b"(" * 3_000 + b"\r\n\r\nhello",
                                 b"Subject: " + b"=?utf-8?q?a?= " * 3_000 + b"\r\n\r\nhello", b"", b"\0\xff\n\n\n"])  # fmt: skip
def test_a_stored_mail_is_shown_or_quoted_whatever_it_holds(raw: bytes) -> None:
    start = time.monotonic()
    excerpt(raw)
    stored_mail(raw)
    assert time.monotonic() - start < _QUICK
