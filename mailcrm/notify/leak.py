"""The last look at a mail before it leaves the house: what must not be in it, in no header, part or file name. Pure.

Forbidden are addresses of staff, tokens other than the mail's own, the marker of notices, our page's host, lines of the lead's card
and text of its notes; also a file that another customer sent us, and a recipient who is nobody of the lead. What the people outside
wrote themselves is known there and may go back in a quote.
"""

import email
import email.policy
import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote

from mailcrm.address import looks_like_token
from mailcrm.commands.reading import holds_command
from mailcrm.marker import has_marker

_BETWEEN_WORDS = re.compile(r"[>|\s]+")
_AT = re.compile(r"@([\w.-]+)")
_LOCAL = re.compile(r"[\w.+-]{26,64}\Z")
_TAG = re.compile(r"<!--.*?-->|<[^<>]*>", re.DOTALL)
_BLOCK_TAG = re.compile(
    r"<(?:br|hr|/?(?:p|div|li|ul|ol|tr|td|th|table|tbody|h[1-6]|blockquote|pre|body))\b[^<>]*>", re.IGNORECASE
)
_UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
_MOST_MARKED = 2_000_000  # characters of HTML that is read in every way
_FOLD = re.compile(r"\r?\n[ \t]")  # RFC 5545 3.1
_BEGINS_LIKE_A_MAIL = re.compile(rb"\s*(From |[A-Za-z][A-Za-z-]*:\s)")
_NARROW = re.compile(rb"[\t\n\r -~\x80-\xbf\xc3]{12,}")
_WIDE = re.compile(rb"[\0-\x04\x20]{12,}")
_SAMPLE = 65_536
_LETTERS = bytes((9, 10, 13, *range(32, 127), *range(160, 256)))
_DEPTH = 5  # of mails in files in mails
_PASSAGE = 40  # characters of a note that must not be found, anywhere
_BLOCK = _PASSAGE // 2
_MAX_PLACES = 20  # of one block: files may be full of the same
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
    domains: tuple[str, ...] = ()  # ours, in lower case
    strangers: tuple[str, ...] = ()  # whom it would go to, and who are nobody of its lead
    files_of_others: tuple[str, ...] = ()  # names of its files that came from another customer


def leak(raw: bytes, forbidden: Forbidden) -> str:
    """In words (msgids), the first thing in the mail that must not leave; "" if there is none."""
    if forbidden.strangers:
        return f"The mail goes to somebody who is not on this lead: {forbidden.strangers[0]}"
    if forbidden.files_of_others:
        return f"The mail holds a file of another customer: {forbidden.files_of_others[0]}"
    said = tuple(_folded(text) for text in _texts(raw))
    known = _folded(forbidden.known_outside)
    checks = (
        _marker(said),
        _command(raw, known),
        _token(said, forbidden.own_token, forbidden.domains),
        _first("The mail holds an address of staff", said, forbidden.staff_addresses, known),
        _host(said, forbidden.page_host),
        _card(said, forbidden.card_lines, known),
        _note(said, forbidden.notes, known),
        _only_in_html(raw),
    )
    return next((found for found in checks if found), "")


def _command(raw: bytes, known: str) -> str:
    """A line that says what to do, in the text itself; what is quoted is the customer's own.

    Within a line too: a mail client that lost the line breaks has put commands and text into one.
    """
    plain, shown = _body(raw, "plain"), _without_tags(_body(raw, "html"))
    lines = (_without_unseen(line) for line in (*plain.splitlines(), *shown.splitlines()))
    found = (line for line in lines if holds_command(line) and _folded(line).strip() not in known)
    return next((f"The mail holds a command: {line.strip()[:100]}" for line in found), "")


def _only_in_html(raw: bytes) -> str:
    """The HTML says what the text says, in its order, and nothing more: the text is what was read and checked."""
    said = iter(_counted(_body(raw, "plain")))
    is_said = all(letter in said for letter in _counted(_without_tags(_body(raw, "html"))))
    return "" if is_said else "The mail shows something that its text does not say"


def _body(raw: bytes, kind: str) -> str:
    body = email.message_from_bytes(raw, policy=email.policy.default).get_body((kind,))
    content = body.get_payload(decode=True) if body is not None else b""
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _without_tags(shown: str) -> str:
    """What a reader sees of HTML, blocks on lines of their own."""
    return html.unescape(_TAG.sub("", _BLOCK_TAG.sub("\n", shown.replace("\n", " "))))


def _counted(text: str) -> str:
    """Letters and figures, and what makes a command or an address; not what a text draws in the place of bold or a list."""
    return "".join(c for c in text if c.isalnum() or c in "/#@\\")


def _texts(raw: bytes, depth: int = 0) -> Iterable[str]:
    """Every header, text and file name as a reader would see it; other content as far as it is text, or a mail again."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for part in mail.walk():
        yield from (f"{name}: {value}" for name, value in part.items())
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(part, EmailMessage)
        assert isinstance(content, bytes)
        yield part.get_filename() or ""  # it may be encoded in its field
        for text in (_decoded(content),) if part.get_content_maintype() == "text" else _readings(content):
            yield text
            if "<" in text:
                yield html.unescape(_TAG.sub("", text))
                yield from _between_tags(text) if len(text) <= _MOST_MARKED else ()
            if "BEGIN:V" in text[:4000]:
                yield _unfolded(text)
        if part is not mail and depth < _DEPTH and _BEGINS_LIKE_A_MAIL.match(content):
            yield from _texts(content, depth + 1)


def _between_tags(text: str) -> Iterable[str]:
    """Words of neighbouring blocks, what attributes say, and what links say: escaped once, or twice for a link in a link."""
    yield html.unescape(_TAG.sub(" ", text))
    attributes = html.unescape(text)
    yield attributes
    yield unquote(unquote(attributes))


def _unfolded(text: str) -> str:
    """The lines of a calendar or an address card as they were before they were cut and escaped."""
    return _FOLD.sub("", text).replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";")


def _readings(content: bytes) -> Iterable[str]:
    """The whole of a text; of anything else what stands in it as text, in narrow and in wide letters."""
    if _is_text(content):
        yield _decoded(content)
        return
    yield "\n".join(run.decode("utf-8", "replace") for run in _NARROW.findall(content))
    if b"\0" in content:
        for start in (0, 1):  # some files hold both kinds, and wide letters begin anywhere
            yield "\n".join(_wide_runs(content[start:]))


def _wide_runs(content: bytes) -> Iterable[str]:
    """Where every other byte is that of a European letter or sign in UTF-16."""
    for run in _WIDE.finditer(content[1::2]):
        yield content[2 * run.start() : 2 * run.end()].decode("utf-16-le", "replace")


def _is_text(content: bytes) -> bool:
    sample = content[:_SAMPLE]
    strange = len(sample.translate(None, _LETTERS))
    return b"\0" not in sample and strange * 50 <= len(sample)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _folded(text: str) -> str:
    """Without case, line breaks and the signs of quotes, wherever they stand: HTML may have joined quoted lines to one.

    Letters that nobody sees are left out, and wide or joined ones are read as what they look like.
    """
    return _BETWEEN_WORDS.sub(" ", _without_unseen(text)).casefold()


def _without_unseen(text: str) -> str:
    if text.isascii():
        return text
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def _marker(said: Sequence[str]) -> str:
    return "The mail holds the marker of a notice" if any(has_marker(text) for text in said) else ""


def _token(said: Sequence[str], own: str, domains: Sequence[str]) -> str:
    """At our domains: elsewhere a local part may look like a token by chance, and its owner could never be answered."""
    for text in said:
        for at in _AT.finditer(text):
            local = _LOCAL.search(text[max(0, at.start() - 64) : at.start()])
            domain = at[1].rstrip(".-").lower()
            if local is None or domain not in domains or not looks_like_token(local[0]):
                continue
            if f"{local[0]}@{domain}" != own.lower():
                return "The mail holds a reply address of somebody else"
    return ""


def _first(what: str, said: Sequence[str], secrets: Iterable[str], known: str) -> str:
    for secret in secrets:
        folded = _folded(secret).strip()
        if folded not in known and any(_stands_in(folded, text) for text in said):
            return f"{what}: {secret}"
    return ""


def _card(said: Sequence[str], lines: Sequence[str], known: str) -> str:
    """A line of the card as it stands in the text, or without its colon as cells of a table become text."""
    long = [line for line in lines if len(line) >= 12]
    cells = [line.replace(":", "", 1) for line in long]
    return _first("The mail holds a line of the card", said, [*long, *cells], known)


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
    places = _blocks(said)
    for note in notes:
        folded = _folded(note[:_MAX_NOTE]).strip()
        if len(folded) < _PASSAGE:
            is_found = len(folded) >= _WHOLE and folded not in known and any(folded in text for text in said)
        else:
            is_found = _is_repeated(folded, places, known)
        if is_found:
            return "The mail holds text of an internal note"
    return ""


_Places = dict[str, list[tuple[str, int]]]


def _blocks(said: Sequence[str]) -> _Places:
    """Where each block begins; a passage of two blocks' length holds one of them whole, wherever it begins.

    A file of 10 MB so takes tens of megabytes and a part of a second, not gigabytes.
    """
    places: _Places = {}
    for text in said:
        for start in range(0, len(text) - _BLOCK + 1, _BLOCK):
            found = places.setdefault(text[start : start + _BLOCK], [])
            if len(found) < _MAX_PLACES:
                found.append((text, start))
    return places


def _is_repeated(note: str, places: _Places, known: str) -> bool:
    for start in range(len(note) - _BLOCK + 1):
        for text, place in places.get(note[start : start + _BLOCK], ()):
            first, end = _common_run(note, start, text, place)
            passages = (note[i : i + _PASSAGE] for i in range(first, end - _PASSAGE + 1))
            if any(passage not in known for passage in passages):
                return True
    return False


def _common_run(note: str, start: int, text: str, place: int) -> tuple[int, int]:
    """From where to where in the note the text agrees with it, around a block they share."""
    first, end = start, start + _BLOCK
    shift = place - start
    while first > 0 and first + shift > 0 and note[first - 1] == text[first - 1 + shift]:
        first -= 1
    while end < len(note) and end + shift < len(text) and note[end] == text[end + shift]:
        end += 1
    return first, end
