"""Names of months and weekdays, as people write them in automatic replies."""

import pytest

from mailcrm.ingest.months import month_of, weekday_of


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("March", 3),
        ("mars", 3),
        ("Maaliskuuta", 3),
        ("huhtikuun", 4),
        ("märtsini", 3),
        ("Okt.", 10),
        ("Bristol", 0),
        ("x", 0),
    ],
)
def test_a_month_is_known_in_any_form(name: str, month: int) -> None:
    assert month_of(name) == month


def test_the_language_decides_where_two_mean_another_month() -> None:
    assert month_of("listopada", "hr") == 10
    assert month_of("listopada", "pl") == month_of("listopada") == 11


@pytest.mark.parametrize(
    ("name", "day"),
    [("Monday", 0), ("maanantaina", 0), ("tisdag", 1), ("esmaspäeval", 0), ("пятницу", 4), ("soon", -1), ("week", -1)],
)
def test_a_weekday_is_known_in_any_form(name: str, day: int) -> None:
    assert weekday_of(name) == day
