"""Bytes to ParsedMail; never raises, whatever comes. What is wrong with a mail becomes a defect in words.

mail-parser reads addresses, date and defects; it lives and dies in this file. It is handed the standard library's
message tree (``MailParser(message)`` is what its ``parse_from_bytes`` does) so that limits are checked first, each leaf
is decoded once, and large leaves are taken out before it would decode them again. What it loses is read here from the
bytes: raw 8-bit letters, attached mails, delivery-status parts, repeated fields, odd character sets.

Limits, because a stranger chooses the shape: 1,000 header lines, 1,000 parts, nesting 20, 32 references. What is beyond
a limit is kept as an attachment, never dropped.
"""

import email
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.generator import BytesGenerator
from email.message import Message
from email.utils import parsedate_to_datetime

import mailparser  # type: ignore[import-untyped]  # it has no type stubs

from mailcrm.ingest import body, bounce
from mailcrm.ingest.auth import auth_results
from mailcrm.ingest.charset import clean_text, decode
from mailcrm.ingest.classify import Clues
from mailcrm.ingest.forward import forwarded
from mailcrm.ingest.headers import Headers, addresses_in, as_addresses, header_text, headers_of, ids_in
from mailcrm.ingest.html import html_to_text, sanitise
from mailcrm.ingest.language import language_of
from mailcrm.mail import Address, Attachment, Envelope, Forwarded, ParsedMail, Report
from mailcrm.subject import base_subject, is_forward_subject

MARKER_HEADER = "X-Mailcrm-Marker"

_KEY_VERSION = "01"
_MOST_HEADER_LINES = 1_000
_MOST_PARTS = 1_000
_DEEPEST = 20
_MOST_CONTAINERS = 100  # "multipart/" and "message/" in the whole mail; nested ones cost the parser depth times lines
_MOST_REFERENCES = 32
_STUBBED = 16 * 1024  # leaves above this are not shown to mail-parser
_LONGEST_NAME = 200


def parse(raw: bytes, envelope: Envelope) -> ParsedMail:
    """The mail, read."""
    return read(raw, envelope)[0]


def read(raw: bytes, envelope: Envelope) -> tuple[ParsedMail, Clues]:
    """The mail, and what ``classify`` needs besides."""
    defects: list[str] = []
    try:
        return _read(raw, raw, envelope, defects)
    except Exception as fault:  # the promise of this function: a mail that breaks a library is still a mail
        defects = [f"unreadable: {type(fault).__name__}"]
    head, rest = _split_head(raw)
    plain = b"".join(line for line in head.splitlines(True)[:200] if line[:8].lower() in _PLAIN_HEADERS) + b"\r\n"
    try:
        mail, clues = _read(plain, raw, envelope, defects, rest=rest)
    except Exception:  # headers that break the parser by themselves: nothing of them is used
        mail, clues = _read(b"\r\n", raw, envelope, defects, rest=raw)
    return mail, clues


_PLAIN_HEADERS = (b"from: ", b"to: ", b"subject:", b"date: ", b"message-")


# --- the tree
# -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Leaf:
    part: Message
    content_type: str
    data: bytes
    is_alternative: bool
    is_attached_mail: bool = False
    filename: str = field(init=False)

    def __post_init__(self) -> None:
        self.filename = _filename(self.part)


@dataclass(slots=True)
class _Bodies:
    text: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attached: list[_Leaf] = field(default_factory=list)


def _guarded_tree(raw: bytes, defects: list[str]) -> tuple[Message, bytes]:
    """The message tree within limits, and the bytes that were kept out of it."""
    head, rest = _split_head(raw)
    lines = head.splitlines(True)
    if len(lines) > _MOST_HEADER_LINES:
        defects.append("too many header lines")
        head = b"".join(lines[:_MOST_HEADER_LINES]) + b"\r\n"
        raw = head + rest
    folded = raw.lower() if len(raw) < 2_000_000 else raw
    if folded.count(b"multipart/") + folded.count(b"message/rfc822") > _MOST_CONTAINERS:
        defects.append("too many nested parts")
        return email.message_from_bytes(_without_type(head)), rest
    kept = b""
    if raw.count(b"\n--") > 2 * _MOST_PARTS and b"multipart/" in head.lower():
        cut = _nth(raw, b"\n--", 2 * _MOST_PARTS)
        raw, kept = raw[:cut], raw[cut:]
        defects.append("too many parts")
    return email.message_from_bytes(raw), kept


def _without_type(head: bytes) -> bytes:
    """The fields without Content-Type, so that the body is not taken apart."""
    return re.sub(rb"(?im)^content-type:", b"X-Content-Type:", head)


def _nth(raw: bytes, mark: bytes, count: int) -> int:
    place = -1
    for _ in range(count):
        place = raw.find(mark, place + 1)
    return place


def _split_head(raw: bytes) -> tuple[bytes, bytes]:
    """Header with its empty line, and body."""
    places = [(place, len(end)) for end in (b"\r\n\r\n", b"\n\n", b"\r\r") if (place := raw.find(end)) >= 0]
    if not places:
        return raw, b""
    place, width = min(places)
    return raw[: place + width], raw[place + width :]


def _leaves(message: Message, defects: list[str]) -> list[_Leaf]:
    """Leaf parts in order, each decoded once; an attached mail is one leaf."""
    found: list[_Leaf] = []
    todo: list[tuple[Message, int, bool]] = [(message, 0, False)]
    while todo:
        part, depth, is_alternative = todo.pop()
        payload = part.get_payload()
        content_type = part.get_content_type()
        if len(found) >= _MOST_PARTS or depth > _DEEPEST:
            _note(defects, "too many parts" if depth <= _DEEPEST else "nested too deep")
            found.append(_Leaf(part, "application/octet-stream", _as_bytes(part), False))
            if len(found) > _MOST_PARTS:
                break
        elif isinstance(payload, list) and content_type.startswith("multipart/"):
            inside = is_alternative or content_type == "multipart/alternative"
            todo += [(inner, depth + 1, inside) for inner in reversed(payload) if isinstance(inner, Message)]
        elif isinstance(payload, list):
            found.append(_attached_leaf(part, content_type, payload))
        elif content_type.startswith("multipart/") and (pieces := _by_guessed_boundary(part)):
            _note(defects, "broken boundary")
            todo += [(inner, depth + 1, is_alternative) for inner in reversed(pieces)]
        else:
            found.append(_Leaf(part, content_type, _decoded(part), is_alternative))
    return found


def _by_guessed_boundary(part: Message) -> list[Message]:
    """The parts of a multipart whose boundary is missing or spoilt: the first line that begins with two dashes "
    "tells."""
    data = _decoded(part)
    for line in io.BytesIO(data[:20_000]):
        boundary = line.strip()
        if boundary.startswith(b"--") and 4 < len(boundary) < 90 and b'"' not in boundary and data.count(boundary) > 1:
            again = email.message_from_bytes(
                b'Content-Type: multipart/mixed; boundary="' + boundary[2:] + b'"\n\n' + data
            )
            pieces = again.get_payload()
            return [piece for piece in pieces if isinstance(piece, Message)] if isinstance(pieces, list) else []
    return []


def _note(defects: list[str], defect: str) -> None:
    if defect not in defects:
        defects.append(defect)


def _attached_leaf(part: Message, content_type: str, payload: list[Message | str]) -> _Leaf:
    is_mail = content_type in ("message/rfc822", "message/global")
    data = b"\n".join(_as_bytes(inner) for inner in payload if isinstance(inner, Message))
    return _Leaf(part, content_type, data, False, is_attached_mail=is_mail)


def _decoded(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except Exception:  # the transfer decoders raise on some broken input; the letters as written are better than none
        data = None
    if isinstance(data, bytes):
        return data
    payload = part.get_payload()
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _as_bytes(part: Message) -> bytes:
    out = io.BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(part)
    except Exception:  # the generator raises on fields it cannot encode; what was written so far is kept
        pass
    return out.getvalue()


# --- the mail
# -----------------------------------------------------------------------------------------------------------


def _read(
    shown: bytes, raw: bytes, envelope: Envelope, defects: list[str], rest: bytes = b""
) -> tuple[ParsedMail, Clues]:
    message, kept_out = _guarded_tree(shown, defects)
    headers = headers_of(message)
    leaves = _leaves(message, defects)
    report_message = message if _may_report(headers, leaves) else None
    subject = headers.first("subject")
    bare_subject, has_prefix = base_subject(subject)
    in_reply_to = ids_in(headers.all("in-reply-to"))[:_MOST_REFERENCES]
    references = ids_in(headers.all("references"))[-_MOST_REFERENCES:]
    ids = ids_in(headers.all("message-id"))
    date_raw = headers.first("date")

    bodies = _bodies(leaves, defects)
    text, html_raw = _text_and_html(bodies)
    is_forward = is_forward_subject(subject)
    parts = body.segments(text, is_reply=has_prefix or bool(in_reply_to or references), is_forward=is_forward)
    new = body.new_text(parts)
    html = sanitise(html_raw)
    if html_raw and not html:
        defects.append("HTML too large or too deep to show")
    report = _report(report_message, headers, text, subject, envelope)
    fields = _fields(message, headers, leaves, defects)  # empties large leaves: last reader of the tree
    _note_missing(headers, ids, fields.from_, text, html_raw, defects)
    mail = ParsedMail(
        content_key=_content_key(raw, ids, fields.from_, date_raw, leaves, kept_out + rest),
        text_key=_text_key(new),
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
        has_reply_prefix=has_prefix,
        date=fields.date,
        date_raw=date_raw,
        text=text,
        html=html,
        html_raw=html_raw,
        new_text=new,
        segments=parts,
        attachments=_attachments(bodies.attached, html_raw, kept_out, rest),
        forwarded=forwarded(text, _attached_mails(leaves), is_forward=is_forward, subject=bare_subject),
        auth=auth_results(headers),
        list_ids=_list_ids(headers),
        has_one_click_unsubscribe="list-unsubscribe-post" in headers,
        received_count=len(headers.by_name.get("received", ())),
        marker=headers.first(MARKER_HEADER.lower()),
        original_to=_original_to(headers),
        language=language_of(new),
        size=len(raw),
        defects=tuple(defects),
    )
    return mail, Clues(
        headers=headers,
        content_type=message.get_content_type(),
        part_types=tuple(leaf.content_type for leaf in leaves),
        report=report,
        calendar_method=_calendar_method(leaves),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    from_: Address | None
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None


def _fields(message: Message, headers: Headers, leaves: list[_Leaf], defects: list[str]) -> _Fields:
    """What mail-parser reads; the standard library beside it where mail-parser gives nothing or loses letters."""
    for leaf in leaves:
        if len(leaf.data) > _STUBBED and isinstance(leaf.part.get_payload(), str):
            leaf.part.set_payload("")
    del message["received"]  # read already; its clauses are a third of mail-parser's time and nothing we use
    parser = None
    try:
        parser = mailparser.MailParser(message)
        defects += sorted(str(category) for category in parser.defects_categories)
    except Exception as fault:  # hostile input may break it anywhere; the fallback reads the same fields
        defects.append(f"mail-parser: {type(fault).__name__}")

    def boxes(name: str) -> tuple[Address, ...]:
        written = headers.by_name.get(name, ())[:1]
        found = (
            as_addresses(getattr(parser, name.replace("-", "_"))) if parser and written and written[0].isascii() else ()
        )
        return found or addresses_in(written)

    writers, senders = boxes("from"), addresses_in(headers.by_name.get("sender", ())[:1])
    return _Fields(
        from_=writers[0] if writers else None,
        sender=senders[0] if senders else None,
        reply_to=boxes("reply-to"),
        to=boxes("to"),
        cc=boxes("cc"),
        date=_date(parser.date if parser else None, headers.first("date")),
    )


def _date(found: object, written: str) -> datetime | None:
    """mail-parser's dates are UTC without saying so."""
    if isinstance(found, datetime):
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    try:
        date = parsedate_to_datetime(written)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _note_missing(
    headers: Headers, ids: tuple[str, ...], writer: Address | None, text: str, html: str, defects: list[str]
) -> None:
    for name in ("from", "date", "message-id", "subject"):
        count = len(headers.by_name.get(name, ()))
        if count > 1:
            defects.append(f"several {name} fields")
        elif not count:
            defects.append(f"no {name} field")
    if writer is None and "from" in headers:
        defects.append("no address in from field")
    if not ids and "message-id" in headers:
        defects.append("no id in message-id field")
    if not text and not html:
        defects.append("no text")


# --- body and attachments
# -----------------------------------------------------------------------------------------------


def _bodies(leaves: list[_Leaf], defects: list[str]) -> _Bodies:
    found = _Bodies()
    has_other_text = any(_is_body(leaf) for leaf in leaves)
    alternative_texts = 0
    for leaf in leaves:
        is_lone_text = not has_other_text and leaf.content_type in ("text/plain", "text/html") and len(leaves) == 1
        if not (_is_body(leaf) or is_lone_text):
            found.attached.append(leaf)
            continue
        text = _text_of(leaf, defects)
        if leaf.content_type == "text/html":
            found.html.append(text)
        elif leaf.is_alternative and alternative_texts and text.strip() in found.text:
            continue
        else:
            alternative_texts += leaf.is_alternative
            found.text.append(text.strip("\n") if len(leaves) > 1 else text)
    return found


# A multipart that could not be taken apart is shown as the text it is.
_BODY_TYPES = frozenset(
    "text/plain text/html text/enriched text/markdown multipart/mixed multipart/alternative multipart/related".split()
)


def _is_body(leaf: _Leaf) -> bool:
    """A text the reader is meant to see in the mail, not a file beside it."""
    if leaf.content_type not in _BODY_TYPES:
        return False
    disposition = str(leaf.part.get("content-disposition", "")).strip().lower()
    return not disposition.startswith("attachment") and not leaf.filename


def _text_of(leaf: _Leaf, defects: list[str]) -> str:
    declared = ""
    try:
        declared = str(leaf.part.get_param("charset", "") or "")
    except Exception:  # RFC 2231 parameters break the standard library in many ways
        _note(defects, "broken content-type field")
    text, is_right = decode(leaf.data, declared, is_html=leaf.content_type == "text/html")
    if declared and not is_right:
        _note(defects, "wrong character set")
    return clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))


def _text_and_html(bodies: _Bodies) -> tuple[str, str]:
    html = "\n".join(part for part in bodies.html if part.strip())
    text = "\n\n".join(part for part in bodies.text if part.strip())
    if html and not text.strip():
        text = html_to_text(html)
    return text, html


def _filename(part: Message) -> str:
    if "content-disposition" not in part and "name" not in str(part.get("content-type", "")).lower():
        return ""
    try:
        written = part.get_filename() or ""
    except Exception:  # as above
        written = ""
    name = header_text(str(written)).replace("\\", "/").rpartition("/")[2]
    return name.translate(_DIRECTIONS).strip(". ")[:_LONGEST_NAME]


# Marks that turn the direction of writing: "gpj.exe" shown as "exe.jpg".
_DIRECTIONS = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"))
_ENDINGS = {
    "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "image/png": ".png", "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "application/pdf": ".pdf", "message/delivery-status": ".txt", "text/rfc822-headers": ".txt",
    "application/ms-tnef": ".dat",
    "application/pkcs7-signature": ".p7s", "application/pgp-signature": ".asc", "text/csv": ".csv",
    "application/zip": ".zip",
}  # fmt: skip


def _attachments(leaves: list[_Leaf], html: str, *unread: bytes) -> tuple[Attachment, ...]:
    found = [_attachment(leaf, place, html) for place, leaf in enumerate(leaves, 1) if leaf.data or leaf.filename]
    found += [_file("unread-part.eml", "application/octet-stream", data, "", False) for data in unread if data]
    return tuple(found)


def _attachment(leaf: _Leaf, place: int, html: str) -> Attachment:
    name = leaf.filename
    if not name and leaf.is_attached_mail:
        name = _mail_name(leaf)
    if not name:
        name = f"part-{place}{_ENDINGS.get(leaf.content_type, '.bin')}"
    content_id = header_text(str(leaf.part.get("content-id", ""))).strip("<> ")
    disposition = str(leaf.part.get("content-disposition", "")).strip().lower()
    is_inline = bool(content_id) and (f"cid:{content_id}" in html or disposition.startswith("inline"))
    return _file(name, leaf.content_type, leaf.data, content_id, is_inline)


def _mail_name(leaf: _Leaf) -> str:
    payload = leaf.part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    subject = headers_of(inner).first("subject") if isinstance(inner, Message) else ""
    safe = "".join(" " if char in '/\\:*?"<>|' else char for char in subject.translate(_DIRECTIONS))
    return (" ".join(safe.split()).strip(". ")[:120] or "message") + ".eml"


def _file(name: str, content_type: str, data: bytes, content_id: str, is_inline: bool) -> Attachment:
    return Attachment(
        name, clean_text(content_type)[:100], len(data), hashlib.sha256(data).hexdigest(), content_id, is_inline, data
    )


def _attached_mails(leaves: list[_Leaf]) -> tuple[Forwarded, ...]:
    """Attached mails as levels of a forward: their own fields and their text."""
    found: list[Forwarded] = []
    for leaf in leaves:
        payload = leaf.part.get_payload()
        if (
            leaf.is_attached_mail
            and isinstance(payload, list)
            and payload
            and isinstance(payload[0], Message)
            and len(found) < 20
        ):
            found.append(_attached_mail(payload[0]))
    return tuple(found)


def _attached_mail(inner: Message) -> Forwarded:
    headers = headers_of(inner)
    writers = addresses_in(headers.by_name.get("from", ())[:1])
    text, _ = _text_and_html(_bodies(_leaves(inner, []), []))
    return Forwarded(
        from_=writers[0] if writers else None,
        to=addresses_in(headers.by_name.get("to", ())),
        cc=addresses_in(headers.by_name.get("cc", ())),
        date=headers.first("date"),
        subject=headers.first("subject"),
        body=text.strip(),
    )


def _calendar_method(leaves: list[_Leaf]) -> str:
    """The method of a calendar part, upper case; an .ics file beside a letter is only a file."""
    for leaf in leaves:
        if leaf.content_type == "text/calendar":
            try:
                method = str(leaf.part.get_param("method", "") or "")
            except Exception:  # as above
                method = ""
            match = re.search(rb"(?im)^METHOD:([A-Z]{3,20})", leaf.data[:4_000])
            method = method or (match.group(1).decode() if match else "")
            disposition = str(leaf.part.get("content-disposition", "")).lower()
            if method and not (disposition.startswith("attachment") and not leaf.is_alternative and match is None):
                return clean_text(method.upper())[:20]
    return ""


# --- reports
# ------------------------------------------------------------------------------------------------------------


def _may_report(headers: Headers, leaves: list[_Leaf]) -> bool:
    return any("delivery-status" in leaf.content_type for leaf in leaves) or len(leaves) <= 50


def _report(message: Message | None, headers: Headers, text: str, subject: str, envelope: Envelope) -> Report | None:
    if message is None:
        return None
    writers = addresses_in(headers.by_name.get("from", ())[:1])
    mail_from = envelope.mail_from if envelope.source == "envelope" else None
    writer = writers[0].address if writers else headers.first("from")
    is_suspect = bounce.looks_like_report(headers, writer, subject, mail_from)
    return bounce.report(message, headers, text, is_suspect=is_suspect)


# --- keys and small answers
# ---------------------------------------------------------------------------------------------

# Fields that each hop or the final delivery puts on top; the rest of the header is the sender's.
_TRACE = (
    b"received", b"return-path", b"delivered-to", b"x-original-to", b"envelope-to", b"x-envelope-to",
    b"x-envelope-from", b"delivery-date",
    b"authentication-results", b"received-spf", b"x-received", b"x-spam", b"x-spamd", b"x-rspamd", b"x-virus",
    b"x-google-smtp-source",
    b"arc-", b"x-uid", b"x-gm-", b"dkim-filter",
)  # fmt: skip


def _content_key(
    raw: bytes, ids: tuple[str, ...], writer: Address | None, date_raw: str, leaves: list[_Leaf], unread: bytes
) -> str:
    """DESIGN section 2: the same mail by two doors has one key, and reading better never changes it."""
    if not ids:
        return _KEY_VERSION + hashlib.sha256(_below_trace(raw).replace(b"\r\n", b"\n").rstrip()).hexdigest()
    digest = hashlib.sha256()
    for value in (ids[0], writer.address.lower() if writer else "", date_raw):
        digest.update(value.encode("utf-8", "replace") + b"\0")
    for leaf in leaves:
        digest.update(leaf.content_type.encode("utf-8", "replace") + b"\0")
        digest.update(_stripped(leaf.data, is_text=leaf.content_type.startswith(("text/", "message/"))) + b"\0")
    digest.update(unread)
    return _KEY_VERSION + digest.hexdigest()


def _stripped(data: bytes, *, is_text: bool) -> bytes:
    data = data.replace(b"\r\n", b"\n")
    if is_text:
        data = b"\n".join(line.rstrip() for line in data.split(b"\n"))
    return data.rstrip()


def _below_trace(raw: bytes) -> bytes:
    place = 0
    is_trace = False
    for line in _lines(raw):
        if line[:1] not in b" \t" or not line.strip():
            is_trace = line.lower().startswith(_TRACE)
        if not is_trace:
            break
        place += len(line)
    return raw[place:]


def _lines(raw: bytes) -> Iterator[bytes]:
    return iter(io.BytesIO(raw))


def _text_key(new: str) -> str:
    folded = unicodedata.normalize("NFKC", new).casefold()
    return hashlib.sha256("".join(folded.split()).encode("utf-8", "replace")).hexdigest()


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
