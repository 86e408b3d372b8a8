"""Bytes to text that never fails: a ladder of character sets, and the border where no NUL or lone surrogate passes.

``decode`` takes what the sender declared as a hint only. ``clean_text`` is applied to every string that leaves
``ingest``.
"""

import codecs
import re

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
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)


def clean_text(text: str) -> str:
    """The text without control characters except tab and line ends, and without lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub("", text)


def decode(data: bytes, declared: str, *, is_html: bool = False) -> tuple[str, bool]:
    """The text and whether the declared character set was right."""
    if is_html and not declared and (meta := _META.search(data[:2048])):
        declared = meta.group(1).decode("ascii")
    codec = _codec(declared)
    if codec in _WESTERN and not data.isascii() and (text := _strict(data, "utf-8")) is not None:
        return text, False  # valid UTF-8 by accident is next to impossible
    if codec and (text := _strict(data, codec)) is not None:
        return text, True
    if b"\x1b$" in data and (text := _strict(data, "iso2022_jp_ext")) is not None:
        return text, False
    if (text := _strict(data, "utf-8")) is not None:
        return text, not declared
    return _best_of_bad(data, codec), False


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
