"""What a stage suggests next: its own kind first, counted in working days, and a text that reads the same in a command."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mailcrm.commands.grammar import Place, read_line
from mailcrm.commands.words import usage
from mailcrm.crm.done import Refused
from mailcrm.crm.suggestions import ANY, SEED, Rule, set_rule, working_day_in
from mailcrm.mail import Command, Verb
from mailcrm.workdays import WorkingTime
from tests.notify_house import NOW, opened_house


@pytest.mark.parametrize(
    ("today", "days", "working_days", "found"),
    [
        (date(2026, 11, 23), 5, "12345", date(2026, 11, 30)),  # a Monday
        (date(2026, 11, 27), 1, "12345", date(2026, 11, 30)),
        (date(2026, 11, 28), 1, "12345", date(2026, 11, 30)),  # a Saturday
        (date(2026, 11, 23), 2, "1", date(2026, 12, 7)),
        (date(2026, 12, 4), 1, "1234567", date(2026, 12, 5)),
        (date(2026, 12, 23), 2, "12345", date(2026, 12, 29)),
        (date(2026, 12, 31), 1, "1234567", date(2027, 1, 2)),  # behind New Year
    ],
)
def test_days_are_counted_in_the_users_working_days(today: date, days: int, working_days: str, found: date) -> None:
    assert working_day_in(today, days, WorkingTime("Europe/Helsinki", working_days, "FI")) == found


@pytest.mark.parametrize("locale", ["en", "fi"])
def test_what_a_new_house_suggests_can_be_written_as_a_command(locale: str) -> None:
    place = Place(datetime(2026, 11, 23, tzinfo=UTC), "Europe/Helsinki", locale)
    for _after, next_type, english, finnish, _days in (one for rows in SEED.values() for one in rows):
        text = finnish if locale == "fi" else english
        word = usage(Verb(next_type), locale).word
        read = read_line(word, f"30.11. {text}", "", place)
        assert isinstance(read, Command)
        assert (read.verb.value, read.day, read.at, read.text) == (next_type, date(2026, 11, 30), None, text)


@pytest.mark.parametrize("text", ["book the room, 2 done", "tarkista; 3 /won"])
def test_no_text_does_something_else_in_the_answer_to_a_digest(tmp_path: Path, text: str) -> None:
    with opened_house(tmp_path) as house:
        rule = Rule(house.stage, ANY, "call", text, "soita", 1)
        with pytest.raises(Refused):
            house.store.write(lambda session: set_rule(session, rule, None, NOW))
