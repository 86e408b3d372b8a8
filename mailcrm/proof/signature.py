"""DKIM (RFC 6376, 8301, 8463): which domains signed a mail, and whether what they signed is what we read. dkimpy computes.

Stricter than the RFC where a signature shall speak for a person: From, To, Cc and Subject as they stand in the mail must all be
signed (else a signed mail could be addressed anew), the whole body too (no ``l=``), and the key is no test key. Such a signature
that is valid all the same has the result "policy". The body is looked at last, and here, in time linear in its length: anybody can
put somebody's signed header above a body that is made to be slow.
"""

import base64
import hashlib
import hmac
import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from mailcrm.address import domain_key
from mailcrm.proof.resolver import DnsTrouble, Lookup

_MOST_SIGNATURES = 5  # that are looked at; a mailing list adds one or two
_LONGEST_FIELD = 8_000
_LONGEST_HEAD = 262_144
_MOST_LINES = 1_000  # as many as are read
_LONGEST_KEY = 2_000  # bytes of its record: RSA 8192 and more than anybody uses
_MUST_BE_SIGNED = frozenset({b"from", b"to", b"cc", b"subject"})
_ALGORITHMS = frozenset({b"rsa-sha256", b"ed25519-sha256"})  # RFC 8301: no SHA-1
_LONG_BLANK = re.compile(rb"\s{100}")
_ENDS = re.compile(rb"(?:\n\r)*")  # backwards
_MAILBOX_LINE = re.compile(rb"^From ", re.MULTILINE)  # dkimpy passes over it wherever it stands

_quiet = logging.getLogger("mailcrm.dkim")  # of dkimpy: what strangers sign is no news
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature: who signed, and the result (pass, policy, fail, temperror, permerror)."""

    domain: str
    result: str


@dataclass(frozen=True, slots=True)
class Content:
    """A mail as DKIM sees it. ``fields`` is None where its header cannot be read without doubt."""

    fields: Fields | None
    body: bytes


def content_of(raw: bytes) -> Content:
    """The header fields in order and the body with CRLF."""
    lines = raw.replace(b"\r\n", b"\n")
    head, _, body = lines.partition(b"\n\n") if not lines.startswith(b"\n") else (b"", b"", lines[1:])
    return Content(_fields(head), body.replace(b"\n", b"\r\n"))


def _fields(head: bytes) -> Fields | None:
    """None for what programs read in different ways: lines that are no fields, a CR or NUL inside, a "From " line."""
    is_odd = b"\0" in head or b"\r" in head or _MAILBOX_LINE.search(head) is not None
    if is_odd or len(head) > _LONGEST_HEAD or head.count(b"\n") > _MOST_LINES:
        return None
    try:
        return [(bytes(name), bytes(value)) for name, value in dkim.rfc822_parse(head + b"\n\n")[0]]
    except (dkim.DKIMException, IndexError):
        return None


def signatures(
    content: Content, lookup: Lookup, is_wanted: Callable[[str], bool], received_at: datetime
) -> tuple[Signed, ...]:
    """The signatures of wanted domains, from the top; others are passed over, and no question is asked about them."""
    if content.fields is None:
        return ()
    places = [value for name, value in content.fields if name.lower() == b"dkim-signature"]
    found: list[Signed] = []
    for place, value in enumerate(places[: 4 * _MOST_SIGNATURES]):
        tags = _tags(value)
        domain = domain_key(tags.get(b"d", b"").decode("ascii", "replace"))
        if tags and is_wanted(domain) and len(found) < _MOST_SIGNATURES:
            found.append(Signed(domain, _result(content, place, tags, lookup, received_at)))
    return tuple(found)


def _tags(value: bytes) -> dict[bytes, bytes]:
    if len(value) > _LONGEST_FIELD or _LONG_BLANK.search(value):
        return {}
    try:
        return dict(parse_tag_value(value))
    except InvalidTagValueList:
        return {}


def _result(content: Content, place: int, tags: dict[bytes, bytes], lookup: Lookup, received_at: datetime) -> str:
    if tags.get(b"a") not in _ALGORITHMS or not _is_number_or_none(tags, b"x") or b"from" not in _signed_names(tags):
        return "permerror"
    if b"x" in tags and int(tags[b"x"]) < received_at.timestamp():
        return "fail"
    keys = _Keys(lookup)
    try:
        is_valid = _is_header_signed(content, place, keys) and _is_body_signed(content.body, tags)
    except DnsTrouble:
        return "temperror"
    except Exception:  # noqa: BLE001 - hostile input may break it anywhere; what cannot be checked is not signed
        return "permerror"
    if not is_valid:
        return "fail"
    return "pass" if _says_enough(content, tags, keys.flags) else "policy"


def _is_header_signed(content: Content, place: int, keys: "_Keys") -> bool:
    """By dkimpy, which would look at the body first: without its hash, it does not."""
    checked = dkim.DKIM(logger=_quiet)
    checked.headers = [list(field) for field in content.fields or ()]
    sig, names, fields = checked.verify_headerprep(place)
    bare = {name: value for name, value in sig.items() if name != b"bh"}
    return bool(checked.verify_sig(bare, names, fields[place], keys))


def _is_body_signed(body: bytes, tags: dict[bytes, bytes]) -> bool:
    is_relaxed = tags.get(b"c", b"").partition(b"/")[2].strip() == b"relaxed"
    text = relaxed(body) if is_relaxed else simple(body)
    if b"l" in tags:
        text = text[: int(tags[b"l"])]
    return hmac.compare_digest(hashlib.sha256(text).digest(), base64.b64decode(tags[b"bh"]))


def _is_number_or_none(tags: dict[bytes, bytes], name: bytes) -> bool:
    return name not in tags or re.fullmatch(rb"\d{1,12}", tags[name]) is not None


def _signed_names(tags: dict[bytes, bytes]) -> list[bytes]:
    return [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]


def _says_enough(content: Content, tags: dict[bytes, bytes], flags: frozenset[bytes]) -> bool:
    """Whether the signature covers whom the mail is from and to, its subject and all of its body."""
    signed = Counter(_signed_names(tags))
    there = Counter(name.lower() for name, _ in content.fields or ())
    is_same_domain = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2].lower() == tags[b"d"].lower()
    return (
        all(there[name] <= signed[name] for name in _MUST_BE_SIGNED)
        and b"l" not in tags
        and b"y" not in flags
        and (b"s" not in flags or is_same_domain)
    )


class _Keys:
    """Finds a key for dkimpy, and remembers the flags of its record."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.flags: frozenset[bytes] = frozenset()

    def __call__(self, name: bytes, timeout: float = 0) -> bytes | None:
        records = self._lookup.txt(name.decode("ascii"))
        if len(records) != 1 or len(records[0]) > _LONGEST_KEY:  # RFC 6376 3.6.2.2: several are undefined
            return None
        flags = dict(parse_tag_value(records[0])).get(b"t", b"")
        self.flags = frozenset(flag.strip() for flag in flags.split(b":"))
        return records[0]


def simple(body: bytes) -> bytes:
    """The "simple" body (RFC 6376 3.4.3): one line end at its end."""
    return _without_empty_lines(body) + b"\r\n"


def relaxed(body: bytes) -> bytes:
    """The "relaxed" body (RFC 6376 3.4.4): no blanks at line ends, elsewhere one space; one line end at its end, or nothing."""
    text = body.replace(b"\t", b" ")
    while b"  " in text:  # at most as often as the longest run can be halved
        text = text.replace(b"  ", b" ")
    text = _without_empty_lines(text.replace(b" \r\n", b"\r\n").removesuffix(b" "))
    return text + b"\r\n" if text else b""


def _without_empty_lines(text: bytes) -> bytes:
    ends = text[len(text.rstrip(b"\r\n")) :]
    found = _ENDS.match(ends[::-1])
    return text[: len(text) - found.end()] if found else text
