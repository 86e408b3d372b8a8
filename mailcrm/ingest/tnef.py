"""winmail.dat (MS-OXTNEF) unpacked: the files in it, and its text where the mail has none.

Own reader: the one library (tnefparse 1.4.0, LGPL, no release since 2021) copies the rest of the file for each of its objects,
so that its time grows with the square (1 MB made for it: 1.7 s), and one property it cannot read loses every file. Here one pass,
bounded, and what was read before a fault is kept. Takes bytes, never raises.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailcrm.ingest.charset import decode

_SIGNATURE = b"\x78\x9f\x3e\x22"
_MOST_OBJECTS = 20_000
_MOST_FILES = 200
_MOST_PROPERTIES = 2_000

_ATTACHMENT_LEVEL = 2
_END = -1
_BODY, _DATA, _TITLE, _RENDER, _MAPI, _ATTACHMENT = 0x800C, 0x800F, 0x8010, 0x9002, 0x9003, 0x9005
_PLAIN, _HTML, _OBJECT, _LONG_NAME, _SHORT_NAME, _CONTENT_ID = 0x1000, 0x1013, 0x3701, 0x3707, 0x3704, 0x3712
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_TEXT, _UNICODE = 0x1E, 0x1F
_VARIABLE = frozenset((0x0D, _TEXT, _UNICODE, 0x102))


@dataclass(slots=True)
class TnefFile:
    name: str = ""
    data: bytes = b""
    content_id: str = ""
    is_object: bool = False  # an attached mail, or what a program embedded


@dataclass(slots=True)
class Tnef:
    """What was found; ``html`` holds bytes of the character set it declares itself.

    ``is_whole``: it was read to its end, and each of its files is here; an embedded object or mail is not.
    """

    text: str = ""
    html: bytes = b""
    files: list[TnefFile] = field(default_factory=list)
    is_whole: bool = True


def is_tnef(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def read_tnef(data: bytes) -> Tnef:
    """The files and the text; what is broken is left out."""
    found = Tnef(is_whole=False)
    for level, name, value in _objects(data):
        if level == _END:
            found.is_whole = True
        elif level == _ATTACHMENT_LEVEL:
            _add_to_file(found, name, value)
        elif name == _BODY:
            found.text = _text(value)
        elif name == _MAPI:
            for key, said in _properties(value):
                if key == _PLAIN and not found.text:
                    found.text = _text(said)
                elif key == _HTML and isinstance(said, bytes):
                    found.html = said
    is_each_open = all(one.data and not one.is_object for one in found.files) and len(found.files) <= _MOST_FILES
    found.is_whole = found.is_whole and is_each_open
    found.files = [one for one in found.files if one.data][:_MOST_FILES]
    return found


def _objects(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The objects in order, and after the last of a file that ends where one ends, the level ``_END``."""
    place = 6  # behind signature and key
    for _ in range(_MOST_OBJECTS):
        if place == len(data):
            yield _END, 0, b""
            return
        if place + 9 > len(data):
            return
        level, name, _, length = struct.unpack_from("<BHHI", data, place)
        if place + 9 + length > len(data):
            return  # cut short: half a file is no file
        yield level, name, data[place + 9 : place + 9 + length]
        place += 9 + length + 2  # a checksum behind


def _add_to_file(found: Tnef, name: int, value: bytes) -> None:
    if name == _RENDER or not found.files:
        found.files.append(TnefFile())
    file = found.files[-1]
    if name == _TITLE:
        file.name = file.name or _text(value)
    elif name == _DATA:
        file.data = value
    elif name == _ATTACHMENT:
        for key, said in _properties(value):
            if key == _LONG_NAME or (key == _SHORT_NAME and not file.name):
                file.name = _text(said)
            elif key == _CONTENT_ID:
                file.content_id = _text(said).strip("<> ")
            elif key == _OBJECT and not file.data and isinstance(said, bytes):
                file.data, file.is_object = said[16:], True  # an attached mail, behind the identifier of its interface


def _properties(data: bytes) -> Iterator[tuple[int, bytes | str]]:
    """Text and binary properties; the fixed ones are passed over. Ends at the first that cannot be read."""
    try:
        (count,) = struct.unpack_from("<I", data, 0)
        place = 4
        for _ in range(min(count, _MOST_PROPERTIES)):
            kind, key = struct.unpack_from("<HH", data, place)
            place = _behind_name(data, place + 4) if key >= 0x8000 else place + 4
            if width := _FIXED.get(kind):
                place += width
                continue
            if kind not in _VARIABLE:
                return  # a list of values, or nothing we know
            place, value = _variable(data, place)
            yield key, value.decode("utf-16-le", "replace") if kind == _UNICODE else value
    except struct.error:
        return


def _behind_name(data: bytes, place: int) -> int:
    """A named property: an identifier of 16 bytes, then a number or a name."""
    (is_text,) = struct.unpack_from("<I", data, place + 16)
    if not is_text:
        return place + 24
    (length,) = struct.unpack_from("<I", data, place + 20)
    return int(place + 24 + _padded(length))


def _variable(data: bytes, place: int) -> tuple[int, bytes]:
    """The first of the values at ``place``, and where the next property begins."""
    (count,) = struct.unpack_from("<I", data, place)
    place += 4
    first = b""
    for number in range(min(count, _MOST_PROPERTIES)):
        (length,) = struct.unpack_from("<I", data, place)
        if number == 0:
            first = data[place + 4 : place + 4 + length]
        place += 4 + _padded(length)
    return place, first


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _text(value: bytes | str) -> str:
    written = value if isinstance(value, str) else decode(value.rstrip(b"\0"), "")[0]
    return written.rstrip("\0")
