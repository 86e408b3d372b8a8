"""The envelope of a mail that comes without one (IMAP, import), rebuilt from its header and marked ``source="headers"``.

The recipients are named by the topmost block of Delivered-To, X-Original-To or Envelope-To: what the last server wrote, not what
a group or an earlier mailbox wrote below the next Received. Without such a block they are To and Cc. The reverse-path is the
topmost Return-Path; without one, From, because a missing field proves no null reverse-path. Pure and never raises.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from mailcrm.mail import Door, Envelope

RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To")

_HEAD_LIMIT = 262_144
_RECIPIENT_LIMIT = 1_000

# All linear in the length of the text: possessive where a failed match would begin again one letter later.
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[^?\s]*\?[^?\s]*\?=")
_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?$)', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]*)>")
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^\s<>()\[\]:;,"\\])++')
_ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^@"]++)@[^@"]++')


def envelope_from_headers(
    raw_head: bytes,
    *,
    received_at: datetime,
    door: Door,
    peer: str,
    recipient_headers: Iterable[str] = RECIPIENT_HEADERS,
    mailbox_address: str = "",
) -> Envelope:
    """``raw_head`` is the mail or its beginning; ``mailbox_address`` the recipient of a mail that names none."""
    fields = list(_fields(raw_head[:_HEAD_LIMIT]))
    named = [value for name, value in _topmost_block(fields, {header.lower() for header in recipient_headers})]
    visible = [value for name, value in fields if name in ("to", "cc")]
    recipients = addresses_in(named) or addresses_in(visible) or ((mailbox_address,) if mailbox_address else ())
    return Envelope(_reverse_path(fields), recipients, received_at, door, peer, source="headers")


def addresses_in(values: Iterable[str]) -> tuple[str, ...]:
    """The addresses of To-like field values in order, each once; names, comments and groups are passed over."""
    found: dict[str, str] = {}
    for value in values:
        for item in re.split("[,;]", _without_names(value)):
            angle = _ANGLE.findall(item)
            words = _WORD.findall(angle[-1] if angle else item)
            address = next(filter(_ADDRESS.fullmatch, words), "")
            if address:
                found.setdefault(address.lower(), address)
    return tuple(found.values())[:_RECIPIENT_LIMIT]


def _without_names(value: str) -> str:
    text = _ENCODED_WORD.sub(" ", value)
    text = _QUOTED.sub(lambda quoted: quoted[0] if text[quoted.end() : quoted.end() + 1] == "@" else " ", text)
    for _ in range(5):  # comments may be nested (RFC 5322 3.2.2), but not by people
        text = _COMMENT.sub(" ", text)
    return text


def _topmost_block(fields: list[tuple[str, str]], names: set[str]) -> Iterator[tuple[str, str]]:
    """From the first of these fields to the next trace field; a server writes its own above those it found."""
    is_inside = False
    for name, value in fields:
        if name in names:
            is_inside = True
            yield name, value
        elif is_inside and name == "received":
            return


def _reverse_path(fields: list[tuple[str, str]]) -> str:
    for name, value in fields:
        if name == "return-path":
            return next(iter(addresses_in([value])), "")
    return next(iter(addresses_in(value for name, value in fields if name == "from")), "")


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    """Lower-case names and unfolded values, from the top to the first empty line."""
    name, value = "", ""
    for line in head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\0", "").split("\n"):
        if not line:
            break
        if line[0] in " \t":
            value += line
            continue
        if name:
            yield name, value
        start, colon, rest = line.partition(":")
        name, value = (start.strip().lower(), rest) if colon and _FIELD_NAME.fullmatch(start.strip()) else ("", "")
    if name:
        yield name, value
