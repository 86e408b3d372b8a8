"""What a mail with an invitation says to the customer, in words: for mail programs that show no calendar. Pure."""

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from babel import dates

from mailcrm.i18n import Translator, format_clock, format_datetime
from mailcrm.mail import Invitation


class Kind(StrEnum):
    """What has happened to the meeting."""

    INVITED = "invited"
    MOVED = "moved"
    CALLED_OFF = "called_off"


def invitation_subject(kind: Kind, invitation: Invitation, words: Translator, zone: str) -> str:
    return f"{_what(kind, invitation, words)}, {_begins(invitation, words, zone)}"


def invitation_text(kind: Kind, invitation: Invitation, words: Translator, zone: str) -> str:
    """What, when, where, and how to answer."""
    _ = words.gettext
    lines = [_what(kind, invitation, words), _("When: %(span)s") % {"span": _span(invitation, words, zone)}]
    if invitation.location:
        lines.append(_("Where: %(place)s") % {"place": invitation.location})
    if kind is not Kind.CALLED_OFF:
        lines += ["", _("Answer in your calendar, or by replying to this mail.")]
    return "\n".join(lines)


def _what(kind: Kind, invitation: Invitation, words: Translator) -> str:
    _ = words.gettext
    said = {
        Kind.INVITED: _("Invitation: %(what)s"),
        Kind.MOVED: _("New time: %(what)s"),
        Kind.CALLED_OFF: _("Called off: %(what)s"),
    }[kind]
    return said % {"what": invitation.summary}


def _begins(invitation: Invitation, words: Translator, zone: str) -> str:
    """With the day of the week, so that a wrong one is seen."""
    start = datetime.fromisoformat(invitation.start)
    day = dates.format_date(start.astimezone(ZoneInfo(zone)), "EEE", locale="fi" if words.locale == "fi" else "en_GB")
    return f"{day} {format_datetime(start, words.locale, zone)}"


def _span(invitation: Invitation, words: Translator, zone: str) -> str:
    """From when to when, and in which zone: the customer may live in another."""
    start, end = datetime.fromisoformat(invitation.start), datetime.fromisoformat(invitation.end)
    is_one_day = start.astimezone(ZoneInfo(zone)).date() == end.astimezone(ZoneInfo(zone)).date()
    until = format_clock(end, words.locale, zone) if is_one_day else format_datetime(end, words.locale, zone)
    return f"{_begins(invitation, words, zone)}–{until} ({zone})"
