"""A mail of ours as bytes: what every kind carries, and the files that go along. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime as rfc_date
from zoneinfo import ZoneInfo

from mailcrm.notify.files import safe_filename
from mailcrm.notify.letterhead import Letterhead, header_text, marker_of
from mailcrm.notify.material import Material
from mailcrm.notify.mime import CalendarPart, Part, mail_bytes, words
from mailcrm.notify.render import Rendered

_NOTHING_SHOWN: Mapping[int, str] = {}
_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+\Z")


@dataclass(frozen=True, slots=True)
class Composed:
    subject: str
    raw: bytes
    card_lines: tuple[str, ...] = ()  # as shown in a notice


def assembled(
    material: Material,
    head: Letterhead,
    rendered: Rendered,
    headers: Sequence[tuple[str, str]],
    parts: Sequence[Part],
    now: datetime,
    calendar: CalendarPart | None = None,
) -> Composed:
    subject = header_text(rendered.subject)
    written = [
        ("Subject", words(subject)),
        *((name, value) for name, value in headers if value),
        ("Date", rfc_date(now.astimezone(ZoneInfo(head.time_zone)))),
        ("Message-ID", f"<{material.row.message_id}>"),
        ("X-Mailcrm-Marker", marker_of(head, material.row)),
    ]
    return Composed(subject, mail_bytes(written, rendered.text, rendered.html, parts, calendar))


def file_parts(material: Material, shown: Mapping[int, str] = _NOTHING_SHOWN) -> list[Part]:
    """The files that go along; ``shown`` are the Content-IDs of those that the HTML shows as pictures."""
    files = material.message.files if material.message else ()
    contents = material.contents or {}
    return [
        Part(safe_filename(f.filename), _fit_type(f.content_type), contents[f.id], shown.get(f.id, ""))
        for f in files
        if f.id in contents
    ]


def _fit_type(content_type: str) -> str:
    """A file travels as what it is, unless a mail client would take it for a part of the mail."""
    is_fit = bool(_TYPE.match(content_type)) and not content_type.startswith(("multipart/", "message/", "text/"))
    return content_type if is_fit else "application/octet-stream"
