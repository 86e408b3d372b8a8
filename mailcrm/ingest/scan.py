"""One pass down the lines of a reply or forward: whose words each line is.

Answers with a kind for each line; ``body`` makes passages of them. What a line is, is known by ``attribution`` (who wrote
when), ``headerblock`` (the head of another mail), ``notices`` and ``signature``.
"""

import re
from collections import Counter

from mailcrm.ingest.attribution import (
    MOST_WRAPPED,
    attribution_end,
    glued_attribution,
    introduces,
    is_certain,
    is_groupwise,
    is_quoted,
    may_end,
    says_who,
)
from mailcrm.ingest.headerblock import (
    bare,
    is_announcement,
    is_block_below_rule,
    label_of,
    notes_block,
    read_block,
    separator_of,
)
from mailcrm.ingest.notices import banner_end, is_reply_above, may_say_reply_above
from mailcrm.ingest.phrases import LIST_FOOTERS
from mailcrm.ingest.signature import LONGEST, delimited, is_delimiter
from mailcrm.mail import SegmentKind

MARKER_WORDS = "mailcrm: reply above this line"

_MOST_DELIMITERS = 20
_LONGEST_CITATION = 3  # lines that a person marks by hand
_RULES = "-_=~—–―─#* |\t\xa0\u200b\u200e\u200f\u202a\u202b\ufeff"  # what a separator may end in

_INITIALS = re.compile(r"[ \t]{0,2}([A-ZÅÄÖА-Я]{2,3})>(?=[ >])")

NEW, QUOTE, SIGNATURE = SegmentKind.NEW, SegmentKind.QUOTE, SegmentKind.SIGNATURE
FOOTER, FORWARDED = SegmentKind.FOOTER, SegmentKind.FORWARDED


def kinds_of(lines: list[str], *, is_forward: bool) -> list[SegmentKind]:
    """The kind of each line."""
    if sum(">" in line[2:6] for line in lines) > 1:
        lines = _without_initials(lines)
    return _Scan(lines, is_forward).kinds()


def _without_initials(lines: list[str]) -> list[str]:
    """The Bat! and older programs mark with the writer's initials: "AS> How many?". More than once, or it is no mark."""
    found = [_INITIALS.match(line) for line in lines]
    counts = Counter(match.group(1) for match in found if match)
    return [
        line[match.end() - 1 :] if match and counts[match.group(1)] > 1 else line
        for line, match in zip(lines, found, strict=True)
    ]


class _Scan:
    """One pass downwards; ``at`` is the line looked at."""

    def __init__(self, lines: list[str], is_forward: bool) -> None:
        self.lines = lines
        self.is_forward = is_forward
        self.ends = [may_end(line) for line in lines]  # which lines may end an attribution
        self.may_say_reply_above = may_say_reply_above(lines)
        self.result = [NEW] * len(lines)
        self.at = 0
        self.in_signature = False
        self.has_new = False
        self.delimiters = 0
        self.cited: list[tuple[int, int]] = []  # quoted lines that nothing introduces
        self.is_introduced = False

    def kinds(self) -> list[SegmentKind]:
        while self.at < len(self.lines):
            self._step()
        self._lone_citation()
        self._wrapped_quotes()
        self._below_forward()
        return self.result

    def _step(self) -> None:
        line = self.lines[self.at]
        is_blank = not line or line.isspace()
        if is_blank or not ((not self._is_prose(line) and self._is_anothers(line)) or self._written_by_nobody(line)):
            self._keep(is_blank=is_blank)

    def _is_anothers(self, line: str) -> bool:
        """Another mail begins here, or a signature: marked, with what belongs to it."""
        if is_quoted(line):
            self._said_above()
            end = len(self.lines) if is_groupwise(line) else self._end_of_quoted(self.at)
            self.cited.append((self.at, end))
            self._mark(end, FORWARDED if self.is_forward else QUOTE)
        elif MARKER_WORDS in line:
            self._mark(len(self.lines), QUOTE)
        elif (end := self._foreign_block()) > self.at:
            self._own_citations(self.at)
            self._announced(self._block_kind())
            self._mark(end, self._block_kind())
        elif self._attribution() or self._notes_block():
            pass
        elif self._is_list_footer():
            self._mark(len(self.lines), FOOTER)
        elif is_delimiter(line) and self._signature_begins():
            self._mark(self.at + 1, SIGNATURE)
            self.in_signature = True
        else:
            return False
        return True

    def _said_above(self) -> None:
        """ "Am 04.03.24 um 12:20 schrieb Carol Smith": without a colon it counts directly above a quote only."""
        above = self._above(self.at)
        if above >= max(0, self.at - 2) and self.result[above] is NEW and says_who(self.lines[above]):
            self.result[above : self.at] = [QUOTE] * (self.at - above)

    def _is_prose(self, line: str) -> bool:
        """Nothing of which the heads of other mails are made: most lines need not be asked for each of them."""
        if not line[0].isalnum() or line[-1] in _RULES or ":" in line or "@" in line or "(" in line:
            return False
        if "---" in line or "：" in line:
            return False
        return True not in self.ends[self.at : self.at + MOST_WRAPPED]

    def _written_by_nobody(self, line: str) -> bool:
        is_above = self.may_say_reply_above and (self.at == 0 or not self.lines[self.at - 1].strip(_RULES))
        if is_above and is_reply_above(line):
            if self.at and self.lines[self.at - 1].strip():  # a rule above it belongs to it
                self.result[self.at - 1] = QUOTE
            self._mark(len(self.lines) if self.has_new else self.at + 1, QUOTE if self.has_new else FOOTER)
        elif not self.has_new and (end := banner_end(self.lines, self.at)) > self.at:
            self._mark(end, FOOTER)
        else:
            return False
        return True

    def _keep(self, *, is_blank: bool) -> None:
        self.result[self.at] = SIGNATURE if self.in_signature else NEW
        self.has_new = self.has_new or not (self.in_signature or is_blank)
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
            return self._end_of_block(below, is_below_separator=True)
        if separator == "rule":
            below = self._below(self.at)
            has_block = below < len(self.lines) and (
                is_block_below_rule(self.lines, below) or self._looks_like_block(below)
            )
            return len(self.lines) if has_block else self.at
        return self._end_of_block(self.at) if label_of(line) and read_block(self.lines, self.at) else self.at

    def _end_of_block(self, start: int, *, is_below_separator: bool = False) -> int:
        """To the end; but who writes nothing above a head and marked lines answers below them."""
        block = None
        if start < len(self.lines) and not self.has_new and not self.is_forward:
            block = read_block(self.lines, start, is_below_separator=is_below_separator)
        below = self._below(block.end - 1) if block else len(self.lines)
        is_marked = below < len(self.lines) and is_quoted(self.lines[below])
        return self._end_of_quoted(below) if is_marked else len(self.lines)

    def _announced(self, kind: SegmentKind) -> None:
        """ "Begin forwarded message:" in a wording of no list, "Ursprüngliche Nachricht" without dashes: with the block below."""
        above = self._above(self.at)
        if above < max(0, self.at - 3) or not is_announcement(self.lines[above], is_forward=kind is FORWARDED):
            return
        top = self._above(above)
        if top >= 0 and not self.lines[top].strip("-_=* "):
            above = top
        self.result[above : self.at] = [kind] * (self.at - above)

    def _above(self, index: int) -> int:
        """The next line with words upwards, at most three lines away; -1 if there is none."""
        near = range(index - 1, max(-1, index - 4), -1)
        return next((place for place in near if self.lines[place].strip()), -1)

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

    def _notes_block(self) -> bool:
        start, end = notes_block(self.lines, self.at)
        if end > self.at:
            kind = FORWARDED if self.is_forward else QUOTE
            self.result[start : self.at] = [kind] * (self.at - start)
            self._mark(len(self.lines), kind)
        return end > start

    # "On … wrote:", perhaps wrapped over some lines.

    def _attribution(self) -> bool:
        if True not in self.ends[self.at : self.at + MOST_WRAPPED] and not glued_attribution(self.lines[self.at]):
            return False
        end = attribution_end(self.lines, self.at)
        below = self._below(max(end - 1, self.at))
        above_quote = below < len(self.lines) and is_quoted(self.lines[below])
        kind = FORWARDED if self.is_forward else QUOTE
        top = self.at
        if end > self.at and (bars := self._end_of_bars(below)) > below:
            self._mark(bars, kind)
        elif above_quote and (end > self.at or introduces(self.lines[self.at])):
            self._mark(self._end_of_quoted(below), kind)
            self._own_citations(top)
        elif is_certain(self.lines, self.at, end) if end > self.at else glued_attribution(self.lines[self.at]):
            self._own_citations(top)
            self._mark(len(self.lines), kind)
        else:
            return False
        return True

    def _own_citations(self, top: int) -> None:
        """A mail quoted whole below what was written: what the person marked above it was put there for the reader."""
        if self.is_introduced or not any(self.lines[index].strip() for index in range(self._first_cited())):
            self.cited.clear()
        self.is_introduced = True
        for start, end in self.cited:
            if end <= top and end - start <= _LONGEST_CITATION:
                self.result[start:end] = [NEW] * (end - start)

    def _lone_citation(self) -> None:
        """The only quote of a mail, directly below the person's own words and a colon: "your confirmation says:"."""
        if len(self.cited) != 1 or self.is_introduced or self.is_forward:
            return
        start, end = self.cited[0]
        is_led_to = start > 0 and self.result[start - 1] is NEW and self.lines[start - 1].rstrip().endswith(":")
        if is_led_to and end - start <= _LONGEST_CITATION:
            self.result[start:end] = [NEW] * (end - start)

    def _first_cited(self) -> int:
        return self.cited[0][0] if self.cited else 0

    def _end_of_bars(self, start: int) -> int:
        """Old newsreaders mark with "|": the first line after such a run. A table's lines end in one, too."""
        end = index = start
        while index < len(self.lines) and (self.lines[index][:1] == "|" or not self.lines[index].strip()):
            index += 1
            if self.lines[index - 1][:1] == "|":
                end = index
        is_table = end > start and self.lines[start].rstrip().endswith("|") and len(self.lines[start].strip()) > 1
        return start if is_table else end

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
