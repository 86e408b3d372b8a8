"""A user's open activities as a calendar (RFC 5545), for programs that subscribe to an address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from icalendar import Calendar, Event
from sqlalchemy import func, select

from mailcrm.crm.rights import Actor, visible_leads
from mailcrm.i18n import Translator
from mailcrm.notify.cardtext import activity_name
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, lead, meeting, partner

MOST = 1_000
_BEFORE, _AFTER = timedelta(days=60), timedelta(days=400)
_LASTS = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Planned:
    """One open activity; ``due_at`` only where a time of day was given."""

    id: int
    type: str
    summary: str
    due_on: date
    due_at: datetime | None
    lead_id: int
    title: str
    partner: str
    ends_at: datetime | None
    location: str


def read_planned(session: Session, who: Actor, now: datetime) -> tuple[Planned, ...]:
    """The user's open activities on leads they may see: what is late, and a year ahead."""
    today = now.date()
    statement = (
        select(
            activity.c.id, activity.c.type, activity.c.summary, activity.c.due_on, activity.c.due_at, activity.c.lead_id,
            lead.c.title, func.coalesce(partner.c.name, ""), meeting.c.ends_at, func.coalesce(meeting.c.location, ""),
        )
        .join_from(activity, lead, lead.c.id == activity.c.lead_id)
        .join(partner, partner.c.id == lead.c.partner_id, isouter=True)
        .join(meeting, meeting.c.activity_id == activity.c.id, isouter=True)
        .where(
            activity.c.user_id == who.id,
            activity.c.done_at.is_(None),
            activity.c.due_on.between(today - _BEFORE, today + _AFTER),
            visible_leads(who),
        )
        .order_by(activity.c.due_on, activity.c.id)
        .limit(MOST)
    )  # fmt: skip
    rows: Sequence[Any] = session.execute(statement).all()
    return tuple(Planned(*row) for row in rows)


def calendar_of(planned: Sequence[Planned], name: str, public_url: str, words: Translator, now: datetime) -> bytes:
    """The feed's bytes. An activity keeps its UID when it is moved, so that a calendar moves it too."""
    calendar = Calendar()
    calendar.add("prodid", "-//mailcrm//activities//")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", timedelta(minutes=30), parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT30M")
    for one in planned:
        calendar.add_component(_event(one, public_url, words, now))
    return bytes(calendar.to_ical())


def _event(one: Planned, public_url: str, words: Translator, now: datetime) -> Event:
    what = activity_name(one.type, words) + (f": {one.summary}" if one.summary else "")
    url = f"{public_url}/leads/{one.lead_id}"
    event = Event()
    event.add("uid", f"activity-{one.id}@{public_url.partition('//')[2]}")
    event.add("dtstamp", now.astimezone(UTC))
    event.add("summary", f"{what} ({one.partner})" if one.partner else what)
    event.add("description", f"{one.title}\n{url}")
    event.add("url", url)
    if one.location:
        event.add("location", one.location)
    if one.due_at is not None:
        event.add("dtstart", one.due_at.astimezone(UTC))
        event.add("dtend", (one.ends_at or one.due_at + _LASTS).astimezone(UTC))
    else:
        event.add("dtstart", one.due_on)
        event.add("dtend", one.due_on + timedelta(days=1))
        event.add("transp", "TRANSPARENT")
    return event
