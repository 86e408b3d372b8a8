"""Long bodies taken out of a mail before it is parsed, and put back wherever its bytes are asked for.

The standard library makes an object of every line: a mail of 25 MB cost it 250 MB. So the middle of every long stretch in which no
line begins with two dashes, behind the header that may stand there, is replaced by a mark; what parts a multipart is never in it.
The mark is drawn anew for each mail, so that no sender can write one.
"""

import io
import re
import secrets
from collections.abc import Iterable, Iterator
from email.message import Message
from email.policy import Compat32, compat32
from itertools import pairwise

_SMALL = 256 * 1024  # mails up to this are parsed as they are
_KEPT = 16 * 1024  # of what stands behind a header stay before the mark
_LEAST_KEPT = 512
_MOST_DASHED = 2_010  # lines that may part a multipart; more are beyond the limit of parts
_LONGEST_TOP = 4 << 20
_LONGEST_HEAD = 64 * 1024
_MOST_KEPT = 1_000_000  # beyond it less of each is kept, and heads are looked for in less
_SHORT_HEAD = 4 * 1024
_MOST_HEADS = 5  # a part's, and those of mails attached in it
_LONGEST_REPORT = 1 << 20
_BLOCK = 1 << 20
_BLANK = re.compile(rb"\r?\n\r?\n|\r\r")


class Stubs:
    """What was taken out of ``raw``; ``short`` is the mail with the marks."""

    def __init__(self, raw: bytes, *, small: int = _SMALL, kept: int = _KEPT, least: int = _LEAST_KEPT) -> None:
        self._raw = raw
        self._cuts = list(_cuts(raw, kept, least)) if len(raw) > small else []
        self._name = b"stub-" + secrets.token_hex(12).encode() + b"-"
        self.short = self._shortened()

    def _shortened(self) -> bytes:
        if not self._cuts:
            return self._raw
        out: list[bytes] = []
        place = 0
        for number, (start, end) in enumerate(self._cuts):
            out += (self._raw[place:start], self._name + b"%d;" % number)
            place = end
        return b"".join((*out, self._raw[place:]))

    def is_in(self, written: bytes) -> bool:
        return bool(self._cuts) and self._name in written

    def blocks(self, written: bytes) -> Iterator[bytes]:
        """What was written where ``written`` has marks, in pieces of a megabyte at most, but for its own."""
        place = 0
        for mark in re.finditer(self._name + rb"(\d{1,6});", written):
            yield written[place : mark.start()]
            start, end = self._cuts[int(mark[1])]
            for block in range(start, end, _BLOCK):
                yield self._raw[block : min(block + _BLOCK, end)]
            place = mark.end()
        yield written[place:]

    def length(self, written: bytes) -> int:
        """How long that is altogether, its marks counted as well."""
        marks = re.findall(self._name + rb"(\d{1,6});", written)
        return len(written) + sum(end - start for start, end in (self._cuts[int(mark)] for mark in marks))

    def whole(self, written: bytes) -> bytes:
        return joined(self.blocks(written), self.length(written)) if self.is_in(written) else written


def joined(blocks: Iterable[bytes], size: int) -> bytes:
    """The blocks one behind the other, of ``size`` bytes at most."""
    out = with_room(size)
    for block in blocks:
        out.write(block)
    out.truncate()
    return out.getvalue()


def with_room(size: int) -> io.BytesIO:
    """An empty buffer with room for ``size`` bytes: one that grows lies in memory twice."""
    out = io.BytesIO()
    if size > 0:
        out.seek(size - 1)
        out.write(b"\0")
        out.seek(0)
    return out


class Part(Message):
    """A part of a mail that knows what was taken out of it."""

    def __init__(self, stubs: Stubs | None = None, policy: Compat32 = compat32) -> None:
        super().__init__(policy)
        self.stubs = stubs


def stubs_of(part: Message) -> Stubs | None:
    return part.stubs if isinstance(part, Part) else None


def has_stub(part: Message) -> bool:
    """Whether something was taken out of this leaf."""
    stubs, payload = stubs_of(part), part.get_payload()
    return stubs is not None and isinstance(payload, str) and stubs.is_in(payload.encode("utf-8", "surrogateescape"))


def _cuts(raw: bytes, most: int, least: int) -> Iterator[tuple[int, int]]:
    dashed = _dashed(raw)
    kept = 0
    for start, end in pairwise((0, *dashed, len(raw))):
        has_room = kept < _MOST_KEPT
        longest = _LONGEST_TOP if start == 0 else _LONGEST_HEAD if has_room else _SHORT_HEAD
        body = min(_body_at(raw, start, end, longest) + (most if has_room else least), end)
        if end - body > least:
            tail = raw[end - 2 : end] if end == len(raw) else raw[end - 1 : end].replace(b"\n", b"")
            yield body, end - (len(tail) - len(tail.rstrip(b"\r\n")))  # a line end is the parser's
        kept += body - start


def _dashed(raw: bytes) -> list[int]:
    """Where lines begin that may part a multipart; each place is that of the line end before it."""
    found: list[int] = []
    for mark in (b"\n--", b"\r--"):
        place = raw.find(mark)
        count = 0
        while place >= 0 and count < _MOST_DASHED:
            found.append(place)
            count += 1
            place = raw.find(mark, place + 1)
    return sorted(found)[:_MOST_DASHED]


def _body_at(raw: bytes, start: int, end: int, longest: int) -> int:
    """Behind the header of what begins at ``start``, and behind those of mails attached in it; a delivery report stays whole."""
    place = start
    for _ in range(_MOST_HEADS):
        blank = _BLANK.search(raw, place, min(end + 1, place + longest))
        if blank is None:
            return place + longest if place == start else place
        head = raw[place : blank.end()].lower()
        place = min(blank.end(), end)
        if b"delivery-status" in head or b"rfc822-headers" in head:
            return min(end, place + _LONGEST_REPORT)
        if b"content-type" in head and b"message/" not in head and b"multipart/" not in head:
            break
    return place
