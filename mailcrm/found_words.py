"""What reading found, said in the reader's language: phishing hints, who stands behind a list, absences, why a mail bounced.

Takes values and the reader's words, answers sentences; the page and the notices say the same. Pure.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from mailcrm.findings import Via
from mailcrm.i18n import Translator, format_clock, format_date, format_datetime
from mailcrm.mail import Address, AutoReply, AutoReplyType, Hint, HintKind, Meeting


def _(msgid: str) -> str:
    """Marks a text for translation; the reader's language is chosen where it is shown."""
    return msgid


# --- whose name it is ---------------------------------------------------------------------------------------------------

_HINTS = {
    HintKind.NAME_SAYS_OTHER: _("CAREFUL: the sender's name says %(shown)s, but the address is %(known)s."),
    HintKind.LIKE_OUR_DOMAIN: _("CAREFUL: %(shown)s looks like our own %(known)s and is not."),
    HintKind.NAME_OF_RECIPIENT: _("CAREFUL: the sender bears the name of %(known)s, but the address is %(shown)s."),
    HintKind.NAME_OF_USER: _("CAREFUL: the name of %(name)s, who works here, but %(shown)s is not their address."),
    HintKind.NAME_OF_PARTNER: _(
        "CAREFUL: the name of %(name)s, whom we know at %(known)s, but this came from %(shown)s."
    ),
    HintKind.TWO_ALPHABETS: _("CAREFUL: “%(shown)s” mixes letters of two alphabets; the address is %(known)s."),
}


def hint_words(hint: Hint, words: Translator) -> str:
    """A warning about a name that may be borrowed."""
    return words.gettext(_HINTS[hint.kind]) % {"shown": hint.shown, "known": hint.known, "name": hint.name}


def via_words(via: Via, writer: Address, words: Translator) -> str:
    """How we know who wrote a mail whose From is a list's."""
    said = words.gettext(_("Came through %(list)s, which put its own address in place of the writer's; %(proof)s."))
    if via.proof.startswith("via"):
        proof = words.gettext(_("its Reply-To names %(writer)s"))
    else:
        proof = words.gettext(_("its field %(field)s names %(writer)s")).replace("%(field)s", _field(via.proof))
    return said % {"list": via.address, "proof": proof % {"writer": writer.address}}


def _field(name: str) -> str:
    return "-".join(word.capitalize() for word in re.sub(r"[^\w-]", "", name).split("-"))


# --- who is away --------------------------------------------------------------------------------------------------------

_TYPES = {
    AutoReplyType.OUT_OF_OFFICE: _("Away"),
    AutoReplyType.LEFT: _("Works there no more"),
    AutoReplyType.ACKNOWLEDGEMENT: _("Their system has received our mail"),
    AutoReplyType.OTHER: _("Automatic reply"),
}


def absence_words(reply: AutoReply, words: Translator) -> str:
    """ "Away until 3 May 2026; stand-in Bob <bob@x>"."""
    until = _day(reply.until)
    if reply.type is AutoReplyType.OUT_OF_OFFICE and until is not None:
        said = words.gettext(_("Away until %(day)s")) % {"day": format_date(until, words.locale)}
    else:
        said = words.gettext(_TYPES[reply.type])
    who = reply.stand_in
    if who is None:
        return said
    named = f"{who.name} <{who.address}>" if who.name and who.address else who.address or who.name
    return f"{said}; {words.gettext(_('stand-in %(name)s')) % {'name': named}}"


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


# --- meetings -----------------------------------------------------------------------------------------------------------

ANSWERS = {
    "accepted": _("%(name)s accepted"),
    "declined": _("%(name)s declined"),
    "tentative": _("%(name)s may come"),
    "delegated": _("%(name)s sends somebody else"),
    "counter": _("%(name)s proposes another time"),
}
REPEATS = {"daily": _("every day"), "weekly": _("every week"), "monthly": _("every month"), "yearly": _("every year")}
_EVERY = {
    "daily": _("every %(number)s days"),
    "weekly": _("every %(number)s weeks"),
    "monthly": _("every %(number)s months"),
    "yearly": _("every %(number)s years"),
}


def meeting_words(meeting: Meeting, words: Translator, zone: str) -> str:
    """What a calendar mail says: "Invitation: Site visit, 24 Dec 2030, 12:00–13:00, Room 5, every week; organiser Carol"."""
    say = words.gettext
    parts = (
        meeting.summary,
        _span(meeting.next_start or meeting.start, "" if meeting.next_start else meeting.end, words.locale, zone),
        meeting.location,
        repeats_words(meeting.repeats, words),
    )
    said = f"{_calendar_kind(meeting, say)}: {', '.join(part for part in parts if part)}".rstrip(": ")
    who = meeting.organizer
    if who is None or meeting.method == "REPLY":
        return said
    return f"{said}; {say(_('organiser %(name)s')) % {'name': who.name or who.address}}"


def _calendar_kind(meeting: Meeting, say: Callable[[str], str]) -> str:
    if meeting.method == "CANCEL" or meeting.is_cancelled:
        return say(_("Meeting cancelled"))
    answer = meeting.attendees[0] if meeting.attendees else None
    if meeting.method == "REPLY" and answer is not None and answer.answer in ANSWERS:
        return say(ANSWERS[answer.answer]) % {"name": answer.name or answer.address}
    if meeting.method == "REPLY":
        return say(_("Answer to an invitation"))
    return say(_("Another time is proposed")) if meeting.method == "COUNTER" else say(_("Invitation"))


def repeats_words(repeats: str, words: Translator) -> str:
    """ "every week", "every 2 weeks"; "" for what does not repeat."""
    name, _colon, every = repeats.partition(":")
    if every:
        return words.gettext(_EVERY.get(name, "")) % {"number": every} if name in _EVERY else ""
    return words.gettext(REPEATS[name]) if name in REPEATS else ""


def _span(start: str, end: str, locale: str, zone: str) -> str:
    """A day, or a time with its end; the end's day where it is another."""
    first, last = _read(start, zone), _read(end, zone)
    if first is None:
        return ""
    if not isinstance(first, datetime):
        return format_date(first, locale)
    said = format_datetime(first, locale, zone)
    if not isinstance(last, datetime) or last <= first:
        return said
    if last.astimezone(ZoneInfo(zone)).date() != first.astimezone(ZoneInfo(zone)).date():
        return f"{said} – {format_datetime(last, locale, zone)}"
    return f"{said}–{format_clock(last, locale, zone)}"


def _read(written: str, zone: str) -> date | datetime | None:
    """A time without a zone is meant in the reader's."""
    try:
        if "T" not in written:
            return date.fromisoformat(written)
        at = datetime.fromisoformat(written)
        return at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None


# --- why a mail was not delivered ---------------------------------------------------------------------------------------

# Enhanced status codes (RFC 3463 and the IANA registry), without the class; the longest that fits counts.
_BY_STATUS = {
    "1.0": _("something is wrong with the address"),
    "1.1": _("there is no such address"),
    "1.2": _("there is no such domain"),
    "1.3": _("the address is not written correctly"),
    "1.4": _("the address fits several people"),
    "1.6": _("the mailbox has moved"),
    "1.7": _("our sending address was not accepted"),
    "1.8": _("our sending address was not accepted"),
    "1.10": _("the domain takes no mail"),
    "2.0": _("something is wrong with the mailbox"),
    "2.1": _("the mailbox is closed"),
    "2.2": _("the mailbox is full"),
    "2.3": _("the mail is too large for this mailbox"),
    "2.4": _("the recipient is a mailing list that could not be reached"),
    "3.0": _("something is wrong with the recipient's mail server"),
    "3.1": _("the recipient's mail server is full"),
    "3.2": _("the recipient's mail server takes no mail now"),
    "3.4": _("the mail is too large for the recipient's mail server"),
    "4.0": _("the recipient's mail server could not be reached"),
    "4.1": _("the recipient's mail server did not answer"),
    "4.2": _("the connection to the recipient's mail server broke"),
    "4.3": _("the domain name could not be looked up"),
    "4.4": _("no way to the recipient's mail server was found"),
    "4.5": _("the recipient's mail server is too busy"),
    "4.6": _("the mail went in circles"),
    "4.7": _("it could not be delivered in time"),
    "5.0": _("the mail servers did not understand each other"),
    "5.3": _("the mail had too many recipients"),
    "6.0": _("the recipient's mail server cannot take such a mail"),
    "7.0": _("the recipient's mail server refused it by its rules"),
    "7.1": _("the recipient's mail server refused it by its rules"),
    "7.2": _("the mailing list does not take mail from us"),
    "7.20": _("our mail could not be proven to be ours (DKIM, SPF or DMARC)"),
    "7.21": _("our mail could not be proven to be ours (DKIM, SPF or DMARC)"),
    "7.22": _("our mail could not be proven to be ours (DKIM, SPF or DMARC)"),
    "7.23": _("our mail could not be proven to be ours (DKIM, SPF or DMARC)"),
    "7.25": _("our mail server has no name that fits its address"),
    "7.26": _("our mail could not be proven to be ours (DKIM, SPF or DMARC)"),
    "7.27": _("our sending address takes no mail"),
    "7.28": _("too much mail was sent in a short time"),
}
_GONE = _("there is no such address")
_SPAM = _("it was taken for spam")
_FULL = _("the mailbox is full")
_LARGE = _("the mail is too large")
_UNPROVEN = _("our mail could not be proven to be ours (DKIM, SPF or DMARC)")
_LISTED = _("our mail server is on a block list")

# What servers write, which often says more than their code: in the order asked.
_BY_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"block ?list|black ?list|spamhaus|spamcop|barracudacentral|\bRBL\b|\bDNSBL\b", _LISTED),
        (r"\bDMARC\b|\bDKIM\b|\bSPF\b|unauthenticated|not authenticated", _UNPROVEN),
        (r"\bspam\b|junk mail|unsolicited|content (?:was )?reject", _SPAM),
        (
            r"over ?quota|quota exceeded|exceeded .{0,20}quota|mailbox (?:is )?full|insufficient (?:system )?storage",
            _FULL,
        ),
        (r"too large|size limit|exceeds .{0,30}size|message size", _LARGE),
        (
            r"user unknown|unknown user|no such (?:user|mailbox|recipient|address)|does ?n[o']t exist|unknown recipient|"
            r"recipient (?:address )?(?:unknown|not found|rejected)|mailbox (?:unavailable|not found)|invalid recipient|"
            r"address not found|unknown address|RecipNotFound",
            _GONE,
        ),
    )
)
_VAGUE = frozenset(("", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "7.1"))
_STATUS = re.compile(r"(?<![\d.])[245]\.(\d{1,3}\.\d{1,3})(?![\d.])")


def undelivered_words(code: str, text: str, say: Callable[[str], str]) -> str:
    """Why a mail server did not take a mail, from its enhanced status code and its own words; "" where neither tells."""
    match = _STATUS.search(f"{code} {text[:500]}")
    status = match.group(1) if match else ""
    if status in _VAGUE or status not in _BY_STATUS:
        for pattern, said in _BY_WORDS:
            if pattern.search(text[:500]):
                return say(said)
    known = _BY_STATUS.get(status) or _BY_STATUS.get(f"{status.partition('.')[0]}.0", "")
    return say(known) if known else ""
