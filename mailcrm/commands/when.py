"""A day, and perhaps a time of day, at the beginning of a text, in Finnish or English. Pure: today and zone are arguments.

The library ``dateparser`` knows the months' names, the calendar and "in 3 days" in both languages; it is not asked what a date
*is*, since it answers too readily: of "klo 10" it makes the tenth, of "next tuesday at 10" the tenth of this month, of "1.12."
nothing, of "huomenna klo 14.30" a day without its time, and "ensi tiistaina" or "ylihuomenna" it does not know. So the words
that may be a date are told here, strictly, figures are read here, and a named or counted day goes to the library. What may be
two days is asked and never guessed.

``dateparser`` costs 0.1 s to import and as much when a language is first used: ``warm`` does both, outside any transaction; then
a date takes about a millisecond.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from mailcrm.mail import FaultWhy

_FARTHEST = timedelta(days=3660)
_JUST_GONE = timedelta(days=60)  # a day and month so short ago is a slip, not next year
_LONGEST = 120  # characters looked at
_EARLIEST_HOUR = 7  # before it "at 3" may be in the afternoon

_WEEKDAYS = (
    "monday|mondays|mon|maanantai|maanantaina|maanantaihin|ma",
    "tuesday|tuesdays|tues|tue|tiistai|tiistaina|tiistaihin|ti",
    "wednesday|wednesdays|wed|keskiviikko|keskiviikkona|keskiviikkoon|ke",
    "thursday|thursdays|thurs|thur|thu|torstai|torstaina|torstaihin|to",
    "friday|fridays|fri|perjantai|perjantaina|perjantaihin|pe",
    "saturday|saturdays|sat|lauantai|lauantaina|lauantaihin|la",
    "sunday|sundays|sun|sunnuntai|sunnuntaina|sunnuntaihin|su",
)
_DAY_OF = {word: number for number, words in enumerate(_WEEKDAYS) for word in words.split("|")}
_NEXT = "next|ensi|ens|seuraava|seuraavana|tuleva|tulevana|coming"
_THIS = "this|tänä|tana"
_ALSO_WORDS = frozenset(
    {"to", "sun", "sat", "wed"}
)  # a day only at the end or before a time: "to carol" is no Thursday
_NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "one|a|an|yhden", "two|kahden", "three|kolmen", "four|neljän", "five|viiden", "six|kuuden", "seven|seitsemän",
            "eight|kahdeksan", "nine|yhdeksän", "ten|kymmenen",
        ),
        start=1,
    )
    for word in words.split("|")
}  # fmt: skip
_UNITS = {
    "day": "d|day|days|pv|päivän|päivää|päivä|paivan",
    "week": "w|week|weeks|vk|vko|vkon|viikon|viikkoa|viikko",
    "month": "month|months|kk|kuukauden|kuukautta",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split("|")}
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept|sep|"
    "oct|nov|dec|(?:tammi|helmi|maalis|huhti|touko|kesä|kesa|heinä|heina|elo|syys|loka|marras|joulu)(?:kuuta|kuun|kuu|k)?"
)
_FINNISH_MONTH = re.compile(r"(?:tammi|helmi|maalis|huhti|touko|kes[äa]|hein[äa]|elo|syys|loka|marras|joulu)")


def _any(words: object) -> str:
    return "|".join(sorted((re.escape(w) for w in words), key=len, reverse=True))  # type: ignore[attr-defined]


_END = r"(?![\w])"
_DAY_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("iso", re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")),
    ("finnish", re.compile(r"(\d{1,2})\.\s?(\d{1,2})(\.?)(?:\s?((?:19|20)\d{2})(?!\d)|(?<=\.)(\d{2})(?![\d.:]))?(?!\d)")),
    ("slashed", re.compile(r"(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d{2}))?(?![\d/])")),
    ("named", re.compile(
        rf"(?:(\d{{1,2}})(?:\.|st|nd|rd|th)?\s?(?:of\s)?({_MONTHS}){_END}\.?|({_MONTHS})\.?\s(\d{{1,2}})(?:st|nd|rd|th|\.)?{_END})"
        r"(?:,?\s((?:19|20)\d{2})(?!\d))?")),
    ("after tomorrow", re.compile(rf"(?:(?:the\s)?day\safter\stomorrow|ylihuomenna){_END}")),
    ("word", re.compile(rf"(?:today|tänään|tanaan|tomorrow|huomenna){_END}")),
    ("weekday of next week", re.compile(
        rf"(?:(?:ensi\sviikon|next\sweek(?:'s|\son)?)\s({_any(_DAY_OF)})|({_any(_DAY_OF)})\s(?:next\sweek|ensi\sviikolla)){_END}")),
    ("next week", re.compile(rf"(?:next\sweek|ensi\sviikolla|ensi\sviikkoon){_END}")),
    ("next month", re.compile(rf"(?:next\smonth|ensi\skuussa|ensi\skuuhun){_END}")),
    ("weekday", re.compile(rf"(?:({_NEXT}|{_THIS})\s)?({_any(_DAY_OF)}){_END}\.?")),
    ("later", re.compile(
        rf"(?:in\s|\+\s?)?(\d{{1,3}}|{_any(_NUMBERS)})\s?({_any(_UNIT_OF)}){_END}(?:\s(?:päästä|paasta|kuluttua|from\snow|later){_END})?")),
    ("one later", re.compile(rf"(päivän|viikon|kuukauden)\s(?:päästä|paasta|kuluttua){_END}")),
)  # fmt: skip
_CLOCK = re.compile(
    r"(?:(?P<at>klo|kello|kl|at|@)\.?\s?(?P<h1>\d{1,2})(?:[.:](?P<m1>\d{2}))?(?:\s?(?P<half1>am|pm)\b)?"
    r"|(?P<h2>\d{1,2})[:.](?P<m2>\d{2})(?:\s?(?P<half2>am|pm)\b)?|(?P<h3>\d{1,2})\s?(?P<half3>am|pm)\b)(?![\w.:]\d|\w)"
)
_BEFORE = re.compile(r"(?:on|by|until|till|asti|saakka|mennessä)\s")
_AFTER = re.compile(r"\s(?:asti|saakka|mennessä)(?!\w)")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class When:
    """A day, and the moment if a time of day was given; ``rest`` is the text behind it, as written."""

    day: date
    at: datetime | None
    rest: str


@dataclass(frozen=True, slots=True)
class NoWhen:
    """Why there is no date: ``detail`` names the two that it may be."""

    why: FaultWhy
    detail: str = ""


def read_when(text: str, now: datetime, zone: str) -> When | NoWhen:
    """The date at the beginning of ``text``, seen from ``now`` in ``zone``."""
    here = now.astimezone(ZoneInfo(zone))
    written = _SPACE.sub(" ", text).strip()
    reading = _Reading(written[:_LONGEST].casefold(), here.date())
    if len(reading.text) != len(written[:_LONGEST]):  # a letter that folds to two: positions would not agree
        reading = _Reading(written[:_LONGEST].lower(), here.date())
    try:
        day, clock = reading.read()
        return _moment(day, clock, here, written[reading.at :].lstrip(" ,:;–-"))
    except _Unclear as e:
        return NoWhen(e.why, e.detail)


def _moment(day: date, clock: time | None, here: datetime, rest: str) -> When:
    at = datetime.combine(day, clock, here.tzinfo).astimezone(UTC) if clock else None
    if day < here.date() or (at is not None and at <= here):
        raise _Unclear(FaultWhy.PAST, day.isoformat())
    if day - here.date() > _FARTHEST:
        raise _Unclear(FaultWhy.NO_DATE)
    return When(day, at, rest)


class _Unclear(Exception):
    def __init__(self, why: FaultWhy, detail: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.detail = detail


class _Reading:
    """Goes along the text once; ``at`` is how far it understood it."""

    def __init__(self, text: str, today: date) -> None:
        self.text = text
        self.today = today
        self.at = 0

    def read(self) -> tuple[date, time | None]:
        self._skip(_BEFORE)
        clock = self._clock(is_before=True)
        self._skip(_BEFORE)
        day = self._day(clock is not None)
        self._skip(_AFTER)
        return day, clock or self._clock(is_before=False)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _day(self, has_clock: bool) -> date:
        for form, pattern in _DAY_FORMS:
            found = pattern.match(self.text, self.at)
            if found and not (form == "weekday" and self._is_a_word(found)):
                day = _FORMS[form](found, self.today)
                if form == "finnish" and not has_clock:
                    self._refuse_clock(found)
                self.at = found.end()
                return day
        raise _Unclear(FaultWhy.NO_DATE)

    def _is_a_word(self, found: re.Match[str]) -> bool:
        below = self.text[found.end() :].lstrip(" ,")
        return found[0] in _ALSO_WORDS and bool(below) and not _CLOCK.match(below)

    def _refuse_clock(self, found: re.Match[str]) -> None:
        """ "10.12" alone may be twelve past ten."""
        follows = _CLOCK.match(self.text[found.end() :].lstrip(" ,"))
        if not found[3] and not found[4] and not found[5] and len(found[2]) == 2 and int(found[1]) < 24 and not follows:
            raise _Unclear(FaultWhy.AMBIGUOUS, f"{found[1]}.{found[2]}. / {found[1]}:{found[2]}")

    def _clock(self, *, is_before: bool) -> time | None:
        start = self.at
        while not is_before and start < len(self.text) and self.text[start] in " ,":
            start += 1
        found = _CLOCK.match(self.text, start)
        if found is None or (is_before and not found["at"] and "." in found[0]):  # "3.12." is a day
            return None
        self.at = found.end()
        while is_before and self.at < len(self.text) and self.text[self.at] in " ,":
            self.at += 1
        return _time_of(found)


def _time_of(found: re.Match[str]) -> time:
    hour = int(found["h1"] or found["h2"] or found["h3"])
    minute = int(found["m1"] or found["m2"] or 0)
    half = found["half1"] or found["half2"] or found["half3"]
    if hour > 23 or minute > 59 or (half and not 1 <= hour <= 12):
        raise _Unclear(FaultWhy.NO_DATE)
    if half:
        return time(hour % 12 + (12 if half == "pm" else 0), minute)
    if 0 < hour < _EARLIEST_HOUR and not (found["m1"] or found["m2"]):
        raise _Unclear(FaultWhy.AMBIGUOUS, f"{hour:02}:00 / {hour + 12}:00")
    return time(hour, minute)


# --- the forms of a day -------------------------------------------------------------------------------------------------

_Form = Callable[[re.Match[str], date], date]


def _iso(found: re.Match[str], today: date) -> date:
    return _dated(int(found[1]), int(found[2]), int(found[3]))


def _finnish(found: re.Match[str], today: date) -> date:
    return _numeric(int(found[1]), int(found[2]), found[4] or found[5], today)


def _slashed(found: re.Match[str], today: date) -> date:
    """Day and month in Britain, month and day in America: only one of them may be possible."""
    first, second = int(found[1]), int(found[2])
    if first <= 12 and second <= 12 and first != second:
        raise _Unclear(FaultWhy.AMBIGUOUS, f"{first}.{second}. / {second}.{first}.")
    return _numeric(*((first, second) if first > 12 or first == second else (second, first)), found[3], today)


def _numeric(day: int, month: int, year: str | None, today: date) -> date:
    """The library takes "1.12." for a time."""
    if year:
        return _dated(int(year) if len(year) == 4 else 2000 + int(year), month, day)
    years = range(today.year, today.year + 9)  # the next 29th of February may be eight years away
    coming = (found for year in years if (found := _dated_or_none(year, month, day)) is not None and found >= today)
    day_found = next(coming, None)
    if day_found is None:
        raise _Unclear(FaultWhy.NOT_A_DAY)
    return _not_just_gone(day_found, today)


def _dated(year: int, month: int, day: int) -> date:
    found = _dated_or_none(year, month, day)
    if found is None:
        raise _Unclear(FaultWhy.NOT_A_DAY)
    return found


def _dated_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _named(found: re.Match[str], today: date) -> date:
    day, month = found[1] or found[4], found[2] or found[3]
    language = "fi" if _FINNISH_MONTH.match(month) else "en"
    if language == "fi":
        month = re.sub(r"(?:kuuta|kuun|kuu|k)\Z", "", month) + "kuuta"
    said = f"{day}. {month}" if language == "fi" else f"{day} {month}"
    if found[5]:
        return _of_library(f"{said} {found[5]}", language, today)
    return _not_just_gone(_of_library(said, language, today), today)


def _not_just_gone(day: date, today: date) -> date:
    """Without a year it is the coming one; said a few days late, that is a year wrong."""
    before = _dated_or_none(day.year - 1, day.month, day.day)
    if before is not None and today - _JUST_GONE <= before < today:
        raise _Unclear(FaultWhy.PAST, before.isoformat())
    return day


def _word(found: re.Match[str], today: date) -> date:
    said = found[0].replace("tanaan", "tänään")
    return _of_library(said, "en" if said in ("today", "tomorrow") else "fi", today)


def _after_tomorrow(found: re.Match[str], today: date) -> date:
    return _of_library("in 2 days", "en", today)


def _later(found: re.Match[str], today: date) -> date:
    count = int(found[1]) if found[1].isdigit() else _NUMBERS[found[1]]
    return _of_library(f"in {count} {_UNIT_OF[found[2]]}s", "en", today)


def _one_later(found: re.Match[str], today: date) -> date:
    return _of_library(f"in 1 {_UNIT_OF[found[1]]}", "en", today)


def _next_week(found: re.Match[str], today: date) -> date:
    """From its first day on."""
    return today + timedelta(days=7 - today.weekday())


def _next_month(found: re.Match[str], today: date) -> date:
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def _weekday_of_next_week(found: re.Match[str], today: date) -> date:
    return _next_week(found, today) + timedelta(days=_DAY_OF[found[1] or found[2]])


def _weekday(found: re.Match[str], today: date) -> date:
    """Said on a Friday, "next tuesday" is one day; on a Monday too, since tomorrow is called tomorrow; else it may be two."""
    number = _DAY_OF[found[2]]
    coming = today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)
    if found[1] is None:
        return coming
    if found[1] in _THIS.split("|"):
        return today + timedelta(days=number - today.weekday())
    of_next_week = _next_week(found, today) + timedelta(days=number)
    if coming != of_next_week and coming - today > timedelta(days=1):
        raise _Unclear(FaultWhy.AMBIGUOUS, f"{coming.isoformat()} / {of_next_week.isoformat()}")
    return of_next_week


_FORMS: dict[str, _Form] = {
    "iso": _iso,
    "finnish": _finnish,
    "slashed": _slashed,
    "named": _named,
    "after tomorrow": _after_tomorrow,
    "word": _word,
    "weekday of next week": _weekday_of_next_week,
    "next week": _next_week,
    "next month": _next_month,
    "weekday": _weekday,
    "later": _later,
    "one later": _one_later,
}


# --- the library --------------------------------------------------------------------------------------------------------


@cache
def warm() -> None:
    """Load the library and both its languages; once in a process."""
    for language in ("fi", "en"):
        _of_library("huomenna" if language == "fi" else "in 2 days", language, date(2030, 1, 1))


@cache
def _parser() -> Any:
    from dateparser import parse  # here: it takes 0.1 s and 20 MB, of those who write dates

    return parse


def _of_library(said: str, language: str, today: date) -> date:
    settings = {"RELATIVE_BASE": datetime.combine(today, time(12)), "PREFER_DATES_FROM": "future"}
    found = _parser()(said, languages=[language], settings=settings)
    if found is None:
        raise _Unclear(FaultWhy.NOT_A_DAY)
    return date(found.year, found.month, found.day)
