"""The answer to a digest is told apart: its numbers and what is to be done with each, and never guessed."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.commands.grammar import Place
from mailcrm.commands.numbered import read_answer
from mailcrm.mail import Command, Decision, DigestAnswer, FaultWhy, Verb

TUESDAY = Place(datetime(2026, 11, 24, 8, tzinfo=UTC), "Europe/Helsinki", "en")


def read(text: str) -> DigestAnswer:
    return read_answer(text, 7, TUESDAY)


def entries(text: str) -> list[tuple[tuple[int, ...], str]]:
    """The numbers and the verb of each entry; nothing may be left over."""
    answer = read(text)
    assert answer.faults == ()
    return [(one.numbers, one.command.verb.value if one.command else str(one.decision)) for one in answer.entries]


def commands(text: str) -> list[Command]:
    return [one.command for one in read(text).entries if one.command]


def why(text: str) -> list[FaultWhy]:
    """Why each line that is not understood is not; nothing else may have been read."""
    answer = read(text)
    assert not answer.entries
    assert not answer.commands
    return [fault.why for fault in answer.faults]


@pytest.mark.parametrize(
    "text",
    [
        "1 done, 3 +2d, 4 Alice, 5 hold 1.6.",
        "1 tehty, 3 +2pv, 4 Aino, 5 odota 1.6.",
        "1 done,3 +2d,4 Alice,5 hold 1.6.",
        "1 done; 3 +2d; 4 Alice; 5 hold 1.6.",
        "1. done\n3) +2d\n4: Alice\n#5 - hold 1.6.",
        "Hi!\n\n1 DONE.\n* 3 +2d.\n4 @Alice\n\n5 /hold until 1.6.\nThanks",
        "1 done and 3 +2d and 4 Alice\n5 hold 1.6.",
    ],
)
def test_the_example_is_read_however_it_is_written(text: str) -> None:
    assert entries(text) == [((1,), "done"), ((3,), "snooze"), ((4,), "assign"), ((5,), "hold")]
    _done, moved, given_to, held = commands(text)
    assert (moved.day, held.day) == (date(2026, 11, 26), date(2027, 6, 1))
    assert given_to.text in ("Alice", "Aino")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1-3 done", (1, 2, 3)),
        ("3 – 1 done", (1, 2, 3)),
        ("1,2,4 done", (1, 2, 4)),
        ("1, 2 and 4 done", (1, 2, 4)),
        ("1-2, 5 & 7 tehty", (1, 2, 5, 7)),
        ("1 ja 2 tehty", (1, 2)),
        ("all done", ()),
        ("kaikki tehty", ()),
    ],
)
def test_several_numbers_share_an_action(text: str, numbers: tuple[int, ...]) -> None:
    assert entries(text) == [(numbers, "done")]


def test_every_command_works_behind_a_number_with_or_without_its_slash() -> None:
    assert entries("2 won 1200,50, 3 /tag x, y, 4 lost too dear") == [((2,), "won"), ((3,), "tag"), ((4,), "lost")]
    won, tagged, lost = commands("2 won 1200,50, 3 /tag x, y, 4 lost too dear")
    assert (won.amount, tagged.names, lost.text) == (Decimal("1200.50"), ("x", "y"), "too dear")
    assert entries("2 merge #12\n3 stars 2.\n5 drop") == [((2,), "merge"), ((3,), "stars"), ((5,), Decision.DROP)]


def test_a_text_goes_on_in_the_lines_right_below() -> None:
    (one,) = read("7 note She wants it blue\nand soon, by 3 o'clock\n\nBr").entries
    assert one.command
    assert one.command.text == "She wants it blue\nand soon, by 3 o'clock"
    assert [fault.line for fault in read("7 note She wants it blue\n\nSoon").faults] == ["Soon"]


def test_done_takes_what_came_of_it_and_never_a_second_number() -> None:
    (one,) = read("1 done 2 calls made").entries
    assert one.command
    assert (one.command.number, one.command.text) == (None, "2 calls made")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1 done 2 won", FaultWhy.SEVERAL),
        ("1 done thanks, 2 Alice", FaultWhy.SEVERAL),
        ("7 note call them, 3 pieces are left", FaultWhy.SEVERAL),
        ("7 note he called and 2 done", FaultWhy.SEVERAL),
        ("3", FaultWhy.NO_ACTION),
        ("7 note", FaultWhy.NO_ACTION),
        ("done", FaultWhy.NO_DIGEST_NUMBER),
        ("Please call Carol", FaultWhy.NO_DIGEST_NUMBER),
        ("all lost too dear", FaultWhy.NO_DIGEST_NUMBER),
        ("all Alice", FaultWhy.NO_DIGEST_NUMBER),
        ("1234 done", FaultWhy.NO_DIGEST_NUMBER),
        ("1.12. done", FaultWhy.NO_DIGEST_NUMBER),
        ("2 wno 1200", FaultWhy.UNKNOWN),
        ("2 /foo", FaultWhy.UNKNOWN),
        ("2 merge 3", FaultWhy.NO_NUMBER),
        ("2 lost", FaultWhy.MISSING),
        ("2 won many", FaultWhy.NO_AMOUNT),
        ("3 +2", FaultWhy.NO_DATE),
        ("3 3/5", FaultWhy.AMBIGUOUS),
        ("3 20.11.", FaultWhy.PAST),
        ("5 hold 1.6. 6 done", FaultWhy.SUPERFLUOUS),
        ("2 away until 5.12.", FaultWhy.SUPERFLUOUS),
        ("2 new Pump", FaultWhy.SUPERFLUOUS),
    ],
)
def test_what_may_be_something_else_is_asked_about(text: str, fault: FaultWhy) -> None:
    assert why(text) == [fault]


def test_a_word_that_is_nearly_a_command_is_a_name_until_nobody_bears_it() -> None:
    (one,) = read("1 doen").entries
    assert (one.is_bare, one.command and one.command.verb) == (True, Verb.ASSIGN)


def test_what_needs_no_number_has_none() -> None:
    answer = read("help\naway until 5.12. deputy Bob\nundo")
    assert [command.verb for command in answer.commands] == [Verb.HELP, Verb.AWAY, Verb.UNDO]


def test_thanks_are_nothing_and_too_much_is_too_much() -> None:
    assert read("Thanks!\nKiitos Aino.\nok\n\n").is_empty
    assert why("\n".join(f"{n} done" for n in range(1, 200))) == [FaultWhy.TOO_MANY]


def test_every_digest_example_in_the_printed_page_is_understood() -> None:
    page = (Path(__file__).parents[1] / "docs" / "working-by-mail.md").read_text("utf-8")
    examples = [one for one in re.findall(r"`((?:\d|all |kaikki )[^`]+)`", page) if " " in one]
    assert len(examples) > 20
    for line in examples:
        assert read(line).faults == (), line
        assert read(line).entries, line


@given(st.text(alphabet="0123456789 ,;.-–+&/#()\nadeolnthry'\"åä\u200b", max_size=200))
def test_no_text_raises_and_every_line_is_done_or_named(text: str) -> None:
    answer = read(text)
    assert all(one.command or one.decision for one in answer.entries)
    assert all(fault.line or fault.why is FaultWhy.TOO_MANY for fault in answer.faults)
