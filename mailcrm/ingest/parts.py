# ruff: noqa: SIM905 - a list of words is read more easily as words
"""What the leaves of a mail are: its text, its HTML, its attachments, mails attached to it, a calendar's method."""

import hashlib
import re
from dataclasses import dataclass, field
from email.message import Message

from mailcrm.ingest.charset import clean_text, decode
from mailcrm.ingest.headers import addresses_in, header_text, headers_of
from mailcrm.ingest.html import html_to_text
from mailcrm.ingest.tree import DIRECTIONS, Leaf, leaves_of, note
from mailcrm.mail import Attachment, Forwarded


@dataclass(slots=True)
class Bodies:
    text: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attached: list[Leaf] = field(default_factory=list)


def bodies_of(leaves: list[Leaf], defects: list[str]) -> Bodies:
    found = Bodies()
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


def _is_body(leaf: Leaf) -> bool:
    """A text the reader is meant to see in the mail, not a file beside it."""
    if leaf.content_type not in _BODY_TYPES:
        return False
    disposition = str(leaf.part.get("content-disposition", "")).strip().lower()
    return not disposition.startswith("attachment") and not leaf.filename


def _text_of(leaf: Leaf, defects: list[str]) -> str:
    declared = ""
    try:
        declared = str(leaf.part.get_param("charset", "") or "")
    except Exception:  # noqa: BLE001 - RFC 2231 parameters break the standard library in many ways
        note(defects, "broken content-type field")
    text, is_right = decode(leaf.data, declared, is_html=leaf.content_type == "text/html")
    if declared and not is_right:
        note(defects, "wrong character set")
    return clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))


def text_and_html(bodies: Bodies) -> tuple[str, str]:
    html = "\n".join(part for part in bodies.html if part.strip())
    text = "\n\n".join(part for part in bodies.text if part.strip())
    if html and not text.strip():
        text = html_to_text(html)
    return text, html


_ENDINGS = {
    "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "image/png": ".png", "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "application/pdf": ".pdf", "message/delivery-status": ".txt", "text/rfc822-headers": ".txt",
    "application/ms-tnef": ".dat",
    "application/pkcs7-signature": ".p7s", "application/pgp-signature": ".asc", "text/csv": ".csv",
    "application/zip": ".zip",
}  # fmt: skip


def attachments_of(leaves: list[Leaf], html: str, *unread: bytes) -> tuple[Attachment, ...]:
    found = [_attachment(leaf, place, html) for place, leaf in enumerate(leaves, 1) if leaf.data or leaf.filename]
    found += [_file("unread-part.eml", "application/octet-stream", data, "", False) for data in unread if data]
    return tuple(found)


def _attachment(leaf: Leaf, place: int, html: str) -> Attachment:
    name = leaf.filename
    if not name and leaf.is_attached_mail:
        name = _mail_name(leaf)
    if not name:
        name = f"part-{place}{_ENDINGS.get(leaf.content_type, '.bin')}"
    content_id = header_text(str(leaf.part.get("content-id", ""))).strip("<> ")
    disposition = str(leaf.part.get("content-disposition", "")).strip().lower()
    is_inline = bool(content_id) and (f"cid:{content_id}" in html or disposition.startswith("inline"))
    return _file(name, leaf.content_type, leaf.data, content_id, is_inline)


def _mail_name(leaf: Leaf) -> str:
    payload = leaf.part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    subject = headers_of(inner).first("subject") if isinstance(inner, Message) else ""
    safe = "".join(" " if char in '/\\:*?"<>|' else char for char in subject.translate(DIRECTIONS))
    return (" ".join(safe.split()).strip(". ")[:120] or "message") + ".eml"


def _file(name: str, content_type: str, data: bytes, content_id: str, is_inline: bool) -> Attachment:
    return Attachment(
        name, clean_text(content_type)[:100], len(data), hashlib.sha256(data).hexdigest(), content_id, is_inline, data
    )


def attached_mails(leaves: list[Leaf]) -> tuple[Forwarded, ...]:
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
    text, _ = text_and_html(bodies_of(leaves_of(inner, []), []))
    return Forwarded(
        from_=writers[0] if writers else None,
        to=addresses_in(headers.by_name.get("to", ())),
        cc=addresses_in(headers.by_name.get("cc", ())),
        date=headers.first("date"),
        subject=headers.first("subject"),
        body=text.strip(),
    )


def calendar_method(leaves: list[Leaf]) -> str:
    """The method of a calendar part, upper case; an .ics file beside a letter is only a file."""
    for leaf in leaves:
        if leaf.content_type == "text/calendar":
            try:
                method = str(leaf.part.get_param("method", "") or "")
            except Exception:  # noqa: BLE001 - as above
                method = ""
            match = re.search(rb"(?im)^METHOD:([A-Z]{3,20})", leaf.data[:4_000])
            method = method or (match.group(1).decode() if match else "")
            disposition = str(leaf.part.get("content-disposition", "")).lower()
            if method and not (disposition.startswith("attachment") and not leaf.is_alternative and match is None):
                return clean_text(method.upper())[:20]
    return ""
