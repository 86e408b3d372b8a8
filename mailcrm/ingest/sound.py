"""The tree of a mail that is sound throughout, built at once; None for any other, which the standard library takes apart.

The library asks every line what it may be, and that costs more than all other reading of a mail. Where each header is fields and an
empty line, each multipart has its parts between its boundaries and an end, and no mail lies inside, the same tree is cut out of the
text by looking for the boundaries alone. ``tests/test_ingest_sound.py`` holds the two beside each other, on damaged mails too.
"""

import re
from collections.abc import Callable
from email.message import Message
from itertools import pairwise

_LARGEST = 1 << 20
_DEEPEST = 4
_MOST_PARTS = 100
_FIELD = re.compile(r"([!-9;-~]+):[ \t]*([^\n]*\n(?:[ \t][^\n]*\n)*)")
_BEHIND_BOUNDARY = re.compile(r"(--)?[ \t]*(?:\r?\n|\Z)")
_IDENTITY = ("7bit", "8bit", "binary")


def sound_tree(raw: bytes, make: Callable[[], Message]) -> Message | None:
    """The message tree as ``email.message_from_bytes`` builds it; ``make`` makes an empty part."""
    if len(raw) > _LARGEST:
        return None
    text = raw.decode("ascii", "surrogateescape")
    if text.count("\r") != text.count("\r\n"):
        return None  # to the library a line ends there
    return _Cutter(text, make).part(0, len(text), 0)


class _Cutter:
    def __init__(self, text: str, make: Callable[[], Message]) -> None:
        self._text = text
        self._make = make
        self._count = 0

    def part(self, start: int, end: int, depth: int) -> Message | None:
        """The part between the two places; None if anything about it is unusual."""
        self._count += 1
        part = self._make()
        body = self._read_head(part, start, end)
        main = part.get_content_maintype()
        if body < 0 or main == "message" or depth > _DEEPEST or self._count > _MOST_PARTS:
            return None
        if main != "multipart":
            text = self._text[body:end]
            part.set_payload(_without_line_end(text) if depth else text)
            return part
        return part if self._read_parts(part, body, end, depth) else None

    def _read_head(self, part: Message, start: int, end: int) -> int:
        """Where the body begins; -1 where a line is no field or no empty line follows."""
        place = start
        while (field := _FIELD.match(self._text, place, end)) is not None:
            part.set_raw(field[1], field[2].rstrip("\r\n"))
            place = field.end()
        if self._text.startswith("\r\n", place, end):
            return place + 2
        return place + 1 if self._text.startswith("\n", place, end) else -1

    def _read_parts(self, part: Message, body: int, end: int, depth: int) -> bool:
        boundary = part.get_boundary()
        encoding = str(part.get("content-transfer-encoding", "8bit")).lower()
        if not boundary or encoding not in _IDENTITY or part.get_content_type() == "multipart/digest":
            return False
        marks = self._marks("--" + boundary, body, end)
        if not marks:
            return False
        if marks[0][0] > body:
            part.preamble = _without_line_end(self._text[body : marks[0][0]])
        for (_, top), (bottom, _) in pairwise(marks):
            inner = self.part(top, bottom, depth + 1)
            if inner is None:
                return False
            part.attach(inner)
        below = self._text[marks[-1][1] : end]
        part.epilogue = (_without_line_end(below) if below else None) if depth else below
        return True

    def _marks(self, separator: str, start: int, end: int) -> list[tuple[int, int]]:
        """Where the boundary stands on a line alone and where the next line begins, to the one that is the last; [] without it."""
        found: list[tuple[int, int]] = []
        place = self._text.find(separator, start, end)
        while place >= 0 and len(found) <= _MOST_PARTS:
            behind = _BEHIND_BOUNDARY.match(self._text, place + len(separator), end)
            if behind and (place == start or self._text[place - 1] == "\n"):
                found.append((place, behind.end()))
                if behind[1]:
                    return found if len(found) > 1 else []
            place = self._text.find(separator, place + 1, end)
        return []


def _without_line_end(text: str) -> str:
    """RFC 2046 5.1.1: the line end before a boundary is the boundary's."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
