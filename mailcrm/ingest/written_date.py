"""When a forwarded mail was written, from the date as a mail program printed it in its reader's language. Pure.

Day and month by figures ("23.11.2026", "11/23/2026 10:15 AM", "2026-11-23", "2026年11月23日") or by the month's name in the
languages of ``months``. Where no zone is written it is that of the program, which the caller knows by the forward's own Date.
Figures that may be two days are read day first, unless AM or PM says that an American wrote them.
"""

import re
from datetime import UTC, date, datetime, time, timedelta

from mailcrm.ingest.months import month_of

_LOOKED_AT = 200
_ISO = re.compile(r"(?<!\d)(\d{4})\s?[-./年]\s?(\d{1,2})\s?[-./月]\s?(\d{1,2})(?!\d)")
_FIGURES = re.compile(r"(?<!\d)(\d{1,2})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{4})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_WORD = re.compile(r"[^\W\d_]{3,20}")
_DAY = re.compile(r"(?<![\d:])(\d{1,2})(?![\d:])")
_HALF = r"(?:\s?(a\.?m\.?|p\.?m\.?|ap\.?|ip\.?|fm\.?|em\.?)(?![^\W\d_]))?"
_CLOCK = re.compile(rf"(?<![\d.:])(\d{{1,2}})[:.](\d{{2}})(?:[:.](\d{{2}}))?(?!\d){_HALF}", re.IGNORECASE)
_CJK_HALF = re.compile(r"上午|下午|午前|午後|오전|오후")
_ZONE = re.compile(r"([+-])(\d{2}):?(\d{2})(?!\d)|\b(?:UTC|GMT)\b|\bZ\b")
_AFTERNOON = frozenset(("pm", "ip", "em", "下午", "午後", "오후"))


def written_date(text: str, zone: timedelta = timedelta()) -> datetime | None:
    """The moment in UTC, or None where no day is told. ``zone`` counts where none is written; without a clock it is noon."""
    text = text[:_LOOKED_AT]
    try:
        day, rest = _day(text)
        at, rest = _clock(rest)
        return datetime.combine(day, at, UTC) - _zone(rest, zone)
    except (ValueError, OverflowError):
        return None


def _day(text: str) -> tuple[date, str]:
    """The day, and the text without it; raises ValueError where there is none."""
    if match := _ISO.search(text):
        return date(int(match[1]), int(match[2]), int(match[3])), _without(text, match)
    if match := _FIGURES.search(text):
        first, second = int(match[1]), int(match[2])
        is_month_first = second > 12 or (first <= 12 and re.search(r"(?i)\d\s?[ap]\.?m\b", text) is not None)
        month, day = (first, second) if is_month_first else (second, first)
        return date(int(match[3]), month, day), _without(text, match)
    return _by_name(text)


def _by_name(text: str) -> tuple[date, str]:
    """A month's name with a day beside it; the last one, since "mar." is a Tuesday to some and March to others."""
    year = _YEAR.search(text)
    months = [match for match in _WORD.finditer(text) if _month(match[0])]
    if year is None or not months:
        raise ValueError("no year or no month")
    month = months[-1]
    days = [match for match in _DAY.finditer(text) if 1 <= int(match[1]) <= 31]
    if not days:
        raise ValueError("no day")
    nearest = min(days, key=lambda match: max(match.start() - month.end(), month.start() - match.end()))
    found = date(int(year[0]), _month(month[0]), int(nearest[1]))
    start, end = min(month.start(), nearest.start()), max(month.end(), nearest.end())
    rest = _YEAR.sub(" ", text, count=1) if not start <= year.start() < end else text
    shift = len(rest) - len(text) if year.start() < start else 0
    return found, f"{rest[: start + shift]} {rest[end + shift :]}"


def _month(word: str) -> int:
    """Gmail cuts Finnish names where CLDR does not: "marrask." for marraskuu."""
    return month_of(word) or (month_of(f"{word}uu") if word[-1:] in "kK" else 0)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _clock(text: str) -> tuple[time, str]:
    match = _CLOCK.search(text)
    if match is None:
        return time(12), text
    before = _CJK_HALF.search(text, 0, match.start())
    half = before[0] if before else (match[4] or "").replace(".", "").casefold()
    hour = int(match[1])
    if half:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    return time(hour, int(match[2]), int(match[3] or 0)), text[match.end() :]


def _zone(rest: str, zone: timedelta) -> timedelta:
    """What is written behind the clock."""
    match = _ZONE.search(rest)
    if match is None:
        return zone
    if match[1] is None:
        return timedelta()
    written = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -written if match[1] == "-" else written
