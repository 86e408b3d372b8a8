"""Which lines of a salesperson's mail are commands, what they say, and that no such line is ever text for the customer."""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.commands.amounts import read_amount
from mailcrm.commands.grammar import Place
from mailcrm.commands.reading import is_command_line, looks_commanding, read_orders
from mailcrm.commands.words import VERBS, alike, usage
from mailcrm.mail import Command, Fault, FaultWhy, Orders, Verb

PLACE = Place(datetime(2026, 11, 23, 8, tzinfo=UTC), "Europe/Helsinki", "en")


def read(text: str, subject: str = "Re: Pump") -> Orders:
    return read_orders(text, subject, PLACE, "Maila Aalto")


def only(text: str) -> Command:
    orders = read(text)
    assert orders.faults == ()
    (command,) = orders.commands
    return command


def fault(text: str) -> Fault:
    orders = read(text)
    assert orders.commands == ()
    (one,) = orders.faults
    return one


# --- each command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("english", "finnish", "verb", "fields"),
    [
        ("/won 12000", "/voitettu 12 000 €", Verb.WON, {"amount": Decimal(12000)}),
        ("/won", "/voitettu", Verb.WON, {"amount": None}),
        ("/lost too dear", "/hävitty too dear", Verb.LOST, {"text": "too dear"}),
        ("/cancel", "/peruttu", Verb.CANCEL, {}),
        ("/hold until 1.12.", "/odota 1.12. asti", Verb.HOLD, {"day": datetime(2026, 12, 1).date()}),  # noqa: DTZ001
        ("/stage Quote sent", "/vaihe Quote sent", Verb.STAGE, {"text": "Quote sent"}),
        ("/assign Bob Berg", "/vastuu @Bob Berg", Verb.ASSIGN, {"text": "Bob Berg"}),
        ("/take", "/otan", Verb.TAKE, {}),
        ("/tag a, b c,,a", "/tunniste a, #b c", Verb.TAG, {"names": ("a", "b c")}),
        ("/untag a", "/poistatunniste a", Verb.UNTAG, {"names": ("a",)}),
        ("/stars 2", "/tähdet 2", Verb.STARS, {"number": 2}),
        ("/stars ***", "/tähdet ★★★", Verb.STARS, {"number": 3}),
        ("/value 12.5k EUR", "/arvo 12500 e", Verb.VALUE, {"amount": Decimal(12500), "currency": "EUR"}),
        ("/close 1.12.", "/päätös 1.12.", Verb.CLOSE, {"day": datetime(2026, 12, 1).date()}),  # noqa: DTZ001
        ("/call tomorrow at 10 ask her", "/soita huomenna klo 10 ask her", Verb.CALL, {"text": "ask her"}),
        ("/meeting tomorrow", "/tapaaminen huomenna", Verb.MEETING, {"text": ""}),
        ("/mail tomorrow", "/viesti huomenna", Verb.MAIL, {}),
        ("/quote tomorrow", "/tarjous huomenna", Verb.QUOTE, {}),
        ("/todo tomorrow", "/tehtävä huomenna", Verb.TODO, {}),
        ("/done", "/tehty", Verb.DONE, {"number": None, "text": ""}),
        ("/done 2 went well", "/tehty 2 went well", Verb.DONE, {"number": 2, "text": "went well"}),
        ("/snooze +2d", "/siirrä 2 päivän päästä", Verb.SNOOZE, {"day": datetime(2026, 11, 25).date()}),  # noqa: DTZ001
        ("/mention Otto, Bob", "/mainitse @Otto, @Bob", Verb.MENTION, {"names": ("Otto", "Bob")}),
        ("/follow", "/seuraa", Verb.FOLLOW, {}),
        ("/mute", "/vaimenna", Verb.MUTE, {}),
        ("/merge #12", "/yhdistä 12", Verb.MERGE, {"number": 12}),
        ("/split", "/erota", Verb.SPLIT, {}),
        ("/away until 5.12. deputy Bob", "/poissa 5.12. asti sijainen Bob", Verb.AWAY, {"text": "Bob"}),
        ("/history", "/historia", Verb.HISTORY, {}),
        ("/new Pump carol@a.test", "/uusi Pump carol@a.test", Verb.NEW, {"text": "Pump carol@a.test"}),
        ("/undo", "/kumoa", Verb.UNDO, {}),
        ("/help", "/ohje", Verb.HELP, {}),
    ],
)
def test_a_command_is_read_in_both_languages(english: str, finnish: str, verb: Verb, fields: dict[str, object]) -> None:
    for line in (english, finnish):
        command = only(line)
        assert (command.verb, command.line) == (verb, line)
        assert {name: getattr(command, name) for name in fields} == fields


def test_every_verb_has_its_words_and_its_grammar_in_both_languages() -> None:
    for verb in Verb:
        for locale in ("en", "fi"):
            assert VERBS[usage(verb, locale).word] is verb


@pytest.mark.parametrize(
    "line",
    [
        "/WON 5",
        "/ won 5",
        "*/won 5*",
        "／won 5",
        "\u200b/won 5",
        "/w\u200bon 5",
        "#won 5",
        "/won: 5",
        "/won5",
        "  /won 5",
    ],
)
def test_a_command_is_known_however_a_mail_client_writes_it(line: str) -> None:
    assert only(line).amount == Decimal(5)


def test_every_example_in_the_printed_page_is_understood() -> None:
    page = (Path(__file__).parents[1] / "docs" / "working-by-mail.md").read_text("utf-8")
    examples = re.findall(r"`(/[^`]+)`", page)
    without_arguments = {"/meeting", "/mail", "/quote", "/todo", "/tapaaminen", "/viesti", "/tarjous", "/tehtävä", "/"}
    assert len(examples) > 60
    for line in sorted(set(examples) - without_arguments):
        assert read(line).faults == (), line
    named = {VERBS[line.split()[0][1:]] for line in examples if line != "/"}
    assert named == set(Verb)


# --- where they stand ---------------------------------------------------------------------------------------------------


def test_commands_at_the_top_and_the_text_below_are_told_apart() -> None:
    orders = read("\n/won 12000\n\n/todo tomorrow send it\nHi Carol,\n\nthanks!\n")
    assert [command.verb for command in orders.commands] == [Verb.WON, Verb.TODO]
    assert orders.text == "Hi Carol,\n\nthanks!"


@pytest.mark.parametrize(
    "text", ["#4711 order", "/etc/hosts is it", "1/2 of it", "/3 pcs", "http://a.test/won", "Hi", "", "\\server\\share"]
)
def test_what_is_no_command_is_text(text: str) -> None:
    assert read(text) == Orders(text=text)


def test_how_nordic_people_sign_is_text() -> None:
    for name in ("/Anna", "/Maila", "/Maila Aalto", "/Ron Smith", "/Otto"):
        assert read(f"Hi\n{name}") == Orders(text=f"Hi\n{name}")


@pytest.mark.parametrize("line", ["/won 5", "/wno 5", "/stagee New", "#won", "/WON", "*/lost why*"])
def test_a_command_line_below_text_is_asked_about_and_never_sent(line: str) -> None:
    orders = read(f"Hi\n{line}\nbye")
    assert (orders.text, orders.commands) == ("Hi\nbye", ())
    assert [one.why for one in orders.faults] == [FaultWhy.NOT_AT_TOP]


def test_all_below_a_note_is_internal_wherever_it_stands() -> None:
    assert read("Hi\n/note they are rich\nvery").text == "Hi"
    assert read("Hi\n/note they are rich\nvery").note == "they are rich\nvery"
    assert read("/muistio rikkaita\nerittäin").note == "rikkaita\nerittäin"
    assert read("/won\n/note a\nb\n/won in a note").note == "a\nb\n/won in a note"
    assert read("/note a\nb").text == ""


def test_a_subject_is_a_command_only_when_it_was_typed() -> None:
    assert [c.verb for c in read("thanks", "/won 5").commands] == [Verb.WON]
    assert read("thanks", "Re: /won 5").is_empty
    assert read("thanks", "#4711 order").is_empty
    assert read("", "/wom 5").faults[0].why is FaultWhy.UNKNOWN


# --- what is not understood ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "why", "detail"),
    [
        ("/wom 12000", FaultWhy.UNKNOWN, "won"),
        ("/xyzzy", FaultWhy.UNKNOWN, ""),
        ("/lost", FaultWhy.MISSING, "/lost REASON"),
        ("/stage", FaultWhy.MISSING, "/stage NAME"),
        ("/tag ,", FaultWhy.MISSING, "/tag a, b"),
        ("/assign", FaultWhy.MISSING, "/assign NAME"),
        ("/stars", FaultWhy.MISSING, "/stars 0-3"),
        ("/value", FaultWhy.MISSING, "/value 12000 [EUR]"),
        ("/merge", FaultWhy.MISSING, "/merge #12"),
        ("/hold", FaultWhy.MISSING, "/hold until DATE"),
        ("/stars 4", FaultWhy.NO_NUMBER, "4"),
        ("/merge that one", FaultWhy.NO_NUMBER, "that one"),
        ("/won 12000 Thanks!", FaultWhy.NO_AMOUNT, "12000 Thanks!"),
        ("/take it", FaultWhy.SUPERFLUOUS, "it"),
        ("/hold until 1.12. then call", FaultWhy.SUPERFLUOUS, "then call"),
        ("/close tomorrow at 10:00", FaultWhy.SUPERFLUOUS, "tomorrow at 10:00"),
        ("/hold until 1.11.", FaultWhy.PAST, "2026-11-01"),
        ("/call soon", FaultWhy.NO_DATE, ""),
        ("/call 31.2.", FaultWhy.NOT_A_DAY, ""),
        ("/call next friday", FaultWhy.AMBIGUOUS, "2026-11-27 / 2026-12-04"),
        ("/away until soon deputy Bob", FaultWhy.NO_DATE, ""),
        ("/stage " + "x" * 600, FaultWhy.SUPERFLUOUS, "x" * 200),
    ],
)
def test_a_line_that_is_not_understood_says_why(line: str, why: FaultWhy, detail: str) -> None:
    found = fault(line)
    assert (found.line, found.why, found.detail) == (line, why, detail)


def test_a_long_line_that_a_mail_client_may_have_broken_is_asked_about() -> None:
    line = "/lost they said our price is far too high and that they would rather"
    assert fault(f"{line}\nbuy from somebody else").why is FaultWhy.MAY_GO_ON
    assert only(f"{line}\n\nHi Carol").text.endswith("rather")
    assert len(read(f"{line}\n/take").commands) == 2


def test_more_commands_than_anybody_writes_are_asked_about() -> None:
    assert read("/take\n" * 21).faults[0].why is FaultWhy.TOO_MANY
    assert len(read("/take\n" * 20).commands) == 20


# --- amounts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("12000", "12000", ""),
        ("12 000,50 €", "12000.50", "EUR"),
        ("12,500.75 usd", "12500.75", "USD"),
        ("12.500", "12500", ""),
        ("1.234.567,8", "1234567.8", ""),
        ("€ 99", "99", "EUR"),
        ("12k", "12000", ""),
        ("1,5 k sek", "1500", "SEK"),
        ("50 t€", "50000", "EUR"),
    ],
)
def test_amounts_are_read_as_both_languages_write_them(text: str, amount: str, currency: str) -> None:
    money = read_amount(text)
    assert money is not None
    assert (money.amount, money.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize("text", ["", "a lot", "12000 thanks a lot", "1,2,3", "-5", "€ 5 USD", "12 34", "9" * 40])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert read_amount(text) is None


# --- whatever comes -----------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from([*VERBS, "wom", "stagee", "Anna", "etc/hosts", "4711", "?", ""])
_LINES = st.builds(
    lambda sign, gap, word, rest: f"{sign}{gap}{word}{rest}",
    st.sampled_from(["/", "#", "／", "\\", "*/", " /", "\u200b/", ""]),
    st.sampled_from(["", " ", "\xa0"]),
    _WORDS,
    st.sampled_from(["", " 5", " tomorrow", " until 1.12.", ": x", "/x", " canary"]) | st.text(max_size=20),
)


@given(st.lists(_LINES, max_size=25).map("\n".join), _LINES)
def test_no_command_line_is_ever_text_for_the_customer(text: str, subject: str) -> None:
    orders = read(text, subject)
    assert not [line for line in orders.text.split("\n") if is_command_line(line) and "maila" not in line.casefold()]
    assert orders.is_empty == (not orders.commands and not orders.faults and not orders.note)
    if orders.commands or orders.faults:
        assert looks_commanding(text + subject)


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    orders = read(text, text[:50])
    assert all(line in text or not line for line in orders.text.split("\n"))


@pytest.mark.parametrize(
    "text",
    ["/note " + "x" * 500_000, "hi\n/" * 50_000, "/ " * 100_000, "hi\n" * 100_000, "#" * 250_000, "/a" * 150_000],
    ids=["note", "late command", "empty commands", "lines", "signs", "one long word"],
)
def test_reading_takes_time_in_proportion(text: str) -> None:
    """Four times the text is far from the sixteen times of a square: by the processor's time, the least of some turns."""
    once = min(_cpu_seconds(text) for _ in range(3))
    four = min(_cpu_seconds(text * 4) for _ in range(3))
    assert four < min(4, 9 * once + 0.01)


def _cpu_seconds(text: str) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("wom", ""),
        ("stag", "stage"),
        ("asign", "assign"),
        ("follwo", "follow"),
        ("won", ""),
        ("nottte", "note"),
        ("anna", ""),
    ],
)
def test_a_word_that_is_nearly_a_command_is_recognised(word: str, meant: str) -> None:
    assert alike(word) == meant
