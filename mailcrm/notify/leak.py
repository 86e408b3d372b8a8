"""The last look at a mail before it leaves the house: what must not be in it, in no header, part or file name. Pure.

Forbidden are addresses of staff, tokens other than the mail's own, the marker of notices, our page's host, lines of the lead's card
and text of its notes. What the people outside wrote themselves is known there and may go back in a quote.
"""

import email
import email.policy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage

from mailcrm.address import looks_like_token
from mailcrm.marker import MARKER

_SPACE = re.compile(r"\s+")
_LOCAL_AT = re.compile(r"([\w.+-]{27,64})@([\w.-]+)", re.IGNORECASE)
_PASSAGE = 40  # characters of a note that must not be found, anywhere
_WHOLE = 16  # a note shorter than a passage counts as a whole from this length on
_MAX_NOTE = 200_000


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What must not leave. ``own_token`` is this mail's own Reply-To; ``known_outside`` is what the outside wrote."""

    own_token: str
    staff_addresses: tuple[str, ...]
    page_host: str
    card_lines: tuple[str, ...]
    notes: tuple[str, ...]
    known_outside: str


def leak(raw: bytes, forbidden: Forbidden) -> str:
    """In words (msgids), the first thing in the mail that must not leave; "" if there is none."""
    said = tuple(_folded(text) for text in _texts(raw))
    known = _folded(forbidden.known_outside)
    checks = (
        _marker(said),
        _token(said, forbidden.own_token),
        _first("The mail holds an address of staff", said, forbidden.staff_addresses, known),
        _host(said, forbidden.page_host),
        _first(
            "The mail holds a line of the card", said, [line for line in forbidden.card_lines if len(line) >= 12], known
        ),
        _note(said, forbidden.notes, known),
    )
    return next((found for found in checks if found), "")


def _texts(raw: bytes) -> Iterable[str]:
    """Every header, text and file name as a reader would see it; other content as far as it is text."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for part in mail.walk():
        yield from (f"{name}: {value}" for name, value in part.items())
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(part, EmailMessage)
        assert isinstance(content, bytes)
        text = content.decode("utf-8", "replace")
        yield text
        if part.get_content_type() == "text/html":
            yield re.sub(r"<[^>]*>", "", text)
        elif b"\0" in content:
            yield content.decode("utf-16-le", "replace")


def _folded(text: str) -> str:
    return _SPACE.sub(" ", re.sub(r"(?m)^[>\s]+", "", text)).casefold()


def _marker(said: Sequence[str]) -> str:
    return "The mail holds the marker of a notice" if any(MARKER.casefold() in text for text in said) else ""


def _token(said: Sequence[str], own: str) -> str:
    for text in said:
        for local, domain in _LOCAL_AT.findall(text):
            if looks_like_token(local) and f"{local}@{domain}".lower() != own.lower():
                return "The mail holds a reply address of somebody else"
    return ""


def _first(what: str, said: Sequence[str], secrets: Iterable[str], known: str) -> str:
    for secret in secrets:
        folded = _folded(secret)
        if folded not in known and any(_stands_in(folded, text) for text in said):
            return f"{what}: {secret}"
    return ""


def _stands_in(secret: str, text: str) -> bool:
    """Whether it is there as a whole: ann@firma.fi is not in joann@firma.fi."""
    start = text.find(secret)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(secret) : start + len(secret) + 1]
        if not _is_inside_word(before) and not (after.isalnum() or after in ("_", "-")):
            return True
        start = text.find(secret, start + 1)
    return False


def _is_inside_word(sign: str) -> bool:
    return bool(sign) and (sign.isalnum() or sign in "._-+")


def _host(said: Sequence[str], host: str) -> str:
    """Our page's host as a link or a name; after an @ it is only a mail domain."""
    pattern = re.compile(rf"(?<![@\w.-]){re.escape(host.casefold())}(?![\w-])")
    return f"The mail holds a link to our page: {host}" if host and any(pattern.search(text) for text in said) else ""


def _note(said: Sequence[str], notes: Iterable[str], known: str) -> str:
    """Every passage of a note; what a note repeats of the customer's own words may go back to them."""
    windows = {text[i : i + _PASSAGE] for text in said for i in range(max(len(text) - _PASSAGE + 1, 0))}
    for note in notes:
        folded = _folded(note[:_MAX_NOTE]).strip()
        if len(folded) < _PASSAGE:
            is_found = len(folded) >= _WHOLE and folded not in known and any(folded in text for text in said)
        else:
            passages = (folded[i : i + _PASSAGE] for i in range(len(folded) - _PASSAGE + 1))
            is_found = any(passage in windows and passage not in known for passage in passages)
        if is_found:
            return "The mail holds text of an internal note"
    return ""
