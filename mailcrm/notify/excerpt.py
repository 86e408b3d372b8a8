"""The beginning of a stored mail's text, for a question about it. Pure; never raises, and quick whatever the mail holds.

``compat32`` and not the newer policy: that one parses every field it is asked for, by recursion and in the square of its length.
"""

import email
import re
from email.message import Message

LIMIT = 500
_READ = 200_000  # bytes looked at
_MOST_CONTAINERS = 20  # parts inside parts cost the parser depth times lines, and in the end its stack
_CONTAINER = re.compile(rb"multipart/|message/", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def excerpt(raw: bytes) -> str:
    """The first 500 characters of the first plain text part, "" where there is none that can be read."""
    beginning = raw[:_READ]
    if len(_CONTAINER.findall(beginning)) > _MOST_CONTAINERS:
        return ""  # a question without a quote is still a question
    try:
        parts = email.message_from_bytes(beginning).walk()
        text = next((_text(part) for part in parts if part.get_content_type() == "text/plain"), "")
    except Exception:  # noqa: BLE001 - hostile input breaks the library in many ways, and a question must leave all the same
        return ""
    return text.replace("\r\n", "\n").replace("\0", "").strip()[:LIMIT]


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    found = _CHARSET.search(str(part.get("content-type", ""))[:2_000])
    content = payload if isinstance(payload, bytes) else b""
    try:
        return content.decode(found[1] if found else "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")
