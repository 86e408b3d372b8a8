"""Working time: weekdays without public holidays, inside office hours, in the person's own zone."""

import subprocess
import sys
from datetime import date, datetime, timedelta

import pytest

from mailcrm.workdays import (
    WorkingTime,
    is_country,
    is_holiday,
    is_hours,
    is_working_day,
    moment_before,
    next_working_day,
    worked,
)

FINNISH = WorkingTime("Europe/Helsinki", holidays="FI")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("day", "is_one"),
    [
        ("2026-11-23", True),
        ("2026-11-21", False),  # a Saturday
        ("2026-01-06", False),  # Epiphany
        ("2026-04-03", False),  # Good Friday
        ("2026-04-06", False),  # Easter Monday
        ("2026-05-01", False),
        ("2026-05-14", False),  # Ascension Day
        ("2026-06-19", False),  # Midsummer Eve
        ("2027-12-24", False),
        ("2027-12-23", True),
    ],
)
def test_a_finnish_working_day(day: str, is_one: bool) -> None:
    assert is_working_day(date.fromisoformat(day), FINNISH) is is_one


@pytest.mark.parametrize(
    ("day", "countries"),
    [
        ("2026-05-25", {"DE", "DE-BY", "US"}),  # Whit Monday, and Memorial Day
        ("2026-06-06", {"SE"}),  # the national day
        ("2026-01-06", {"FI", "SE", "DE-BY"}),  # Epiphany
        ("2026-01-07", set()),
    ],
)
def test_each_country_and_part_of_one_has_its_own(day: str, countries: set[str]) -> None:
    known = ("FI", "SE", "DE", "DE-BY", "US", "")
    assert {country for country in known if is_holiday(date.fromisoformat(day), country)} == countries


def test_who_works_on_saturdays_has_other_days() -> None:
    weekend = WorkingTime("Europe/Helsinki", "67", "FI")
    assert next_working_day(date(2026, 6, 18), weekend) == date(2026, 6, 21)  # Midsummer's Saturday is none
    assert next_working_day(date(2026, 6, 18), WorkingTime("Europe/Helsinki", "")) == date(2026, 6, 19)


def test_the_next_working_day_after_christmas() -> None:
    assert next_working_day(date(2026, 12, 23), FINNISH) == date(2026, 12, 28)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-11-23T09:00+02:00", "2026-11-23T11:30+02:00", 2.5),
        ("2026-11-20T15:00+02:00", "2026-11-23T09:00+02:00", 2),  # over a weekend
        ("2026-11-20T20:00+02:00", "2026-11-23T07:00+02:00", 0),
        ("2026-12-23T15:00+02:00", "2026-12-28T09:00+02:00", 2),  # over Christmas
        ("2026-03-27T12:00+02:00", "2026-03-30T12:00+03:00", 8),  # over the spring change
        ("2026-10-23T12:00+03:00", "2026-10-26T12:00+02:00", 8),  # over the autumn change
        ("2026-11-23T11:00+02:00", "2026-11-23T10:00+02:00", 0),
    ],
)
def test_working_time_between_two_moments(since: str, until: str, hours: float) -> None:
    assert worked(at(since), at(until), FINNISH) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("now", "hours", "since"),
    [
        ("2026-11-23T12:00+02:00", 2, "2026-11-23T10:00+02:00"),
        ("2026-11-23T07:30+02:00", 8, "2026-11-20T08:00+02:00"),  # Monday morning: since Friday's opening
        ("2026-11-23T09:00+02:00", 24, "2026-11-18T09:00+02:00"),
        ("2026-12-28T09:00+02:00", 2, "2026-12-23T15:00+02:00"),
        ("2026-11-21T12:00+02:00", 1, "2026-11-20T15:00+02:00"),
    ],
)
def test_since_when_somebody_has_waited_for_so_long(now: str, hours: int, since: str) -> None:
    found = moment_before(at(now), timedelta(hours=hours), FINNISH)
    assert found == at(since)
    assert worked(found, at(now), FINNISH) == timedelta(hours=hours)
    assert worked(found + timedelta(minutes=1), at(now), FINNISH) < timedelta(hours=hours)


def test_who_never_works_is_never_waited_for() -> None:
    now = at("2026-11-23T12:00+02:00")
    assert moment_before(now, timedelta(hours=1), WorkingTime("Europe/Helsinki", "")) < now - timedelta(days=1000)


def test_a_house_that_never_closes() -> None:
    shop = WorkingTime("Europe/Helsinki", "1234567", "", "00:00-24:00")
    assert worked(at("2026-11-20T12:00+02:00"), at("2026-11-22T12:00+02:00"), shop) == timedelta(hours=48)


@pytest.mark.parametrize(
    ("value", "is_one"), [("FI", True), ("DE-BY", True), ("UK", True), ("XX", False), ("fi", False), ("DE-XX", False)]
)
def test_a_country_is_one_whose_days_are_known(value: str, is_one: bool) -> None:
    assert is_country(value) is is_one


def test_an_unknown_country_has_no_holidays() -> None:
    assert not is_holiday(date(2026, 1, 1), "XX")


@pytest.mark.parametrize(
    ("value", "is_one"),
    [("08:00-16:00", True), ("00:00-24:00", True), ("16:00-08:00", False), ("8-16", False), ("09:00-09:00", False)],
)
def test_office_hours_are_written_with_their_end(value: str, is_one: bool) -> None:
    assert is_hours(value) is is_one


def test_the_library_is_not_loaded_before_somebody_asks() -> None:
    code = "import sys, mailcrm.config, mailcrm.workdays; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
