# ruff: noqa: E501 - one shape a line is read more easily
"""Mails made to take long: each shape by the size it is wanted in, and every token said over and over in every place.

Only text that somebody could send; what reading does with it is the tests'.
"""

import base64
from collections.abc import Callable, Iterator

Shape = Callable[[int], bytes]

HEAD = (
    b"From: Mallory <m@evil.example>\r\nTo: sales@crm.firma.test\r\nMessage-ID: <a@evil.example>\r\n"
    b"Date: Tue, 05 Mar 2024 10:11:12 +0200\r\nMIME-Version: 1.0\r\n"
)
REPLY = HEAD + b"Subject: Re: VS: Offer\r\nIn-Reply-To: <b@crm.firma.test>\r\n"
FORWARD = HEAD + b"Subject: Fwd: Offer\r\n"
DAEMON = (
    b"Return-Path: <>\r\nFrom: mailer-daemon@evil.example\r\nTo: sales@crm.firma.test\r\nMessage-ID: <a@evil.example>\r\n"
    b"Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
)
MIXED = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
PAGE = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def _times(token: bytes, size: int) -> bytes:
    return token * max(1, size // len(token))


# --- tokens, said over and over -----------------------------------------------------------------------------------------

TOKENS = (
    b"<", b">", b"<<", b"(", b"((\\", b")", b'"', b'"a,<', b"\\", b",", b";", b":", b"::\r\n", b"@", b"a@", b"a@b.fi ", b"<a@b.fi>,",
    b"[", b"[mailto:", b"--", b"-- \r\n", b"-----\r\n", b"--b\r\n", b"____\r\n", b"=", b"=\r\n", b"=3D", b"=?", b"=?utf-8?q?", b"=?utf-8?q?=C3?= ",
    b"=?utf-8?b?w6Q=?=", b"%25", b"*", b"a*0*=x; ", b"a=b;", b"&", b"&amp;", b"&#", b"&#x41;", b"<a ", b"<a href=x>", b"<div>", b"<b><p>",
    b"<table><tr><td>", b"<!--", b"<!", b"<p style='", b"</", b"</div>", b"<blockquote>", b"<br>", b"<hr>", b"<style>", b"{}", b"url(", b"data:image/png;base64,",
    b"cid:", b"> ", b">\r\n", b">>> x\r\n", b"| x\r\n", b"AS> x\r\n", b"\r\n", b"\r", b"\n", b" \r\n", b"\t", b" ", b"\xa0", b"\xc2\xa0", b"\xe2\x80\x8b",
    b"\xff", b"\x00", b"\xc3", b"\x1b$B", b"\x1b$B!!\x1b(B", b"+AGE-", b"x", b"x ", b"1", b"1.", b"1:1 ", b"12.3.2024 ", b"2024", b"+358 ", b"/", b"http://", b"http://a.fi/b\r\n",
    b"From: ", b"From: a@b.fi\r\n", b"From: a\r\nTo: b\r\nSubject: c\r\n", b"From: a\r\n b\r\n", b"Subject: Re: ", b"Re: ", b"VS: ", b"[x] ", b"On ", b"On 1.1.2024 a@b.fi wrote:\r\n",
    b"On 1.1.2024 a@b.fi wrote: ", b"a kirjoitti:\r\n", b"wrote ", b"---- Forwarded message ----\r\n", b"-----Original Message-----\r\n",
    b"Begin forwarded message:\r\n", b"On Mon 1.1.2024\r\n", b"a 1.1.2024 10:00\r\n", b"Best regards\r\n", b"Terveisin\r\nMallory\r\n", b"Mallory\r\n", b"tel. 0401234567\r\n",
    b"confidential ", b"CONFIDENTIAL intended recipient in error\r\n\r\n", b"external email click link\r\n", b"reply above this line\r\n", b"Sent from my iPhone\r\n\r\n",
    b"begin 644 a\r\n", b"begin 644 a\r\n#0V%T\r\n`\r\nend\r\n", b"M" + b"A" * 60 + b"\r\n", b"=ybegin line=128 size=1 name=a\r\n", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n",
    b"Name: a\r\n", b"E-mail: a@b.fi\r\nMessage: x\r\n", b"Label\r\nvalue\r\n\r\n", b"<a@b.fi>: host x said: 550 no\r\n", b"550 5.1.1 a@b.fi\r\n", b"Final-Recipient: rfc822; a@b.fi\r\n", b"Action: failed\r\n\r\n",
    b"out of office ", b"until 1.1.2025 ", b"automatic reply ", b"this is an automatic message ", b"Content-Type: text/plain\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    b"BEGIN:VEVENT\r\n", b"DTSTART:20240101T100000Z\r\n", b"RRULE:FREQ=SECONDLY\r\n", b"UID:a\r\n ", b"2001:", b"a.", b"-", b"\xe2\x80\x93", b"\xef\xbc\x9a", b"\xd0\x9e\xd1\x82: ", b"\xe5\x8f\x91", b"i\xcc\x87", b"\xc4\xb0",
)  # fmt: skip
PLACES: dict[str, Callable[[bytes], bytes]] = {
    "a first mail": lambda said: HEAD + b"Subject: s\r\n" + TEXT + b"Hi\r\n" + said,
    "a reply": lambda said: REPLY + TEXT + b"Hi\r\n" + said,
    "a quote": lambda said: REPLY + TEXT + b"Hi\r\n\r\nOn 1.1.2024 a@b.fi wrote:\r\n" + said,
    "a forward": lambda said: FORWARD + TEXT + b"---- Forwarded message ----\r\nFrom: " + said,
    "a report": lambda said: DAEMON + TEXT + said,
    "a form": lambda said: HEAD.replace(b"m@", b"noreply@") + b"Subject: Contact form\r\n" + TEXT + b"Name: a\r\nEmail: " + said,
    "a page": lambda said: REPLY + PAGE + b"<div>" + said,
    "an attribute": lambda said: REPLY + PAGE + b"<div style='" + said,
    "quoted-printable": lambda said: REPLY + b"Content-Transfer-Encoding: quoted-printable\r\n" + TEXT + said,
    "base64": lambda said: REPLY + b"Content-Transfer-Encoding: base64\r\n" + TEXT + said,
    "a calendar": lambda said: HEAD + b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:" + said,
    "a status": lambda said: DAEMON + b"Content-Type: multipart/report; report-type=delivery-status; boundary=c\r\n\r\n--c\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n" + said + b"\r\n--c--\r\n",
    "enriched": lambda said: HEAD + b"Content-Type: text/enriched\r\n\r\n" + said,
    "parts": lambda said: HEAD + MIXED + b"--b\r\n\r\nHi\r\n" + said,
    "a preamble": lambda said: HEAD + MIXED + said + b"\r\n--b\r\n\r\nHi\r\n--b--\r\n",
    "an attached mail": lambda said: HEAD + MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b.fi\r\nSubject: Fwd: x\r\n\r\n" + said + b"\r\n--b--\r\n",
    "the head": lambda said: said + b"\r\n" + HEAD + b"\r\nHi\r\n",
    "no head": lambda said: said,
    "latin-1": lambda said: REPLY + b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + said,
    "utf-16": lambda said: REPLY + b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + said,
    "utf-7": lambda said: REPLY + b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + said,
    "iso-2022-jp": lambda said: REPLY + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + said,
}  # fmt: skip
FIELDS = (
    "From", "Sender", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Received", "Return-Path",
    "Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-ID", "MIME-Version", "List-Id", "List-Post", "List-Unsubscribe",
    "Auto-Submitted", "Precedence", "Authentication-Results", "DKIM-Signature", "X-Failed-Recipients", "Delivered-To", "X-Spam-Status", "X-Original-From",
    "Content-Location", "Thread-Topic", "X-Auto-Response-Suppress", "X-Mailer", "Return-Receipt-To", "Resent-From", "X-Forwarded-For",
)  # fmt: skip


def in_place(place: str, token: bytes, size: int) -> bytes:
    """A mail with the token said over and over in one of the places."""
    return PLACES[place](_times(token, size))


def in_field(name: str, token: bytes, size: int) -> bytes:
    """A mail in which a field says it over and over."""
    said = _times(token, size).replace(b"\r\n", b"\r\n ")
    kept = [line for line in HEAD.split(b"\r\n") if line and not line.startswith(name.encode() + b":")]
    start = {"Content-Type": b"text/plain; ", "Content-Disposition": b"attachment; filename="}.get(name, b"")
    return b"\r\n".join([*kept, name.encode() + b": " + start + said, b"", b"Hi"])


def said_everywhere(size: int) -> Iterator[tuple[str, bytes]]:
    """Every token in every place, one mail each."""
    for token in TOKENS:
        for place in PLACES:
            yield f"{token!r} in {place}", in_place(place, token, size)
        for name in FIELDS:
            yield f"{token!r} in {name}", in_field(name, token, size)


# --- shapes -------------------------------------------------------------------------------------------------------------


def _many(part: Callable[[int], bytes], size: int) -> bytes:
    length = len(part(0))
    return b"".join(part(number) for number in range(max(1, size // length)))


def _parts(part: bytes) -> Shape:
    return lambda size: HEAD + MIXED + _times(b"--b\r\n" + part + b"\r\n", size) + b"--b--\r\n"


def _html(before: bytes, token: bytes, after: bytes = b"") -> Shape:
    return lambda size: REPLY + PAGE + before + _times(token, size) + after


def _pairs(before: bytes, after: bytes, middle: bytes = b"x") -> Shape:
    """As many opened as closed."""
    length = len(before) + len(after)
    return lambda size: REPLY + PAGE + before * (size // length) + middle + after * (size // length)


def _nested_mails(size: int) -> bytes:
    return (
        HEAD
        + _times(b"Content-Type: message/rfc822\r\n\r\nFrom: a@b.fi\r\n", min(size, 50_000))
        + b"\r\n"
        + b"x\r\n" * (size // 3)
    )


def _nested_parts(size: int) -> bytes:
    heads = _many(
        lambda n: b"Content-Type: multipart/mixed; boundary=%06d\r\n\r\n--%06d\r\n" % (n, n), min(size // 2, 60_000)
    )
    return HEAD + heads + b"x\r\n" * (size // 6)


def _nested_prefixes(size: int) -> bytes:
    """Boundaries that begin as each other do."""
    heads = b"".join(
        b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (b"b" * n, b"b" * n) for n in range(1, 60)
    )
    return HEAD + heads + _times(b"--" + b"b" * 61 + b"\r\n", size)


def _tnef(attribute: bytes) -> Shape:
    """A winmail.dat of many attributes, whatever lengths they say."""

    def made(size: int) -> bytes:
        data = bytes.fromhex("789f3e22") + b"\x01\x00" + _times(attribute, size)
        coded = base64.encodebytes(data)
        return (
            HEAD
            + MIXED
            + b"--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + coded
            + b"--b--\r\n"
        )

    return made


def _calendar(token: bytes) -> Shape:
    top = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20240101T100000Z\r\nORGANIZER:mailto:a@b.fi\r\n"
    return lambda size: (
        HEAD
        + b"Content-Type: text/calendar; method=REQUEST\r\n\r\n"
        + top
        + _times(token, size)
        + b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def _status(token: bytes) -> Shape:
    head = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=c\r\n\r\n--c\r\n\r\nFailed.\r\n--c\r\n"
    )
    return lambda size: (
        DAEMON
        + head
        + b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        + _times(token, size)
        + b"\r\n--c--\r\n"
    )


SHAPES: dict[str, Shape] = {
    "nested mails": _nested_mails,
    "nested parts": _nested_parts,
    "boundaries that are prefixes of each other": _nested_prefixes,
    "empty parts": _parts(b""),
    "small parts": _parts(b"\r\nx"),
    "parts of a file": _parts(b"Content-Type: x/y; name=a\r\n\r\nx"),
    "parts of a text": _parts(b"Content-Type: text/plain; charset=utf-8\r\n\r\nOn 1.1.2024 a@b.fi wrote:\r\n> x"),
    "parts of a page": _parts(b"Content-Type: text/html\r\n\r\n<div><p>x</p>"),
    "attached mails": _parts(b"Content-Type: message/rfc822\r\n\r\nFrom: a@b.fi\r\nSubject: Fwd: x\r\n\r\nHi"),
    "attached files that are mails": _parts(b"Content-Type: x/y; name=a.eml\r\n\r\nFrom: a@b.fi\r\nSubject: x\r\n\r\nHi"),
    "parts of a calendar": _parts(b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VEVENT\r\n"),
    "parts with long parameters": _parts(b"Content-Type: x/y; " + b"name*1*=a; " * 200 + b"\r\n\r\nx"),
    "pictures that the page names": lambda size: (
        HEAD + MIXED + b"--b\r\n" + PAGE + _many(lambda n: b"<img src=cid:%06d>" % n, size // 2)
        + b"\r\n" + _many(lambda n: b"--b\r\nContent-Type: image/png\r\nContent-ID: <%06d>\r\n\r\nx\r\n" % n, size // 2) + b"--b--\r\n"
    ),
    "continued parameters": lambda size: HEAD + b"Content-Disposition: attachment" + _many(lambda n: b"; filename*%06d*=a" % n, size) + b"\r\n\r\nHi",
    "continued types": lambda size: HEAD + b"Content-Type: text/plain" + _many(lambda n: b";\r\n name*%06d=a" % n, size) + b"\r\n\r\nHi",
    "many fields": lambda size: HEAD + _many(lambda n: b"X-F%06d: a\r\n" % n, size) + b"\r\nHi",
    "one field many times": lambda size: HEAD + _times(b"Received: from a by b; Tue, 05 Mar 2024 10:11:12 +0200\r\n", size) + b"\r\nHi",
    "many From": lambda size: _many(lambda n: b"From: a%06d <a%06d@b.fi>\r\n" % (n, n), size) + b"\r\nHi",
    "many To": lambda size: HEAD + _many(lambda n: b"To: a%06d <a%06d@b.fi>\r\n" % (n, n), size) + b"\r\nHi",
    "recipients": lambda size: HEAD + b"Cc: " + _many(lambda n: b"A %06d <a%06d@b.fi>,\r\n " % (n, n), size) + b"x@y.fi\r\n\r\nHi",
    "references": lambda size: HEAD + b"References: " + _many(lambda n: b"<%06d@b.fi>\r\n " % n, size) + b"\r\n\r\nHi",
    "authentication results": lambda size: HEAD + _times(b"Authentication-Results: mx.firma.test; dkim=pass header.d=b.fi\r\n", size) + b"\r\nHi",
    "long lines": lambda size: REPLY + TEXT + _times(b"x" * 2_000 + b" ", size),
    "empty lines": lambda size: REPLY + TEXT + b"Hi\r\n" + _times(b"\r\n", size) + b"bye",
    "quotes ever deeper": lambda size: REPLY + TEXT + b"".join(b">" * depth + b" x\r\n" for depth in range(int((2 * size) ** 0.5))),
    "quotes in one line": lambda size: REPLY + TEXT + _times(b"> ", size) + b"x",
    "names of the writer": lambda size: HEAD.replace(b"Mallory <", b"Mallory " * (size // 16) + b"<") + TEXT + _times(b"Mallory\r\n", size // 2),
    "paragraphs": lambda size: REPLY + TEXT + _many(lambda n: b"Line %06d of what I write to you about it.\r\n\r\n" % n, size),
    "signatures": lambda size: REPLY + TEXT + _times(b"Hi\r\n-- \r\nMallory\r\ntel 123456\r\n", size),
    "glued attributions": lambda size: REPLY + TEXT + _times(b"On 1.1.2024 10:00 <a@b.fi> wrote: x\r\n", size),
    "wrapped attributions": lambda size: REPLY + TEXT + _times(b"On 1.1.2024 10:00\r\na@b.fi\r\nMallory\r\n", size),
    "header blocks": lambda size: REPLY + TEXT + _times(b"From: a\r\nSent: 10:00\r\nTo: b@c.fi\r\nSubject: x\r\nHi\r\n", size),
    "header blocks of a forward": lambda size: FORWARD + TEXT + _times(b"From: a\r\nSent: 10:00\r\nTo: b@c.fi\r\nSubject: x\r\nHi\r\n", size),
    "recipients of a block": lambda size: FORWARD + TEXT + b"From: a@b.fi\r\nTo: " + _times(b"Smith, Carol <c@x.fi>; ", size) + b"\r\nSubject: x\r\n\r\nHi",
    "recipients of a block, line by line": lambda size: FORWARD + TEXT + b"From: a@b.fi\r\nTo: " + _times(b"Smith, Carol\r\n", size) + b"Subject: x\r\n\r\nHi",
    "open divs": _html(b"", b"<div>"),
    "open spans": _html(b"", b"<span>x"),
    "open paragraphs": _html(b"", b"<p>"),
    "open formatting": _html(b"", b"<b><i><u><a>"),
    "formatting closed in the wrong order": _html(b"", b"<b><p></b></p>"),
    "quotes in quotes": _pairs(b"<blockquote>", b"</blockquote>"),
    "tables in tables": _pairs(b"<table><tr><td>", b"</td></tr></table>"),
    "lists in lists": _pairs(b"<ul><li>", b"</ul>"),
    "misplaced in a table": _html(b"<table>", b"<b>x"),
    "open cells": _html(b"<table>", b"<td>x"),
    "rows of a form": lambda size: HEAD.replace(b"m@", b"noreply@") + PAGE + b"<table>" + _times(b"<tr><td>Name<td>x</tr>", size),
    "attributes": lambda size: REPLY + PAGE + b"<div " + _many(lambda n: b"a%06d=b " % n, size) + b">x",
    "attributes all the same": lambda size: REPLY + PAGE + b"<div " + _times(b"class=gmail_quote ", size) + b">x",
    "long attribute": lambda size: REPLY + PAGE + b"<div style='" + _times(b"color:red;", size) + b"'>x",
    "entities": _html(b"", b"&amp;&#228;&nbsp;&notanentity;"),
    "comments": _html(b"", b"<!-- x --><!--[if mso]>"),
    "unclosed comments": _html(b"", b"<!--"),
    "unclosed tags": _html(b"", b"<a href='"),
    "end tags": _html(b"", b"</div></p></td>"),
    "styles": _html(b"", b"<style>p.a { margin: 0 }</style>"),
    "rules of a style": _html(b"<style>", b"p.a { margin: 0; background: url(x) }\r\n", b"</style>"),
    "rules": _html(b"", b"<hr>x"),
    "hidden": _html(b"", b"<div style='display:none'>x</div>"),
    "written pictures": _html(b"", b"<img src='data:image/png;base64,iVBORw0KGgo='>"),
    "preformatted": _html(b"<pre>", b"x\n"),
    "breaks": _html(b"", b"<br>\n"),
    "foreign elements": _html(b"<svg>", b"<path d='M0'/><desc>"),
    "templates": _html(b"", b"<template>"),
    "options": _html(b"<select>", b"<option>"),
    "scripts": _html(b"", b"<script><!--"),
    "recurring meetings": _calendar(b"RRULE:FREQ=SECONDLY;COUNT=999999999;BYSECOND=1,2,3\r\n"),
    "exceptions of a meeting": _calendar(b"EXDATE:20240101T100000Z\r\n"),
    "attendees": _calendar(b"ATTENDEE;CN=a:mailto:a@b.fi\r\n"),
    "folded lines of a meeting": _calendar(b"DESCRIPTION:a\r\n b\r\n c\r\n"),
    "meetings": _calendar(b"END:VEVENT\r\nBEGIN:VEVENT\r\nUID:b\r\nDTSTART:20240101T100000Z\r\n"),
    "zones": _calendar(b"END:VEVENT\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nRRULE:FREQ=DAILY\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"),
    "components in components": _calendar(b"BEGIN:VALARM\r\n"),
    "recipients of a report": _status(b"Final-Recipient: rfc822; a@b.fi\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"),
    "fields of a report": _status(b"Diagnostic-Code: smtp; 550 no\r\n"),
    "folded fields of a report": _status(b"Diagnostic-Code: smtp; 550\r\n no such\r\n user\r\n"),
    "a report in words": lambda size: DAEMON + TEXT + b"Your message could not be delivered to\r\n" + _many(lambda n: b"<a%06d@b.fi>: host mx said: 550 5.1.1 unknown\r\n" % n, size),
    "a report in words that returns the mail": lambda size: DAEMON + TEXT + b"failed\r\n\r\n" + _times(b"--- Below this line is a copy of the message.\r\n\r\nFrom: a@b.fi\r\n", size),
    "attributes of a winmail.dat": _tnef(b"\x02" + b"\x00\x90\x06\x00" + b"\x00\x00\x00\x00" + b"\x00\x00"),
    "files of a winmail.dat": _tnef(b"\x02" + b"\x02\x90\x06\x00" + b"\x00\x00\x00\x00" + b"\x00\x00" + b"\x02" + b"\x0f\x80\x06\x00" + b"\x01\x00\x00\x00x" + b"\x00\x00"),
    "a winmail.dat whose lengths lie": _tnef(b"\x02" + b"\x0f\x80\x06\x00" + b"\xff\xff\xff\x7f"),
    "properties of a winmail.dat": _tnef(b"\x01" + b"\x03\x90\x06\x00" + b"\x0c\x00\x00\x00" + b"\x01\x00\x00\x00\x1e\x00\x00\x10\xff\xff\xff\xff" + b"\x00\x00"),
    "uuencoded files": lambda size: HEAD + TEXT + _times(b"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n", size),
    "an uuencoded file that does not end": lambda size: HEAD + TEXT + b"begin 644 a\r\n" + _times(b"M" + b"!" * 60 + b"\r\n", size),
    "a yEnc file": lambda size: HEAD + TEXT + b"=ybegin line=128 size=1 name=a\r\n" + _times(bytes(range(128, 256)) + b"\r\n", size),
    "codes one behind the other": lambda size: HEAD + b"Content-Transfer-Encoding: base64\r\n" + TEXT + _times(b"SGk=", size),
    "padding": lambda size: HEAD + b"Content-Transfer-Encoding: base64\r\n" + TEXT + b"SGk" + _times(b"=", size),
    "code with noise": lambda size: HEAD + b"Content-Transfer-Encoding: base64\r\n" + TEXT + _times(b"SGkg SGk!\r\n", size),
    "soft line ends": lambda size: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n" + TEXT + _times(b"x=\r\n", size),
    "mails of a mailbox": lambda size: _times(b"From a@b.fi Tue Mar  5 10:11:12 2024\r\nFrom: a@b.fi\r\nSubject: x\r\n\r\nHi\r\n\r\n", size),
    "mails said to be quoted in a mailbox": lambda size: HEAD + TEXT + _times(b">From a@b.fi Tue Mar  5\r\n", size),
    "only carriage returns": lambda size: (REPLY + TEXT).replace(b"\r\n", b"\r") + _times(b"> x\rOn 1.1.2024 a@b.fi wrote:\r", size),
    "all line ends": lambda size: REPLY + TEXT + _times(b"x\r\n\n\r\r\r\n", size),
    "lines that are no fields": lambda size: _times(b"this is no field\r\n", size // 2) + HEAD + b"\r\nHi",
    "a field without end": lambda size: HEAD + b"Subject: x" + _times(b"\r\n x", size),
    "blanks in a field": lambda size: HEAD + b"Subject: x" + _times(b" ", size) + b"y\r\n\r\nHi",
    "letters that turn the writing": lambda size: HEAD + b"Subject: " + _times("\u202e\u200f".encode(), size) + b"\r\n\r\n" + _times("\u202e\u200f x\r\n".encode(), size // 2),
    "letters with many marks": lambda size: REPLY + TEXT + b"a" + _times("\u0301\u0323".encode(), size),
    "letters that grow": lambda size: REPLY + TEXT + _times("\ufdfa".encode(), size),
    "capitals that become two letters": lambda size: REPLY + TEXT + _times("İ\u0130 ß\r\n".encode(), size),
    "thousand languages": lambda size: REPLY + TEXT + _times("Hei hello hallo bonjour 你好 Привет Γεια مرحبا\r\n".encode(), size),
}  # fmt: skip
