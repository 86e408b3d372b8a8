"""Quotes by memory: a passage that we know from a message on the lead is quote, whatever the client put around it.

``fold_known`` is a second pass, after the lead is known; pure, and no more than a search for each line in a few texts. It
works both ways. What looked new and is a known text becomes quote. And where a known text is quoted without marks, so that
everything below had to be folded, the lines in it and below it that it does not hold are the person's answers: new.

Programs wrap lines anew, so texts are compared without white space and quote marks. Short lines prove nothing by themselves.
"""

from dataclasses import dataclass

from mailcrm.ingest.attribution import attribution_end, is_quoted
from mailcrm.ingest.body import joined, never_empty
from mailcrm.ingest.headerblock import label_of, read_block, separator_of
from mailcrm.ingest.notices import is_disclaimer, is_reply_above
from mailcrm.ingest.signature import is_mobile_line
from mailcrm.mail import Segment, SegmentKind

NEW, QUOTE = SegmentKind.NEW, SegmentKind.QUOTE

MOST_TEXTS = 8
LONGEST_TEXT = 20_000
_MOST_LINES = 2_000
_SHORT = 20  # letters that a line needs to be told by itself
_PROOF = 60  # letters in a row that make a quote
_LONGEST_ATTRIBUTION = 3  # lines
_LONGEST_HEAD = 12
_WHOLE = 0.8  # of a known text's lines that must be there before what is between them is an answer


@dataclass(frozen=True, slots=True)
class Known:
    """A message on the lead: all of its text, and what was new in it."""

    text: str
    new_text: str


def may_hold_quote(parts: tuple[Segment, ...]) -> bool:
    """Whether it is worth asking for the known texts: unmarked text was folded, or much looks new."""
    quoted = (line for part in parts if part.kind is QUOTE for line in part.text.split("\n"))
    unmarked = sum(not _is_marked(line) for line in quoted)
    new = sum(len(part.text) for part in parts if part.kind is NEW)
    return unmarked > _LONGEST_ATTRIBUTION or new > 4 * _PROOF


def _is_marked(line: str) -> bool:
    return is_quoted(line) or not line.strip()


def fold_known(parts: tuple[Segment, ...], messages: tuple[Known, ...]) -> tuple[Segment, ...]:
    """The passages again, with what the messages (by others than the writer) hold told from what they do not."""
    known = tuple(_Text.of(message) for message in messages[:MOST_TEXTS])
    lines = [line for part in parts for line in part.text.split("\n")]
    kinds = [part.kind for part in parts for _ in part.text.split("\n")]
    if not known or len(lines) > _MOST_LINES:
        return parts
    found = [_squeezed(line) for line in lines]
    for text in known:
        _fold(lines, found, kinds, text)
        _unfold(lines, found, kinds, text)
    kinds = never_empty(lines, kinds, is_forward=False)
    return joined(lines, kinds)


@dataclass(frozen=True, slots=True)
class _Text:
    """A known text without white space and marks, and the lines newly written in it that can be told by themselves."""

    whole: str
    lines: tuple[str, ...]

    @staticmethod
    def of(message: Known) -> "_Text":
        said = (_squeezed(line) for line in message.new_text[:LONGEST_TEXT].split("\n"))
        return _Text(
            "".join(map(_squeezed, message.text[:LONGEST_TEXT].split("\n"))),
            tuple(line for line in said if len(line) >= _SHORT),
        )


def _squeezed(line: str) -> str:
    return "".join(line.lstrip("> \t\xa0").split()).casefold()


def _fold(lines: list[str], found: list[str], kinds: list[SegmentKind], known: _Text) -> None:
    """Runs of new lines that the known text holds are quote, if they are long enough to be no chance."""
    start, letters = -1, 0
    for index in range(len(found) + 1):
        is_end = index == len(found) or kinds[index] is not NEW or found[index] not in known.whole
        if not is_end:
            start = index if start < 0 and found[index] else start
            letters += len(found[index]) if start >= 0 else 0
        elif start >= 0:
            if letters >= _PROOF and any(len(line) >= _SHORT for line in found[start:index]):
                start = _head_above(lines, start)
                kinds[start:index] = [QUOTE] * (index - start)
            start, letters = -1, 0


def _head_above(lines: list[str], start: int) -> int:
    """Where the attribution or header block directly above begins; ``start`` without one."""
    for index in range(max(0, start - _LONGEST_HEAD), start):
        end = attribution_end(lines, index)
        if end == index and label_of(lines[index]) and (block := read_block(lines, index)):
            end = block.end
        if index < end <= start and not any(line.strip() for line in lines[end:start]):
            return index
    return start


def _unfold(lines: list[str], found: list[str], kinds: list[SegmentKind], known: _Text) -> None:
    """Answers between and below the lines of a known text that was quoted whole and without marks."""
    held = [index for index, kind in enumerate(kinds) if kind is QUOTE and not _is_marked(lines[index])]
    there = "".join(found[index] for index in held)
    if not known.lines or sum(line in there for line in known.lines) < _WHOLE * len(known.lines):
        return
    first = next((i for i in held if len(found[i]) >= _SHORT and found[i] in known.whole), len(lines))
    for index in range(first, len(lines)):
        if kinds[index] is not QUOTE or is_quoted(lines[index]) or _is_head(lines, index):
            return
        if found[index] and found[index] not in known.whole and not _is_machine(lines[index]):
            kinds[index] = NEW


def _is_head(lines: list[str], index: int) -> bool:
    """Where the next older mail begins."""
    if separator_of(lines[index]) or is_reply_above(lines[index]) or attribution_end(lines, index) > index:
        return True
    return bool(label_of(lines[index])) and read_block(lines, index) is not None


def _is_machine(line: str) -> bool:
    return is_mobile_line(line) or is_disclaimer(line)
