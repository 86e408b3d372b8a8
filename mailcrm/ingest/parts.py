# ruff: noqa: SIM905 - a list of words is read more easily as words
"""What the leaves of a mail are: its text, its HTML, its attachments, mails attached to it, a calendar's method."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message
from mimetypes import guess_extension, guess_type
from urllib.parse import quote

from mailcrm.ingest.charset import clean_text, decode
from mailcrm.ingest.headers import addresses_in, charset_in, header_text, headers_of, ids_in
from mailcrm.ingest.html import LARGEST, html_to_text
from mailcrm.ingest.invitation import meeting_of
from mailcrm.ingest.tnef import TnefFile, is_tnef, read_tnef
from mailcrm.ingest.tree import Leaf, guarded_tree, leaves_of, note
from mailcrm.ingest.unseen import seen
from mailcrm.ingest.uuencode import uudecoded
from mailcrm.mail import Attachment, Forwarded, Meeting


@dataclass(slots=True)
class Bodies:
    text: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # text in none of the parts
    attached: list[Leaf] = field(default_factory=list)
    signatures: list[Leaf] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)  # taken out of a text


def bodies_of(leaves: list[Leaf], defects: list[str]) -> Bodies:
    found = Bodies()
    named_body = _named_body(leaves)
    alternative_texts = 0
    room = {False: _MOST_TEXT, True: _MOST_TEXT}  # of text, of HTML
    has_body = any(map(_is_body, leaves))
    for leaf in leaves:
        if has_body and leaf.is_alternative and leaf.content_type in _FOR_PROGRAMS and not leaf.filename:
            continue
        if not _is_body(leaf) and leaf is not named_body:
            (found.signatures if leaf.is_signature else found.attached).append(leaf)
            continue
        if leaf is named_body and _is_attached(leaf):
            found.attached.append(leaf)
        data, files = uudecoded(leaf.data) if leaf.content_type == "text/plain" else (leaf.data, [])
        found.files += [_file(_label(name), "application/octet-stream", content, "", False) for name, content in files]
        shown = _shown(data, room[leaf.content_type == "text/html"], is_html=leaf.content_type == "text/html")
        room[leaf.content_type == "text/html"] -= len(shown)
        if len(shown) < len(data):
            note(defects, "text too long to show whole")
            found.files.append(_file(leaf.filename or _whole_name(leaf), leaf.content_type, data, "", False))
        text = _text_of(leaf, shown, defects)
        if leaf.is_beside:
            found.beside.append(text.strip("\n"))
        elif leaf.content_type == "text/html":
            found.html.append(text)
        elif leaf.is_alternative and alternative_texts and text.strip() in found.text:
            continue
        else:
            alternative_texts += leaf.is_alternative
            found.text.append(text.strip("\n") if len(leaves) > 1 else text)
    if not any(text.strip() for text in found.text) and not found.html:
        _read_winmail(found)
    return found


def _named_body(leaves: list[Leaf]) -> Leaf | None:
    """A text that has a file's name and is the body all the same: the first part, where no other is (RFC 8621 4.1.4)."""
    parts = [leaf for leaf in leaves if not leaf.is_beside]
    if not parts or parts[0].content_type not in ("text/plain", "text/html") or any(map(_is_body, parts)):
        return None
    return parts[0] if len(parts) == 1 or not _is_attached(parts[0]) else None


_MOST_TEXT = 1 << 20  # bytes that are shown; the whole of a longer text is a file beside it
_PICTURE = re.compile(rb"data:image/[a-z.+-]{1,20};base64,[A-Za-z0-9+/=%\s]{400,}", re.IGNORECASE)


def _shown(data: bytes, room: int, *, is_html: bool) -> bytes:
    """The text as far as it is shown: HTML without the pictures written into it if they make it long, and no more than ``room``."""
    if is_html and len(data) > LARGEST:
        data = _PICTURE.sub(b"", data)
    if len(data) <= room:
        return data
    if b"\0" in data[:200]:  # UTF-16 or UTF-32
        return data[: room & ~3]
    end = data.rfind(b"\n", room - room // 8, room) + 1 or data.rfind(b" ", room - room // 8, room) + 1 or room
    return data[:end]


def _whole_name(leaf: Leaf) -> str:
    return "text" + _ending(leaf.content_type)


def _read_winmail(found: Bodies) -> None:
    """The text of a mail that is nothing but a winmail.dat."""
    for leaf in found.attached:
        if is_tnef(leaf.data):
            packed = read_tnef(leaf.data)
            found.text += [clean_text(packed.text.replace("\r\n", "\n"))] if packed.text.strip() else []
            found.html += [clean_text(decode(packed.html, "", is_html=True)[0])] if packed.html else []


def _label(name: bytes) -> str:
    """A file's name that stood in a text: without path, without what cannot be seen."""
    text = seen(clean_text(decode(name, "")[0]).replace("\\", "/").rpartition("/")[2])
    return " ".join(text.split()).strip(". ")[:200] or "file"


# A multipart that could not be taken apart is shown as the text it is.
_BODY_TYPES = frozenset(
    "text/plain text/html text/enriched text/markdown multipart/mixed multipart/alternative multipart/related".split()
)

# The same words once more, for programs that run mails (AMP) and for watches.
_FOR_PROGRAMS = frozenset(("text/x-amp-html", "text/watch-html"))


def _is_body(leaf: Leaf) -> bool:
    """A text the reader is meant to see in the mail, not a file beside it."""
    if leaf.content_type not in _BODY_TYPES:
        return False
    return not _is_attached(leaf) and not leaf.filename


def _is_attached(leaf: Leaf) -> bool:
    return str(leaf.part.get("content-disposition", "")).strip().lower().startswith("attachment")


def _text_of(leaf: Leaf, data: bytes, defects: list[str]) -> str:
    declared = ""
    try:
        declared = str(leaf.part.get_param("charset", "") or "")
    except Exception:  # noqa: BLE001 - RFC 2231 parameters break the standard library in many ways
        note(defects, "broken content-type field")
    declared = declared or charset_in(str(leaf.part.get("content-type", "")))
    if leaf.content_type == "text/enriched":
        data = _without_enrichment(data)
    text, is_right = decode(data, declared, is_html=leaf.content_type == "text/html")
    if declared and not is_right:
        note(defects, "wrong character set")
    text = clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))
    return _SPLIT_WORD.sub("", text) if "yes" in _parameter(leaf, "delsp").lower() else text


# RFC 3676 4.1: a space that is no part of the words stands at the end of a line that goes on. Where it is the only one, the line
# was broken inside a word, or in a script without spaces.
_SPLIT_WORD = re.compile(r"(?<=[^\s>]) \n(?![\s>])")
_COMMAND = re.compile(rb"<(/?)([A-Za-z0-9-]{1,60})>|(<<)")


def _without_enrichment(data: bytes) -> bytes:
    """RFC 1896: words between angle brackets are commands, "<<" is "<"."""
    return _COMMAND.sub(lambda command: b"<" if command[3] else b"", data)


def text_and_html(bodies: Bodies) -> tuple[str, str]:
    html = "\n".join(part for part in bodies.html if part.strip())
    text = "\n\n".join(part for part in bodies.text if part.strip())
    if html and not text.strip():
        text = html_to_text(html)
    return "\n\n".join(passage for passage in (text, *bodies.beside) if passage), html


_ENDINGS = {
    "text/plain": ".txt", "text/html": ".html", "text/x-amp-html": ".html", "text/watch-html": ".html",
    "text/calendar": ".ics", "image/png": ".png", "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "application/pdf": ".pdf", "message/delivery-status": ".txt", "text/rfc822-headers": ".txt",
    "application/ms-tnef": ".dat",
    "application/pkcs7-signature": ".p7s", "application/pgp-signature": ".asc", "text/csv": ".csv",
    "application/zip": ".zip",
}  # fmt: skip


def attachments_of(bodies: Bodies, html: str, *unread: bytes) -> tuple[Attachment, ...]:
    """The files beside the text; those in a winmail.dat stand behind it."""
    found: list[Attachment] = []
    for place, leaf in enumerate(bodies.attached, 1):
        if leaf.data or leaf.filename:
            found.append(_attachment(leaf, place, html))
        if is_tnef(leaf.data):
            found += [_unpacked(file, number) for number, file in enumerate(read_tnef(leaf.data).files, 1)]
    found += bodies.files
    found += [_file("unread-part.eml", "application/octet-stream", data, "", False) for data in unread if data]
    return tuple(found)


def signatures_of(bodies: Bodies) -> tuple[Attachment, ...]:
    """Those of a signed mail: kept, but no files that somebody sent; without the mail as it came they prove nothing."""
    return tuple(_attachment(leaf, place, "") for place, leaf in enumerate(bodies.signatures, 1))


def _unpacked(file: TnefFile, number: int) -> Attachment:
    name = _label(file.name.encode()) if file.name.strip() else f"winmail-{number}.bin"
    content_type = guess_type(name)[0] or "application/octet-stream"
    return _file(name, content_type, file.data, clean_text(file.content_id)[:_LONGEST_ID], False)


# Names of parts that carry none but are known by their type.
_NAMES = {
    "application/pkcs7-mime": "smime.p7m", "application/x-pkcs7-mime": "smime.p7m", "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s", "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.asc", "application/pgp-keys": "key.asc",
}  # fmt: skip


_LONGEST_ID = 500


def _attachment(leaf: Leaf, place: int, html: str) -> Attachment:
    name = leaf.filename
    if not name and leaf.is_attached_mail:
        name = _mail_name(leaf)
    if not name:
        name = _NAMES.get(leaf.content_type) or f"part-{place}{_ending(leaf.content_type)}"
    content_id = header_text(str(leaf.part.get("content-id", ""))).strip("<> ")[:_LONGEST_ID]
    disposition = str(leaf.part.get("content-disposition", "")).strip().lower()
    is_shown = f"cid:{content_id}" in html or f"cid:{quote(content_id)}" in html
    is_inline = bool(content_id) and (is_shown or disposition.startswith("inline"))
    file = _file(name, leaf.content_type, leaf.data, content_id, is_inline)
    return replace(file, is_among_text=True) if disposition.startswith("inline") else file


def _ending(content_type: str) -> str:
    return _ENDINGS.get(content_type) or guess_extension(content_type) or ".bin"


def encryption_of(leaves: list[Leaf], text: str) -> str:
    """How a mail is encrypted that we keep whole and cannot read; "" if it is not."""
    for leaf in leaves:
        if leaf.content_type in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            written = str(leaf.part.get("content-type", "")).lower()
            return "" if "signed-data" in written or "certs-only" in written else "S/MIME"
        if leaf.content_type == "application/pgp-encrypted":
            return "PGP"
    return "PGP" if text.lstrip().startswith("-----BEGIN PGP MESSAGE-----") else ""


def _mail_name(leaf: Leaf) -> str:
    payload = leaf.part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    subject = headers_of(inner).first("subject") if isinstance(inner, Message) else ""
    safe = "".join(" " if char in '/\\:*?"<>|' else char for char in seen(subject))
    return (" ".join(safe.split()).strip(". ")[:120] or "message") + ".eml"


def _file(name: str, content_type: str, data: bytes, content_id: str, is_inline: bool) -> Attachment:
    return Attachment(
        name, clean_text(content_type)[:100], len(data), hashlib.sha256(data).hexdigest(), content_id, is_inline, data
    )


_MOST_MAILS = 20
_DEEPEST_MAIL = 3
_LARGEST_MAIL = 5_000_000  # of a mail that came as a file


def attached_mails(leaves: list[Leaf], depth: int = 0) -> tuple[Forwarded, ...]:
    """Attached mails as levels of a forward: their own fields and their text, then what is attached to them."""
    found: list[Forwarded] = []
    for leaf in leaves:
        inner = _mail_in(leaf)
        if inner is not None and len(found) < _MOST_MAILS:
            inside = leaves_of(inner, [])
            found.append(_attached_mail(inner, inside, leaf.data, has_files=depth == 0))
            found += attached_mails(inside, depth + 1) if depth < _DEEPEST_MAIL else ()
    return tuple(found[:_MOST_MAILS])


def _mail_in(leaf: Leaf) -> Message | None:
    """The mail that a part is, also where a program sent it as a file of no particular type."""
    if leaf.is_attached_mail:
        payload = leaf.part.get_payload()
        inner = payload[0] if isinstance(payload, list) and payload else None
        return inner if isinstance(inner, Message) else None
    if not leaf.filename.lower().endswith(".eml") or len(leaf.data) > _LARGEST_MAIL:
        return None
    inner, _ = guarded_tree(leaf.data, [])
    return inner if "from" in inner and ("subject" in inner or "date" in inner) else None


def _attached_mail(inner: Message, leaves: list[Leaf], data: bytes, *, has_files: bool) -> Forwarded:
    """``has_files``: what a mail inside an attached mail brings lies in that one's file already."""
    headers = headers_of(inner)
    writers = addresses_in(headers.by_name.get("from", ())[:1])
    bodies = bodies_of(leaves, [])
    text, html = text_and_html(bodies)
    ids = ids_in(headers.all("message-id"))
    return Forwarded(
        from_=writers[0] if writers else None,
        to=addresses_in(headers.by_name.get("to", ())),
        cc=addresses_in(headers.by_name.get("cc", ())),
        date=headers.first("date"),
        subject=headers.first("subject"),
        body=text.strip(),
        sha256=hashlib.sha256(data).hexdigest(),
        message_id=ids[0] if ids else "",
        files=attachments_of(bodies, html) if has_files else (),
    )


# What asks for an answer or is one. PUBLISH, or no method, beside a letter is a file: a ticket, a timetable.
_ASKING = frozenset(("REQUEST", "REPLY", "CANCEL", "COUNTER", "DECLINECOUNTER", "ADD", "REFRESH"))
_METHOD = re.compile(rb"(?im)^METHOD:([A-Z]{3,20})")


def calendar_in(leaves: list[Leaf], now: datetime) -> tuple[str, Meeting | None]:
    """The method of the calendar part, upper case, and what it says; an .ics file beside a letter is only a file."""
    for leaf in leaves:
        if leaf.content_type != "text/calendar":
            continue
        written = _METHOD.search(leaf.data[:4_000])
        method = _parameter(leaf, "method") or (written.group(1).decode() if written else "")
        disposition = str(leaf.part.get("content-disposition", "")).lower()
        is_file = disposition.startswith("attachment") and not leaf.is_alternative
        method = clean_text(method.upper())[:20]
        if method and not (is_file and (method not in _ASKING or written is None)):
            return method, meeting_of(leaf.data, _parameter(leaf, "charset"), method, now)
    return "", None


def _parameter(leaf: Leaf, name: str) -> str:
    try:
        return str(leaf.part.get_param(name, "") or "")
    except Exception:  # noqa: BLE001 - as above
        return ""
