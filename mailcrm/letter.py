"""A colleague's mail as it leaves for the customer: the HTML of what they wrote, if that is certain, and its files. Pure.

Pictures in what they wrote stay where they put them. Pictures elsewhere in their HTML belong to a signature, a quote or a note: a
small one is a logo and stays here, a larger one leaves as a file, unless the mail has a note, which it may belong to. With a
note so does every picture among the text, however it is named, that is not certainly part of what leaves.
"""

import re
from collections.abc import Set
from dataclasses import dataclass, replace
from html import escape, unescape
from urllib.parse import unquote

from mailcrm.ingest.charset import clean_text, decode
from mailcrm.ingest.formatting import Walked, walked
from mailcrm.ingest.tnef import Tnef, is_tnef, read_tnef
from mailcrm.mail import Attachment, ParsedMail
from mailcrm.pictures import clean_picture

_LOGO = 8_000  # bytes; a picture in the text below this is one
_LARGEST_PICTURE = 10_000_000


@dataclass(frozen=True, slots=True)
class Letter:
    """``html`` is "" where only the text leaves; ``inside`` are pictures that belong to the mail's note."""

    html: str
    files: tuple[Attachment, ...]
    inside: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What can be known of a letter before its text is: its HTML taken to pieces, and the files it may take along."""

    walked: Walked | None
    own: tuple[Attachment, ...]
    named: frozenset[str]  # hashes of the pictures that the HTML names
    among_text: frozenset[str]  # those, and of pictures that stand in the text otherwise


def draft_of(mail: ParsedMail) -> Draft:
    """Most of the work of a letter; belongs before the transaction that places the mail."""
    packed = [(a, read_tnef(a.content)) for a in mail.attachments if is_tnef(a.content)]
    whole = {a.sha256 for a, tnef in packed if tnef.is_whole}
    own = tuple(a for a in mail.attachments if a.sha256 not in whole)
    html = mail.html_raw or (_html_of(packed[0][1]) if packed else "")
    ids = _ids_named(html)
    named = [a for a in own if a.content_id and (a.content_id in ids or f"cid:{a.content_id}" in html)]
    placed = [a for a in own if a.content_type.startswith("image/") and (a.is_inline or a.is_among_text)]
    fit = {a.content_id: a.sha256 for a in named if a.size <= _LARGEST_PICTURE and clean_picture(a.content)}
    hashes = frozenset(a.sha256 for a in named)
    return Draft(walked(html, fit), own, hashes, hashes | {a.sha256 for a in placed})


_NAMED = re.compile(r"cid:\s*<?([^\s\"'<>]{1,500})", re.IGNORECASE)


def _ids_named(html: str) -> frozenset[str]:
    """The Content-IDs in HTML, as they are written and without the escapes of a URL (RFC 2392)."""
    found = _NAMED.findall(unescape(html)) if "cid" in html.lower() or "&#" in html else []
    return frozenset(one for written in found for one in (written, unquote(written)))


def letter_of(draft: Draft, text: str, known_hashes: Set[str], *, has_note: bool = False, along: str = "") -> Letter:
    """What leaves with this text; files of ``known_hashes`` we sent to its writer ourselves, ``along`` is the text's end by us."""
    own = tuple(a for a in draft.own if a.sha256 not in known_hashes)
    found = draft.walked.saying(text.removesuffix(along), known_hashes) if draft.walked else None
    if found is not None and along:
        found = replace(found, html=found.html + _paragraph(along))
    unsure = draft.among_text if has_note else draft.named
    elsewhere = [a for a in own if a.sha256 in unsure and (found is None or a.sha256 not in found.shown)]
    if has_note:
        inside = tuple(elsewhere)
        return Letter(found.html if found else "", tuple(a for a in own if a not in inside), inside)
    if found is None:
        return Letter("", own)
    logos = [a for a in elsewhere if a.size < _LOGO]
    return Letter(found.html, tuple(a for a in own if a not in logos))


def _paragraph(text: str) -> str:
    return f"<p>{escape(text).replace(chr(10), '<br>')}</p>"


def is_open_winmail(part: Attachment) -> bool:
    """Whether it is a winmail.dat that was read whole: its files stand beside it, and the customer could not open it."""
    return is_tnef(part.content) and read_tnef(part.content).is_whole


def _html_of(packed: Tnef) -> str:
    return clean_text(decode(packed.html, "", is_html=True)[0])
