# ruff: noqa: SIM905 - a list of words is read more easily as words
"""What mail-parser is shown of a mail: the fields it is asked about, and the parts where it may find a fault in them.

It decodes every part again to look for faults, which takes it longer than all that it is asked. So the parts of an ordinary
mail are kept from it: texts of plain types without a file's name, in which everything decodes as it says.
"""

import re
from collections.abc import Set
from email.message import Message

from mailcrm.ingest.headers import Headers

_FIELDS = frozenset("from to cc reply-to date".split())
_PART_FIELDS = frozenset("mime-version content-type content-transfer-encoding content-disposition".split())
_LONGEST = 20_000
_MOST_PARTS = 20
_TEXTS = re.compile(
    r"\s{0,3}(?:text/(?:plain|html)|multipart/(?:alternative|mixed|related))\s{0,3}"
    r'(?:;\s{0,5}(?:charset|format|delsp|reply-type|boundary|type)="?[\w./:+=?-]{1,80}"?\s{0,3}){0,5};?\s{0,3}',
    re.IGNORECASE | re.ASCII,
)
_AS_WRITTEN = ("", "7bit", "8bit")
_ENCODED = ("quoted-printable", "base64")
_PLAIN_FROM = re.compile(
    r"(?:(?:[\w-]{1,60} ){1,6}|\"[\w-]{1,60}(?:[ .,&'-]{1,3}[\w-]{1,60}){0,6}\" )?"
    r"<[\w+-]{1,60}(?:\.[\w+-]{1,60}){0,5}@[\w-]{1,60}(?:\.[\w-]{1,60}){1,5}>",
    re.ASCII,
)


def shown(message: Message, headers: Headers, known: Set[str]) -> Message:
    """The mail with the fields that mail-parser is asked about; it takes half a second and more over some of the others.

    ``known``: the fields of which the addresses are known. From is shown for its faults all the same, unless it can have none.
    """
    is_ordinary = _is_ordinary(message)
    names = _FIELDS if is_ordinary else _FIELDS | _PART_FIELDS
    found = Message()
    for name, value in headers.fields:
        is_known = name in known and (name != "from" or _PLAIN_FROM.fullmatch(value))
        if name in names and not is_known and len(value) <= _LONGEST:
            found.set_raw(name, value)
    found.set_payload("" if is_ordinary else message.get_payload())
    if not is_ordinary:
        found.defects = message.defects
        found.preamble, found.epilogue = message.preamble, message.epilogue
    return found


def _is_ordinary(message: Message) -> bool:
    """Whether mail-parser has nothing to say of the parts."""
    todo = [message]
    for part in todo:
        if part.defects or len(todo) > _MOST_PARTS or not _has_plain_fields(part):
            return False
        payload = part.get_payload()
        if isinstance(payload, list):
            todo += [inner for inner in payload if isinstance(inner, Message)]
        elif not _decodes(part):
            return False
    return True


def _has_plain_fields(part: Message) -> bool:
    seen: set[str] = set()
    for written, value in part.raw_items():
        name = written.lower()
        if not name.startswith("content-") or name in ("content-language", "content-length"):
            continue
        is_plain = _TEXTS.fullmatch(value) is not None if name == "content-type" else name in _PART_FIELDS
        if name in seen or not is_plain or name == "content-disposition":
            return False
        seen.add(name)
    return part.get_content_maintype() == "text" or isinstance(part.get_payload(), list)


def _decodes(part: Message) -> bool:
    """Whether the text is in the character set that it says, as mail-parser asks it."""
    payload = part.get_payload()
    is_ascii = isinstance(payload, str) and payload.isascii()
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding in _AS_WRITTEN and is_ascii:
        return True
    if encoding not in _AS_WRITTEN and not (encoding in _ENCODED and is_ascii):
        return False
    try:
        data = part.get_payload(decode=True)
        part.defects.clear()  # it notes faults of the code there, which mail-parser would not have seen
        return isinstance(data, bytes) and bool(data.decode(part.get_content_charset("utf-8")).encode() or not data)
    except (LookupError, ValueError):
        return False
