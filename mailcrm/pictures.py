"""A picture without what it tells besides what it shows: camera, place, author, comments, anything behind its end. Pure.

Only the structure of the file is read; the picture itself is not decoded. Of a JPEG's Exif the orientation alone stays, or a
phone's photo would lie on its side.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Picture:
    content_type: str
    ending: str
    content: bytes


def clean_picture(content: bytes) -> Picture | None:
    """The picture without its metadata; None if it is no JPEG, PNG, GIF or WebP, or one that is broken."""
    for begins, cleaned, content_type, ending in _KINDS:
        if content.startswith(begins):
            try:
                return Picture(content_type, ending, b"".join(cleaned(content)))
            except (struct.error, IndexError, ValueError):
                return None
    return None


# --- JPEG ----------------------------------------------------------------------------------------------------------------

_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_KEPT = frozenset((0xEE, 0xDA, 0xDB, 0xC4, 0xDD, *range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xD0)))
_ICC = b"ICC_PROFILE\0"


def _jpeg(data: bytes) -> Iterator[bytes]:
    """The segments that the picture needs, then its scans; what stands behind its end (other pictures, a film) is left out."""
    yield data[:2]
    place = 2
    while True:
        if data[place] != 0xFF:
            raise ValueError("no segment")
        kind = data[place + 1]
        if kind == 0xFF:
            place += 1
            continue
        if kind == 0xD9:
            yield data[place : place + 2]
            return
        if kind in _ALONE:
            yield data[place : place + 2]
            place += 2
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        segment = data[place : place + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            raise ValueError("cut short")
        yield _kept(kind, segment)
        place += 2 + length
        if kind == 0xDA:
            end = _end_of_scan(data, place)
            yield data[place:end]
            place = end


def _kept(kind: int, segment: bytes) -> bytes:
    is_bare_jfif = (
        kind == 0xE0 and len(segment) == 18
    )  # a longer one carries a small picture, made before somebody cut the large
    if kind in _KEPT or is_bare_jfif or (kind == 0xE2 and segment[4:16] == _ICC):
        return segment
    if kind == 0xE1 and segment[4:10] == b"Exif\0\0":
        return _only_orientation(segment[10:])
    return b""


def _end_of_scan(data: bytes, place: int) -> int:
    while True:
        place = data.index(b"\xff", place)
        following = data[place + 1]
        if following != 0 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return place
        place += 1 if following == 0xFF else 2


def _only_orientation(tiff: bytes) -> bytes:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return b""
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for number in range(min(count, 200)):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * number)
            if tag == _ORIENTATION and 1 < value <= 8:
                small = b"MM\0\x2a\0\0\0\x08\0\x01" + struct.pack(">HHIHHI", tag, 3, 1, value, 0, 0)
                return b"\xff\xe1" + struct.pack(">H", len(small) + 8) + b"Exif\0\0" + small
    except struct.error:
        return b""
    return b""


# --- PNG, GIF, WebP ------------------------------------------------------------------------------------------------------

_CHUNKS = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"acTL",
     b"fcTL", b"fdAT")
)  # fmt: skip


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    place, name = 8, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            raise ValueError("cut short")
        if name in _CHUNKS:
            yield data[place:end]
        place = end


def _gif(data: bytes) -> Iterator[bytes]:
    """Frames, their timing, and how often they repeat; no comments, no texts, no other applications' words."""
    flags = data[10]
    place = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    yield data[:place]
    while data[place] != 0x3B:
        start = place
        if data[place] == 0x21:
            label, end = data[place + 1], _end_of_blocks(data, place + 2)
            is_kept = label == 0xF9 or (
                label == 0xFF and data[place + 3 : place + 14] in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
            )
        elif data[place] == 0x2C:
            inner = data[place + 9]
            end = _end_of_blocks(data, place + 11 + (3 << ((inner & 7) + 1) if inner & 0x80 else 0))
            is_kept = True
        else:
            raise ValueError("no block")
        if is_kept:
            yield data[start:end]
        place = end
    yield b"\x3b"


def _end_of_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += data[place] + 1
    return place + 1


_WEBP_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))


def _webp(data: bytes) -> Iterator[bytes]:
    if data[8:12] != b"WEBP":
        raise ValueError("another RIFF")
    (size,) = struct.unpack_from("<I", data, 4)
    data = data[: 8 + size]
    kept: list[bytes] = []
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        end = place + 8 + length
        if end > len(data):
            raise ValueError("cut short")
        if name in _WEBP_CHUNKS:
            chunk = data[place:end] + b"\0" * (length & 1)
            is_header = name == b"VP8X"
            kept.append(chunk[:8] + bytes((chunk[8] & ~0x0C,)) + chunk[9:] if is_header else chunk)  # no Exif, no XMP
        place = end + (length & 1)
    if not kept:
        raise ValueError("no picture")
    body = b"WEBP" + b"".join(kept)
    yield b"RIFF" + struct.pack("<I", len(body)) + body


_KINDS = (
    (b"\xff\xd8\xff", _jpeg, "image/jpeg", "jpg"),
    (b"\x89PNG\r\n\x1a\n", _png, "image/png", "png"),
    (b"GIF87a", _gif, "image/gif", "gif"),
    (b"GIF89a", _gif, "image/gif", "gif"),
    (b"RIFF", _webp, "image/webp", "webp"),
)
