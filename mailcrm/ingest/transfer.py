"""Transfer encodings read more generously than the standard library reads them; never raises.

Bytes as they stand in a mail in, bytes without their encoding out. What only says that it is encoded stays as it is, and text that
stands behind the code is kept.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterable, Iterator

from mailcrm.ingest.stubs import joined, with_room
from mailcrm.ingest.uuencode import uudecoded

_PURE_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]*={0,2}\s*")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPACE = b" \t\r\n\x0b\x0c"
_UUENCODED = frozenset(("x-uuencode", "uuencode", "uue", "x-uue"))
ENCODED = _UUENCODED | {"base64", "quoted-printable"}


def decoded(written: bytes, encoding: str, *, is_text: bool) -> bytes:
    """``written`` without the encoding of that name, lower case; unknown ones are taken for none."""
    if encoding == "base64":
        return _from_base64(written, is_text=is_text)
    if encoding == "quoted-printable":
        return quopri.decodestring(written)
    if encoding in _UUENCODED:
        files = uudecoded(written)[1]
        return files[0][1] if files else written
    return written


def decoded_blocks(blocks: Callable[[], Iterable[bytes]], size: int, encoding: str, *, is_text: bool) -> bytes:
    """The same of something long that comes in pieces, of ``size`` bytes in all; only what is broken is put together first."""
    if encoding == "quoted-printable":
        return joined(map(quopri.decodestring, _by_lines(blocks())), size)
    if encoding == "base64" and (pure := _pure_base64(blocks(), size)) is not None:
        return pure
    return decoded(joined(blocks(), size), encoding, is_text=is_text)


def _by_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces that end where a line does."""
    held: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join((*held, block[:end]))
            held = []
        held.append(block[end:])
    yield b"".join(held)


def _pure_base64(blocks: Iterable[bytes], size: int) -> bytes | None:
    """None if something else stands in it."""
    out = with_room(size * 3 // 4)
    left = b""
    is_padded = False
    for block in blocks:
        coded = left + block.translate(None, _SPACE)
        body = coded.rstrip(b"=")
        if (is_padded and coded) or body.translate(None, _ALPHABET) or len(coded) - len(body) > 2:
            return None
        is_padded = len(body) < len(coded)
        whole = len(body) - len(body) % 4
        out.write(binascii.a2b_base64(memoryview(body)[:whole]))
        left = body[whole:]
        if is_padded:
            out.write(_decode_base64(left) or b"")
            left = b""
    out.write(_decode_base64(left) or b"")
    out.truncate()
    return out.getvalue()


def _from_base64(written: bytes, *, is_text: bool) -> bytes:
    """Base64 with what fell into it; text that only says it is base64 stays text, and text behind the code is kept behind it."""
    if _PURE_BASE64.fullmatch(written):
        return _decode_base64(b"".join(written.split())) or b""
    lines = written.splitlines()
    beginning = [line.strip() for line in lines[:20]]
    is_coded = any(len(line) >= 20 and b" " not in line and not _NOT_BASE64.search(line) for line in beginning)
    if not is_coded and any(b" " in line or _NOT_BASE64.search(line) for line in beginning):
        return (
            written
            if any(b" " in line for line in beginning)
            else _decode_base64(_NOT_BASE64.sub(b"", written)) or written
        )
    coded = b"".join(line.strip() for line in lines if b" " not in line.strip())
    behind = b"\n".join(line for line in lines if b" " in line.strip())
    data = _decode_base64(_NOT_BASE64.sub(b"", coded))
    if data is None:
        return written
    return data + (b"\n" + behind if behind and is_text else b"")


def _decode_base64(coded: bytes) -> bytes | None:
    """To the padding, if any; a letter too many is left out, missing padding is added. Codes one behind the other are read each."""
    pieces = _PADDED.findall(coded)
    if len(pieces) > 1 and all(len(piece) % 4 == 0 for piece in pieces[:-1]):
        return b"".join(_decode_piece(piece) or b"" for piece in pieces)
    return _decode_piece(coded)


_PADDED = re.compile(rb"[^=]+(?:=+|\Z)")


def _decode_piece(coded: bytes) -> bytes | None:
    end = coded.find(b"=")
    coded = coded[:end] if end >= 0 and end * 2 > len(coded) else coded.replace(b"=", b"")
    coded = coded[: len(coded) - (len(coded) % 4 == 1)]
    try:
        return base64.b64decode(coded + b"=" * (-len(coded) % 4))
    except (binascii.Error, ValueError):
        return None
