"""Bytes to text that never fails: a ladder of character sets, and the border where no NUL or lone surrogate passes.

``decode`` takes what the sender declared as a hint only. ``clean_text`` is applied to every string that leaves
``ingest``.
"""

import codecs
import re
from typing import Literal
from unicodedata import category, combining, normalize

# What senders declare and what they mean (WHATWG Encoding: the superset is what their own program reads).
_MEANT = {
    "us-ascii": "utf-8", "ascii": "utf-8", "ansi_x3.4-1968": "utf-8", "iso-8859-1": "cp1252", "iso8859-1": "cp1252",
    "latin1": "cp1252", "latin-1": "cp1252", "iso_8859-1": "cp1252", "iso-8859-9": "cp1254", "gb2312": "gb18030",
    "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "big5": "big5hkscs", "iso-8859-8-i": "iso-8859-8",
    "windows-31j": "cp932",
    "utf8mb4": "utf-8", "unicode-1-1-utf-7": "utf-7", "iso-2022-jp": "iso2022_jp_ext", "windows-874": "cp874",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
}  # fmt: skip
_WESTERN = {"cp1252", "iso8859-15", "cp1254", "mac-roman"}
# Codecs of Python that are no character sets, or that can be made slow.
_REFUSED = {"unicode_escape", "raw-unicode-escape", "unicode-escape", "idna", "punycode", "undefined", "mbcs", "oem"}
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)


def clean_text(text: str) -> str:
    """The text without control characters except tab and line ends, and without lone surrogates."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        data = text.encode("utf-8")
    clean = data.translate(None, _CONTROLS)  # on bytes it takes a fifth of the time
    return text if len(clean) == len(data) else clean.decode("utf-8")


_PIECE = 500


def composed(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """``text`` normalised, a piece at a time: a letter under 500,000 marks, which are put in order, took minutes.

    Pieces end before a blank, or where no mark stands; of more marks than a piece holds each piece is put in order by itself.
    """
    if len(text) <= _PIECE:
        return normalize(form, text)
    out: list[str] = []
    place = 0
    while place < len(text):
        end = _end_of_piece(text, place)
        out.append(normalize(form, text[place:end]))
        place = end
    return "".join(out)


def _end_of_piece(text: str, start: int) -> int:
    end = start + _PIECE
    if end >= len(text):
        return len(text)
    blank = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
    if blank > 0:
        return blank
    return next((place for place in range(end, start, -1) if not _may_join(text[place])), end)


def _may_join(letter: str) -> bool:
    """Whether it may become one with the letter before it."""
    return combining(letter) != 0 or category(letter)[0] == "M" or "\u1160" <= letter <= "\u11ff"


def decode(data: bytes, declared: str, *, is_html: bool = False) -> tuple[str, bool]:
    """The text and whether the declared character set was right."""
    if data[:1] in (b"\xef", b"\xff", b"\xfe") and (marked := _by_mark(data)) is not None:
        return marked, _codec(declared).startswith("utf")
    if is_html and not declared and (meta := _META.search(data[:2048])):
        declared = meta.group(1).decode("ascii")
    codec = _codec(declared)
    if codec in _WESTERN and not data.isascii() and (text := _strict(data, "utf-8")) is not None:
        return text, False  # valid UTF-8 by accident is next to impossible
    if codec and (text := _strict(data, codec)) is not None:
        return _with_letters(data, codec, text), True
    if b"\x1b$" in data and codec != "iso2022_kr":
        return _by_escapes(data), codec.startswith("iso2022_jp")
    if (text := _strict(data, "utf-8")) is not None:
        return text, not declared
    return _best_of_bad(data, codec), False


def _by_mark(data: bytes) -> str | None:
    """By the byte order mark; UTF-16 only where it reads as text."""
    if data.startswith(b"\xef\xbb\xbf"):
        return _strict(data, "utf-8-sig")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and data[2:200].count(0) * 4 > len(data[2:200]):
        return _strict(data, "utf-16")
    return None


# ISO 8859 keeps 0x80 to 0x9f for controls that nobody sends; Windows has letters there, and that is what was meant.
_LETTERS = {
    "iso8859-2": "cp1250", "iso8859-5": "cp1251", "iso8859-6": "cp1256", "iso8859-7": "cp1253", "iso8859-8": "cp1255",
    "iso8859-4": "cp1257", "iso8859-13": "cp1257", "iso8859-15": "cp1252",
}  # fmt: skip
_C1 = re.compile(rb"[\x80-\x9f]")


def _with_letters(data: bytes, codec: str, text: str) -> str:
    if codec in _LETTERS and _C1.search(data):
        return _strict(data, _LETTERS[codec]) or text
    return text


_MOST_ESCAPES = 5_000
_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([DO]|\([BJI])")


def _by_escapes(data: bytes) -> str:
    """ISO-2022-JP as Windows writes it, with letters that the standard does not have: each run by its escape."""
    if data.count(b"\x1b") > _MOST_ESCAPES:
        return data.decode("iso2022_jp_ext", "replace")
    out: list[str] = []
    place, kind = 0, b"(B"
    for match in _ESCAPE.finditer(data):
        out.append(_run(data[place : match.start()], kind))
        place, kind = match.end(), match.group(1)
    last, line_end, below = data[place:].partition(b"\n")  # what is never closed ends with its line (RFC 1468)
    out += (_run(last, kind), _run(line_end + below, b"(B"))
    return "".join(out)


def _run(data: bytes, kind: bytes) -> str:
    if kind in (b"$@", b"$B"):
        return "".join(_run_of_pairs(line) for line in re.split(rb"([\r\n]+)", data))
    if kind == b"(I":
        return bytes(byte | 0x80 for byte in data).decode("cp932", "replace")
    return data.decode("utf-8", "replace") if kind in (b"(B", b"(J") else data.decode("ascii", "replace")


def _run_of_pairs(data: bytes) -> str:
    """JIS X 0208 in two bytes of seven bits, by way of Shift_JIS, whose superset is at hand."""
    if data[:1] in (b"\r", b"\n"):
        return data.decode("ascii")
    out = bytearray()
    seven = bytes(byte & 0x7F for byte in data)
    for row, cell in zip(seven[::2], seven[1::2], strict=False):
        out.append((row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1))
        out.append(cell + 0x7E if row % 2 == 0 else cell + 0x1F + (cell >= 0x60))
    return bytes(out).decode("cp932", "replace")


def _codec(declared: str) -> str:
    name = declared.strip().strip("\"'").lower()
    try:
        codec = codecs.lookup(_MEANT.get(name, name)).name
    except (LookupError, ValueError, UnicodeError):
        return ""
    return "" if codec in _REFUSED else codec


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (LookupError, UnicodeError, ValueError):
        return None


def _best_of_bad(data: bytes, codec: str) -> str:
    """Damaged UTF-8 or a damaged multi-byte set keeps what is right; else windows-1252, in which every byte is a "
    "letter."""
    wide = codec if codec and codec not in _WESTERN else "utf-8"
    try:
        text = data.decode(wide, "replace")
    except (LookupError, UnicodeError, ValueError):
        return _western(data)
    high = sum(1 for byte in data[:4096] if byte > 127)
    damaged = text[:4096].count("\ufffd")
    return text if damaged * 3 <= high else _western(data)


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five bytes are undefined in windows-1252
        return data.decode("latin-1")
