"""An invitation as a calendar (RFC 5545, RFC 5546), written by icalendar. Pure.

Times are UTC, so that no zone needs to be described. The organiser is the address that the mail comes from; the attendees are its
recipients, and nobody of staff: the salesperson has the meeting in the calendar feed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress

from mailcrm.mail import Address, Invitation


def calendar_of(invitation: Invitation, organizer: Address, invited: Sequence[Address], now: datetime) -> bytes:
    """The calendar part's bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//mailcrm//invitations//")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", invitation.method)
    event = Event()
    event.add("uid", invitation.uid)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("sequence", invitation.sequence)
    event.add("dtstart", datetime.fromisoformat(invitation.start).astimezone(UTC))
    event.add("dtend", datetime.fromisoformat(invitation.end).astimezone(UTC))
    event.add("summary", invitation.summary)
    if invitation.location:
        event.add("location", invitation.location)
    event.add("status", "CANCELLED" if invitation.method == "CANCEL" else "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("organizer", _address(organizer), encode=False)
    for one in invited:
        event.add("attendee", _attendee(one), encode=False)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _attendee(one: Address) -> vCalAddress:
    found = _address(one)
    found.params.update({"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"})
    return found


def _address(one: Address) -> vCalAddress:
    found = vCalAddress(f"mailto:{one.address}")
    if one.name:
        found.params["CN"] = one.name.replace('"', "'")
    return found
