"""The keys by which a mail is known again: the same mail through another door, the same text under the same Message-ID."""

import hashlib
import io
from collections.abc import Iterator

from mailcrm.ingest.charset import composed
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
    digest = hashlib.sha256()
    if not ids:
        _add(digest, raw, _below_trace(raw), is_text=False)
        return _KEY_VERSION + digest.hexdigest()
    for value in (ids[0], writer.address.lower() if writer else "", date_raw):
        digest.update(value.encode("utf-8", "replace") + b"\0")
    for leaf in leaves:
        if leaf.is_beside:
            continue
        digest.update(leaf.content_type.encode("utf-8", "replace") + b"\0")
        _add(digest, leaf.data, 0, is_text=leaf.content_type.startswith(("text/", "message/")))
        digest.update(b"\0")
    digest.update(unread)
    return _KEY_VERSION + digest.hexdigest()


_BLOCK = 1 << 20


def _add(digest: "hashlib._Hash", data: bytes, start: int, *, is_text: bool) -> None:
    """From ``start``, with line ends of one kind and without the space at its end, in a text at the end of each line."""
    held: list[bytes] = []  # space that is left out if nothing follows it
    while start < len(data):
        end = _end_of_block(data, start)
        block = data[start:end]
        block = b"\n".join(map(bytes.rstrip, block.split(b"\n"))) if is_text else block.replace(b"\r\n", b"\n")
        bare = block.rstrip()
        if bare:
            digest.update(b"".join((*held, bare)))
            held.clear()
        held.append(block[len(bare) :])
        start = end


def _end_of_block(data: bytes, start: int) -> int:
    """Behind a line end, so that no block parts one, nor the space before it."""
    if len(data) - start <= _BLOCK:
        return len(data)
    end = data.find(b"\n", start + _BLOCK)
    return end + 1 if end >= 0 else len(data)


def _below_trace(raw: bytes) -> int:
    place = 0
    is_trace = False
    for line in _lines(raw):
        if line[:1] not in b" \t" or not line.strip():
            is_trace = line.lower().startswith(_TRACE)
        if not is_trace:
            break
        place += len(line)
    return place


def _lines(raw: bytes) -> Iterator[bytes]:
    return iter(io.BytesIO(raw))


def text_key(new: str) -> str:
    folded = new.lower() if new.isascii() else composed(new, "NFKC").casefold()
    return hashlib.sha256("".join(folded.split()).encode("utf-8", "replace")).hexdigest()
