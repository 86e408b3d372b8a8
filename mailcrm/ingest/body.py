"""What is new in a mail: the text in ordered passages (new, quote, signature, footer, forwarded).

``segments`` folds and never cuts: joined with line ends its passages are the text. ``scan`` goes down the lines once; no
pattern crosses a paragraph, lines are matched by their first 400 characters, and lines after the 5,000th follow the last.

    new ──"> …"───────────────────▶ quote, line by line; unquoted text after it is new again (bottom-posted)
    new ──"On … wrote:" + "> …"───▶ the same
    new ──"On … wrote:" + text────▶ quote to the end
    new ──separator / From-block──▶ quote (or forwarded) to the end
    new ──"-- "───────────────────▶ signature, until a quote begins
    new ──"reply above this line"─▶ quote to the end, if something new stands above
    new ──our marker line─────────▶ quote to the end; quoted with ">" only as far as the ">" go

Afterwards (``margins``), in what is still new: a gateway's banner at the top, disclaimers and a card without delimiter
at the bottom.

Fold too little rather than too much: if nothing is left, everything is new. The exception is our own notice: what
stands under our marker was not written by the person who answers it, so an answer without words stays without words.
"""

from itertools import groupby

from mailcrm.ingest.headerblock import read_block
from mailcrm.ingest.margins import fold_margins
from mailcrm.ingest.scan import FOOTER, FORWARDED, MARKER_WORDS, NEW, QUOTE, SIGNATURE, kinds_of
from mailcrm.ingest.signature import LONGEST, delimited
from mailcrm.mail import Segment, SegmentKind

MARKER = "— mailcrm: reply above this line · vastaa tämän rivin yläpuolelle —"

_MOST_LINES = 5_000


def segments(
    text: str, *, is_reply: bool, is_forward: bool = False, writer: str = "", address: str = ""
) -> tuple[Segment, ...]:
    """The text in passages. Only a reply or forward is folded beyond its signature and a gateway's lines.

    ``writer`` is the display name in From: a card below the own name is a signature; so is the own ``address`` alone.
    """
    lines = text.split("\n")
    seen = lines[:_MOST_LINES]
    kinds = kinds_of(seen, is_forward=is_forward) if is_reply else _first_mail(seen)
    fold_margins(seen, kinds, writer, address)
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
    return any(MARKER_WORDS in part.text for part in parts)


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
    if _has_new(lines, kinds) or FORWARDED in kinds or any(MARKER_WORDS in line for line in lines):
        return kinds
    shown = [NEW if kind is FOOTER else kind for kind in kinds]
    if QUOTE in kinds and _has_new(lines, shown):
        return shown  # what looked like a gateway's words was all that the person wrote
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    block = read_block(lines, first)
    if block is not None and not is_forward:
        below = kinds_of(lines[block.end :], is_forward=is_forward)
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
