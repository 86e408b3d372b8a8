"""A picture keeps what it shows and loses what it tells."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.pictures import clean_picture

SECRET = b"GPS 60.1699N canary77"


def segment(kind: int, content: bytes) -> bytes:
    return b"\xff" + bytes((kind,)) + struct.pack(">H", len(content) + 2) + content


def exif(orientation: int, order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(order + "HHII", 0x8825, 4, 1, 50)
    return b"Exif\0\0" + head + struct.pack(order + "H", 2) + entries + b"\0\0\0\0" + SECRET


def jpeg(*told: bytes, behind: bytes = b"") -> bytes:
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    tables = segment(0xDB, bytes(65)) + segment(0xC0, bytes(15)) + segment(0xC4, bytes(20))
    scan = segment(0xDA, bytes(10)) + b"\x01\xff\x00\x02\xff\xd0\x03"
    return b"\xff\xd8" + jfif + b"".join(told) + tables + scan + b"\xff\xd9" + behind


def png(*told: bytes, behind: bytes = b"") -> bytes:
    rows = zlib.compress(b"\0\xff\0\0")
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + b"".join(told)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
        + behind
    )


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def gif(*told: bytes, behind: bytes = b"") -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + b"".join(told) + frame + b"\x3b" + behind


def webp(*told: bytes, flags: int = 0x0C, behind: bytes = b"") -> bytes:
    def one(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)

    chunks = [one(b"VP8X", bytes((flags, 0, 0, 0, 0, 0, 0, 0, 0, 0))), one(b"VP8L", b"\x2f123"), *told]
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body + behind


TELLING = {
    "jpeg exif": (jpeg(segment(0xE1, exif(1))), jpeg()),
    "jpeg xmp": (jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)), jpeg()),
    "jpeg iptc": (jpeg(segment(0xED, b"Photoshop 3.0\0" + SECRET)), jpeg()),
    "jpeg comment": (jpeg(segment(0xFE, SECRET)), jpeg()),
    "jpeg small picture": (jpeg(segment(0xE0, b"JFXX\0" + SECRET)), jpeg()),
    "jpeg other pictures": (jpeg(segment(0xE2, b"MPF\0" + SECRET)), jpeg()),
    "jpeg behind the end": (jpeg(behind=SECRET), jpeg()),
    "png text": (png(chunk(b"tEXt", SECRET), chunk(b"iTXt", SECRET), chunk(b"zTXt", SECRET)), png()),
    "png exif": (png(chunk(b"eXIf", SECRET), chunk(b"tIME", bytes(7))), png()),
    "png own": (png(chunk(b"caBX", SECRET)), png()),
    "png behind the end": (png(behind=SECRET), png()),
    "gif comment": (gif(b"\x21\xfe\x15" + SECRET + b"\0"), gif()),
    "gif xmp": (gif(b"\x21\xff\x0bXMP DataXMP\x15" + SECRET + b"\0"), gif()),
    "gif behind the end": (gif(behind=SECRET), gif()),
    "webp exif": (webp(b"EXIF" + struct.pack("<I", len(SECRET)) + SECRET + b"\0"), webp(flags=0)),
    "webp xmp": (webp(b"XMP " + struct.pack("<I", len(SECRET)) + SECRET + b"\0"), webp(flags=0)),
    "webp behind the end": (webp(behind=b"\0" * 8 + SECRET), webp(flags=0)),
}


@pytest.mark.parametrize("name", TELLING)
def test_only_what_is_shown_is_left(name: str) -> None:
    told, bare = TELLING[name]
    assert SECRET in told

    found = clean_picture(told)

    assert found is not None
    assert found.content == bare
    assert found.ending == name.split(" ", maxsplit=1)[0].replace("jpeg", "jpg")


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photo_that_was_turned_stays_turned(order: str) -> None:
    found = clean_picture(jpeg(segment(0xE1, exif(6, order))))

    assert found is not None
    assert SECRET not in found.content
    assert b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" in found.content


@pytest.mark.parametrize("picture", [jpeg(), png(), gif(), webp()])
def test_a_picture_that_is_cut_short_or_of_another_kind_is_none(picture: bytes) -> None:
    assert clean_picture(picture[: len(picture) // 2]) is None
    assert clean_picture(b"\0" + picture) is None
    assert clean_picture(b"RIFF\0\0\0\0WAVE" + picture) is None
    assert clean_picture(b"<svg>" + picture) is None
    assert clean_picture(b"") is None


@given(
    st.sampled_from([jpeg(segment(0xE1, exif(6))), png(), gif(), webp()]), st.integers(0, 200), st.binary(max_size=20)
)
def test_damage_never_raises(picture: bytes, place: int, put: bytes) -> None:
    found = clean_picture(picture[:place] + put + picture[place + len(put) :])
    assert found is None or len(found.content) <= len(picture) + 60
