"""What is new in a mail: the text in ordered passages (new, quote, signature, footer, forwarded).

``segments`` folds and never cuts: joined with line ends its passages are the text. It is a scanner over lines that goes
down once; no pattern crosses a line, lines are matched by their first 400 characters, and lines after the 5,000th
follow the last.

    new ──"> …"───────────────────▶ quote, line by line; unquoted text after it is new again (bottom-posted)
    new ──"On … wrote:" + "> …"───▶ the same
    new ──"On … wrote:" + text────▶ quote to the end
    new ──separator / From-block──▶ quote (or forwarded) to the end
    new ──"-- "───────────────────▶ signature, until a quote begins
    new ──our marker line─────────▶ quote to the end; quoted with ">" only as far as the ">" go

Fold too little rather than too much: if nothing is left, everything is new. The exception is our own notice: what
stands under our marker was not written by the person who answers it, so an answer without words stays without words.
"""

import re

from mailcrm.ingest.headerblock import bare, label_of, read_block, separator_of
from mailcrm.ingest.phrases import BANNERS, DEVICES, LIST_FOOTERS, MOBILE, OPENERS, WROTE
from mailcrm.mail import Segment, SegmentKind

MARKER = "— mailcrm: reply above this line · vastaa tämän rivin yläpuolelle —"
_MARKER_WORDS = "mailcrm: reply above this line"

_MOST_LINES = 5_000
_LONGEST_SIGNATURE = 25
_TIME = re.compile(r"\d{1,2}[:.h]\d{2}|(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2}|\d\s?(?:am|pm)\b", re.IGNORECASE)
_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}")
_MOST_WRAPPED = 4
_ENDS = (":", "：", "wrote", "kirjoitti")  # what an attribution ends in

NEW, QUOTE, SIGNATURE = SegmentKind.NEW, SegmentKind.QUOTE, SegmentKind.SIGNATURE
FOOTER, FORWARDED = SegmentKind.FOOTER, SegmentKind.FORWARDED


def segments(text: str, *, is_reply: bool, is_forward: bool = False) -> tuple[Segment, ...]:
    """The text in passages. Only a reply or forward is folded beyond its signature."""
    lines = text.split("\n")
    seen = lines[:_MOST_LINES]
    kinds = _Scan(seen, is_forward).kinds() if is_reply else _first_mail(seen)
    if len(lines) > len(seen):
        kinds += [kinds[-1]] * (len(lines) - len(seen))
    return _joined(lines, _never_empty(lines, kinds))


def new_text(parts: tuple[Segment, ...]) -> str:
    """The newly written text; of a forward without words of its own, the forwarded text."""
    new = _text_of(parts, NEW)
    if new or has_marker(parts):
        return new
    return _text_of(parts, FORWARDED)


def has_marker(parts: tuple[Segment, ...]) -> bool:
    """Whether one of our own notices is quoted."""
    return any(_MARKER_WORDS in part.text for part in parts)


def _text_of(parts: tuple[Segment, ...], kind: SegmentKind) -> str:
    return "\n".join(part.text for part in parts if part.kind is kind).strip()


def _joined(lines: list[str], kinds: list[SegmentKind]) -> tuple[Segment, ...]:
    """Neighbours of one kind become one passage; blank lines belong to the passage before them."""
    out: list[Segment] = []
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or kinds[index] is not kinds[start]:
            out.append(Segment(kinds[start], "\n".join(lines[start:index])))
            start = index
    return tuple(out)


def _never_empty(lines: list[str], kinds: list[SegmentKind]) -> list[SegmentKind]:
    """If folding leaves nothing, everything shows."""
    if any(kind is NEW and line.strip() for line, kind in zip(lines, kinds, strict=True)):
        return kinds
    if FORWARDED in kinds or any(_MARKER_WORDS in line for line in lines):
        return kinds
    return [NEW] * len(kinds)


def _first_mail(lines: list[str]) -> list[SegmentKind]:
    kinds = [NEW] * len(lines)
    for index in range(len(lines) - 1, -1, -1):
        if _is_signature_start(lines, index, len(lines)):
            return kinds[:index] + [SIGNATURE] * (len(lines) - index)
        if len(lines) - index > 3 * _LONGEST_SIGNATURE:
            break
    return _fold_mobile(lines, kinds)


def _fold_mobile(lines: list[str], kinds: list[SegmentKind]) -> list[SegmentKind]:
    for index, line in enumerate(lines):
        if kinds[index] is NEW and _stands_alone(lines, kinds, index) and _is_mobile_line(line):
            kinds[index] = SIGNATURE
    return kinds


class _Scan:
    """One pass downwards; ``at`` is the line looked at."""

    def __init__(self, lines: list[str], is_forward: bool) -> None:
        self.lines = lines
        self.is_forward = is_forward
        self.result = [NEW] * len(lines)
        self.at = 0
        self.in_signature = False
        self.delimiters = 0

    def kinds(self) -> list[SegmentKind]:
        while self.at < len(self.lines):
            self._step()
        self._wrapped_quotes()
        return _fold_mobile(self.lines, self.result)

    def _step(self) -> None:
        line = self.lines[self.at]
        if is_quoted(line):
            self._mark(self._end_of_quoted(self.at), FORWARDED if self.is_forward else QUOTE)
        elif _MARKER_WORDS in line:
            self._mark(len(self.lines), QUOTE)
        elif (end := self._foreign_block()) > self.at:
            self._mark(end, self._block_kind())
        elif self._attribution():
            pass
        elif self._is_footer():
            self._mark(len(self.lines), FOOTER)
        elif _is_delimiter(line) and self._signature_begins():
            self._mark(self.at + 1, SIGNATURE)
            self.in_signature = True
        elif self.at < 12 and _is_banner(line):
            self._mark(self.at + 1, FOOTER)
        else:
            self.result[self.at] = SIGNATURE if self.in_signature else NEW
            self.at += 1

    def _mark(self, end: int, kind: SegmentKind) -> None:
        self.result[self.at : end] = [kind] * (end - self.at)
        self.at = end
        self.in_signature = False

    def _end_of_quoted(self, start: int) -> int:
        """The first line after a run of quoted and blank lines that is neither."""
        end = index = start
        while index < len(self.lines) and (is_quoted(self.lines[index]) or not self.lines[index].strip()):
            index += 1
            if is_quoted(self.lines[index - 1]):
                end = index
        return end

    # A separator or a header block: from here on it is another mail, to the end.

    def _foreign_block(self) -> int:
        separator = separator_of(self.lines[self.at])
        if separator in ("original", "forwarded"):
            below = self._below(self.at)
            if below < len(self.lines) and is_quoted(self.lines[below]):
                return self._end_of_quoted(below)
            return len(self.lines)
        if separator == "rule":
            below = self._below(self.at)
            has_block = below < len(self.lines) and (
                read_block(self.lines, below, is_below_separator=True) is not None or self._looks_like_block(below)
            )
            return len(self.lines) if has_block else self.at
        return len(self.lines) if label_of(self.lines[self.at]) and read_block(self.lines, self.at) else self.at

    def _below(self, index: int) -> int:
        index += 1
        while index < len(self.lines) and not self.lines[index].strip():
            index += 1
        return index

    def _looks_like_block(self, start: int) -> bool:
        """Labels of a language we do not know, below a rule: three short heads with a colon, an address in the "
        "first."""
        head = [bare(line) for line in self.lines[start : start + 3]]
        return len(head) == 3 and "@" in head[0] and all(0 < line.find(":") <= 24 for line in head)

    def _block_kind(self) -> SegmentKind:
        separator = separator_of(self.lines[self.at])
        if separator == "forwarded" or (self.is_forward and separator != "original"):
            return FORWARDED
        return FORWARDED if self.is_forward and not any(kind is QUOTE for kind in self.result[: self.at]) else QUOTE

    # "On … wrote:", perhaps wrapped over some lines.

    def _attribution(self) -> bool:
        end = attribution_end(self.lines, self.at)
        below = self._below(max(end - 1, self.at))
        above_quote = below < len(self.lines) and is_quoted(self.lines[below])
        if above_quote and (end > self.at or _introduces(self.lines[self.at])):
            self._mark(self._end_of_quoted(below), FORWARDED if self.is_forward else QUOTE)
        elif end > self.at and _is_certain(" ".join(self.lines[self.at : end])):
            self._mark(len(self.lines), FORWARDED if self.is_forward else QUOTE)
        else:
            return False
        return True

    def _is_footer(self) -> bool:
        if separator_of(self.lines[self.at]) != "rule":
            return False
        below = " ".join(self.lines[self.at + 1 : self.at + 4])[:400].casefold()
        return any(phrase in below for phrase in LIST_FOOTERS)

    def _signature_begins(self) -> bool:
        """Only the first delimiters are looked at: each look costs some lines, and many of them are a table or an attack."""
        self.delimiters += 1
        return self.delimiters <= 20 and _is_signature_start(self.lines, self.at, self._signature_limit())

    def _signature_limit(self) -> int:
        """Where a signature beginning here must end: before the next quote."""
        for index in range(self.at + 1, min(len(self.lines), self.at + 3 * _LONGEST_SIGNATURE)):
            if is_quoted(self.lines[index]) or separator_of(self.lines[index]) in ("original", "forwarded"):
                return index
            if label_of(self.lines[index]) == "from" or attribution_end(self.lines, index) > index:
                return index
        return len(self.lines)

    def _wrapped_quotes(self) -> None:
        """A short tail of a quoted line that a relay wrapped without a ">" is quote, not an answer."""
        for index in range(1, len(self.lines) - 1):
            line = self.lines[index]
            if self.result[index] is not NEW or not line.strip() or len(line) > 30 or not line[:1].islower():
                continue
            before, after = self.lines[index - 1], self.lines[index + 1]
            if is_quoted(before) and is_quoted(after) and len(before) >= 66:
                self.result[index] = QUOTE


def is_quoted(line: str) -> bool:
    """Whether the line is marked with ``>``."""
    return line[:8].lstrip(" \t\xa0")[:1] in (">", "＞")


def attribution_end(lines: list[str], start: int) -> int:
    """The index after the attribution that begins on the line ``start``; ``start`` itself if none does."""
    if not any(_may_end(line) for line in lines[start : start + _MOST_WRAPPED]):
        return start
    first = bare(lines[start])
    if not first or not (_has_date_or_address(first) or _opens(first)):
        return start
    if _is_attribution(first):
        return start + 1
    if not (_opens(first) or _names_writer(first)) or first.endswith((".", "!", "?")):
        return start
    joined = first
    for index in range(start + 1, min(len(lines), start + _MOST_WRAPPED)):
        line = bare(lines[index])
        if (not line and lines[index].strip() != ">:") or (
            is_quoted(lines[index]) and lines[index].strip() not in (">:", ">")
        ):
            break
        joined = f"{joined} {line}" if line != ":" else f"{joined}>:"
        if _is_attribution(joined):
            # The lines above may be the person's own words: the shortest tail that is a whole attribution wins.
            later = attribution_end(lines, start + 1)
            shorter = later > start + 1 and not _has_date_or_address(first)
            return start if shorter else index + 1
    return start


def _may_end(line: str) -> bool:
    return line.rstrip(" \t*_\xa0\u200e\u200f\u202c").endswith(_ENDS)


def _is_attribution(text: str) -> bool:
    text = text[:400].rstrip(" *_\xa0")
    if not text.endswith(_ENDS) or not _has_date_or_address(text):
        return False
    folded = text.casefold()
    if any(_has_word(folded, word) for word in WROTE):
        return True
    # Japanese and some phones write only date, name and address: "2024年3月5日(火) 10:11 X <x@y.jp>:"
    return text.endswith((">:", ">：")) and bool(_TIME.search(text)) and text[:1].isdigit()


def _names_writer(text: str) -> bool:
    """ "Carol <carol@x.example> wrote on Monday," wrapped before the date."""
    folded = text.casefold()
    return "@" in text and any(_has_word(folded, word) for word in WROTE)


def _introduces(line: str) -> bool:
    """Directly above ``>`` lines a vaguer attribution will do: "Carol wrote:",
    or a dated line of an unknown language."""
    text = bare(line)
    if not text.endswith((":", "：")):
        return False
    folded = text[:-1].casefold().rstrip()
    return (folded.endswith(WROTE) and len(text) < 80) or _has_date_or_address(text)


def _is_certain(text: str) -> bool:
    """Without ``>`` lines below, everything below is folded, so the line must look written by a program."""
    text = bare(text)
    return "@" in text or _CLOCK.search(text) is not None or _opens(text)


def _has_word(folded: str, word: str) -> bool:
    place = folded.find(word)
    while place >= 0:
        before = folded[place - 1] if place else " "
        after = folded[place + len(word)] if place + len(word) < len(folded) else " "
        begins = not word[0].isascii() or not before.isalpha()
        ends = not word[-1].isascii() or not after.isalpha()
        if begins and ends:
            return True
        place = folded.find(word, place + 1)
    return False


def _has_date_or_address(text: str) -> bool:
    return "@" in text or _TIME.search(text) is not None


def _opens(text: str) -> bool:
    return text.casefold().startswith(OPENERS)


def _is_banner(line: str) -> bool:
    return bare(line).casefold().startswith(BANNERS)


def _is_delimiter(line: str) -> bool:
    """RFC 3676 4.3: two dashes and a space; the space is often lost."""
    return line in ("-- ", "--", "--\xa0", "—", "– ")


def _is_signature_start(lines: list[str], index: int, limit: int) -> bool:
    """Long text below the delimiter is not a signature."""
    if not _is_delimiter(lines[index]):
        return False
    return sum(1 for line in lines[index + 1 : limit] if line.strip()) <= _LONGEST_SIGNATURE


def _is_mobile_line(line: str) -> bool:
    if not 8 < len(line) < 120:
        return False
    text = bare(line)
    if not 8 < len(text) < 90 or ", " in text:
        return False
    folded = text.strip("[]()<>").casefold()
    return folded.startswith(MOBILE) and any(_names(folded, device) for device in DEVICES)


def _names(folded: str, device: str) -> bool:
    place = folded.find(device)
    return place > 0 and not folded[place - 1].isalpha()


def _stands_alone(lines: list[str], kinds: list[SegmentKind], index: int) -> bool:
    """The person's text ends here: a blank line, a quote or nothing is below."""
    return index + 1 == len(lines) or not lines[index + 1].strip() or kinds[index + 1] is not NEW
