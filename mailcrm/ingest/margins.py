"""What stands around a person's words and was not written for this mail: banners, disclaimers, cards, phones' lines.

Looks only at lines that are still new (or signature), whatever kind of mail it is, and changes their kinds in place.
"""

from mailcrm.ingest.notices import (
    banner_end,
    is_disclaimer,
    is_disclaimer_heading,
    is_disclaimer_start,
    is_privacy_notice,
    may_hold_disclaimer,
    pgp_end,
)
from mailcrm.ingest.signature import card_start, is_closing, is_mobile_line
from mailcrm.mail import SegmentKind

NEW, SIGNATURE, FOOTER = SegmentKind.NEW, SegmentKind.SIGNATURE, SegmentKind.FOOTER

_LAST_LINES = 150  # of the person's words, looked through for disclaimers
_LAST_PARAGRAPHS = 12


def fold_margins(lines: list[str], kinds: list[SegmentKind], writer: str, address: str = "") -> None:
    """``writer`` and ``address`` are those in From. The card comes first: a privacy notice counts below one only."""
    has_card = _fold_card(lines, kinds, writer)
    _fold_armour(lines, kinds)
    _fold_banner(lines, kinds)
    if _fold_disclaimers(lines, kinds, writer) and not has_card:
        _fold_card(lines, kinds, writer)  # it may have been too far above a long disclaimer
    _fold_mobile(lines, kinds)
    if address:
        _fold_own_address(lines, kinds, address)


def _fold_own_address(lines: list[str], kinds: list[SegmentKind], address: str) -> None:
    """The own address alone on the last line, as Foxmail signs."""
    new = (index for index in range(len(lines) - 1, -1, -1) if kinds[index] is NEW and lines[index].strip())
    last = next(new, -1)
    if last >= 0 and lines[last].strip(" \t<>\xa0").lower() == address.lower() and next(new, -1) >= 0:
        kinds[last] = SIGNATURE


def _fold_armour(lines: list[str], kinds: list[SegmentKind]) -> None:
    for index, line in enumerate(lines):
        if line.startswith("-----BEGIN PGP SIG") and kinds[index] is NEW:
            end = pgp_end(lines, index)
            kinds[index:end] = [FOOTER] * (end - index)


def _fold_banner(lines: list[str], kinds: list[SegmentKind]) -> None:
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if kinds[first] is NEW and (end := banner_end(lines, first)) > first:
        kinds[first:end] = [FOOTER] * (end - first)


def _fold_disclaimers(lines: list[str], kinds: list[SegmentKind], writer: str) -> bool:
    """Below the last words; with a title or a rule above them. Whether there were any. Above the good-bye a person speaks."""
    last = max((index for index, kind in enumerate(kinds) if kind is NEW or kind is SIGNATURE), default=0)
    paragraphs = _paragraphs(lines, kinds, max(0, last - _LAST_LINES), last + 1)
    tail = paragraphs[-_LAST_PARAGRAPHS:]
    if not tail or not may_hold_disclaimer("\n".join(lines[tail[0][0] : tail[-1][1]])):
        return False
    has_words = last > _LAST_LINES or len(paragraphs) > _LAST_PARAGRAPHS
    goes_on, has_folded, heading = False, False, -1
    good_bye = max((start for start, _ in tail if kinds[start] is NEW and is_closing(lines[start], writer)), default=-1)
    for start, end in tail:
        paragraph = " ".join(lines[start:end])
        is_privacy = is_privacy_notice(paragraph) and SIGNATURE in kinds[:start]
        goes_on = has_words and (
            is_privacy or is_disclaimer(paragraph, goes_on=goes_on, must_begin_so=start < good_bye)
        )
        if goes_on:
            has_folded = True
            start = heading if heading >= 0 else start
            kinds[start:end] = [FOOTER] * (end - start)
        heading = start if has_words and end == start + 1 and is_disclaimer_heading(lines[start]) else -1
        has_words = has_words or kinds[start] is NEW
    return has_folded


def _paragraphs(lines: list[str], kinds: list[SegmentKind], top: int, bottom: int) -> list[tuple[int, int]]:
    """New and signature text by paragraphs; a disclaimer directly below other lines begins one of its own."""
    found: list[tuple[int, int]] = []
    start = -1
    for index in range(top, bottom):
        line = lines[index]
        is_text = bool(line.strip()) and (kinds[index] is NEW or kinds[index] is SIGNATURE)
        if start >= 0 and (not is_text or kinds[index] is not kinds[start] or is_disclaimer_start(line)):
            found.append((start, index))
            start = -1
        if is_text and start < 0:
            start = index
    return [*found, (start, bottom)] if start >= 0 else found


def _fold_card(lines: list[str], kinds: list[SegmentKind], writer: str) -> bool:
    """The signature without delimiter, at the end of the last new words; whether there was one."""
    end = next(
        (index + 1 for index in range(len(lines) - 1, -1, -1) if kinds[index] is NEW and lines[index].strip()), 0
    )
    start = end
    top = max(0, end - _LAST_LINES)
    while start > top and (kinds[start - 1] in (NEW, FOOTER) or not lines[start - 1].strip()):
        start -= 1
    begin, stop = card_start(lines, start, end, writer)
    kinds[begin:stop] = [SIGNATURE] * (stop - begin)
    return begin < stop


def _fold_mobile(lines: list[str], kinds: list[SegmentKind]) -> None:
    for index, line in enumerate(lines):
        if line and kinds[index] is NEW and _ends_here(lines, kinds, index) and is_mobile_line(line):
            kinds[index] = SIGNATURE


def _ends_here(lines: list[str], kinds: list[SegmentKind], index: int) -> bool:
    """The person's text ends here: a blank line, a quote or nothing is below."""
    return index + 1 == len(lines) or not lines[index + 1].strip() or kinds[index + 1] is not NEW
