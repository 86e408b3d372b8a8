"""Files uuencoded in the middle of a text, as old programs sent them: taken out, the text around them kept.

Only a whole one counts: a "begin" line, lines of the right length, an "end" line. "begin 644 meetings with coffee" stays a
sentence.
"""

import binascii
import io
import re

_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200})\r?\n", re.MULTILINE)
_MOST_FILES = 50


def uudecoded(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The text without its files, and each file's name and content."""
    if b"begin " not in data:
        return data, []
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    place = 0
    for match in _BEGIN.finditer(data):
        if match.start() < place or len(files) >= _MOST_FILES:
            continue
        content, end = _content(data, match.end())
        if content is None:
            continue
        kept.append(data[place : match.start()])
        files.append((match.group(1).strip(), content))
        place = end
    return (b"".join(kept) + data[place:], files) if files else (data, [])


def _content(data: bytes, place: int) -> tuple[bytes | None, int]:
    """The decoded lines from ``place``, and where the text goes on; None if a line is not of the code."""
    out = io.BytesIO()
    idle = 0  # lines without code; a million of them took a second and a half
    while place < len(data) and idle < _MOST_IDLE:
        if full := _FULL_LINES.match(data, place):
            out.write(_of_full_lines(full[0]))
            place = full.end()
            continue
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        line = data[place:end].rstrip(b"\r\n")
        if line.strip() == b"end":
            return (out.getvalue(), min(end + 1, len(data))) if out.tell() else (None, place)
        if not _is_coded(line):
            return None, place
        try:
            if line.strip() and line[:1] not in (b"`", b" "):
                out.write(binascii.a2b_uu(line[: _width(line)]))
            else:
                idle += 1
        except binascii.Error:
            return None, place
        place = end + 1
    return None, place


_MOST_IDLE = 1_000
_FULL_LINES = re.compile(rb"(?:M[ -`]{60}\r?\n){4,5000}")
_TO_BASE64 = bytes.maketrans(bytes(range(32, 97)), b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/A")


def _of_full_lines(lines: bytes) -> bytes:
    """Lines of 45 bytes each, together: the code is base64 with other letters."""
    code = b"".join(line[1:61] for line in lines.splitlines())
    return binascii.a2b_base64(code.translate(_TO_BASE64))


def _is_coded(line: bytes) -> bool:
    """A line says its own length; trailing spaces may be lost on the way."""
    if not line.strip() or line[:1] in (b"`", b" "):
        return len(line) < 3 or not line.strip(b"` ")
    return 32 < line[0] <= 77 and len(line) <= _width(line) + 2 and len(line) >= _width(line) - 12 and max(line) < 97


def _width(line: bytes) -> int:
    return 1 + ((((line[0] - 32) & 0x3F) + 2) // 3) * 4
