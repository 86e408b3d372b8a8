"""Header fields of a mail, read so that nothing raises and no letter is lost.

The ``email`` package raises on some fields and drops raw 8-bit letters, so fields are taken as written (bytes as lone
surrogates) and decoded here: UTF-8, then windows-1252; RFC 2047 words with the same ladder.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses

from mailcrm.address import address_key
from mailcrm.ingest.charset import clean_text, decode
from mailcrm.mail import Address

_LONGEST_VALUE = 50_000
_MOST_ADDRESSES = 2_000
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_ID = re.compile(r"<([^<>\s]{1,500})>")
_BARE_ADDRESS = re.compile(r"[^\s<>\"'(),:;\[\]]{1,128}@[^\s<>\"'(),:;@\[\]]{1,255}")


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields in order, and by lower-case name; values as written until asked for."""

    fields: tuple[tuple[str, str], ...]
    by_name: Mapping[str, tuple[str, ...]]

    def first(self, name: str) -> str:
        """The first field of that name, decoded, on one line; "" if absent."""
        values = self.by_name.get(name)
        return header_text(values[0]) if values else ""

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(header_text(value) for value in self.by_name.get(name, ()))

    def __contains__(self, name: str) -> bool:
        return name in self.by_name


def headers_of(message: Message) -> Headers:
    """The header fields of a compat32 message."""
    fields = tuple((name.lower(), str(value)) for name, value in message.raw_items())
    by_name: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        by_name[name] = (*by_name.get(name, ()), value) if name in by_name else (value,)
    return Headers(fields, by_name)


def headers_written(message: Message) -> tuple[tuple[str, str], ...]:
    """Every field in order, its name as written and its value as a person reads it."""
    return tuple((name, header_text(str(value))) for name, value in message.raw_items())


def header_text(value: str) -> str:
    """A field's value as a person reads it: decoded, white space collapsed, clean."""
    return clean_text(" ".join(_decode_words(unescape(value)).split()))


def unescape(value: str) -> str:
    """Raw 8-bit letters, kept by the parser as lone surrogates, as text."""
    value = value[:_LONGEST_VALUE]
    if value.isascii():
        return value
    data = value.encode("utf-8", "surrogateescape")
    return decode(data, "")[0]


def _decode_words(value: str) -> str:
    """RFC 2047, read generously: words anywhere, split inside a character, spaces inside."""
    if "=?" not in value:
        return value
    out: list[str] = []
    run: list[bytes] = []
    charset, position = "", 0
    for match in _WORD.finditer(value):
        between, name = value[position : match.start()], match.group(1).partition("*")[0]
        if between.strip() or name.lower() != charset.lower():
            out.append(decode(b"".join(run), charset)[0] if run else "")
            run = []
            out.append(between if between.strip() or not charset else "")
        charset, position = name, match.end()
        run.append(_word_bytes(match.group(2), match.group(3)))
    out.append(decode(b"".join(run), charset)[0] if run else "")
    return "".join(out) + value[position:]


def _word_bytes(encoding: str, payload: str) -> bytes:
    data = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return quopri.decodestring(data.replace(b"_", b" ").replace(b"\n", b""), header=False)
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return data


def ids_in(values: Iterable[str]) -> tuple[str, ...]:
    """Message ids without angle brackets, in order, without repeats; ids written without brackets count too."""
    found: list[str] = []
    for value in values:
        ids = _ID.findall(value)
        found += ids or [word for word in value.replace(",", " ").split() if "@" in word and len(word) <= 500]
    return tuple(dict.fromkeys(clean_text(id_.strip("<>")) for id_ in found))


def addresses_in(values: Iterable[str]) -> tuple[Address, ...]:
    """The mailboxes of address fields as written; entries without an @ are dropped."""
    joined = [unescape(value).replace("\n", " ").replace("\r", " ") for value in values]
    try:
        pairs = getaddresses(joined)
    except (RecursionError, ValueError, IndexError, TypeError, AttributeError):
        pairs = []
    found = as_addresses(pairs)
    if found or not any("@" in value for value in joined):
        return found
    return as_addresses([("", word) for value in joined for word in _BARE_ADDRESS.findall(value)])


def as_addresses(pairs: Iterable[tuple[str, str]]) -> tuple[Address, ...]:
    """Name and address pairs as values: decoded, clean, without those that are no address."""
    out: list[Address] = []
    for name, address in pairs:
        bare = _bare(address)
        if bare:
            out.append(Address(_display_name(name), bare))
        if len(out) >= _MOST_ADDRESSES:
            break
    return tuple(out)


def _bare(address: str) -> str:
    text = header_text(address).strip("<>'\" ")
    if text.lower().startswith("mailto:"):
        text = text[7:]
    local, at, domain = text.rpartition("@")
    return text if at and local and domain and " " not in domain and address_key(text) else ""


def _display_name(name: str) -> str:
    text = header_text(name).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text[:400]
