"""Working days and working hours: weekdays a person works, without the public holidays of their country, inside office hours. Pure.

Which days are holidays is the ``holidays`` package's knowledge. It costs 11 MB and 0.1 s to import, so it is imported by whoever
asks for the first time; a country's days cost another 8 MB and 0.15 s once, and are then kept by year.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

OFFICE_HOURS = "08:00-16:00"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_HOURS = re.compile(rf"({_CLOCK})-({_CLOCK}|24:00)\Z")
_COUNTRY = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?\Z")
_LONGEST_DAYS = 3 * 366  # further back nobody waits, and who has no working day would be looked for for ever


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """When one person works. ``days``: ISO weekdays, "12345"; ``holidays``: a country as ``is_country_shape`` says, or ""."""

    time_zone: str
    days: str = "12345"
    holidays: str = ""
    hours: str = OFFICE_HOURS


def is_country_shape(value: str) -> bool:
    """Whether it is written like a country (FI), or a part of one (DE-BY); ``is_country`` asks whether there is one."""
    return bool(_COUNTRY.match(value))


def is_country(value: str) -> bool:
    """Whether the holidays of this country, or part of one, are known."""
    if not is_country_shape(value):
        return False
    from holidays.utils import list_supported_countries

    country, _, part = value.partition("-")
    known = list_supported_countries(include_aliases=True)
    return country in known and (not part or part in known[country])


def is_hours(value: str) -> bool:
    """Whether it is written like office hours, "08:00-16:00", and the end comes after the beginning."""
    found = _HOURS.match(value)
    return found is not None and found[1] < found[2]


def is_working_day(day: date, working: WorkingTime) -> bool:
    """Whether the person works on this day of their own zone."""
    return str(day.isoweekday()) in working.days and not is_holiday(day, working.holidays)


def is_holiday(day: date, country: str) -> bool:
    """Whether the day is a public holiday there; never, where no country is given."""
    return bool(country) and day in _holidays(country, day.year)


def next_working_day(day: date, working: WorkingTime) -> date:
    """The first working day after ``day``; the very next day for who has none within a year."""
    days = (day + timedelta(days=n) for n in range(1, 366))
    return next((one for one in days if is_working_day(one, working)), day + timedelta(days=1))


def worked(since: datetime, until: datetime, working: WorkingTime) -> timedelta:
    """How much working time lies between the two moments; nothing where they are the wrong way round."""
    day = since.astimezone(ZoneInfo(working.time_zone)).date()
    total = timedelta()
    for opens, closes in _offices(day, timedelta(days=1), working):
        if opens >= until:
            break
        total += max(timedelta(), min(closes, until) - max(opens, since))
    return total


def moment_before(now: datetime, span: timedelta, working: WorkingTime) -> datetime:
    """The latest moment since which ``span`` of working time has passed: who waited from then on has waited for so long.

    Three years back for who has not that much working time in them.
    """
    day = now.astimezone(ZoneInfo(working.time_zone)).date()
    left = span
    for opens, closes in _offices(day, timedelta(days=-1), working):
        here = max(timedelta(), min(closes, now) - opens)
        if here and here >= left:
            return min(closes, now) - left
        left -= here
    return now - timedelta(days=_LONGEST_DAYS)


def _offices(day: date, step: timedelta, working: WorkingTime) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end of work in UTC, on each working day from ``day`` on or back."""
    zone = ZoneInfo(working.time_zone)
    opens, closes = working.hours.split("-")
    for n in range(_LONGEST_DAYS):
        one = day + n * step
        if is_working_day(one, working):
            yield _moment(one, opens, zone), _moment(one, closes, zone)


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    """The days of one year; none where the country is unknown, which the configuration and the page do not let through."""
    from holidays import country_holidays

    name, _, part = country.partition("-")
    try:
        return frozenset(country_holidays(name, subdiv=part or None, years=year))
    except NotImplementedError:
        return frozenset()
