"""Dates as people write them in Finnish and English; what may be two days is asked, what lies in the past too."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.commands.when import NoWhen, When, read_when
from mailcrm.mail import FaultWhy

HELSINKI = "Europe/Helsinki"
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 8, tzinfo=UTC)


def found(text: str, now: datetime = MONDAY) -> str:
    """Day, time and rest in a line; or why not."""
    when = read_when(text, now, HELSINKI)
    if isinstance(when, NoWhen):
        return f"{when.why} {when.detail}".strip()
    clock = when.at.astimezone(ZoneInfo(HELSINKI)).strftime(" %H:%M") if when.at else ""
    return f"{when.day.isoformat()}{clock}{f' | {when.rest}' if when.rest else ''}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tänään", "2026-11-23"),
        ("huomenna", "2026-11-24"),
        ("Huomenna klo 14.30 soita Carolille", "2026-11-24 14:30 | soita Carolille"),
        ("huomenna 14:30", "2026-11-24 14:30"),
        ("klo 10 huomenna", "2026-11-24 10:00"),
        ("ylihuomenna", "2026-11-25"),
        ("tiistaina", "2026-11-24"),
        ("ensi tiistaina klo 10", "2026-12-01 10:00"),
        ("ensi viikon tiistaina", "2026-12-01"),
        ("pe klo 12", "2026-11-27 12:00"),
        ("ma", "2026-11-30"),
        ("3 päivän päästä", "2026-11-26"),
        ("kahden viikon kuluttua", "2026-12-07"),
        ("viikon päästä demo", "2026-11-30 | demo"),
        ("2 kk päästä", "2027-01-23"),
        ("ensi viikolla", "2026-11-30"),
        ("ensi kuussa", "2026-12-01"),
        ("3.5.", "2027-05-03"),
        ("3.5. klo 9", "2027-05-03 09:00"),
        ("3.5.2027", "2027-05-03"),
        ("3.5.27 demo", "2027-05-03 | demo"),
        ("1.12.", "2026-12-01"),
        ("1.12. asti", "2026-12-01"),
        ("10.12 klo 9", "2026-12-10 09:00"),
        ("15. joulukuuta", "2026-12-15"),
        ("15. jouluk. 2027", "2027-12-15"),
        ("24.11. 12 ikkunaa", "2026-11-24 | 12 ikkunaa"),
        ("29.2.", "2028-02-29"),
    ],
)
def test_finnish_dates_are_read(text: str, expected: str) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2026-11-23"),
        ("tomorrow, ask Carol", "2026-11-24 | ask Carol"),
        ("the day after tomorrow at 9am", "2026-11-25 09:00"),
        ("tuesday", "2026-11-24"),
        ("on Tue at 14:30", "2026-11-24 14:30"),
        ("next tuesday at 10", "2026-12-01 10:00"),
        ("tuesday next week", "2026-12-01"),
        ("this friday", "2026-11-27"),
        ("friday 2pm", "2026-11-27 14:00"),
        ("in 3 days", "2026-11-26"),
        ("in two weeks call", "2026-12-07 | call"),
        ("a week", "2026-11-30"),
        ("+2d", "2026-11-25"),
        ("2w", "2026-12-07"),
        ("in 2 months", "2027-01-23"),
        ("next month", "2026-12-01"),
        ("until 1.12.", "2026-12-01"),
        ("2026-12-24", "2026-12-24"),
        ("13/5", "2027-05-13"),
        ("5/5", "2027-05-05"),
        ("5 March", "2027-03-05"),
        ("March 5th, 2027 fair", "2027-03-05 | fair"),
        ("1st of dec", "2026-12-01"),
    ],
)
def test_english_dates_are_read(text: str, expected: str) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("next friday", "ambiguous 2026-11-27 / 2026-12-04"),
        ("ensi perjantaina", "ambiguous 2026-11-27 / 2026-12-04"),
        ("3/5", "ambiguous 3.5. / 5.3."),
        ("10.12", "ambiguous 10.12. / 10:12"),
        ("tomorrow at 2", "ambiguous 02:00 / 14:00"),
    ],
)
def test_what_may_be_two_dates_is_asked(text: str, expected: str) -> None:
    assert found(text) == expected


def test_next_friday_said_on_a_friday_is_one_day() -> None:
    assert found("next friday", FRIDAY) == found("perjantaina", FRIDAY) == "2026-12-04"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5.2025", "past 2025-05-03"),
        ("1.11.", "past 2026-11-01"),  # said three weeks late: not next year
        ("1 November", "past 2026-11-01"),
        ("today at 8", "past 2026-11-23"),
        ("this monday at 9", "past 2026-11-23"),
    ],
)
def test_the_past_is_asked(text: str, expected: str) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", ["31.2.", "31 feb", "29.2.2027", "45.1.", "2026-13-01", "31. kesäkuuta"])
def test_a_day_that_is_not_in_the_calendar_is_none(text: str) -> None:
    assert found(text) == "not_a_day"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "klo 10",
        "10:00",
        "10.30",
        "march",
        "may I",
        "to carol",
        "sun is shining",
        "2 windows",
        "1.1.2090",
        "25:00",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert found(text).split()[0] in ("no_date", "not_a_day")


def test_a_day_is_one_where_the_reader_lives() -> None:
    late = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
    assert found("huomenna", late) == "2026-11-25"
    assert isinstance(tokyo := read_when("tomorrow at 9am", MONDAY, "Asia/Tokyo"), When)
    assert tokyo.at == datetime(2026, 11, 24, 0, tzinfo=UTC)


@given(st.text(alphabet="0123456789./:-+ abdehiklmnoprstuvwyäö,", max_size=200))
def test_any_text_is_a_coming_day_or_a_reason(text: str) -> None:
    when = read_when(text, MONDAY, HELSINKI)
    assert isinstance(when, (When, NoWhen))
    if isinstance(when, When):
        assert MONDAY.date() <= when.day
        assert when.rest in " ".join(text.split())
    else:
        assert when.why in FaultWhy


def test_a_long_text_takes_no_longer() -> None:
    found("huomenna")
    for text in ("1." * 50_000, "next " * 50_000, "in " * 50_000, "klo " * 50_000):
        began = time.perf_counter()
        found(text)
        assert time.perf_counter() - began < 0.1
