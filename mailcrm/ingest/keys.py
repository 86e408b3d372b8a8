"""The keys by which a mail is known again: the same mail through another door, the same text under the same Message-ID."""

import hashlib
import io
import unicodedata
from collections.abc import Iterator

from mailcrm.ingest.tree import Leaf
from mailcrm.mail import Address

_KEY_VERSION = "01"

# Fields that each hop or the final delivery puts on top; the rest of the header is the sender's.
_TRACE = (
    b"received", b"return-path", b"delivered-to", b"x-original-to", b"envelope-to", b"x-envelope-to",
    b"x-envelope-from", b"delivery-date",
    b"authentication-results", b"received-spf", b"x-received", b"x-spam", b"x-spamd", b"x-rspamd", b"x-virus",
    b"x-google-smtp-source",
    b"arc-", b"x-uid", b"x-gm-", b"dkim-filter",
)  # fmt: skip


def content_key(
    raw: bytes, ids: tuple[str, ...], writer: Address | None, date_raw: str, leaves: list[Leaf], unread: bytes
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


_BLANKS_AT_END = (b" \n", b"\t\n", b"\r\n", b"\x0b\n", b"\x0c\n")


def _stripped(data: bytes, *, is_text: bool) -> bytes:
    data = data.replace(b"\r\n", b"\n")
    if is_text and any(blank in data for blank in _BLANKS_AT_END):
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


def text_key(new: str) -> str:
    folded = new.lower() if new.isascii() else unicodedata.normalize("NFKC", new).casefold()
    return hashlib.sha256("".join(folded.split()).encode("utf-8", "replace")).hexdigest()
