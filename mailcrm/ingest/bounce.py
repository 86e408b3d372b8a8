"""Delivery reports: whom they are about, what became of the mail, and which mail it was.

First the machine-readable form (RFC 3464), read by ourselves; then the report's words, and where these say nothing to us,
flufl.bounce. The last two only for mails that a mail system wrote (null reverse-path, a daemon's address, a report's subject from a
machine), so that a person who quotes or forwards a bounce is never taken for one.
"""

import re
from collections.abc import Iterator
from email.message import Message
from enum import IntEnum

from flufl.bounce import all_failures

from mailcrm.ingest import report_words as words
from mailcrm.ingest.bounce_prose import (
    Prose,
    action_of,
    addressee_of,
    guessed,
    names_surely,
    recipients,
    says_code,
    says_failure,
    split,
    status_in,
)
from mailcrm.ingest.bounce_status import ADDRESS, StatusPart, outer_parts, read_status, refused_for, status_of
from mailcrm.ingest.charset import clean_text
from mailcrm.ingest.headers import Headers, header_text, headers_of, ids_in
from mailcrm.mail import Report, ReportRecipient
from mailcrm.subject import base_subject

_LONGEST_FOR_PATTERNS = 256 * 1024  # flufl's patterns run over every line
_MOST_LINES_FOR_PATTERNS = 4_000
_MOST_PARTS_FOR_PATTERNS = 500
_MOST_WORK_FOR_PATTERNS = 100_000_000  # the squares of the lengths of lines: one of 10,000 letters
_MAIL_WORDS = (
    "message",
    "mail",
    "viesti",
    "meddelande",
    "nachricht",
    "mensaje",
    "mensagem",
    "messaggio",
    "письмо",
    "邮件",
)
_ONLY_ADDRESS = re.compile(
    r"[\s\"'<*>-]{0,10}(?:[^<>\n]{0,80}<)?[^\s<>\"']{1,64}@[^\s<>\"']{1,255}[>\"'.:]{0,3}\s{0,5}"
)
_TECHNICAL = re.compile(r"(?im)^final-recipient:")


class Suspicion(IntEnum):
    """How likely it is that a mail system wrote a mail; necessary for the prose forms, sufficient for none."""

    NONE = 0
    WEAK = 1  # a report's subject from an address that machines have: the text has to be a report's too
    SURE = 2


def suspicion_of(headers: Headers, from_address: str, subject: str, mail_from: str | None) -> Suspicion:
    """``mail_from`` is the reverse-path of the envelope, None if there was no envelope."""
    if "x-failed-recipients" in headers or _is_daemon(headers, from_address):
        if _is_answer(headers, subject):
            return Suspicion.NONE
        return Suspicion.WEAK if _may_be_a_postmaster(headers, mail_from) else Suspicion.SURE
    if not _has(subject.lower(), words.SUBJECTS) or base_subject(subject)[1]:
        return Suspicion.SURE if _is_formally_one(headers) else _of_a_gateway(headers, from_address, mail_from)
    if is_null_path(headers, mail_from) or not from_address:
        return Suspicion.SURE
    is_machines = _has(from_address.partition("@")[0].lower(), words.MACHINE_WORDS)
    return Suspicion.WEAK if is_machines else Suspicion.NONE


def _of_a_gateway(headers: Headers, from_address: str, mail_from: str | None) -> Suspicion:
    """What a filter writes of a mail it stopped may have any subject."""
    is_gateway = is_null_path(headers, mail_from) and _has(from_address.partition("@")[0].lower(), words.GATEWAYS)
    return Suspicion.WEAK if is_gateway and "in-reply-to" not in headers else Suspicion.NONE


def _may_be_a_postmaster(headers: Headers, mail_from: str | None) -> bool:
    """A person's name before the address, and a reverse-path that can be answered."""
    written = headers.first("from").lower()
    name = written.partition("<")[0].strip(' "')
    has_path = bool(mail_from) or "@" in headers.first("return-path")
    is_named = (
        bool(name) and "@" not in name and not _has(name, words.DAEMON_NAMES) and not _has(name, words.MACHINE_WORDS)
    )
    return is_named and has_path and not is_null_path(headers, mail_from) and "x-failed-recipients" not in headers


def _is_daemon(headers: Headers, from_address: str) -> bool:
    local = from_address.partition("@")[0].lower()
    return local.startswith(words.DAEMONS) or _has(headers.first("from").lower(), words.DAEMON_NAMES)


def is_null_path(headers: Headers, mail_from: str | None) -> bool:
    """No reverse-path, or that of a daemon; the field is asked only where the envelope was lost."""
    return_path = headers.first("return-path").lower().replace(" ", "")
    return mail_from == "" or return_path == "<>" or return_path.startswith(("<mailer-daemon", "mailer-daemon"))


def _is_answer(headers: Headers, subject: str) -> bool:
    """A postmaster's letter: a prefix and a mail it answers, and no field that a machine sets."""
    return base_subject(subject)[1] and "in-reply-to" in headers and "auto-submitted" not in headers


def _is_formally_one(headers: Headers) -> bool:
    written = headers.first("content-type").lower().replace(" ", "")
    return written.startswith("multipart/report") and "delivery-status" in written


def report(
    message: Message, headers: Headers, text: str, subject: str, suspicion: Suspicion, mail_from: str | None = None
) -> Report | None:
    """The delivery report in a mail, or None. ``suspicion`` is the answer of ``suspicion_of``, ``mail_from`` as there."""
    is_formal = headers.first("content-type").lower().startswith("multipart/report")
    formal = _status(message, is_suspect=suspicion > Suspicion.NONE) if is_formal or suspicion else None
    if formal is not None and formal.recipients:
        original_id = formal.original_message_id.strip("<> ") or _original_id(message, headers, text)
        return Report(formal.recipients, original_id)
    if not (suspicion or formal is not None or _is_worded_by_a_script(subject, text)):
        return None
    prose = split(text)
    if suspicion is Suspicion.WEAK and formal is None and not _reads_as_report(message, headers, prose, mail_from):
        return None
    return _worded(message, headers, text, subject, formal)


def _reads_as_report(message: Message, headers: Headers, prose: Prose, mail_from: str | None) -> bool:
    """Something no letter has: a field of machines, the mail that came back, a server's answer, a sentence on mail that failed;
    from a sender that can be answered, this last only above an address that stands alone.
    """
    if "auto-submitted" in headers or prose.below.strip() or next(_returned(message), None) is not None:
        return True
    if says_code(prose):
        return True
    is_placed = is_null_path(headers, mail_from) or names_surely(prose)
    return is_placed and _says_so_of_mail(prose.above[:800])


def _says_so_of_mail(text: str) -> bool:
    """A sentence of failure with a word for mail in it, or in the line before."""
    lines = text.lower().split("\n")
    pairs = zip(["", *lines], lines, strict=False)
    return any(words.FAILURES.search(line) and _has(f"{above} {line}", _MAIL_WORDS) for above, line in pairs)


def _status(message: Message, *, is_suspect: bool) -> StatusPart | None:
    """The status part; a gateway may have put the whole report into a mail of its own, or the fields into a text."""
    found = status_of(message)
    if found is not None or not is_suspect:
        return found
    for inner in _returned(message):
        if _is_formally_one(headers_of(inner)):
            return status_of(inner)
    for part in outer_parts(message):
        if (
            part.get_content_type() == "text/plain"
            and part is not message
            and _TECHNICAL.search(text := _text_of(part))
        ):
            return read_status(text)
    return None


def _returned(message: Message) -> Iterator[Message]:
    for part in outer_parts(message):
        payload = part.get_payload()
        if part.get_content_type() in ("message/rfc822", "message/global") and isinstance(payload, list) and payload:
            yield from (inner for inner in payload[:1] if isinstance(inner, Message))


def _is_worded_by_a_script(subject: str, text: str) -> bool:
    """A report from an ordinary address: its subject says so, and it opens with the sentence of failure and nothing but an address
    below it. No person begins a letter so."""
    text = text[:1_000]
    if "@" not in text or not _has(subject.lower(), words.SUBJECTS):
        return False
    lines = [line for line in text.split("\n") if line.strip(" \t*=-_#>")][:6]
    for number, line in enumerate(lines[:3]):
        folded = line.lower()
        if words.FAILURES.search(folded) and _has(folded, _MAIL_WORDS) and len(folded) < 120:
            return number + 1 < len(lines) and bool(_ONLY_ADDRESS.fullmatch(lines[number + 1]))
    return False


def _worded(message: Message, headers: Headers, text: str, subject: str, formal: StatusPart | None) -> Report | None:
    prose = split(text)
    named = _named(headers)
    is_daemon = _has(subject.lower(), words.SUBJECTS) and _is_daemon(headers, headers.first("from").lower().strip('<"'))
    if formal is None and not named and not is_daemon and not says_failure(prose):
        return None
    found = _technical(text) or recipients(prose, headers, named) or _second_opinion(message, prose, subject, text)
    if not found:
        refused = refused_for(message)
        found = guessed(
            prose,
            headers,
            [refused]
            if refused
            else [address for inner in _returned(message) for address in addressee_of(headers_of(inner))],
        )
    if not found and not _is_certain(message, subject, formal):
        return None
    found = tuple(_as_formal(one, formal) for one in found)
    action = found[0].action if found else action_of(prose, subject)
    return Report(found, _original_id(message, headers, text), action)


def _named(headers: Headers) -> tuple[str, ...]:
    listed = headers.first("x-failed-recipients").replace(",", " ").split()
    return tuple(address for word in listed if "@" in (address := word.strip("<>,; ")))


def _technical(text: str) -> tuple[ReportRecipient, ...]:
    """The fields of a status part, written into the text."""
    match = _TECHNICAL.search(text)
    return read_status(text[match.start() : match.start() + 4_000]).recipients[:1] if match else ()


def _is_certain(message: Message, subject: str, formal: StatusPart | None) -> bool:
    """A report that names nobody is still one, if all else fits."""
    if formal is not None:
        return True
    has_returned = any(
        part.get_content_type() in ("message/rfc822", "text/rfc822-headers") for part in outer_parts(message)
    )
    return has_returned and _has(subject.lower(), words.SUBJECTS)


def _as_formal(one: ReportRecipient, formal: StatusPart | None) -> ReportRecipient:
    """What a status part said without naming anybody is about the recipient that the text names."""
    if formal is None:
        return one
    return ReportRecipient(
        one.address, formal.action or one.action, formal.status or one.status, formal.diagnostic or one.diagnostic
    )


def _second_opinion(message: Message, prose: Prose, subject: str, text: str) -> tuple[ReportRecipient, ...]:
    if len(text) > _LONGEST_FOR_PATTERNS or not _is_soon_matched(message):
        return ()
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - its detectors assume well-formed mails; a second opinion may be missing
        return ()
    status = status_in(prose.above, action_of(prose, subject))
    failed = [ReportRecipient(one, action_of(prose, subject), status, "") for one in _ascii(permanent)]
    late = "delayed" if status.startswith("4") or action_of(prose, subject) == "delayed" else "failed"
    return tuple(failed + [ReportRecipient(one, late, status, "") for one in _ascii(temporary - permanent)])


def _is_soon_matched(message: Message) -> bool:
    """flufl's patterns run over every line of every part, some for the square of its length; each block of a report is a part."""
    lines = work = 0
    for count, part in enumerate(message.walk()):
        payload = part.get_payload()
        if isinstance(payload, str):
            lengths = [len(line) for line in payload.split("\n")]
            lines += len(lengths)
            work += sum(length * length for length in lengths)
        if count > _MOST_PARTS_FOR_PATTERNS or lines > _MOST_LINES_FOR_PATTERNS or work > _MOST_WORK_FOR_PATTERNS:
            return False
    return True


def _ascii(addresses: frozenset[bytes]) -> list[str]:
    found = sorted(clean_text(address.decode("utf-8", "replace")).strip("<>. ") for address in addresses)
    return [address for address in found if ADDRESS.fullmatch(address)]


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, phrases))


# --- which mail it was ------------------------------------------------------------------------------------------------


def _original_id(message: Message, headers: Headers, text: str) -> str:
    """The Message-ID of the returned mail or of its headers; failing that, a Message-ID line in the text, or what it answers."""
    for part in outer_parts(message):
        kind = part.get_content_type()
        payload = part.get_payload()
        if kind in ("message/rfc822", "message/global") and isinstance(payload, list) and payload:
            inner = payload[0]
            ids = ids_in(headers_of(inner).all("message-id")) if isinstance(inner, Message) else ()
        elif kind in ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers", "message/rfc822"):
            ids = _id_line(_text_of(part))
        else:
            continue
        if ids:
            return ids[0]
    answered = ids_in(headers.all("in-reply-to"))
    return next(iter(_id_line(text) or _id_in_files(message) or (answered if len(answered) == 1 else ())), "")


def _id_in_files(message: Message) -> tuple[str, ...]:
    """Of a returned mail that a gateway attached as a text."""
    files = (part for part in outer_parts(message) if part.get_content_type() == "text/plain" and part.get_filename())
    return next((ids for part in files if (ids := _id_line(_text_of(part)))), ())


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload[:100_000].decode("utf-8", "replace")
    inner = part.get_payload()
    return str(inner[0])[:100_000] if isinstance(inner, list) and inner else ""


def _id_line(text: str) -> tuple[str, ...]:
    lines = text[:100_000].split("\n")
    for index, line in enumerate(lines):
        if line.lstrip(" \t>*")[:11].lower() == "message-id:":
            rest = line.partition(":")[2].strip() or (lines[index + 1] if index + 1 < len(lines) else "")
            return ids_in((header_text(rest),))
    return ()
