"""What is new in a mail: the text in ordered passages (new, quote, signature, footer, forwarded).

``segments`` folds and never cuts: joined with line ends its passages are the text. It is a scanner over lines that goes
down once; no pattern crosses a paragraph, lines are matched by their first 400 characters, and lines after the 5,000th
follow the last.

    new ──"> …"───────────────────▶ quote, line by line; unquoted text after it is new again (bottom-posted)
    new ──"On … wrote:" + "> …"───▶ the same
    new ──"On … wrote:" + text────▶ quote to the end
    new ──separator / From-block──▶ quote (or forwarded) to the end
    new ──"-- "───────────────────▶ signature, until a quote begins
    new ──"reply above this line"─▶ quote to the end, if something new stands above
    new ──our marker line─────────▶ quote to the end; quoted with ">" only as far as the ">" go

Afterwards, in what is still new: a gateway's banner at the top, disclaimers and a card without delimiter at the bottom.

Fold too little rather than too much: if nothing is left, everything is new. The exception is our own notice: what
stands under our marker was not written by the person who answers it, so an answer without words stays without words.
"""

from itertools import groupby

from mailcrm.ingest.attribution import (
    MOST_WRAPPED,
    attribution_end,
    glued_attribution,
    introduces,
    is_certain,
    is_groupwise,
    is_quoted,
    may_end,
)
from mailcrm.ingest.headerblock import bare, label_of, read_block, separator_of
from mailcrm.ingest.notices import (
    banner_end,
    is_disclaimer,
    is_disclaimer_heading,
    is_disclaimer_start,
    is_privacy_notice,
    is_reply_above,
    pgp_end,
)
from mailcrm.ingest.phrases import LIST_FOOTERS
from mailcrm.ingest.signature import LONGEST, card_start, delimited, is_delimiter, is_mobile_line
from mailcrm.mail import Segment, SegmentKind

MARKER = "— mailcrm: reply above this line · vastaa tämän rivin yläpuolelle —"
_MARKER_WORDS = "mailcrm: reply above this line"

_MOST_LINES = 5_000
_MOST_DELIMITERS = 20
_LAST_PARAGRAPHS = 12  # looked through for disclaimers

NEW, QUOTE, SIGNATURE = SegmentKind.NEW, SegmentKind.QUOTE, SegmentKind.SIGNATURE
FOOTER, FORWARDED = SegmentKind.FOOTER, SegmentKind.FORWARDED


def segments(text: str, *, is_reply: bool, is_forward: bool = False, writer: str = "") -> tuple[Segment, ...]:
    """The text in passages. Only a reply or forward is folded beyond its signature and a gateway's lines.

    ``writer`` is the display name in From: a card below the own name is a signature.
    """
    lines = text.split("\n")
    seen = lines[:_MOST_LINES]
    kinds = _Scan(seen, is_forward).kinds() if is_reply else _first_mail(seen)
    _fold_card(seen, kinds, writer)
    _fold_gateway_lines(seen, kinds)
    _fold_card(seen, kinds, writer)
    _fold_mobile(seen, kinds)
    kinds = never_empty(seen, kinds, is_forward=is_forward)
    kinds += [kinds[-1]] * (len(lines) - len(seen))
    return joined(lines, kinds)


def own_text(parts: tuple[Segment, ...]) -> str:
    """What the writer wrote now; of a forward that is what stands above it, perhaps nothing."""
    return _text_of(parts, NEW)


def new_text(parts: tuple[Segment, ...]) -> str:
    """The newly written text; of a forward without words of its own, the forwarded text."""
    new = own_text(parts)
    if new or has_marker(parts):
        return new
    return _text_of(parts, FORWARDED)


def has_marker(parts: tuple[Segment, ...]) -> bool:
    """Whether one of our own notices is quoted."""
    return any(_MARKER_WORDS in part.text for part in parts)


def _text_of(parts: tuple[Segment, ...], kind: SegmentKind) -> str:
    return "\n".join(part.text for part in parts if part.kind is kind).strip()


def joined(lines: list[str], kinds: list[SegmentKind]) -> tuple[Segment, ...]:
    """Neighbours of one kind become one passage; one kind a line."""
    _attach_blank_lines(lines, kinds)
    pairs = groupby(zip(kinds, lines, strict=True), key=lambda pair: pair[0])
    return tuple(Segment(kind, "\n".join(line for _, line in group)) for kind, group in pairs)


def _attach_blank_lines(lines: list[str], kinds: list[SegmentKind]) -> None:
    """Blank lines belong to the passage before them, at the top to the one below."""
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    kinds[:first] = [kinds[first]] * first
    for index in range(first + 1, len(lines)):
        if not lines[index].strip():
            kinds[index] = kinds[index - 1]


def never_empty(lines: list[str], kinds: list[SegmentKind], *, is_forward: bool) -> list[SegmentKind]:
    """If folding leaves nothing, everything shows; below a header block that stands at the top, all but older quotes."""
    if _has_new(lines, kinds) or FORWARDED in kinds or any(_MARKER_WORDS in line for line in lines):
        return kinds
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    block = read_block(lines, first)
    if block is not None and not is_forward:
        below = _Scan(lines[block.end :], is_forward).kinds()
        if _has_new(lines[block.end :], below):
            return [NEW] * block.end + below
    return [NEW] * len(kinds)


def _has_new(lines: list[str], kinds: list[SegmentKind]) -> bool:
    return any(kind is NEW and line.strip() for line, kind in zip(lines, kinds, strict=True))


def _first_mail(lines: list[str]) -> list[SegmentKind]:
    kinds = [NEW] * len(lines)
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - 3 * LONGEST), -1):
        if delimited(lines, index, len(lines)):
            return kinds[:index] + [SIGNATURE] * (len(lines) - index)
    return kinds


class _Scan:
    """One pass downwards; ``at`` is the line looked at."""

    def __init__(self, lines: list[str], is_forward: bool) -> None:
        self.lines = lines
        self.is_forward = is_forward
        self.ends = [may_end(line) for line in lines]  # which lines may end an attribution
        self.result = [NEW] * len(lines)
        self.at = 0
        self.in_signature = False
        self.has_new = False
        self.delimiters = 0

    def kinds(self) -> list[SegmentKind]:
        while self.at < len(self.lines):
            self._step()
        self._wrapped_quotes()
        self._below_forward()
        return self.result

    def _step(self) -> None:
        line = self.lines[self.at]
        if not line.strip():
            self._keep()
        elif is_quoted(line):
            end = len(self.lines) if is_groupwise(line) else self._end_of_quoted(self.at)
            self._mark(end, FORWARDED if self.is_forward else QUOTE)
        elif _MARKER_WORDS in line:
            self._mark(len(self.lines), QUOTE)
        elif (end := self._foreign_block()) > self.at:
            self._mark(end, self._block_kind())
        elif self._attribution():
            pass
        elif self._is_list_footer():
            self._mark(len(self.lines), FOOTER)
        elif is_delimiter(line) and self._signature_begins():
            self._mark(self.at + 1, SIGNATURE)
            self.in_signature = True
        elif not self._written_by_nobody(line):
            self._keep()

    def _written_by_nobody(self, line: str) -> bool:
        if (self.at == 0 or not self.lines[self.at - 1].strip()) and is_reply_above(line):
            self._mark(len(self.lines) if self.has_new else self.at + 1, QUOTE if self.has_new else FOOTER)
        elif not self.has_new and (end := banner_end(self.lines, self.at)) > self.at:
            self._mark(end, FOOTER)
        else:
            return False
        return True

    def _keep(self) -> None:
        self.result[self.at] = SIGNATURE if self.in_signature else NEW
        self.has_new = self.has_new or (not self.in_signature and bool(self.lines[self.at].strip()))
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
        line = self.lines[self.at]
        separator = separator_of(line)
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
        return len(self.lines) if label_of(line) and read_block(self.lines, self.at) else self.at

    def _below(self, index: int) -> int:
        index += 1
        while index < len(self.lines) and not self.lines[index].strip():
            index += 1
        return index

    def _looks_like_block(self, start: int) -> bool:
        """Labels of a language we do not know, below a rule: three short heads with a colon, an address in the first."""
        head = [bare(line) for line in self.lines[start : start + 3]]
        return len(head) == 3 and "@" in head[0] and all(0 < line.find(":") <= 24 for line in head)

    def _block_kind(self) -> SegmentKind:
        separator = separator_of(self.lines[self.at])
        if separator == "forwarded" or (self.is_forward and separator != "original"):
            return FORWARDED
        return FORWARDED if self.is_forward and QUOTE not in self.result[: self.at] else QUOTE

    # "On … wrote:", perhaps wrapped over some lines.

    def _attribution(self) -> bool:
        if True not in self.ends[self.at : self.at + MOST_WRAPPED] and not glued_attribution(self.lines[self.at]):
            return False
        end = attribution_end(self.lines, self.at)
        below = self._below(max(end - 1, self.at))
        above_quote = below < len(self.lines) and is_quoted(self.lines[below])
        kind = FORWARDED if self.is_forward else QUOTE
        if above_quote and (end > self.at or introduces(self.lines[self.at])):
            self._mark(self._end_of_quoted(below), kind)
        elif is_certain(self.lines, self.at, end) if end > self.at else glued_attribution(self.lines[self.at]):
            self._mark(len(self.lines), kind)
        else:
            return False
        return True

    def _is_list_footer(self) -> bool:
        line = self.lines[self.at]
        if separator_of(line) != "rule" and not is_delimiter(line):
            return False
        below = " ".join(self.lines[self.at + 1 : self.at + 4])[:400].casefold()
        return any(phrase in below for phrase in LIST_FOOTERS)

    def _signature_begins(self) -> bool:
        """Only the first delimiters are looked at: each look costs some lines, and many of them are a table or an attack."""
        self.delimiters += 1
        return self.delimiters <= _MOST_DELIMITERS and delimited(self.lines, self.at, self._signature_limit())

    def _signature_limit(self) -> int:
        """Where a signature beginning here must end: before the next quote."""
        for index in range(self.at + 1, min(len(self.lines), self.at + 3 * LONGEST)):
            if is_quoted(self.lines[index]) or separator_of(self.lines[index]) in ("original", "forwarded"):
                return index
            if label_of(self.lines[index]) == "from" or attribution_end(self.lines, index) > index:
                return index
        return len(self.lines)

    def _wrapped_quotes(self) -> None:
        """The tail of a quoted line that a relay wrapped without a ">" is quote, not an answer."""
        if QUOTE not in self.result:
            return
        for index in range(1, len(self.lines) - 1):
            line, above = self.lines[index], self.lines[index - 1]
            is_between = self.result[index] is NEW and self.result[index - 1] is QUOTE is self.result[index + 1]
            if not is_between or not is_quoted(above) or not is_quoted(self.lines[index + 1]):
                continue
            is_short_tail = 0 < len(line) <= 30 and line[:1].islower() and len(above) >= 66
            if is_short_tail or (line.strip() and _closes_bracket(above, line)):
                self.result[index] = QUOTE

    def _below_forward(self) -> None:
        """Who forwards writes above; what stands below the marked lines of a forward is a foot that came with it."""
        if FORWARDED not in self.result:
            return
        last = len(self.result) - 1 - self.result[::-1].index(FORWARDED)
        above = self.result.index(FORWARDED)
        if any(kind is NEW and self.lines[index].strip() for index, kind in enumerate(self.result[:above])):
            self.result[last + 1 :] = [FORWARDED] * (len(self.lines) - last - 1)


def _closes_bracket(above: str, line: str) -> bool:
    """A link in brackets that was wrapped: "(https://x.example/a" and below it "b?c=d)"."""
    return any(
        above.rfind(opening) > above.rfind(closing)
        and "http" in above[above.rfind(opening) :]
        and closing in line
        and " " not in line[: line.find(closing)].strip()
        for opening, closing in ("()", "<>", "[]")
    )


# --- what nobody wrote, and what stands under every mail -----------------------------------------------------------------


def _fold_gateway_lines(lines: list[str], kinds: list[SegmentKind]) -> None:
    """Banners above the first new words, disclaimers below the last, a signed text's armour around them."""
    for index, line in enumerate(lines):
        if line.startswith("-----BEGIN PGP SIG") and kinds[index] is NEW:
            end = pgp_end(lines, index)
            kinds[index:end] = [FOOTER] * (end - index)
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if kinds[first] is NEW and (end := banner_end(lines, first)) > first:
        kinds[first:end] = [FOOTER] * (end - first)
    paragraphs = _paragraphs(lines, kinds)
    goes_on, has_words, heading = False, len(paragraphs) > _LAST_PARAGRAPHS, -1
    for start, end in paragraphs[-_LAST_PARAGRAPHS:]:
        paragraph = " ".join(lines[start:end])
        is_privacy = is_privacy_notice(paragraph) and SIGNATURE in kinds[:start]
        goes_on = has_words and (is_privacy or is_disclaimer(paragraph, goes_on=goes_on))
        if goes_on:
            start = heading if heading >= 0 else start
            kinds[start:end] = [FOOTER] * (end - start)
        heading = start if has_words and end == start + 1 and is_disclaimer_heading(lines[start]) else -1
        has_words = has_words or kinds[start] is NEW


def _paragraphs(lines: list[str], kinds: list[SegmentKind]) -> list[tuple[int, int]]:
    """New and signature text by paragraphs; a disclaimer directly below other lines begins one of its own."""
    found: list[tuple[int, int]] = []
    start = -1
    for index, line in enumerate(lines):
        is_text = bool(line.strip()) and kinds[index] in (NEW, SIGNATURE)
        if start >= 0 and (not is_text or kinds[index] is not kinds[start] or is_disclaimer_start(line)):
            found.append((start, index))
            start = -1
        if is_text and start < 0:
            start = index
    return [*found, (start, len(lines))] if start >= 0 else found


def _fold_card(lines: list[str], kinds: list[SegmentKind], writer: str) -> None:
    """The signature without delimiter, at the end of the last new words."""
    end = next(
        (index + 1 for index in range(len(lines) - 1, -1, -1) if kinds[index] is NEW and lines[index].strip()), 0
    )
    start = end
    while start > 0 and (kinds[start - 1] in (NEW, FOOTER) or not lines[start - 1].strip()):
        start -= 1
    begin, stop = card_start(lines, start, end, writer)
    kinds[begin:stop] = [SIGNATURE] * (stop - begin)


def _fold_mobile(lines: list[str], kinds: list[SegmentKind]) -> None:
    for index, line in enumerate(lines):
        if kinds[index] is NEW and _ends_here(lines, kinds, index) and is_mobile_line(line):
            kinds[index] = SIGNATURE


def _ends_here(lines: list[str], kinds: list[SegmentKind], index: int) -> bool:
    """The person's text ends here: a blank line, a quote or nothing is below."""
    return index + 1 == len(lines) or not lines[index + 1].strip() or kinds[index + 1] is not NEW
