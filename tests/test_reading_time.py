"""No mail takes long to read: twice as long is at most some three times the work, whatever it is made of.

Times are of the processor, the least of some turns, since other work on the machine only adds to them.
"""

import random
import time
from datetime import UTC, datetime

import pytest

from mailcrm.ingest.understand import understand
from mailcrm.mail import Door, Envelope
from tests.hostile import FIELDS, PLACES, SHAPES, TOKENS, in_field, in_place

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PERSON = Envelope("m@evil.example", ("sales@crm.firma.test",), NOW, Door.SMTP)
NOBODY = Envelope("", ("sales@crm.firma.test",), NOW, Door.SMTP)

_SMALL = 40_000
_SOON = 0.1  # seconds; below it nothing is compared, for what is read once (words, months) takes as long
_LONGEST = 1.0  # of 160 KB, on a machine with much other work


def _seconds(raw: bytes, envelope: Envelope) -> float:
    began = time.process_time()
    mail, _ = understand(raw, envelope)
    seconds = time.process_time() - began
    assert "\n".join(part.text for part in mail.segments) == mail.text
    assert not any(defect.startswith(("unreadable", "classify")) for defect in mail.defects), mail.defects
    return seconds


def _check(small: bytes, large: bytes, envelope: Envelope = PERSON) -> None:
    """``large`` is four times ``small``: a square would be sixteen times the work."""
    seconds = _seconds(large, envelope)
    if seconds > _SOON:
        seconds = min(seconds, _seconds(large, envelope))
        once = min(_seconds(small, envelope) for _ in range(3))
        assert seconds < max(9 * once, _SOON), f"{once:.2f} s, {seconds:.2f} s"
    assert seconds < _LONGEST


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_read_in_proportion_to_its_length(name: str) -> None:
    shape = SHAPES[name]
    _check(shape(_SMALL), shape(4 * _SMALL))


@pytest.mark.parametrize("place", PLACES)
def test_tokens_said_over_and_over_are_read_in_proportion(place: str) -> None:
    """A part of them, drawn anew for each place but always the same; ``tests/hostile.py`` has all."""
    envelope = NOBODY if place in ("a report", "a status") else PERSON
    for token in random.Random(place).sample(TOKENS, 9):
        _check(in_place(place, token, _SMALL // 4), in_place(place, token, _SMALL), envelope)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_tokens_are_read_in_proportion(name: str) -> None:
    for token in random.Random(name).sample(TOKENS, 4):
        _check(in_field(name, token, _SMALL // 4), in_field(name, token, _SMALL))


@pytest.mark.parametrize(
    ("place", "token"),
    [
        ("a report", b","),  # a pattern of flufl.bounce
        ("a report", b"=\r\n"),  # its patterns on every line
        ("a status", b"\r"),  # a message for each empty line
        ("a status", b"1:1 "),  # a field that the library folds
        ("an attached mail", b"1:1 "),
    ],
)
def test_what_once_took_long_is_read_soon(place: str, token: bytes) -> None:
    _check(in_place(place, token, 15_000), in_place(place, token, 60_000), NOBODY)


def test_marks_over_a_letter_are_put_in_order_by_pieces() -> None:
    """Half a million of them took minutes."""
    for shape in ("letters with many marks", "letters that grow"):
        _check(SHAPES[shape](100_000), SHAPES[shape](400_000))
