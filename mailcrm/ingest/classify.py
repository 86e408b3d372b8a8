"""What kind of mail it is, and why: a tuple of small rules, the first that holds answers.

The order is the one a person would explain: reports about mail first, then machines that answer, then what came to
many, then people. ``is_machine``, ``is_bulk`` and ``is_spam`` are set beside the kind, whichever rule answered. A null
reverse-path proves a machine, not which one. A human mail must never be taken for a bounce.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from mailcrm.ingest import automatic
from mailcrm.ingest import kind_words as words
from mailcrm.ingest.absence import ABSENT, read_auto_reply
from mailcrm.ingest.contactform import form_of
from mailcrm.ingest.headers import Headers, ids_in
from mailcrm.ingest.html import two_cell_rows
from mailcrm.ingest.phishing import phishing_hint
from mailcrm.ingest.report_words import DAEMONS
from mailcrm.ingest.unmarked import is_unmarked_answer
from mailcrm.mail import AutoReply, Envelope, FormFields, Hint, MailKind, Meeting, ParsedMail, Reason, Report, Verdict

SpamValues = Mapping[
    str, re.Pattern[str]
]  # a field in lower case, and what its value begins with where the mail is spam


def spam_values(configured: Mapping[str, str]) -> SpamValues:
    """The fields known out of the box and those of the configuration, which may also take one away with ""."""
    own = {name.lower(): re.compile(pattern, re.IGNORECASE) for name, pattern in configured.items() if pattern}
    gone = {name.lower() for name, pattern in configured.items() if not pattern}
    return {name: pattern for name, pattern in {**words.SPAM_VALUES, **own}.items() if name not in gone}


@dataclass(frozen=True, slots=True)
class Clues:
    """What the rules need to know of a mail besides ``ParsedMail``."""

    headers: Headers
    content_type: str
    part_types: tuple[str, ...]
    report: Report | None
    calendar_method: str
    meeting: Meeting | None = None
    spam_values: SpamValues = field(default_factory=lambda: words.SPAM_VALUES)


Rule = Callable[[ParsedMail, Clues, Envelope], Verdict | None]


def classify(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict:
    """The first rule that holds, with what holds beside it and what that kind of mail says."""
    verdict = next(found for rule in _RULES if (found := rule(mail, clues, envelope)) is not None)
    form = _form(mail, envelope) if verdict.kind in _MAY_BE_FORMS else None
    if form is not None:
        verdict = Verdict(MailKind.HUMAN, Reason.CONTACT_FORM, form.person.address if form.person else "")
    phishing = _phishing(mail, envelope) if verdict.kind in _MAY_BE_PHISHING else None
    return replace(
        verdict,
        detail=verdict.detail or (str(phishing)[:200] if phishing else ""),
        is_machine=verdict.kind in _MACHINES or _has_null_path(clues, envelope),
        is_bulk=_bulk_reason(clues) is not None,
        is_spam=bool(_spam_detail(clues)),
        asks_for_silence=_asks_for_silence(clues.headers),
        report=clues.report,
        calendar_method=clues.calendar_method,
        auto_reply=_auto_reply(mail, envelope) if verdict.kind is MailKind.AUTO_REPLY else None,
        meeting=clues.meeting if verdict.kind is MailKind.CALENDAR else None,
        form=form,
        phishing=phishing,
    )


def _asks_for_silence(headers: Headers) -> bool:
    """Whether a field says that no program shall answer, or that one sent it (RFC 3834 2)."""
    if any(name.startswith("list-") or name in _OF_PROGRAMS for name in headers.by_name):
        return True
    return headers.first("auto-submitted").lower() not in ("", "no")


_OF_PROGRAMS = frozenset(
    ("precedence", "x-precedence", "x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-loop", "feedback-id")
)
_MAY_BE_FORMS = frozenset({MailKind.HUMAN, MailKind.SYSTEM})
_MAY_BE_PHISHING = frozenset({MailKind.HUMAN, MailKind.BULK, MailKind.SPAM, MailKind.CALENDAR})


def _form(mail: ParsedMail, envelope: Envelope) -> FormFields | None:
    """What a contact form sent; a reply to one is a letter."""
    local = mail.from_.local.lower() if mail.from_ else ""
    if mail.mentioned_ids or (mail.has_reply_prefix and not local.startswith(words.NOREPLY)):
        return None
    is_ours = mail.from_ is not None and mail.from_.domain in _our_domains(mail, envelope)
    is_impersonal = is_ours or local.startswith(words.NOREPLY) or local.endswith(words.NOREPLY) or local in words.ROLES
    is_answered_elsewhere = any(box.address != (mail.from_ and mail.from_.address) for box in mail.reply_to)
    may_be_table = (is_impersonal or is_answered_elsewhere) and "<td" in mail.html_raw[:200_000].lower()
    rows = two_cell_rows(mail.html_raw) if may_be_table else ()
    return form_of(mail.text, mail.from_, mail.reply_to, is_impersonal=is_impersonal, rows=rows)


def _phishing(mail: ParsedMail, envelope: Envelope) -> Hint | None:
    via = mail.written_by is not None  # a list's own way of naming the writer
    return None if via else phishing_hint(mail.from_, mail.reply_to, (*mail.to, *mail.cc), _our_domains(mail, envelope))


def _our_domains(mail: ParsedMail, envelope: Envelope) -> frozenset[str]:
    """The domains it was sent to: those of the envelope, and where that was lost, of To."""
    addresses = [*envelope.rcpt_to, *(box.address for box in mail.to if envelope.source == "headers")]
    return frozenset(address.rpartition("@")[2].lower() for address in addresses if "@" in address)


def _auto_reply(mail: ParsedMail, envelope: Envelope) -> AutoReply:
    """What an automatic reply says."""
    boxes = [box.address for box in (mail.from_, mail.sender, *mail.reply_to, *mail.to, *mail.cc) if box]
    own = frozenset(address.lower() for address in (*boxes, *envelope.rcpt_to))
    return read_auto_reply(mail.new_text, mail.subject, _written_on(mail, envelope), own)


def _written_on(mail: ParsedMail, envelope: Envelope) -> date:
    """The mail's own day, if that is to be believed."""
    return (min(mail.date, envelope.received_at) if mail.date else envelope.received_at).date()


_MACHINES = frozenset(
    {
        MailKind.AUTO_REPLY,
        MailKind.BOUNCE,
        MailKind.DELAY,
        MailKind.RECEIPT,
        MailKind.FEEDBACK_REPORT,
        MailKind.CHALLENGE,
        MailKind.SYSTEM,
        MailKind.LOOP,
    }
)


def _has_null_path(clues: Clues, envelope: Envelope) -> bool:
    """The envelope proves it; a Return-Path field only where the envelope was rebuilt from headers."""
    if envelope.source == "headers":
        return clues.headers.first("return-path").replace(" ", "") == "<>"
    return envelope.mail_from.strip() in ("", "<>")


# --- reports about mail -----------------------------------------------------------------------------------------------


def _feedback_report(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    is_typed = "message/feedback-report" in clues.part_types or "report-type=feedback-report" in _squeezed(clues)
    is_hotmail = "x-hmxmroriginalrecipient" in clues.headers and mail.subject.lower().startswith("complaint about")
    if is_typed or is_hotmail:
        return Verdict(MailKind.FEEDBACK_REPORT, Reason.FEEDBACK_REPORT)
    return None


def _disposition_notification(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    if "message/disposition-notification" in clues.part_types or "report-type=disposition-notification" in _squeezed(
        clues
    ):
        return Verdict(MailKind.RECEIPT, Reason.DISPOSITION_NOTIFICATION)
    return None


def _squeezed(clues: Clues) -> str:
    return clues.headers.first("content-type").lower().replace(" ", "").replace('"', "")


def _delivery_report(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    if clues.report is None:
        return None
    is_formal = "message/delivery-status" in clues.part_types or "message/global-delivery-status" in clues.part_types
    reason = Reason.DELIVERY_STATUS if is_formal else Reason.DELIVERY_PROSE
    actions = {recipient.action for recipient in clues.report.recipients} or {clues.report.action}
    detail = ", ".join(recipient.address for recipient in clues.report.recipients[:3])
    if "failed" in actions:
        return Verdict(MailKind.BOUNCE, reason, detail)
    if "delayed" in actions:
        return Verdict(MailKind.DELAY, reason, detail)
    return Verdict(MailKind.RECEIPT, reason, detail)


# --- machines that answer ---------------------------------------------------------------------------------------------

_SHORTEST_LETTER = 20


def _says_automatic(clues: Clues) -> bool:
    """RFC 3834 5: any Auto-Submitted other than "no"."""
    value = clues.headers.first("auto-submitted").split(";")[0].split("(")[0].strip().lower()
    return value not in ("", "no")


def _auto_header(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    headers = clues.headers
    kind = headers.first("auto-submitted").lower()
    is_answer = _says_automatic(clues) and mail.mentioned_ids and not _is_from_list(clues)
    if kind.startswith(("auto-replied", "auto-notified")) or (is_answer and not _is_helpdesks_person(mail, clues)):
        return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_SUBMITTED, kind)
    for name in headers.by_name:
        is_named = name in words.AUTO_HEADERS or (name.startswith("x-") and words.AUTO_NAME.match(name))
        if is_named and headers.first(name).lower() not in ("no", "false", "0"):
            return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_HEADER, name)
    for name in words.AUTO_VALUES.keys() & headers.by_name.keys():
        if headers.first(name).lower().startswith(words.AUTO_VALUES[name]):
            return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_HEADER, name)
    if _is_exchange_rule(mail, headers):
        return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_HEADER, "x-ms-exchange-inbox-rules-loop")
    return None


def _is_helpdesks_person(mail: ParsedMail, clues: Clues) -> bool:
    """A helpdesk calls what its people write automatic as well: the words tell them apart."""
    headers = clues.headers
    is_helpdesks = not words.HELPDESKS.isdisjoint(headers.by_name) or headers.first("x-mailer").lower().startswith(
        words.HELPDESK_MAILERS
    )
    if not (is_helpdesks and mail.mentioned_ids) or len(mail.new_text.strip()) < _SHORTEST_LETTER:
        return False
    text = f"{mail.base_subject}\n{mail.new_text}"
    return not (
        automatic.speaks_as_an_answer(text)
        or automatic.calls_itself_automatic(text)
        or words.TICKET_NEWS.search(text.lower())
    )


def _is_exchange_rule(mail: ParsedMail, headers: Headers) -> bool:
    """A rule of a mailbox answers or forwards; what it answers asks for no answer."""
    is_quiet = headers.first("x-auto-response-suppress").lower() == "all"
    return bool(headers.first("x-ms-exchange-inbox-rules-loop") and is_quiet and mail.in_reply_to)


def _auto_subject(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """A subject that begins as programs write it; behind a "Re:" it is a person answering an absence, unless a machine sent it."""
    is_machine = not _is_from_list(clues) and (
        _has_null_path(clues, envelope) or _says_automatic(clues) or _is_quiet(mail, clues)
    )
    subjects = [mail.subject.casefold()]
    if is_machine:
        subjects.append(mail.base_subject.casefold())
    if mail.subject.startswith("AUTO:") or (is_machine and mail.subject[:5].lower() == "auto:"):  # Lotus Notes; Sieve
        return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_SUBJECT, mail.subject[:80])
    for subject in subjects:
        begins = automatic.begins_automatic(subject)
        is_question = begins and not is_machine and automatic.asks_about_it(subject, mail.new_text)
        if (begins and not is_question) or (is_machine and _names_absence(subject)):
            return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_SUBJECT, mail.subject[:80])
    if _announces_absence(mail, subjects[0]):
        return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_SUBJECT, mail.subject[:80])
    return None


def _announces_absence(mail: ParsedMail, subject: str) -> bool:
    """A word of absence in front of the subject that was answered, or instead of it; and the text says the same."""
    is_prefix = automatic.begins_away(subject) and (automatic.announces_subject(subject) or bool(mail.mentioned_ids))
    return is_prefix and automatic.speaks_of_absence(mail.new_text)


def _is_quiet(mail: ParsedMail, clues: Clues) -> bool:
    """Asks for no answer, as programs do; "bulk" is also a newsletter's word, unless the mail answers one."""
    if clues.headers.first("x-auto-response-suppress").lower() == "all":
        return True
    return bool(mail.mentioned_ids) and clues.headers.first("precedence").lower() in ("bulk", "junk")


def _names_absence(subject: str) -> bool:
    return bool(ABSENT.search(subject)) or any(word in subject for word in words.ABSENCE_WORDS)


def _answer_from_nobody(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """The null reverse-path proves a machine; that it answers a mail makes it an automatic reply (RFC 3834 3.3)."""
    if mail.mentioned_ids and _has_null_path(clues, envelope) and not _is_bulk(clues):
        return Verdict(MailKind.AUTO_REPLY, Reason.NULL_REVERSE_PATH)
    return None


def _automatic_absence(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """A machine's mail in a person's name that speaks of being away, although it names no mail that it answers."""
    local = mail.from_.local.lower() if mail.from_ else ""
    is_machine = _says_automatic(clues) or _has_null_path(clues, envelope) or _is_quiet(mail, clues)
    is_person = not local.startswith(words.NOREPLY) and local not in words.SYSTEM and not _is_from_list(clues)
    if is_machine and is_person and ABSENT.search(mail.new_text[:500].lower()):
        return Verdict(MailKind.AUTO_REPLY, _machine_reason(clues, envelope))
    return None


def _machine_reason(clues: Clues, envelope: Envelope) -> Reason:
    if _says_automatic(clues):
        return Reason.AUTO_SUBMITTED
    return Reason.NULL_REVERSE_PATH if _has_null_path(clues, envelope) else Reason.AUTO_REPLY_HEADER


def _automatic_words(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """A text that calls itself automatic and answers a mail, or speaks as such answers do; or a machine that acknowledges."""
    if _is_from_list(clues) or (mail.from_ and mail.from_.local.lower().startswith(DAEMONS)):
        return None
    if automatic.calls_itself_automatic(mail.new_text):
        names_a_mail = (
            bool(mail.mentioned_ids) or mail.has_reply_prefix or automatic.calls_itself_an_answer(mail.new_text)
        )
        is_answer = names_a_mail or automatic.speaks_as_an_answer(f"{mail.subject}\n{mail.new_text}")
    else:
        is_machine = _says_automatic(clues) or _has_null_path(clues, envelope)
        is_answer = is_machine and automatic.acknowledges(mail.new_text)
    return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_WORDS) if is_answer else None


def _read_report(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """A read report that lost its part: Exchange's own form, in words."""
    subject = mail.subject.lower().replace("\u00a0", " ")
    if subject.startswith(words.READ_SUBJECTS) and words.READ_WORDS.search(mail.new_text[:600].lower()):
        return Verdict(MailKind.RECEIPT, Reason.DISPOSITION_NOTIFICATION, mail.subject[:80])
    return None


def _challenge(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """Asks the writer to prove to be a person; only a machine's word counts."""
    if any(name in clues.headers for name in words.CHALLENGE_HEADERS):
        return Verdict(MailKind.CHALLENGE, Reason.CHALLENGE)
    if not (_has_null_path(clues, envelope) or _says_automatic(clues) or _answers_with_a_link(mail)) or _is_from_list(
        clues
    ):
        return None
    if words.CHALLENGE.search(f"{mail.subject}\n{mail.new_text[:1_500]}".lower()):
        return Verdict(MailKind.CHALLENGE, Reason.CHALLENGE, mail.subject[:80])
    return None


def _answers_with_a_link(mail: ParsedMail) -> bool:
    """Names the mail that it answers, has a link and asks nothing: a person who tells of such a mail asks, or quotes it."""
    is_answer = bool(mail.mentioned_ids) or mail.has_reply_prefix
    return is_answer and "http" in mail.new_text[:1_500] and "? " not in mail.new_text


def _calendar(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    if clues.calendar_method:
        return Verdict(MailKind.CALENDAR, Reason.CALENDAR_PART, clues.calendar_method)
    return None


# --- what came to many ------------------------------------------------------------------------------------------------


def _is_from_list(clues: Clues) -> bool:
    """What a list or a sender of newsletters sends on; an absence says "Precedence: bulk" of itself."""
    return any(name in clues.headers for name in words.BULK_HEADERS)


def _is_bulk(clues: Clues) -> bool:
    return _bulk_reason(clues) is not None


def _bulk_reason(clues: Clues) -> tuple[Reason, str] | None:
    headers = clues.headers
    for name in words.BULK_HEADERS:
        if name in headers:
            return Reason.LIST_HEADERS, name
    precedence = headers.first("precedence").lower()
    if precedence == "list" or (precedence in ("bulk", "junk") and not _answers_directly(headers)):
        return Reason.BULK_PRECEDENCE, precedence
    return None


def _answers_directly(headers: Headers) -> bool:
    """A helpdesk says "bulk" of a person's answer too; an old list names itself in Sender or the reverse-path."""
    if not ids_in((headers.first("in-reply-to"), headers.first("references"))):
        return False
    return not any(
        word in headers.first(name).lower() for name in ("sender", "return-path") for word in words.LIST_OWNERS
    )


def _spam(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    detail = _spam_detail(clues)
    return Verdict(MailKind.SPAM, Reason.SPAM_HEADER, detail) if detail else None


def _spam_detail(clues: Clues) -> str:
    for name in clues.spam_values.keys() & clues.headers.by_name.keys():
        for written in clues.headers.all(name):
            if clues.spam_values[name].match(written[:2_000].lower()):
                return f"{name}: {written[:80]}"
    return ""


def _bulk(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    found = _bulk_reason(clues)
    return Verdict(MailKind.BULK, found[0], found[1]) if found else None


# --- the rest ---------------------------------------------------------------------------------------------------------


def _system_notice(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """Kept narrow: a contact form may send from noreply@, and that mail is a customer. Reply-To tells them apart."""
    local = mail.from_.local.lower() if mail.from_ else ""
    has_person = any(
        address.address.lower() != (mail.from_.address.lower() if mail.from_ else "") for address in mail.reply_to
    )
    if has_person or _is_helpdesks_person(mail, clues):
        return None
    if _says_automatic(clues):
        return Verdict(MailKind.SYSTEM, Reason.AUTO_SUBMITTED, clues.headers.first("auto-submitted")[:80])
    if words.DMARC_SUBJECT.match(mail.subject.lower()):
        return Verdict(MailKind.SYSTEM, Reason.SYSTEM_NOTICE, mail.subject[:80])
    if local in words.SYSTEM or "x-cron-env" in clues.headers:
        return Verdict(MailKind.SYSTEM, Reason.MACHINE_SENDER, local)
    if _has_null_path(clues, envelope):
        return Verdict(MailKind.SYSTEM, Reason.NULL_REVERSE_PATH)
    if local.startswith(words.NOREPLY) and clues.headers.first("x-auto-response-suppress"):
        return Verdict(MailKind.SYSTEM, Reason.SYSTEM_NOTICE, local)
    return None


def _unmarked_answer(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict | None:
    """Nothing but its sentences says that a program wrote it."""
    local = mail.from_.local.lower() if mail.from_ else ""
    is_found = is_unmarked_answer(
        mail.new_text,
        mail.subject,
        _written_on(mail, envelope),
        is_reply=bool(mail.mentioned_ids) or mail.has_reply_prefix,
        writer=mail.from_.name if mail.from_ else "",
        is_impersonal=local in words.ROLES or local.startswith(words.NOREPLY),
    )
    return Verdict(MailKind.AUTO_REPLY, Reason.AUTO_REPLY_WORDS) if is_found else None


def _human(mail: ParsedMail, clues: Clues, envelope: Envelope) -> Verdict:
    return Verdict(MailKind.HUMAN, Reason.WRITTEN_BY_A_PERSON)


_RULES: tuple[Rule, ...] = (
    _feedback_report,
    _delivery_report,
    _disposition_notification,
    _read_report,
    _challenge,
    _calendar,
    _auto_header,
    _auto_subject,
    _answer_from_nobody,
    _automatic_absence,
    _automatic_words,
    _spam,
    _bulk,
    _system_notice,
    _unmarked_answer,
    _human,
)
