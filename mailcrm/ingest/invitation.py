"""A calendar part (iTIP, RFC 5546) as a value, read by icalendar, which is loaded with the first one.

Only what is needed is given to it: the first event and the time zones, bounded, without lines it stumbles over. Never raises.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from mailcrm.ingest.charset import clean_text, decode
from mailcrm.mail import Address, Attendee, Meeting

_LONGEST = 256 * 1024
_MOST_LINES = 2_000
_MOST_ATTENDEES = 200
_COMPONENTS = ("VEVENT", "VTODO", "VFREEBUSY", "VPOLL")


def meeting_of(data: bytes, charset: str, method: str, now: datetime) -> Meeting:
    """What the part says, of a series also when it is next; of a broken one, its method alone."""
    lines = _first_event(decode(data[:_LONGEST], charset or "utf-8")[0])
    try:
        return _read("\r\n".join(lines), method, now)
    except Exception:  # noqa: BLE001 - a stranger's calendar may break the library anywhere; that it is one is known all the same
        return Meeting(method)


def _first_event(text: str) -> list[str]:
    """The lines of the first event and of the time zones, unfolded; a line without a colon is none."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:_MOST_LINES]:
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += line[1:]
        elif ":" in line:
            lines.append(line.strip("\ufeff"))
    kept: list[str] = []
    for line in lines:
        kept.append(line[:20_000])
        if line.upper() in tuple(f"END:{name}" for name in _COMPONENTS):
            kept.append("END:VCALENDAR")
            break
    return kept


def _read(text: str, method: str, now: datetime) -> Meeting:
    from icalendar import Calendar

    calendar = Calendar.from_ical(text)
    event: Any = next((part for part in calendar.walk() if part.name in _COMPONENTS), None)
    if event is None:
        return Meeting(method)
    start, end = _when(event, "DTSTART"), _when(event, "DTEND")
    if end is None and start is not None and (length := _length(event)):
        end = start + length
    return Meeting(
        method=method,
        uid=_text(event, "UID")[:500],
        summary=_text(event, "SUMMARY")[:500],
        start=_iso(start),
        end=_iso(end),
        location=_text(event, "LOCATION")[:500],
        organizer=_box(event.get("ORGANIZER")),
        attendees=_attendees(event.get("ATTENDEE")),
        is_cancelled=method == "CANCEL" or _text(event, "STATUS").upper() == "CANCELLED",
        is_recurring="RRULE" in event or "RECURRENCE-ID" in event,
        sequence=_whole(event.get("SEQUENCE")),
        of_series_at=_iso(_when(event, "RECURRENCE-ID")),
        repeats=_repeats(event),
        next_start=_iso(_next(event, start, now)),
    )


def _whole(value: Any) -> int:
    return min(int(value), 1_000_000) if isinstance(value, int) and value > 0 else 0


_MOST_MEETINGS = 3_000  # of a series are stepped through
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PLAIN_RULE = frozenset(("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST"))


def _rule(event: Any) -> Any:
    rule = event.get("RRULE")
    rule = rule[0] if isinstance(rule, list) and rule else rule
    return rule if rule and str(rule.get("FREQ", [""])[0]).upper() in _FREQUENCIES else None


def _repeats(event: Any) -> str:
    """ "weekly", or "weekly:2" for every second week; "" for what is no series or meets more often than daily."""
    rule = _rule(event)
    if rule is None:
        return ""
    every = _whole((rule.get("INTERVAL") or [1])[0])
    return str(rule["FREQ"][0]).lower() + (f":{every}" if 1 < every < 1_000 else "")


def _next(event: Any, start: date | None, now: datetime) -> date | None:
    """The first meeting of a series that is still to come; None if there is none, or none that can be told."""
    rule = _rule(event)
    if rule is None or start is None or not set(map(str.upper, rule)) <= _PLAIN_RULE:
        return None
    from dateutil.rrule import rrulestr

    first = start if isinstance(start, datetime) else datetime.combine(start, time())
    if first.year < now.year - 10:
        return None
    at = now if first.tzinfo is not None else now.replace(tzinfo=None)
    left_out = _left_out(event)
    series: Iterator[datetime] = islice(rrulestr(rule.to_ical().decode(), dtstart=first), _MOST_MEETINGS)
    for found in series:
        if found >= at and found not in left_out:
            return found if isinstance(start, datetime) else found.date()
    return None


def _left_out(event: Any) -> set[date]:
    listed = event.get("EXDATE")
    values = listed if isinstance(listed, list) else [listed] if listed is not None else []
    return {one.dt for value in values for one in value.dts}


def _text(event: Any, name: str) -> str:
    value = event.get(name)
    value = value[0] if isinstance(value, list) and value else value
    return clean_text(str(value or "")).strip()


def _when(event: Any, name: str) -> date | None:
    """A time or a day; None where the library could not read it."""
    value = event.get(name)
    value = value[0] if isinstance(value, list) and value else value
    found = getattr(value, "dt", None)
    return found if isinstance(found, date) else None


def _length(event: Any) -> timedelta | None:
    found = getattr(event.get("DURATION"), "dt", None)
    return found if isinstance(found, timedelta) else None


def _iso(when: date | None) -> str:
    """UTC for a time, the day alone for a whole day; a time without a zone stays without."""
    if isinstance(when, datetime) and when.tzinfo is not None:
        return when.astimezone(UTC).isoformat()
    return when.isoformat() if when is not None else ""


def _box(value: Any) -> Address | None:
    value = value[0] if isinstance(value, list) and value else value
    address = clean_text(str(value or "")).strip()
    if address[:7].lower() == "mailto:":
        address = address[7:]
    if "@" not in address:
        return None
    return Address(clean_text(str(value.params.get("CN", "")))[:300].strip('"'), address[:320])


def _attendees(values: Any) -> tuple[Attendee, ...]:
    listed = values if isinstance(values, list) else [values] if values is not None else []
    found: list[Attendee] = []
    for value in listed[:_MOST_ATTENDEES]:
        box = _box(value)
        if box is not None:
            found.append(
                Attendee(box.name, box.address, clean_text(str(value.params.get("PARTSTAT", ""))).lower()[:40])
            )
    return tuple(found)
