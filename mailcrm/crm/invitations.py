"""Inviting the customer to a meeting: planned here, asked for by mail, never without somebody saying so."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from mailcrm.crm.activities import NewActivity, schedule
from mailcrm.crm.done import Done, Refused
from mailcrm.crm.invited import LASTS, invitation_of, organizer_key, send
from mailcrm.crm.writing import check_recipients
from mailcrm.mail import Invitation
from mailcrm.notify.invitewords import Kind
from mailcrm.store.engine import Session
from mailcrm.store.tables import alias, meeting

_LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewMeeting:
    """``summary`` and ``place`` are what the customer reads. ``minutes`` None: an hour."""

    at: datetime
    summary: str
    place: str = ""
    minutes: int | None = None
    user_id: int | None = None


def invite(session: Session, lead_id: int, new: NewMeeting, planned: NewActivity, by: int, now: datetime) -> Done:
    """Plan the meeting and send the invitation; returns the activity's id."""
    activity_id, invitation = plan_invited(session, lead_id, new, planned, by, now)
    return Done(activity_id, (send(session, lead_id, invitation, Kind.INVITED, by, now),))


def plan_invited(
    session: Session, lead_id: int, new: NewMeeting, planned: NewActivity, by: int, now: datetime
) -> tuple[int, Invitation]:
    """Plan the meeting; the invitation that the caller sends along."""
    house = _house(session)
    _check(session, lead_id, new, now)
    activity_id = schedule(session, lead_id, planned, by, now).id
    row: dict[str, Any] = {
        "activity_id": activity_id,
        "uid": f"{secrets.token_hex(16)}@{house.rpartition('@')[2]}",
        "sequence": 0,
        "inviter_key": organizer_key(house),
        "organizer_key": organizer_key(house),
        "location": " ".join(new.place.split())[:500],
        "ends_at": new.at + (timedelta(minutes=new.minutes) if new.minutes else LASTS),
        "answers": [],
        "is_ours": True,
    }
    session.execute(insert(meeting), [row])
    return activity_id, invitation_of({**row, "summary": _summary(new), "due_at": new.at})


def _house(session: Session) -> str:
    address = session.execute(select(alias.c.address).order_by(alias.c.id).limit(1)).scalar()
    if address is None:
        raise Refused("An invitation leaves from a sales address, and there is none yet.")
    return str(address)


def _summary(new: NewMeeting) -> str:
    return " ".join(new.summary.split())[:500]


def _check(session: Session, lead_id: int, new: NewMeeting, now: datetime) -> None:
    if not _summary(new):
        raise Refused("Say what the meeting is about: the customer reads it.")
    if new.at <= now:
        raise Refused("The customer is invited to this meeting: give a time to come.")
    if new.minutes is not None and not timedelta() < timedelta(minutes=new.minutes) <= _LONGEST:
        raise Refused("A meeting lasts from a minute to a week.")
    check_recipients(session, lead_id, now)
