"""What mail-parser is shown of a mail: all of an unusual one, of an ordinary one the fields it is asked about."""

import email
from email.message import Message

import mailparser
import pytest

from mailcrm.ingest.headers import headers_of
from mailcrm.ingest.shown import shown

HEAD = b"From: Carol Smith <carol@x.example>\nTo: sales@y.example\nDate: Tue, 05 Mar 2024 10:11:12 +0200\n"


def _shown(raw: bytes, known: frozenset[str] = frozenset()) -> Message:
    message = email.message_from_bytes(raw)
    return shown(message, headers_of(message), known)


def _faults(message: Message) -> set[str]:
    return set(mailparser.MailParser(message).defects_categories)


@pytest.mark.parametrize(
    "below",
    [
        b"\nHello\n",
        b'Content-Type: text/plain; charset="utf-8"; format=flowed\nContent-Transfer-Encoding: 8bit\n\nHyv\xc3\xa4\n',
        b"Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<p>Hyv=E4</p>\n",
        b'Content-Type: multipart/alternative; boundary="e"\n\n--e\nContent-Type: text/plain; charset=utf-8\n'
        b"Content-Transfer-Encoding: base64\n\nSHl2w6Q=\n--e\nContent-Type: text/html\n\n<p>Hyva</p>\n--e--\n",
    ],
)
def test_the_parts_of_an_ordinary_mail_are_kept_from_it(below: bytes) -> None:
    found = _shown(HEAD + below, frozenset({"from", "to"}))
    assert found.keys() == ["date"]
    assert found.get_payload() == ""
    assert _faults(found) == _faults(email.message_from_bytes(HEAD + below)) == set()


@pytest.mark.parametrize(
    ("below", "fault"),
    [
        (b"Content-Type: multipart/mixed; boundary=e\n\n--e\n\nhello\n", "CloseBoundaryNotFoundDefect"),
        (b"Content-Type: multipart/mixed\n\nhello\n", "NoBoundaryInMultipartDefect"),
        (
            b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n5A==\n",
            "CharsetDecodeDefect",
        ),
        (
            b"Content-Type: text/plain; charset=nonsense\nContent-Transfer-Encoding: base64\n\n5A==\n",
            "CharsetDecodeDefect",
        ),
        (
            b"Content-Type: multipart/mixed; boundary=e\n\n--e\nContent-Type: text/plain; x=\xe4\n\nhi\n--e--\n",
            "MimeHeaderDefect",
        ),
    ],
)
def test_a_fault_in_a_part_is_still_found(below: bytes, fault: str) -> None:
    assert fault in _faults(_shown(HEAD + below, frozenset({"from", "to"})))


def test_a_from_that_is_not_plain_is_shown_for_its_faults() -> None:
    raw = HEAD.replace(b"Carol Smith <", b"Smith, Carol <") + b"\nhello\n"
    assert "AddressHeaderDefect" in _faults(_shown(raw, frozenset({"from", "to"})))
