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
from functools import lru_cache

from mailcrm.address import address_key
from mailcrm.ingest.charset import clean_text, decode
from mailcrm.ingest.unseen import marked, seen
from mailcrm.mail import Address

_LONGEST_VALUE = 50_000
_MOST_ADDRESSES = 2_000
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)(?:\?=|\?$|$)")  # the last one may have been cut off
_NEVER_BARE = frozenset('<>,;:"\\ \t()')  # in an address without quotes
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
    """The header fields of a compat32 message; raw 8-bit letters in the character set of the mail, if they are not UTF-8."""
    written = [(name.lower(), str(value)) for name, value in message.raw_items()]
    if all(value.isascii() for _, value in written):
        fields = tuple(_of_utf7(written) if any(map(_says_utf7, written)) else written)
    else:
        hint = _charset_of(message)
        fields = tuple((name, value if value.isascii() else unescape(value, hint)) for name, value in written)
    by_name: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        by_name[name] = (*by_name.get(name, ()), value) if name in by_name else (value,)
    return Headers(fields, by_name)


def _says_utf7(field: tuple[str, str]) -> bool:
    return field[0] == "content-type" and "utf-7" in field[1].lower()


def _of_utf7(written: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Old Netscape wrote the names and the subject of a mail in UTF-7 as its text, without saying so."""
    return [
        (name, value.encode().decode("utf-7", "replace") if name in ("from", "to", "cc", "subject") else value)
        for name, value in written
    ]


def _charset_of(message: Message) -> str:
    """What the mail or its first text says of its character set."""
    part = message
    for _ in range(4):
        written = next((str(value) for name, value in part.raw_items() if name.lower() == "content-type"), "")
        if charset := charset_in(written):
            return charset
        payload = part.get_payload() if part.is_multipart() else None  # text it would decode, and stop at a NUL
        if not (isinstance(payload, list) and payload and isinstance(payload[0], Message)):
            break
        part = payload[0]
    return ""


def charset_in(content_type: str) -> str:
    """What a Content-Type field says of it, however it is written; "" if nothing."""
    match = _CHARSET.search(content_type[:_LONGEST_VALUE])
    return match.group(1) if match else ""


_CHARSET = re.compile(r"charset\s{0,3}=\s{0,3}[\"']?([\w.:-]{2,40})", re.IGNORECASE)


def headers_written(message: Message) -> tuple[tuple[str, str], ...]:
    """Every field in order, its name as written and its value as a person reads it."""
    return tuple((name, header_text(str(value))) for name, value in message.raw_items())


@lru_cache(maxsize=32)  # the same few fields are asked for again and again
def header_text(value: str) -> str:
    """A field's value as a person reads it: decoded, white space collapsed, clean."""
    if "\x1b$" in value and value.isascii():  # ISO-2022-JP without any encoding
        value = decode(value.encode("ascii"), "iso-2022-jp")[0]
    return clean_text(" ".join(_decode_words(unescape(value)).split()))


def unescape(value: str, hint: str = "") -> str:
    """Raw 8-bit letters, kept by the parser as lone surrogates, as text: UTF-8, else the set that ``hint`` names."""
    value = value[:_LONGEST_VALUE]
    if value.isascii():
        return value
    data = value.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return decode(data, hint)[0]


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
    return _addresses_in(tuple(values))


@lru_cache(maxsize=16)  # From is asked for six times
def _addresses_in(values: tuple[str, ...]) -> tuple[Address, ...]:
    joined = [_ROUTED.sub("<", unescape(value).replace("\n", " ").replace("\r", " ")) for value in values]
    if len(joined) == 1 and (one := one_box(joined[0])):
        return one
    try:
        pairs = getaddresses(joined)
    except (RecursionError, ValueError, IndexError, TypeError, AttributeError):
        pairs = []
    found = as_addresses(_with_commas(pairs))
    if found:
        return found
    if any("=?" in value for value in joined):  # the whole field in one encoded word, brackets and all
        joined = [header_text(value) for value in joined]
        if len(joined) == 1 and (one := one_box(joined[0])):
            return one
    return as_addresses([("", word) for value in joined for word in _BARE_ADDRESS.findall(value)])


_ROUTED = re.compile(r"<@[^:<>]{1,500}:(?=[^<>]{1,500}>)")
_ROUTE = re.compile(r"@[^:<>]{1,500}:")  # RFC 5322 4.4: by which hosts it once went


def one_box(value: str) -> tuple[Address, ...]:
    """The mailbox that stands alone in its field, written as programs write it though it is not allowed; () for anything else.

    Commas and colons in a bare name, "<<…>>", "<mailto:…>", an address as its own name, a bracket that is not closed.
    """
    head, bracket, tail = value.partition("<")
    address = _ROUTE.sub("", tail.strip("<>,; \t"))
    if address[:7].lower() == "mailto:":
        address = address[7:]
    if not bracket or len(value) > 1_000 or address.count("@") != 1 or not _NEVER_BARE.isdisjoint(address):
        return ()
    name = head.strip(" \t,;")
    if name[:1] == '"' and name.count('"') == 1:  # never closed
        name = name[1:]
    is_quoted = len(name) > 1 and name[0] == name[-1] == '"'
    bare = name[1:-1] if is_quoted else name
    is_list = not is_quoted and ("," in bare or ":" in bare or ";" in bare) and ("@" in bare or ":" in bare)
    if is_list or any(char in bare for char in '"\\('):
        return ()
    return as_addresses([(bare, address)])


def _with_commas(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """ "Laine, Carol <carol@x.example>" came apart at the comma: a word without @ begins the name of the next address."""
    out: list[tuple[str, str]] = []
    before = ""
    for name, address in pairs:
        if not name and address and "@" not in address:
            before = f"{before}, {address}" if before else address
            continue
        out.append((f"{before}, {name}" if before and name else name, address))
        before = ""
    return out


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
    text = header_text(address).strip("<> ")
    if not _QUOTED_LOCAL.match(text):
        text = text.strip("<>'\" ")
    text = marked(text[7:] if text[:7].lower() == "mailto:" else text[5:] if text[:5].lower() == "smtp:" else text)
    local, at, domain = text.rpartition("@")
    return text if at and local and domain and " " not in domain and address_key(text) else ""


_QUOTED_LOCAL = re.compile(r'"[^"]{1,128}"@')


def _display_name(name: str) -> str:
    """What is shown of a name: nothing that turns it around or cannot be seen."""
    text = " ".join(seen(header_text(name)).split())
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text[:400]
