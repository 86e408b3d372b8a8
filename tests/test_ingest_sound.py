"""Sound mails are cut into parts as the standard library takes them apart, and no other mail is."""

import email
import random
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

from mailcrm.ingest.sound import sound_tree
from tests.test_parse_never_raises import DAMAGE

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.eml"))


def _everything(message: Message) -> object:
    payload = message._payload  # type: ignore[attr-defined]  # get_payload() decodes 8-bit letters
    inside = [_everything(part) for part in payload] if isinstance(payload, list) else payload
    faults = [type(fault) for fault in message.defects]
    kind = message.get_default_type()
    return list(message.raw_items()), message.preamble, message.epilogue, faults, kind, message.get_unixfrom(), inside


def _is_cut_alike(raw: bytes) -> bool:
    """Whether it was cut at all; if it was, then as the library does."""
    found = sound_tree(raw, Message)
    assert found is None or _everything(found) == _everything(email.message_from_bytes(raw)), raw
    return found is not None


def test_the_corpus_is_cut_as_by_the_library() -> None:
    sound = sum(_is_cut_alike(path.read_bytes()) for path in CORPUS)
    assert sound > len(CORPUS) * 0.7


def _end_lines(raw: bytearray, dice: random.Random) -> None:
    raw[:] = bytes(raw).replace(b"\r\n", b"\n").replace(b"\n", dice.choice([b"\r\n", b"\n", b"\r", b"\n\n", b" \n"]))


def _move_boundary(raw: bytearray, dice: random.Random) -> None:
    """A line that begins with two dashes is said twice, cut, or put elsewhere."""
    lines = bytes(raw).splitlines(True)
    dashed = [line for line in lines if line.startswith(b"--")] or [b"--\n"]
    line = dice.choice(dashed)
    lines.insert(dice.randrange(len(lines) + 1), dice.choice([line, line[:-2], b" " + line, line.rstrip() + b"--\n"]))
    raw[:] = b"".join(lines)


_ALL_DAMAGE: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *DAMAGE,
    _end_lines,
    _move_boundary,
    _move_boundary,
)


def test_damaged_mails_are_cut_as_by_the_library() -> None:
    dice = random.Random("sound")
    mails = [raw for path in CORPUS if len(raw := path.read_bytes()) < 20_000]
    cut = 0
    for _ in range(4_000):
        damaged = bytearray(dice.choice(mails))
        for _ in range(dice.randrange(1, 5)):
            if damaged:
                dice.choice(_ALL_DAMAGE)(damaged, dice)
        cut += _is_cut_alike(bytes(damaged))
    assert cut > 1_000


PARTS = b'Content-Type: multipart/mixed; boundary="b"\n\n'


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"A: b",
        b"A: b\n",
        b"A: b\n\n",
        b" A: b\n\nx",
        b"A:\n b\n\nx\n",
        b"A : b\n\nx",
        b"From a@b.example\nA: b\n\nx",
        b"A: b\r\rx",
        PARTS + b"--b\n\nx\n--b--",
        PARTS + b"--b\n\nx\n--b--\n",
        PARTS + b"--b\n\nx\n--b--\n\nbelow\n",
        PARTS + b"above\n--b\n\nx\n--b--\n--b\n\ny\n--b--\n",
        PARTS + b"\n\n--b\nA: b\n--b--\n",
        PARTS + b"--b\n--b\n\nx\n--b--\n",
        PARTS + b"--b--\n--b\n\nx\n--b--\n",
        PARTS + b"--b\n\nx\n",
        PARTS + b"--b \t\n\nx --b\n--bc\n--b--c\n--b-- \n",
        PARTS + b"--b\n" + PARTS + b"--b\n\nx\n--b--\n--b--\n",
        PARTS + b"--b\n" + PARTS.replace(b'"b"', b'"bc"') + b"--bc\n\nx\n--bc--\n\n--b\n\ny\n\n--b--\n",
        PARTS + b"--b\n" + PARTS.replace(b'"b"', b'"c"') + b"--c\n\nx\n--b--\n--c--\n",
        PARTS + b"--b\nContent-Type: message/rfc822\n\nA: b\n\nx\n--b--\n",
        PARTS.replace(b"mixed", b"digest") + b"--b\n\nx\n--b--\n",
        PARTS.replace(b"\n\n", b"\nContent-Transfer-Encoding: base64\n\n") + b"--b\n\nx\n--b--\n",
        PARTS.replace(b'"b"', b'""') + b"--\n\nx\n----\n",
        b"Subject: \xe4\xff\nContent-Type: text/plain; charset=\xe4\n\n\xe4\n",
        b"A: b\n\n\xe4\x00\x0b\x0c\x85\n\n--\n",
    ],
)
def test_odd_mails_are_cut_as_by_the_library_or_not_at_all(raw: bytes) -> None:
    _is_cut_alike(raw)
    _is_cut_alike(raw.replace(b"\n", b"\r\n"))


def test_what_is_not_sound_is_left_to_the_library() -> None:
    for raw in (
        b"A: b",
        b"A: b\n\nx\ry",
        PARTS + b"--b\n\nx\n",
        PARTS + b"x",
        b"Content-Type: message/rfc822\n\nA: b\n\n",
    ):
        assert sound_tree(raw, Message) is None
