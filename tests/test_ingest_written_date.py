"""Dates as mail programs print them above a forwarded mail."""

from datetime import UTC, datetime, timedelta

import pytest

from mailcrm.ingest.written_date import written_date

_EIGHT = datetime(2026, 11, 3, 8, 15, tzinfo=UTC)
_HELSINKI = timedelta(hours=2)


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 3 Nov 2026 10:15:00 +0200",
        "Tue, 3 Nov 2026 03:15:00 -0500",
        "Tue, 03 Nov 2026 08:15 GMT",
        "Tue, Nov 3, 2026 at 10:15 AM",
        "Tuesday, November 3, 2026 10:15 AM",
        "11/3/2026 10:15 AM",
        "3/11/2026 10:15",
        "3.11.2026 10:15",
        "3.11.2026 klo 10.15",
        "tiistai 3. marraskuuta 2026 10.15",
        "ti 3. marrask. 2026 klo 10.15",
        "den 3 november 2026 10:15",
        "Dienstag, 3. November 2026 um 10:15",
        "mar. 3 nov. 2026 à 10:15",
        "2026-11-03 10:15",
        "2026-11-03T08:15:00Z",
        "2026年11月3日 上午10:15",
    ],
)
def test_a_printed_date_is_read(text: str) -> None:
    assert written_date(text, _HELSINKI) == _EIGHT


def test_the_afternoon_is_not_the_morning() -> None:
    assert written_date("Tuesday, November 3, 2026 10:15 PM", _HELSINKI) == _EIGHT + timedelta(hours=12)
    assert written_date("11/3/2026 12:15 AM") == datetime(2026, 11, 3, 0, 15, tzinfo=UTC)
    assert written_date("2026年11月3日 下午10:15", _HELSINKI) == _EIGHT + timedelta(hours=12)


def test_without_a_clock_it_is_noon() -> None:
    assert written_date("3. marraskuuta 2026") == datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "10:15", "November 2026", "3 Nov", "31.2.2026 10:00", "99:99 3.11.2026", "3.11.2026 25:61"],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert written_date(text) is None


def test_a_long_text_costs_nothing() -> None:
    assert written_date("1 " * 1_000_000) is None
