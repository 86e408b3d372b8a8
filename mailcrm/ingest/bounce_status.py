"""The machine-readable part of a delivery report (RFC 3464), read by ourselves because the field's dialects are many.

Transfer-encoded parts, parts under a neighbour's name, groups without an empty line between them, recipients with and without
their address type: each is read; a group that names nobody is no recipient, but its status is remembered.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from mailcrm.ingest.charset import clean_text, decode
from mailcrm.ingest.tree import bytes_of
from mailcrm.mail import ReportRecipient

MOST_RECIPIENTS = 200
_MOST_GROUPS = 400
_LONGEST = 512 * 1024
ACTIONS = frozenset(("failed", "delayed", "delivered", "relayed", "expanded"))
ADDRESS = re.compile(r"[^\s<>\"'(),:;\[\]（）：，；。、「」]{1,64}@[^\s<>\"'(),:;@\[\]（）：，；。、「」]{1,255}")
STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]{0,5}:[ \t]*(.*)")
_TYPED = re.compile(r"\s*[A-Za-z][A-Za-z0-9-]{1,20}\s*;\s*(.*)", re.DOTALL)

Group = dict[str, str]


@dataclass(frozen=True, slots=True)
class StatusPart:
    """What the part says: its recipients, and the action and status of groups that name nobody."""

    recipients: tuple[ReportRecipient, ...] = ()
    action: str = ""
    status: str = ""
    diagnostic: str = ""
    original_message_id: str = ""


def outer_parts(message: Message) -> Iterator[Message]:
    """The parts of this mail, not those of a mail attached to it."""
    todo = [message]
    for _ in range(1_000):
        if not todo:
            return
        part = todo.pop(0)
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            todo += [inner for inner in payload if isinstance(inner, Message)]


def status_of(message: Message) -> StatusPart | None:
    """What the status parts of a mail say together; None if it has none."""
    texts = [_text_of(part) for part in outer_parts(message) if is_status_type(part.get_content_type())]
    return read_status("\n\n".join(texts)) if texts else None


def refused_for(message: Message) -> str:
    """Whose mailbox answered with a disposition notification (RFC 8098): a filter's way to reject."""
    parts = (part for part in outer_parts(message) if part.get_content_type() == "message/disposition-notification")
    groups = (group for part in parts for group in _groups(_text_of(part)))
    return next((address for group in groups if (address := _address(group.get("final-recipient", "")))), "")


def is_status_type(content_type: str) -> bool:
    return content_type.startswith("message/") and content_type.endswith("delivery-status")


def read_status(text: str) -> StatusPart:
    """The fields of a status part, wherever they stand."""
    groups = _groups(text[:_LONGEST])
    recipients: list[ReportRecipient] = []
    action = status = diagnostic = original_id = ""
    for group in groups:
        found = _recipient(group)
        original_id = original_id or group.get("original-message-id", "") or group.get("x-original-message-id", "")
        if found is not None and found not in recipients:
            recipients.append(found)
        elif found is None:
            action = action or _action(group, "")
            status = status or _status(group)
            diagnostic = diagnostic or _untyped(group.get("diagnostic-code", ""))[:1_000]
    return StatusPart(tuple(recipients[:MOST_RECIPIENTS]), action, status, diagnostic, original_id)


def _text_of(part: Message) -> str:
    """The part as text. The standard library splits it into messages before it looks at the transfer encoding."""
    payload = part.get_payload()
    if isinstance(payload, list):
        data = b"\n\n".join(_first_blocks(payload))[:_LONGEST]
    else:
        data = str(payload).encode("utf-8", "surrogateescape")[:_LONGEST]
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "base64":
        data = _base64(data)
    elif encoding == "quoted-printable":
        data = quopri.decodestring(data)
    text = decode(data, "")[0].replace("\r\n", "\n").replace("\r", "\n")
    return clean_text(text)


def _first_blocks(payload: list[Message | str]) -> Iterator[bytes]:
    """As many as are looked at."""
    size = 0
    for inner in payload:
        if size > _LONGEST:
            return
        if isinstance(inner, Message):
            block = bytes_of(inner)
            size += len(block) + 2
            yield block


def _base64(data: bytes) -> bytes:
    squeezed = b"".join(data.split())
    try:
        return base64.b64decode(squeezed + b"=" * (-len(squeezed) % 4))
    except (binascii.Error, ValueError):
        return data


def _groups(text: str) -> list[Group]:
    """Fields in groups: an empty line or a second Final-Recipient begins the next."""
    groups: list[Group] = [{}]
    name = ""
    for line in text.split("\n"):
        if line[:1] in (" ", "\t") and name and line.strip():
            groups[-1][name] = f"{groups[-1][name]} {line.strip()}"[:4_000]
            continue
        match = _FIELD.match(line)
        name = match.group(1).lower() if match else ""
        begins_next = not line.strip() or (name == "final-recipient" and name in groups[-1])
        if begins_next and groups[-1]:
            if len(groups) >= _MOST_GROUPS:
                break
            groups.append({})
        if match and name not in groups[-1]:
            groups[-1][name] = match.group(2).strip()[:4_000]
        elif match:
            name = ""
    return [group for group in groups if group]


def _recipient(group: Group) -> ReportRecipient | None:
    """One recipient. The address we wrote to comes before the one that an alias or a forward made of it."""
    names = ("original-recipient", "x-original-recipient", "final-recipient", "x-actual-recipient")
    address = next((found for name in names if (found := _address(group.get(name, "")))), "")
    if not address or not ({"action", "status", "diagnostic-code"} & group.keys()):
        return None
    status = _status(group)
    return ReportRecipient(
        address, _action(group, status) or "failed", status, _untyped(group.get("diagnostic-code", ""))[:1_000]
    )


def _address(value: str) -> str:
    """The address in "rfc822; <carol@x.example>"; "" for X.400, a bare user name, a bare domain."""
    match = ADDRESS.search(_untyped(value).replace("mailto:", "").replace("+2B", "+").replace("+3D", "="))  # RFC 3461 4
    return clean_text(match.group().strip(".'`")) if match else ""


def _untyped(value: str) -> str:
    match = _TYPED.match(value)
    return (match.group(1) if match else value).strip()


def _status(group: Group) -> str:
    """The enhanced code; one that says nothing (5.0.0) gives way to the code in the diagnostic."""
    status = _first(group.get("status", ""))
    if not status or status.endswith(".0.0"):
        return _first(group.get("diagnostic-code", "")) or status
    return status


def _action(group: Group, status: str) -> str:
    words = group.get("action", "").split("(")[0].split()
    action = words[0].strip(".,;").lower() if words else ""
    if action in ACTIONS:
        return action
    if group.get("will-retry-until") and not status.startswith("5"):
        return "delayed"
    return {"2": "delivered", "4": "delayed"}.get(status[:1], "failed" if status or action else "")


def _first(text: str) -> str:
    match = STATUS.search(text)
    return match.group(1) if match else ""
