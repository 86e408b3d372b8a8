"""Bytes to ParsedMail; never raises, whatever comes. What is wrong with a mail becomes a defect in words.

mail-parser reads addresses, date and defects; it lives and dies in this file. It is handed the standard library's
message tree (``MailParser(message)`` is what its ``parse_from_bytes`` does) so that limits are checked first, each leaf
is decoded once, and large leaves are taken out before it would decode them again. What it loses is read here from the
bytes: raw 8-bit letters, attached mails, delivery-status parts, repeated fields, odd character sets.

Limits, because a stranger chooses the shape: 1,000 header lines, 1,000 parts, nesting 20, 32 references. What is beyond
a limit is kept as an attachment, never dropped.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

import mailparser

from mailcrm.ingest import body, bounce
from mailcrm.ingest.attribution import unglued
from mailcrm.ingest.auth import auth_results
from mailcrm.ingest.classify import Clues
from mailcrm.ingest.dates import date_of
from mailcrm.ingest.forward import forwarded, is_carried, is_unknown_prefix, names_forward, with_inner
from mailcrm.ingest.headers import Headers, addresses_in, as_addresses, headers_of, ids_in, one_box, unescape
from mailcrm.ingest.html import sanitise
from mailcrm.ingest.keys import content_key, text_key
from mailcrm.ingest.language import language_of
from mailcrm.ingest.parts import (
    attached_mails,
    attachments_of,
    bodies_of,
    calendar_in,
    encryption_of,
    signatures_of,
    text_and_html,
)
from mailcrm.ingest.rewritten import written_by
from mailcrm.ingest.shown import shown
from mailcrm.ingest.stubs import has_stub
from mailcrm.ingest.tree import Leaf, guarded_tree, leaves_of, split_head
from mailcrm.ingest.unseen import seen
from mailcrm.mail import Address, Envelope, ParsedMail, Report
from mailcrm.subject import base_subject, is_forward_subject

MARKER_HEADER = "X-Mailcrm-Marker"

_MOST_REFERENCES = 32
_STUBBED = 16 * 1024  # leaves above this are not shown to mail-parser, nor are attached mails


def parse(raw: bytes, envelope: Envelope) -> ParsedMail:
    """The mail, read."""
    return read(raw, envelope)[0]


def read(raw: bytes, envelope: Envelope) -> tuple[ParsedMail, Clues]:
    """The mail, and what ``classify`` needs besides."""
    defects: list[str] = []
    try:
        return _read(raw, raw, envelope, defects)
    except Exception as fault:  # noqa: BLE001 - the promise of this function: a mail that breaks a library is still a mail
        defects = [f"unreadable: {type(fault).__name__}"]
    head, rest = split_head(raw)
    plain = b"".join(line for line in head.splitlines(True)[:200] if line[:8].lower() in _PLAIN_HEADERS) + b"\r\n"
    try:
        mail, clues = _read(plain, raw, envelope, defects, rest=rest)
    except Exception:  # noqa: BLE001 - headers that break the parser by themselves: nothing of them is used
        mail, clues = _read(b"\r\n", raw, envelope, defects, rest=raw)
    return mail, clues


_PLAIN_HEADERS = (b"from: ", b"to: ", b"subject:", b"date: ", b"message-")


# --- the mail ---------------------------------------------------------------------------------------------------------


def _read(
    shown: bytes, raw: bytes, envelope: Envelope, defects: list[str], rest: bytes = b""
) -> tuple[ParsedMail, Clues]:
    message, kept_out = guarded_tree(shown, defects)
    headers = headers_of(message)
    leaves = leaves_of(message, defects)
    report_message = message if _may_report(headers, leaves) else None
    subject = seen(headers.first("subject"))
    bare_subject, has_prefix = base_subject(subject)
    writers = addresses_in(headers.by_name.get("from", ())[:1])
    in_reply_to = ids_in(headers.all("in-reply-to"))[:_MOST_REFERENCES]
    references = ids_in(headers.all("references"))[-_MOST_REFERENCES:]
    ids = ids_in(headers.all("message-id"))
    date_raw = headers.first("date")

    bodies = bodies_of(leaves, defects)
    text, html_raw = text_and_html(bodies)
    text = unglued(text)
    is_forward = is_forward_subject(subject) or names_forward(subject, text)
    attached = with_inner(attached_mails(leaves))
    levels = forwarded(text, attached, is_forward=is_forward, subject=bare_subject)
    if not is_forward and not has_prefix and is_unknown_prefix(subject, levels):
        is_forward, bare_subject = True, base_subject(levels[0].subject)[0]
    is_told_inside = not is_forward and len(levels) > len(attached)
    is_reply = has_prefix or is_forward or is_told_inside or bool(in_reply_to or references)
    writer = writers[0] if writers else Address("", "")
    parts = body.segments(text, is_reply=is_reply, is_forward=is_forward, writer=writer.name, address=writer.address)
    levels = levels if not is_told_inside or is_carried(parts) else attached
    new = body.new_text(parts)
    html = sanitise(html_raw)
    if html_raw and not html:
        defects.append("HTML too large or too deep to show")
    if encryption := encryption_of(leaves, text):
        defects.append(f"encrypted ({encryption})")
    report = _report(report_message, headers, writers, text, subject, envelope)
    calendar_method, meeting = calendar_in(leaves, envelope.received_at)
    attachments = attachments_of(bodies, html_raw, kept_out, rest)
    fields = _fields(message, headers, leaves, defects)  # empties leaves, so it is the last reader of the tree
    _note_missing(headers, ids, fields.from_, text, html_raw, defects)
    mail = ParsedMail(
        content_key=content_key(raw, ids, fields.from_, date_raw, leaves, kept_out + rest),
        text_key=text_key(new),
        has_message_id=bool(ids),
        message_id=ids[0] if ids else "",
        in_reply_to=in_reply_to,
        references=references,
        from_=fields.from_,
        sender=fields.sender,
        reply_to=fields.reply_to,
        to=fields.to,
        cc=fields.cc,
        subject=subject,
        base_subject=bare_subject,
        has_reply_prefix=has_prefix or is_forward,
        date=fields.date,
        date_raw=date_raw,
        text=text,
        html=html,
        html_raw=html_raw,
        new_text=new,
        segments=parts,
        attachments=attachments,
        forwarded=levels,
        auth=auth_results(headers),
        list_ids=_list_ids(headers),
        has_one_click_unsubscribe="list-unsubscribe-post" in headers,
        received_count=len(headers.by_name.get("received", ())),
        marker=headers.first(MARKER_HEADER.lower()),
        original_to=_original_to(headers),
        language=language_of(new),
        size=len(raw),
        defects=tuple(defects),
        written_by=written_by(headers, fields.from_, fields.reply_to),
        signatures=signatures_of(bodies),
    )
    return mail, Clues(
        headers=headers,
        content_type=message.get_content_type(),
        part_types=tuple(leaf.content_type for leaf in leaves),
        report=report,
        calendar_method=calendar_method,
        meeting=meeting,
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    from_: Address | None
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None


def _fields(message: Message, headers: Headers, leaves: list[Leaf], defects: list[str]) -> _Fields:
    """What mail-parser reads; the standard library beside it where mail-parser gives nothing or loses letters."""
    for leaf in leaves:
        if len(leaf.data) > _STUBBED or isinstance(leaf.part.get_payload(), list) or has_stub(leaf.part):
            leaf.part.set_payload("")
    alone = {name: box for name in _BOXES if (box := _alone(headers, name))}
    parser = None
    try:
        parser = mailparser.MailParser(shown(message, headers, alone.keys()))
        defects += sorted(str(category) for category in parser.defects_categories)
    except Exception as fault:  # noqa: BLE001 - hostile input may break it anywhere; the fallback reads the same fields
        defects.append(f"mail-parser: {type(fault).__name__}")

    def boxes(name: str) -> tuple[Address, ...]:
        if name in alone:
            return alone[name]
        written = _written(headers, name)
        is_plain = len(written) == 1 and written[0].isascii()
        found = as_addresses(getattr(parser, name.replace("-", "_"))) if parser and is_plain else ()
        read_here = addresses_in(written)
        return found if len(found) > len(read_here) else read_here

    writers, senders = boxes("from"), addresses_in(headers.by_name.get("sender", ())[:1])
    if len({address.address.lower() for address in writers}) > 1:
        defects.append("several from addresses")
    return _Fields(
        from_=writers[0] if writers else None,
        sender=senders[0] if senders else None,
        reply_to=boxes("reply-to"),
        to=boxes("to"),
        cc=boxes("cc"),
        date=date_of(parser.date if parser else None, headers.first("date")),
    )


_BOXES = ("from", "to", "cc", "reply-to")


def _alone(headers: Headers, name: str) -> tuple[Address, ...]:
    """The one mailbox of a field, which needs no parser."""
    written = _written(headers, name)
    return one_box(unescape(written[0]).replace("\n", " ").replace("\r", " ")) if len(written) == 1 else ()


def _written(headers: Headers, name: str) -> tuple[str, ...]:
    """A mail has one writer, the first; who else got it stands in every To and Cc."""
    found = headers.by_name.get(name, ())
    return found if name in ("to", "cc") else found[:1]


def _note_missing(
    headers: Headers, ids: tuple[str, ...], writer: Address | None, text: str, html: str, defects: list[str]
) -> None:
    for name in ("from", "date", "message-id", "subject"):
        count = len(headers.by_name.get(name, ()))
        if count > 1:
            defects.append(f"several {name} fields")
        elif not count:
            defects.append(f"no {name} field")
    defects += [f"several {name} fields" for name in ("to", "cc") if len(headers.by_name.get(name, ())) > 1]
    if writer is None and "from" in headers:
        defects.append("no address in from field")
    if not ids and "message-id" in headers:
        defects.append("no id in message-id field")
    if not text and not html:
        defects.append("no text")


# --- reports ----------------------------------------------------------------------------------------------------------


def _may_report(headers: Headers, leaves: list[Leaf]) -> bool:
    return any("delivery-status" in leaf.content_type for leaf in leaves) or len(leaves) <= 50


def _report(
    message: Message | None,
    headers: Headers,
    writers: tuple[Address, ...],
    text: str,
    subject: str,
    envelope: Envelope,
) -> Report | None:
    if message is None:
        return None
    mail_from = envelope.mail_from if envelope.source == "envelope" else None
    writer = writers[0].address if writers else headers.first("from")
    suspicion = bounce.suspicion_of(headers, writer, subject, mail_from)
    return bounce.report(message, headers, text, subject, suspicion, mail_from)


def _list_ids(headers: Headers) -> tuple[str, ...]:
    found: list[str] = []
    for value in headers.all("list-id"):
        inside = re.search(r"<([^<>]{1,300})>", value)
        found.append((inside.group(1) if inside else value).strip().lower())
    for value in headers.all("list-post"):
        found += [
            address.split("?")[0].lower() for address in re.findall(r"mailto:([^<>\s,]{1,300})", value, re.IGNORECASE)
        ]
    return tuple(dict.fromkeys(word for word in found if word))


_RECIPIENT_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")


def _original_to(headers: Headers) -> tuple[str, ...]:
    """Recipients of the topmost block; a Received field below it ends it, so that a sender's own fields do not "
    "count."""
    found: list[str] = []
    for name, value in headers.fields:
        if name in _RECIPIENT_FIELDS:
            found += [address.address for address in addresses_in((value,))]
        elif name == "received" and found:
            break
    return tuple(dict.fromkeys(found))
