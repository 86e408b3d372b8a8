"""The tree of a mail's parts, within limits: what a stranger may make the parser do.

The standard library builds the tree (compat32: the only reader that raised on none of the hostile mails tried); here the
limits are kept and each leaf is decoded once. What is beyond a limit is handed back as bytes, never dropped.
"""

import email
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import StartBoundaryNotFoundDefect
from email.generator import BytesGenerator
from email.message import Message
from functools import partial
from urllib.parse import unquote_to_bytes

from mailcrm.ingest.charset import decode
from mailcrm.ingest.headers import header_text, unescape
from mailcrm.ingest.mend import mended
from mailcrm.ingest.sound import sound_tree
from mailcrm.ingest.stubs import Part, Stubs, joined, stubs_of
from mailcrm.ingest.transfer import ENCODED, decoded, decoded_blocks
from mailcrm.ingest.unseen import seen

_MOST_HEADER_LINES = 1_000
_MOST_PARTS = 1_000
_DEEPEST = 20
_MOST_CONTAINERS = (
    100  # of multipart and message parts in the whole mail; nested ones cost the parser depth times lines
)
_MOST_BLOCKS = 20_000  # blank lines of a mail with a delivery report
_MOST_WORK = 3_000_000  # containers times lines
_SCANNED = 2_000_000  # above this, what is inside the parts is not searched for faults
_LONGEST_NAME = 200
_MOST_PARAMETERS = 40  # of one content field; reading them costs the square of their number
_CONTENT_FIELD = b"\ncontent-"
_LONG_FIELD = re.compile(rb"(?im)^(content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t]){3000})(?:[^\r\n]|\r?\n[ \t])+")


@dataclass(slots=True)
class Leaf:
    part: Message
    content_type: str
    data: bytes
    is_alternative: bool
    is_attached_mail: bool = False
    is_signature: bool = False
    is_beside: bool = False  # words before the first part of a multipart, or behind its last
    filename: str = field(init=False)

    def __post_init__(self) -> None:
        self.filename = filename_of(self.part)


def guarded_tree(raw: bytes, defects: list[str], stubs: Stubs | None = None) -> tuple[Message, bytes]:
    """The message tree within limits, and the bytes that were kept out of it."""
    stubs = stubs or Stubs(raw)
    raw = mended(stubs.short, defects)
    head, rest = split_head(raw)
    lines = head.splitlines(True)
    if len(lines) > _MOST_HEADER_LINES:
        defects.append("too many header lines")
        head = b"".join(lines[:_MOST_HEADER_LINES]) + b"\r\n"
    head, rest = _shortened(head), _shortened(rest) if len(rest) < _SCANNED else rest
    raw = head + rest
    if _is_costly(raw):
        defects.append("too many nested parts")
        return _message(_without_type(head), stubs), stubs.whole(rest)
    kept = b""
    if raw.count(b"\n--") > 2 * _MOST_PARTS and b"multipart/" in head.lower():
        cut = _nth(raw, b"\n--", 2 * _MOST_PARTS)
        raw, kept = raw[:cut], raw[cut:]
        defects.append("too many parts")
    message = _message(raw, stubs)
    if any(isinstance(defect, StartBoundaryNotFoundDefect) for defect in message.defects):
        # The last boundary came first: the standard library forgets what is below it.
        message.set_payload(split_head(raw)[1].decode("ascii", "surrogateescape"))
    return message, stubs.whole(kept)


def _message(short: bytes, stubs: Stubs) -> Message:
    make = partial(Part, stubs)
    sound = sound_tree(short, make)
    return email.message_from_bytes(short, make) if sound is None else sound


_CONTAINER = re.compile(rb"\s*(?:multipart|message)/(delivery-status\b)?")
_TYPE_FIELD = b"content-type:"


def _is_costly(raw: bytes) -> bool:
    """Whether taking it apart would cost too much: the parser asks each line about every part it may be the end of, and makes a
    message of each block of a delivery report."""
    folded = raw.lower()
    containers = [found[1] for found in map(_CONTAINER.match, folded.split(_TYPE_FIELD)[1:]) if found]
    work = len(containers) * raw.count(b"\n")
    if len(containers) > _MOST_CONTAINERS or work > (_MOST_WORK if len(containers) > 30 else 4 * _MOST_WORK):
        return True
    return any(containers) and sum(map(folded.count, (b"\n\r\n", b"\n\n", b"\r\r"))) > _MOST_BLOCKS


def _shortened(data: bytes) -> bytes:
    """Content fields cut where no honest one goes on: their parameters cost the parser the square of their number."""
    if len(data) <= 4_000:
        return data
    folded = b"\n" + data.lower()
    at = folded.find(_CONTENT_FIELD)
    while at >= 0:
        if _LONG_FIELD.match(data, at):
            return _LONG_FIELD.sub(rb"\1", data)
        at = folded.find(_CONTENT_FIELD, at + 1)
    return data


def _without_type(head: bytes) -> bytes:
    """The fields without Content-Type, so that the body is not taken apart."""
    return re.sub(rb"(?im)^content-type:", b"X-Content-Type:", head)


def _nth(raw: bytes, mark: bytes, count: int) -> int:
    place = -1
    for _ in range(count):
        place = raw.find(mark, place + 1)
    return place


def split_head(raw: bytes) -> tuple[bytes, bytes]:
    """Header with its empty line, and body."""
    first, width = len(raw), 0
    for end in (b"\r\n\r\n", b"\n\n", b"\r\r"):
        place = raw.find(end, 0, first + len(end) - 1)
        if 0 <= place < first:
            first, width = place, len(end)
    return raw[: first + width], raw[first + width :]


def leaves_of(message: Message, defects: list[str]) -> list[Leaf]:
    """Leaf parts in order, each decoded once; an attached mail is one leaf."""
    found: list[Leaf] = []
    signatures: set[int] = set()
    todo: list[tuple[Message, int, bool]] = [(message, 0, False)]
    while todo:
        part, depth, is_alternative = todo.pop()
        _cut_parameters(part)
        payload = part.get_payload()
        content_type = part.get_content_type().partition(" ")[0]  # "text/plain charset=…", where a semicolon is missing
        if len(found) >= _MOST_PARTS or depth > _DEEPEST:
            note(defects, "too many parts" if depth <= _DEEPEST else "nested too deep")
            found.append(Leaf(part, "application/octet-stream", bytes_of(part), False))
            if len(found) > _MOST_PARTS:
                break
        elif isinstance(payload, list) and content_type.startswith("multipart/"):
            inside = is_alternative or content_type == "multipart/alternative"
            if content_type == "multipart/signed":
                signatures.update(map(id, payload[1:]))
            todo += [(inner, depth + 1, inside) for inner in reversed(payload) if isinstance(inner, Message)]
            found += _beside(part)
        elif isinstance(payload, list):
            found.append(_attached_leaf(part, content_type, payload))
        elif content_type.startswith("multipart/") and (again := _by_guessed_boundary(part)):
            note(defects, "broken boundary")
            todo.append((again, depth, is_alternative))
        else:
            if content_type.startswith("multipart/"):
                found += _beside(part)
            is_signature = id(part) in signatures and content_type.endswith("-signature")
            found.append(Leaf(part, content_type, _decoded(part), is_alternative, is_signature=is_signature))
    return found


# What programs say there to those that cannot take the mail apart.
_TO_OLD_PROGRAMS = re.compile(rb"mime|multi-? ?part|mehrteilig|mail[ -]?(?:er|client|reader|program)", re.IGNORECASE)
_WORD = re.compile(rb"\w\w|[\x80-\xff]{2}")


def _beside(part: Message) -> list[Leaf]:
    """The words that stand in none of the parts: a boundary was damaged, or a server wrote them below."""
    stubs = stubs_of(part)
    found: list[Leaf] = []
    for written in (part.preamble, part.epilogue):
        data = (written or "").encode("utf-8", "surrogateescape")
        if not _WORD.search(data) or _is_to_old_programs(data):
            continue
        found.append(Leaf(Message(), "text/plain", stubs.whole(data) if stubs else data, False, is_beside=True))
    return found


_LONGEST_TO_OLD = 600


def _is_to_old_programs(data: bytes) -> bool:
    return len(data) < _LONGEST_TO_OLD and b"content-" not in data.lower() and bool(_TO_OLD_PROGRAMS.search(data))


def _cut_parameters(part: Message) -> None:
    """Without the parameters that no honest part has: a thousand parts with hundreds of them each took a minute.

    A NUL in a charset's name stops the standard library.
    """
    for name in ("content-type", "content-disposition"):
        written = next((str(value) for field, value in part.raw_items() if field.lower() == name), "")
        if written.count(";") > _MOST_PARAMETERS or "\0" in written:
            kept = written.replace("\0", "").split(";")[: _MOST_PARAMETERS + 1]
            part.replace_header(name, ";".join(kept))


def _by_guessed_boundary(part: Message) -> Message | None:
    """A multipart taken apart again whose boundary is missing or spoilt: the first line that begins with two dashes "
    "tells."""
    data = _decoded(part)
    if _is_costly(data):
        return None
    lines = data[:20_000].splitlines()
    for line, below in zip(lines, [*lines[1:], b""], strict=False):
        boundary = line.strip()
        is_mark = boundary.startswith(b"--") and 2 < len(boundary) < 90 and b'"' not in boundary
        if is_mark and data.count(boundary) > 1 and (not below.strip() or _FIELD_LINE.match(below)):
            stubs = Stubs(b'Content-Type: multipart/mixed; boundary="' + boundary[2:] + b'"\n\n' + data)
            again = _message(stubs.short, stubs)
            return again if isinstance(again.get_payload(), list) else None
    return None


_FIELD_LINE = re.compile(rb"content-[a-z-]{2,30}[ \t]{0,5}:", re.IGNORECASE)


def note(defects: list[str], defect: str) -> None:
    if defect not in defects:
        defects.append(defect)


def _attached_leaf(part: Message, content_type: str, payload: list[Message | str]) -> Leaf:
    is_mail = content_type in ("message/rfc822", "message/global")
    if is_mail and payload and isinstance(payload[0], Message):
        payload = _decode_attached(part, payload)
    data = b"\n".join(bytes_of(inner) for inner in payload if isinstance(inner, Message))
    return Leaf(part, content_type, data, False, is_attached_mail=is_mail)


def _decode_attached(part: Message, payload: list[Message | str]) -> list[Message | str]:
    """A mail attached in base64 or quoted-printable, which is not allowed and is done: the standard library parses the code."""
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding not in ("base64", "quoted-printable") or not isinstance(payload[0], Message):
        return payload
    coded = bytes_of(payload[0])
    data = decoded(coded, encoding, is_text=False)
    stubs = Stubs(data)
    if not _FIELD_NAME.match(data) or _is_costly(stubs.short):
        return payload
    inner = _message(stubs.short, stubs)
    part.set_payload([inner])
    return [inner]


_FIELD_NAME = re.compile(rb"[!-9;-~]{1,80}[ \t]{0,5}:")


def _decoded(part: Message) -> bytes:
    """The part's bytes without their transfer encoding."""
    encoding = str(part.get("content-transfer-encoding", "")).partition("(")[0].strip().strip("\"';").lower()
    is_text = part.get_content_maintype() == "text"
    written = _as_written(part) if encoding in ENCODED else _plain(part)
    stubs = stubs_of(part)
    if stubs is not None and stubs.is_in(written):
        return decoded_blocks(lambda: stubs.blocks(written), stubs.length(written), encoding, is_text=is_text)
    return decoded(written, encoding, is_text=is_text)


def _plain(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001 - the standard library raises on some broken input; the letters as written are better than none
        data = None
    return data if isinstance(data, bytes) else _as_written(part)


def _as_written(part: Message) -> bytes:
    payload = part.get_payload()
    if not isinstance(payload, str):
        return b""
    return payload.encode("ascii") if payload.isascii() else split_head(_flat(part))[1]  # it was decoded on the way


def bytes_of(part: Message) -> bytes:
    """The part as it came, header and all, with line ends of one kind."""
    flat, stubs = _flat(part), stubs_of(part)
    if stubs is None or not stubs.is_in(flat):
        return flat
    return joined(_with_bare_line_ends(stubs.blocks(flat)), stubs.length(flat))


def _with_bare_line_ends(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for block in blocks:
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""
        yield block[: len(block) - len(held)].replace(b"\r\n", b"\n")
    yield held


def _flat(part: Message) -> bytes:
    if (fields := _flat_fields(part)) is not None:
        return fields
    out = io.BytesIO()
    with suppress(Exception):  # it raises on fields it cannot encode; what was written so far is kept
        _Flattener(out, mangle_from_=False, maxheaderlen=0).flatten(part)
    return out.getvalue()


_LONG_VALUE = 2_000
_PLAIN_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?(?:\r?\n[ \t]{1,20}[!-~](?:[ -~]*[!-~])?)*")


class _Flattener(BytesGenerator):
    """Writes long fields as they came: the library puts them together again for the square of their number of words."""

    def _write_headers(self, msg: Message) -> None:
        for name, value in msg.raw_items():
            field = _flat_field(name, str(value))
            self._fp.write(msg.policy.fold_binary(name, value) if field is None else field)  # type: ignore[attr-defined]
        self._fp.write(b"\n")  # type: ignore[attr-defined]


def _flat_field(name: str, value: str) -> bytes | None:
    """None where only the library knows how it writes it."""
    if len(value) <= _LONG_VALUE and not _PLAIN_VALUE.fullmatch(value):
        return None
    return f"{name}: {value}\n".replace("\r\n", "\n").encode("ascii", "surrogateescape")


def _flat_fields(part: Message) -> bytes | None:
    """A block of plain fields without text, of which a delivery report may have thousands; None for any other part."""
    names = [name.lower() for name in part]
    if part.get_payload() or part.get_default_type() != "text/plain" or "content-type" in names:
        return None
    fields = [_flat_field(name, str(value)) for name, value in part.raw_items()]
    return None if None in fields else b"".join([*(field for field in fields if field), b"\n"])


def filename_of(part: Message) -> str:
    """The name as a label: decoded, without path, without what cannot be seen."""
    written = [
        str(value) for field, value in part.raw_items() if field.lower() in ("content-disposition", "content-type")
    ]
    if not any("name" in value.lower() for value in written):
        return _label(_location(part))
    name = _name_by_hand(written)
    if not name:
        try:
            name = str(part.get_filename() or "")
        except Exception:  # noqa: BLE001 - RFC 2231 parameters break the standard library in many ways
            name = ""
    return _label(name)


def _label(name: str) -> str:
    name = header_text(name).replace("\\", "/").rpartition("/")[2]
    return " ".join(seen(name).split()).strip(". ")[:_LONGEST_NAME]


_SIMPLE_LOCATION = re.compile(r"[\w./:%+ -]{1,300}\.[A-Za-z0-9]{1,5}")


def _location(part: Message) -> str:
    """The file that a picture of a page came from; the page itself keeps no name."""
    written = str(part.get("content-location", "")).strip()
    return written if part.get_content_maintype() != "text" and _SIMPLE_LOCATION.fullmatch(written) else ""


_RAW_NAME = re.compile(r'\b(?:file)?name\s{0,3}=\s{0,3}(?:"([^"]{1,400})"|([^\s";]{1,400}))', re.IGNORECASE)
_EXTENDED = re.compile(
    r"\b(?:file)?name\*\s{0,3}=\s{0,3}\"?(?:([\w.:-]{0,40})'[^']{0,20}')?([^\";\s]{1,600})", re.IGNORECASE
)


def _name_by_hand(written: list[str]) -> str:
    """What the standard library spoils: raw 8-bit letters, and extended names without or with a wrong character set."""
    for value in written:
        if match := _EXTENDED.search(value):
            return decode(unquote_to_bytes(unescape(match.group(2))), match.group(1) or "")[0]
    for value in written:
        if not value.isascii() and (match := _RAW_NAME.search(unescape(value))):
            return match.group(1) or match.group(2)
    return ""
