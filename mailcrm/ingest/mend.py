"""The head of a mail made readable before it is parsed: what gateways, mailboxes and hand-made scripts put in its way.

A byte order mark, empty lines and an mbox line before the first field, blanks before a colon, a line that is no field with fields
below it. The bytes that are kept and counted stay as they came; a sound head is handed back as it is.
"""

import re

_LONGEST_HEAD = 512 * 1024
_SOUND = re.compile(rb"[!-9;-~]{1,100}:|[ \t]")
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]{1,20}:(?=[ \t\r\n]|[^/\s])")
_KNOWN = re.compile(
    rb"(?:from|to|cc|bcc|subject|date|message-id|content-(?:type|transfer-encoding|disposition)|mime-version|received|return-path|"
    rb"reply-to|references|in-reply-to|sender|delivered-to|list-[a-z]{2,15}|dkim-signature|authentication-results|x-[a-z0-9-]{2,40}):",
    re.IGNORECASE,
)


def mended(raw: bytes, defects: list[str]) -> bytes:
    """``raw`` with a head that the parser reads to its end."""
    start = _start(raw)
    if start:
        defects.append("text before the header")
        raw = raw[start:]
    head_end = _end_of_head(raw)
    head = raw[:head_end]
    lines = head.splitlines(True)
    if all(_SOUND.match(line) for line in lines):
        return raw
    return _repaired(lines, defects) + raw[head_end:]


def _start(raw: bytes) -> int:
    """Where the first field begins: behind a byte order mark, empty lines and an mbox line."""
    place = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    if raw[place : place + 1] in (b"\r", b"\n"):
        stripped = raw[place : place + 1_000].lstrip(b"\r\n")
        if _KNOWN.match(stripped) or stripped.startswith((b"From ", b">From ")):
            place += len(raw[place : place + 1_000]) - len(stripped)
    if raw.startswith(b">From ", place):
        end = raw.find(b"\n", place)
        place = end + 1 if end >= 0 else place
    return place


def _end_of_head(raw: bytes) -> int:
    first = min(len(raw), _LONGEST_HEAD)
    for end in (b"\r\n\r\n", b"\n\n", b"\r\r"):
        place = raw.find(end, 0, first + len(end) - 1)
        first = place if 0 <= place < first else first
    return first


def _repaired(lines: list[bytes], defects: list[str]) -> bytes:
    """Up to the last known field, each line is one; below it the body may have begun without an empty line."""
    last = max((number for number, line in enumerate(lines) if _KNOWN.match(line) or _FIELD.match(line)), default=-1)
    out: list[bytes] = []
    for number, line in enumerate(lines):
        is_first_mbox = number == 0 and line.startswith(b"From ")
        if number > last or is_first_mbox or _SOUND.match(line):
            out.append(line)
        elif match := _FIELD.match(line):
            out.append(match.group(1) + line[match.end() - 1 :])
        else:
            out.append(b"X-Unreadable: " + line)
            if "a line of the header is no field" not in defects:
                defects.append("a line of the header is no field")
    return b"".join(out)
