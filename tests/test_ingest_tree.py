"""Parts are written out again as the standard library writes them, long fields as they came."""

import io
import random
from email.generator import BytesGenerator
from email.message import Message

from mailcrm.ingest.tree import bytes_of

_LETTERS = "ab :;<>@\"'=?\t()-_.,"


def _by_library(part: Message) -> bytes:
    out = io.BytesIO()
    BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(part)
    return out.getvalue()


def _value(dice: random.Random) -> str:
    lines = ["".join(dice.choices(_LETTERS, k=dice.randrange(12))) for _ in range(dice.randrange(1, 4))]
    return dice.choice(["\r\n ", "\n\t", "\n  "]).join(lines)


def test_fields_are_written_as_by_the_library() -> None:
    dice = random.Random("fields")
    for _ in range(3_000):
        part = Message()
        for _ in range(dice.randrange(4)):
            part.set_raw(dice.choice(["Status", "Final-Recipient", "X"]), _value(dice))
        part.set_payload(dice.choice(["", "", "Hi\n"]))
        assert bytes_of(part) == _by_library(part)


def test_a_long_field_is_written_as_it_came() -> None:
    part = Message()
    part.set_raw("Status", "1:1 " * 20_000 + "\r\n x")
    part.set_payload("Hi\r\n")
    assert bytes_of(part) == b"Status: " + b"1:1 " * 20_000 + b"\n x\n\nHi\n"
