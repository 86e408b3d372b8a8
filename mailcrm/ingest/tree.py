"""The tree of a mail's parts, within limits: what a stranger may make the parser do.

The standard library builds the tree (compat32: the only reader that raised on none of the hostile mails tried); here the
limits are kept and each leaf is decoded once. What is beyond a limit is handed back as bytes, never dropped.
"""

import email
import io
import re
from contextlib import suppress
from dataclasses import dataclass, field
from email.generator import BytesGenerator
from email.message import Message

from mailcrm.ingest.headers import header_text

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
_LONG_FIELD = re.compile(rb"(?im)^(content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t]){3000})(?:[^\r\n]|\r?\n[ \t])+")


@dataclass(slots=True)
class Leaf:
    part: Message
    content_type: str
    data: bytes
    is_alternative: bool
    is_attached_mail: bool = False
    filename: str = field(init=False)

    def __post_init__(self) -> None:
        self.filename = filename_of(self.part)


def guarded_tree(raw: bytes, defects: list[str]) -> tuple[Message, bytes]:
    """The message tree within limits, and the bytes that were kept out of it."""
    head, rest = split_head(raw)
    lines = head.splitlines(True)
    if len(lines) > _MOST_HEADER_LINES:
        defects.append("too many header lines")
        head = b"".join(lines[:_MOST_HEADER_LINES]) + b"\r\n"
    head, rest = _shortened(head), _shortened(rest) if len(rest) < _SCANNED else rest
    raw = head + rest
    if _is_costly(raw):
        defects.append("too many nested parts")
        return email.message_from_bytes(_without_type(head)), rest
    kept = b""
    if raw.count(b"\n--") > 2 * _MOST_PARTS and b"multipart/" in head.lower():
        cut = _nth(raw, b"\n--", 2 * _MOST_PARTS)
        raw, kept = raw[:cut], raw[cut:]
        defects.append("too many parts")
    return email.message_from_bytes(raw), kept


_CONTAINER = re.compile(rb"content-type:\s*(?:multipart|message)/(delivery-status\b)?")


def _is_costly(raw: bytes) -> bool:
    """Whether taking it apart would cost too much: the parser asks each line about every part it may be the end of, and makes a
    message of each block of a delivery report."""
    folded = raw.lower()
    containers = [found[1] for found in _CONTAINER.finditer(folded)]
    work = len(containers) * raw.count(b"\n")
    if len(containers) > _MOST_CONTAINERS or work > (_MOST_WORK if len(containers) > 30 else 4 * _MOST_WORK):
        return True
    return any(containers) and folded.count(b"\n\r\n") + folded.count(b"\n\n") > _MOST_BLOCKS


def _shortened(data: bytes) -> bytes:
    """Content fields cut where no honest one goes on: their parameters cost the parser the square of their number."""
    return _LONG_FIELD.sub(rb"\1", data) if len(data) > 4_000 else data


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
    places = [(place, len(end)) for end in (b"\r\n\r\n", b"\n\n", b"\r\r") if (place := raw.find(end)) >= 0]
    if not places:
        return raw, b""
    place, width = min(places)
    return raw[: place + width], raw[place + width :]


def leaves_of(message: Message, defects: list[str]) -> list[Leaf]:
    """Leaf parts in order, each decoded once; an attached mail is one leaf."""
    found: list[Leaf] = []
    todo: list[tuple[Message, int, bool]] = [(message, 0, False)]
    while todo:
        part, depth, is_alternative = todo.pop()
        _cut_parameters(part)
        payload = part.get_payload()
        content_type = part.get_content_type()
        if len(found) >= _MOST_PARTS or depth > _DEEPEST:
            note(defects, "too many parts" if depth <= _DEEPEST else "nested too deep")
            found.append(Leaf(part, "application/octet-stream", bytes_of(part), False))
            if len(found) > _MOST_PARTS:
                break
        elif isinstance(payload, list) and content_type.startswith("multipart/"):
            inside = is_alternative or content_type == "multipart/alternative"
            todo += [(inner, depth + 1, inside) for inner in reversed(payload) if isinstance(inner, Message)]
        elif isinstance(payload, list):
            found.append(_attached_leaf(part, content_type, payload))
        elif content_type.startswith("multipart/") and (pieces := _by_guessed_boundary(part)):
            note(defects, "broken boundary")
            todo += [(inner, depth + 1, is_alternative) for inner in reversed(pieces)]
        else:
            found.append(Leaf(part, content_type, _decoded(part), is_alternative))
    return found


def _cut_parameters(part: Message) -> None:
    """Without the parameters that no honest part has: a thousand parts with hundreds of them each took a minute.

    A NUL in a charset's name stops the standard library.
    """
    for name in ("content-type", "content-disposition"):
        written = next((str(value) for field, value in part.raw_items() if field.lower() == name), "")
        if written.count(";") > _MOST_PARAMETERS or "\0" in written:
            kept = written.replace("\0", "").split(";")[: _MOST_PARAMETERS + 1]
            part.replace_header(name, ";".join(kept))


def _by_guessed_boundary(part: Message) -> list[Message]:
    """The parts of a multipart whose boundary is missing or spoilt: the first line that begins with two dashes "
    "tells."""
    data = _decoded(part)
    if _is_costly(data):
        return []
    for line in io.BytesIO(data[:20_000]):
        boundary = line.strip()
        if boundary.startswith(b"--") and 4 < len(boundary) < 90 and b'"' not in boundary and data.count(boundary) > 1:
            again = email.message_from_bytes(
                b'Content-Type: multipart/mixed; boundary="' + boundary[2:] + b'"\n\n' + data
            )
            pieces = again.get_payload()
            return [piece for piece in pieces if isinstance(piece, Message)] if isinstance(pieces, list) else []
    return []


def note(defects: list[str], defect: str) -> None:
    if defect not in defects:
        defects.append(defect)


def _attached_leaf(part: Message, content_type: str, payload: list[Message | str]) -> Leaf:
    is_mail = content_type in ("message/rfc822", "message/global")
    data = b"\n".join(bytes_of(inner) for inner in payload if isinstance(inner, Message))
    return Leaf(part, content_type, data, False, is_attached_mail=is_mail)


def _decoded(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001 - the transfer decoders raise on some broken input; the letters as written are better than none
        data = None
    if isinstance(data, bytes):
        return data
    payload = part.get_payload()
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def bytes_of(part: Message) -> bytes:
    out = io.BytesIO()
    with suppress(Exception):  # it raises on fields it cannot encode; what was written so far is kept
        BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(part)
    return out.getvalue()


def filename_of(part: Message) -> str:
    if "content-disposition" not in part and "name" not in str(part.get("content-type", "")).lower():
        return ""
    try:
        written = part.get_filename() or ""
    except Exception:  # noqa: BLE001 - as above
        written = ""
    name = header_text(str(written)).replace("\\", "/").rpartition("/")[2]
    return name.translate(DIRECTIONS).strip(". ")[:_LONGEST_NAME]


# Marks that turn the direction of writing: "gpj.exe" shown as "exe.jpg".
DIRECTIONS = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"))
