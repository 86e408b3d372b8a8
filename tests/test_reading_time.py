"""No mail takes long to read: twice as long is at most some three times the work, whatever it is made of.

Times are of the processor, the least of some turns, since other work on the machine only adds to them.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

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


def _check(make: Callable[[int], bytes], size: int, envelope: Envelope = PERSON) -> None:
    """A mail of ``size`` is four times the small one: a square would be sixteen times the work.

    What is only looked at from a certain length on may take more; then twice the size tells.
    """
    large = make(size)
    seconds = _seconds(large, envelope)
    if seconds > _SOON:
        seconds = min(seconds, _seconds(large, envelope))
        small = make(size // 4)
        once = min(_seconds(small, envelope) for _ in range(3))
        if seconds >= max(9 * once, _SOON):
            twice = min(_seconds(make(2 * size), envelope) for _ in range(3))
            assert twice < 3 * seconds, f"{once:.2f} s, {seconds:.2f} s, {twice:.2f} s"
    assert seconds < _LONGEST


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_read_in_proportion_to_its_length(name: str) -> None:
    _check(SHAPES[name], 4 * _SMALL)


@pytest.mark.parametrize("place", PLACES)
def test_tokens_said_over_and_over_are_read_in_proportion(place: str) -> None:
    """A part of them, drawn anew for each place but always the same; ``tests/hostile.py`` has all."""
    envelope = NOBODY if place in ("a report", "a status") else PERSON
    for token in random.Random(place).sample(TOKENS, 9):
        _check(partial(in_place, place, token), _SMALL, envelope)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_tokens_are_read_in_proportion(name: str) -> None:
    for token in random.Random(name).sample(TOKENS, 4):
        _check(partial(in_field, name, token), _SMALL)


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
    _check(partial(in_place, place, token), 60_000, NOBODY)


def test_marks_over_a_letter_are_put_in_order_by_pieces() -> None:
    """Half a million of them took minutes."""
    for shape in ("letters with many marks", "letters that grow"):
        _check(SHAPES[shape], 400_000)
