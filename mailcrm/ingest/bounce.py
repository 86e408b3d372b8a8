# ruff: noqa: SIM905 - a list of words is read more easily as words
"""Delivery reports: whom they are about, what became of the mail, and which mail it was.

First the machine-readable form (RFC 3464), read by ourselves; then flufl.bounce and a few prose forms, and these two
only for mails that look like a mail system's own (null reverse-path, a daemon's address or a report's subject), so that
a person who quotes or forwards a bounce is never taken for one.
"""

import re
from collections.abc import Iterator
from email.message import Message

from flufl.bounce import all_failures

from mailcrm.ingest.charset import clean_text
from mailcrm.ingest.headers import Headers, header_text, headers_of, ids_in
from mailcrm.mail import Report, ReportRecipient
from mailcrm.subject import base_subject

_MOST_RECIPIENTS = 200
_LOOKED_AT = 20_000
_LONGEST_FOR_PATTERNS = 256 * 1024  # its patterns run over every line
_ACTIONS = frozenset("failed delayed delivered relayed expanded".split())
_ADDRESS = re.compile(r"[^\s<>\"'(),:;\[\]]{1,64}@[^\s<>\"'(),:;@\[\]]{1,255}")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.-])([45])\d\d[ -]")
_DAEMONS = (
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "postmaster",
    "mailer_daemon",
    "maildaemon",
    "daemon",
    "mdaemon",
    "microsoftexchange",
)
_DAEMON_NAMES = (
    "mail delivery",
    "mail.delivery",
    "mail administrator",
    "mailer-daemon",
    "system administrator",
    "postmaster",
    "microsoft outlook",
)
_MACHINE_WORDS = (
    "mail",
    "smtp",
    "no-reply",
    "noreply",
    "gateway",
    "bounce",
    "delivery",
    "mta",
    "imss",
    "notif",
    "daemon",
)
_SUBJECTS = (
    "undeliver", "delivery status notification", "delivery failure", "delivery failed", "delivery report",
    "delivery notification",
    "failure notice", "returned mail", "mail delivery", "returned to sender", "delivery problem", "mail system error",
    "message you sent blocked", "non-deliver", "nondeliver", "could not be delivered", "not delivered",
    "mail could not",
    "toimitus epäonnistui", "ei voitu toimittaa", "toimittamaton", "perille toimittamaton", "toimitusvirhe",
    "viestiä ei voi toimittaa",
    "olevererbart", "kunde inte levereras", "unzustellbar", "zustellung", "nicht zugestellt", "onbestelbaar",
    "niet bezorgd",
    "non remis", "échec de la remise", "non distribu", "no se puede entregar", "no entregado", "não entregue",
    "non recapitabile",
    "mancato recapito", "niedostarczon", "nedoručiteln", "не доставлено", "недоставлен", "退信", "無法傳遞", "未送达",
    "undeliverable",
    "warning: message", "warning: could not send", "delayed mail", "delivery delayed",
    "delivery temporarily suspended", "delivery incomplete",
    "message delivery", "message status", "mail failure", "delivery unsuccessful", "error sending",
    "failed delivery", "user unknown", "mail error",
    "delivery has failed", "mail failed", "failed mail", "processing error", "メールエラー",
    "配信エラー", "配信できません",
    "undelivered",
)  # fmt: skip
_DELAY_WORDS = (
    "delayed", "delay", "will be retried", "still trying", "will keep trying", "not yet been delivered",
    "temporarily", "warning: could not send",
    "warning message only", "you do not need to resend", "viivästy", "försena", "verzögert",
    "not been delivered yet", "retry",
    "delivery incomplete", "no action is required",
)  # fmt: skip
_SUCCESS_WORDS = (
    "successfully delivered",
    "successful mail delivery",
    "delivery status notification (success)",
    "successfully relayed",
)

# Prose: the text right before the recipient, as mail systems print it. The recipient is the first address after it.
_PROSE = (
    "could not be delivered to one or more", "i'm afraid i wasn't able to deliver", "the following address(es) failed",
    "could not be delivered to all of its recipients", "the following addresses had permanent",
    "permanent fatal errors",
    "your message wasn't delivered to", "your message to", "wasn't delivered to",
    "delivery to the following recipient", "failed permanently",
    "did not reach the following recipient", "delivery has failed to these recipients", "could not be delivered to",
    "unable to deliver",
    "couldn't be delivered", "recipient address rejected", "undeliverable to", "user unknown", "no such user",
    "failed addresses follow",
    "the following recipient", "your mail to the following", "could not deliver", "was not delivered to",
    "delivery failed", "unknown user",
    "unknown recipient", "mailbox unavailable", "does not exist", "mailbox is full", "mailbox full", "over quota",
    "address not found",
    "viestiä ei voitu toimittaa", "vastaanottajalle ei", "could not send message", "still undelivered",
    "not been delivered", "rejected",
    "送信できません", "配信できません", "退信", "无法投递", "リストにありません", "not listed in", "failure reasons",
    "following destination addresses", "invalid recipient", "delivery error",
)  # fmt: skip
_RETURNED = ("original message", "a copy of the message", "this is a copy of", "included message",
"returned message", "below this line",
             "original headers", "message header", "unsent message", "returned mail follows")  # fmt: skip


def looks_like_report(headers: Headers, from_address: str, subject: str, mail_from: str | None) -> bool:
    """Whether a mail system may have written this: necessary for the prose forms, sufficient for none."""
    local = from_address.partition("@")[0].lower()
    written = headers.first("from").lower()
    if local.startswith(_DAEMONS) or "x-failed-recipients" in headers or _has(written, _DAEMON_NAMES):
        return True
    if not _has(subject.lower(), _SUBJECTS) or base_subject(subject)[1]:
        return False
    return_path = headers.first("return-path").lower().strip()
    is_null = mail_from == "" or return_path == "<>" or return_path.startswith(("<mailer-daemon", "mailer-daemon"))
    return is_null or not from_address or _has(local, _MACHINE_WORDS)


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def report(message: Message, headers: Headers, text: str, *, is_suspect: bool) -> Report | None:
    """The delivery report in a mail, or None. ``is_suspect`` is the answer of ``looks_like_report``."""
    is_formal = headers.first("content-type").lower().startswith("multipart/report")
    recipients = _from_status_parts(message) if is_formal or is_suspect else ()
    if not recipients and is_suspect:
        recipients = _second_opinion(message, headers, text) or _from_prose(headers, text)
    if not recipients:
        return None
    return Report(recipients[:_MOST_RECIPIENTS], _original_id(message, text))


# --- RFC 3464 ---------------------------------------------------------------------------------------------------------


def _outer_parts(message: Message) -> Iterator[Message]:
    """The parts of this mail, not those of a mail attached to it."""
    todo = [message]
    for _ in range(1_000):
        if not todo:
            return
        part = todo.pop(0)
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            todo += [inner for inner in payload if isinstance(inner, Message)]


def _from_status_parts(message: Message) -> tuple[ReportRecipient, ...]:
    found: list[ReportRecipient] = []
    for part in _outer_parts(message):
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        for group in _groups(part)[:_MOST_RECIPIENTS]:
            recipient = _recipient(headers_of(group))
            if recipient is not None and recipient not in found:
                found.append(recipient)
    return tuple(found)


def _groups(part: Message) -> list[Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        return [group for group in payload if isinstance(group, Message)]
    return []


def _recipient(fields: Headers) -> ReportRecipient | None:
    names = ("final-recipient", "original-recipient", "x-actual-recipient")
    written = [_typed(fields.first(name)) for name in names]
    address = next((value for value in written if "@" in value), "")
    if not address or not ({"action", "status", "diagnostic-code"} & fields.by_name.keys()):
        return None
    status = _first(_STATUS, fields.first("status"))
    diagnostic = _typed(fields.first("diagnostic-code"))[:1_000]
    action = fields.first("action").split("(")[0].strip().lower()
    if not status or status.endswith(".0.0"):
        status = _first(_STATUS, diagnostic) or status
    if action not in _ACTIONS:
        action = {"2": "delivered", "4": "delayed"}.get(status[:1], "failed")
    return ReportRecipient(address, action, status, diagnostic)


def _typed(value: str) -> str:
    """ "rfc822; carol@x.example" or "smtp; 550 …" without the type; quotes and brackets off an address."""
    kind, found, rest = value.partition(";")
    bare = (rest if found and " " not in kind.strip() else value).strip()
    match = _ADDRESS.search(bare) if "@" in bare and len(bare.split()) <= 2 else None
    return match.group().strip(".") if match else bare


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1) if match else ""


# --- prose ------------------------------------------------------------------------------------------------------------


def _second_opinion(message: Message, headers: Headers, text: str) -> tuple[ReportRecipient, ...]:
    named = [word.strip("<>,; ") for word in headers.first("x-failed-recipients").replace(",", " ").split()]
    if addresses := [address for address in named if "@" in address]:
        return tuple(_prose_recipient(address, text, headers) for address in addresses)
    if len(text) > _LONGEST_FOR_PATTERNS:
        return ()
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - its detectors assume well-formed mails; a second opinion may be missing
        return ()
    late = [_ascii(address) for address in sorted(temporary - permanent)]
    failed = [_ascii(address) for address in sorted(permanent)]
    return tuple(
        [_prose_recipient(address, text, headers) for address in failed if _ADDRESS.fullmatch(address)]
        + [
            ReportRecipient(address, "delayed", _first(_STATUS, text[:_LOOKED_AT]), "")
            for address in late
            if _ADDRESS.fullmatch(address)
        ]
    )


def _ascii(address: bytes | str) -> str:
    text = address.decode("utf-8", "replace") if isinstance(address, bytes) else address
    return clean_text(text).strip("<>. ")


def _from_prose(headers: Headers, text: str) -> tuple[ReportRecipient, ...]:
    """The first address after a sentence of a mail system, above the returned mail."""
    report_text = _above_returned(text[:_LOOKED_AT])
    folded = report_text.lower()
    places = [place for phrase in _PROSE if (place := folded.find(phrase)) >= 0]
    if not places:
        return ()
    own = {address.lower() for address in _ADDRESS.findall(headers.first("from") + " " + headers.first("to"))}
    after = _ADDRESS.findall(report_text, min(places))
    before = _ADDRESS.findall(report_text[: min(places)])
    address = next((found.strip(".") for found in (*after, *before[::-1]) if found.lower().strip(".") not in own), "")
    return (_prose_recipient(address, text, headers),) if address else ()


def _above_returned(text: str) -> str:
    """Without the mail that is sent back: from the first line of that heading, or of trace fields, on."""
    place = 0
    for number, line in enumerate(text.split("\n")):
        folded = line.strip("- >=*#\t")[:60].lower()
        is_heading = folded.startswith(_RETURNED) and len(folded) < 50 and not folded.startswith("original message was")
        if number > 2 and (is_heading or line.startswith(("Received:", "Return-Path:", "DKIM-Signature:"))):
            return text[:place]
        place += len(line) + 1
    return text


def _prose_recipient(address: str, text: str, headers: Headers) -> ReportRecipient:
    above = _above_returned(text[:_LOOKED_AT])
    status = _first(_STATUS, above)
    line = next((line for line in above.split("\n") if _STATUS.search(line) or _REPLY_CODE.search(line)), "")
    return ReportRecipient(
        address, _prose_action(headers.first("subject"), above, status), status, line.strip()[:1_000]
    )


def _prose_action(subject: str, text: str, status: str) -> str:
    """Failures and delays share words; the subject and a 5.x.x decide before the text does."""
    folded = subject.lower()
    if status.startswith("5") or "failure" in folded or "undeliver" in folded:
        return "failed"
    if _has(folded, _DELAY_WORDS) or (status.startswith("4") and _has(text.lower()[:3_000], _DELAY_WORDS)):
        return "delayed"
    if _has(folded + " " + text.lower()[:1_000], _SUCCESS_WORDS):
        return "delivered"
    if "this is a warning message only" in text.lower() or "you do not need to resend" in text.lower():
        return "delayed"
    return "failed"


# --- which mail it was ------------------------------------------------------------------------------------------------


def _original_id(message: Message, text: str) -> str:
    """The Message-ID of the returned mail or of its headers; failing that, a Message-ID line in the text."""
    for part in _outer_parts(message):
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
    ids = _id_line(text)
    return ids[0] if ids else ""


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
