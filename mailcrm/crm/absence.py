"""Being away: a user's own absence, and what a customer's absence moves.

An absence is a moment until which new leads go to others and the deputy hears as well. Set by hand it lasts until then; one that
the user's own automatic reply set ends with the user's next own mail.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, bindparam, null, select, update

from mailcrm.address import address_key
from mailcrm.crm.activities import reschedule
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import activity, lead, partner_address, user
from mailcrm.workdays import WorkingTime, next_working_day

BY_HAND, BY_AUTO_REPLY = "by_hand", "auto_reply"
_LONGEST = timedelta(days=550)
_UNDATED_DAYS = 3  # an automatic reply that names no day
_LONGEST_MOVE = timedelta(days=62)  # a customer who is away for longer is not waited for


@dataclass(frozen=True, slots=True)
class Absence:
    """What an automatic reply made of a user. ``deputy`` is "" when nobody stands in."""

    until: date
    deputy: str


def go_away(
    session: Session, user_id: int, until: date, by: int | None, now: datetime, deputy_id: int | None = None
) -> Done:
    """Away to the end of the day ``until``, in the user's own zone; ``deputy_id`` None leaves the deputy as it is."""
    row = _user(session, user_id)
    if until < now.astimezone(ZoneInfo(row.time_zone)).date():
        raise Refused("This day is past.")
    if end_of(until, row.time_zone) > now + _LONGEST:
        raise Refused("An absence ends within a year and a half.")
    if deputy_id == user_id:
        raise Refused("Nobody is their own deputy.")
    changes: dict[str, Any] = {"absent_until": end_of(until, row.time_zone), "absent_by": BY_HAND}
    if deputy_id is not None:
        changes["deputy_id"] = _active(session, deputy_id)
    session.execute(update(user).where(user.c.id == user_id).values(changes))
    record(session, "go_away", f"user {user_id}", by, now, {"until": until.isoformat(), "deputy_id": deputy_id})
    return Done(user_id)


def come_back(session: Session, user_id: int, by: int | None, now: datetime) -> Done:
    """Here again."""
    _user(session, user_id)
    session.execute(update(user).where(user.c.id == user_id).values(absent_until=null(), absent_by=""))
    record(session, "come_back", f"user {user_id}", by, now)
    return Done(user_id)


def away_by_auto_reply(session: Session, user_id: int, until: str, now: datetime) -> Absence | None:
    """The user's own automatic reply came; None when nothing changes by it.

    ``until`` is the day it names, "" for none: then three days. A longer absence that is known already stays.
    """
    row = _user(session, user_id)
    today = now.astimezone(ZoneInfo(row.time_zone)).date()
    named = date.fromisoformat(until) if until else today
    day = (
        named if today < named and end_of(named, row.time_zone) <= now + _LONGEST else today + timedelta(_UNDATED_DAYS)
    )
    end = end_of(day, row.time_zone)
    is_vaguer = row.absent_until is not None and row.absent_until > now and (day != named or row.absent_by == BY_HAND)
    if row.absent_until is not None and (row.absent_until >= end or is_vaguer):
        return None
    session.execute(update(user).where(user.c.id == user_id).values(absent_until=end, absent_by=BY_AUTO_REPLY))
    record(session, "away_by_auto_reply", f"user {user_id}", None, now, {"until": day.isoformat()})
    deputy = session.execute(select(user.c.name).where(user.c.id == row.deputy_id, user.c.is_active)).scalar()
    return Absence(day, str(deputy or ""))


_WROTE = Prepared(
    update(user)
    .where(user.c.id == bindparam("b_user"), user.c.absent_by == BY_AUTO_REPLY)
    .values(absent_until=null(), absent_by="")
)


def after_own_mail(session: Session, user_id: int) -> None:
    """Who writes is here: an absence that an automatic reply began has ended."""
    _WROTE.run(session, {"b_user": user_id})


def after_absence_of(
    session: Session, lead_id: int, address: str, until: str, holidays: str, now: datetime
) -> int | None:
    """Move the lead's next activity behind its customer's absence, to its user's first working day; the activity's id, or None.

    ``holidays``: the country whose public holidays are no working days, for a user who has named none.

    Nothing moves when ``address`` is not the customer's, the activity is later anyway, or the absence is longer than two months.
    """
    if not until or not _is_customers(session, lead_id, address_key(address)):
        return None
    day = date.fromisoformat(until)
    row = session.execute(_next_activity(lead_id)).first()
    if row is None or row.due_on > day or day > now.date() + _LONGEST_MOVE or day < now.date():
        return None
    country = holidays if row.holidays is None else row.holidays
    moved = next_working_day(day, WorkingTime(row.time_zone, row.working_days, country))
    zone = ZoneInfo(row.time_zone)
    due_at = datetime.combine(moved, row.due_at.astimezone(zone).time(), zone).astimezone(UTC) if row.due_at else None
    reschedule(session, row.id, moved, due_at, None, now, day.isoformat())
    return int(row.id)


def _is_customers(session: Session, lead_id: int, key: str) -> bool:
    of_lead = select(partner_address.c.id).join(lead, lead.c.partner_id == partner_address.c.partner_id)
    return session.execute(of_lead.where(lead.c.id == lead_id, partner_address.c.key == key)).first() is not None


def _next_activity(lead_id: int) -> Select[Any]:
    return (
        select(
            activity.c.id, activity.c.due_on, activity.c.due_at, user.c.working_days, user.c.time_zone, user.c.holidays
        )
        .join(user, user.c.id == activity.c.user_id)
        .where(activity.c.lead_id == lead_id, activity.c.done_at.is_(None))
        .order_by(activity.c.due_on, activity.c.id)
        .limit(1)
    )


def end_of(day: date, zone: str) -> datetime:
    """Midnight after the day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(zone)).astimezone(UTC)


def last_day(until: datetime, zone: str) -> date:
    """The last day of an absence that ends at ``until``."""
    return (until - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date()


def _user(session: Session, user_id: int) -> Row[*tuple[Any, ...]]:
    columns = (user.c.time_zone, user.c.absent_until, user.c.absent_by, user.c.deputy_id)
    row = session.execute(select(*columns).where(user.c.id == user_id)).first()
    if row is None:
        raise NotFound("There is no user %(id)s.", id=user_id)
    return row


def _active(session: Session, user_id: int) -> int:
    if session.execute(select(user.c.id).where(user.c.id == user_id, user.c.is_active)).first() is None:
        raise Refused("This user is not active.")
    return user_id
