"""The verbs on activities: a dated next step on a lead for one user, with its chatter events."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.invited import called_off, moved, our_meeting
from mailcrm.mail import ACTIVITY_TYPES
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import activity, lead, stage, user

TYPES = ACTIVITY_TYPES
_MOST_TEXT = 100_000  # characters of feedback


@dataclass(frozen=True, slots=True)
class NewActivity:
    """What is to be done. ``due_at`` only when a time of day was given; ``user_id`` None: the lead's owner, else who plans it."""

    type: str
    due_on: date
    summary: str = ""
    due_at: datetime | None = None
    user_id: int | None = None


def schedule(session: Session, lead_id: int, new: NewActivity, by: int, now: datetime) -> Done:
    """Plan an activity; returns its id."""
    owner = session.execute(select(lead.c.owner_id).where(lead.c.id == lead_id)).first()
    if owner is None:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    if new.type not in TYPES:
        raise Refused("An activity is one of %(types)s.", types=", ".join(TYPES))
    user_id = new.user_id or owner.owner_id or by
    _refuse_inactive(session, user_id)
    row = {"lead_id": lead_id, "user_id": user_id, "type": new.type, "summary": " ".join(new.summary.split())[:500]}
    row |= {"due_on": new.due_on, "due_at": new.due_at, "created_at": now, "created_by_id": by}
    activity_id = insert_row(session, insert(activity), row)
    _tell(session, "activity_scheduled", {**row, "id": activity_id}, by, now)
    return Done(activity_id)


def complete(session: Session, activity_id: int, feedback: str, by: int, now: datetime) -> Done:
    """Mark it done; ``feedback`` is what came of it."""
    row = _open(session, activity_id)
    text = feedback.replace("\x00", "").strip()
    if len(text) > _MOST_TEXT:
        raise Refused("The text is too long.")
    done = {"done_at": now, "done_by_id": by, "feedback": text}
    session.execute(update(activity).where(activity.c.id == activity_id).values(done))
    _tell(session, "activity_done", row, by, now, feedback=text)
    return Done(activity_id)


def reschedule(
    session: Session,
    activity_id: int,
    due_on: date,
    due_at: datetime | None,
    by: int | None,
    now: datetime,
    customer_away_until: str = "",
) -> Done:
    """Move it to another day, and time if one is given; a customer who was invited is told.

    ``customer_away_until`` is the day that moved it, by itself.
    """
    row = _open(session, activity_id)
    if (row["due_on"], row["due_at"]) == (due_on, due_at):
        return Done(activity_id)
    invited = our_meeting(session, activity_id)
    if invited is not None and by is None:
        return Done(activity_id)  # a meeting with the customer does not move by itself
    events = moved(session, invited, due_at, by, now) if invited is not None and by is not None else ()
    session.execute(
        update(activity).where(activity.c.id == activity_id).values(due_on=due_on, due_at=due_at, reminded_at=None)
    )
    why = {"customer_away_until": customer_away_until} if customer_away_until else {}
    after = {**row, "due_on": due_on}
    _tell(session, "activity_rescheduled", after, by, now, from_due_on=row["due_on"].isoformat(), **why)
    return Done(activity_id, events)


def give(session: Session, activity_id: int, user_id: int, by: int, now: datetime) -> Done:
    """Give it to another user."""
    row = _open(session, activity_id)
    _refuse_inactive(session, user_id)
    if row["user_id"] == user_id:
        return Done(activity_id)
    session.execute(update(activity).where(activity.c.id == activity_id).values(user_id=user_id))
    _tell(session, "activity_given", {**row, "user_id": user_id}, by, now, from_user_id=row["user_id"])
    return Done(activity_id)


def cancel(session: Session, activity_id: int, by: int, now: datetime) -> Done:
    """Take it off the list without having done it; a customer who was invited is told. The last one of a lead on hold stays."""
    row = _open(session, activity_id)
    if _is_last_on_hold(session, row["lead_id"], activity_id):
        raise Refused("A lead on hold always has a coming activity: move it instead.")
    invited = our_meeting(session, activity_id)
    events = called_off(session, invited, by, now) if invited is not None else ()
    if invited is None:
        session.execute(delete(activity).where(activity.c.id == activity_id))
    _tell(session, "activity_cancelled", row, by, now)
    return Done(activity_id, events)


def _open(session: Session, activity_id: int) -> dict[str, Any]:
    row = session.execute(select(activity).where(activity.c.id == activity_id).with_for_update()).mappings().first()
    if row is None:
        raise NotFound("There is no activity %(id)s.", id=activity_id)
    if row["done_at"] is not None:
        raise Refused("This activity is done already.")
    return dict(row)


def _refuse_inactive(session: Session, user_id: int) -> None:
    if session.execute(select(user.c.id).where(user.c.id == user_id, user.c.is_active)).first() is None:
        raise Refused("This user is not active.")


def _is_last_on_hold(session: Session, lead_id: int, activity_id: int) -> bool:
    kind = select(stage.c.kind).join(lead, lead.c.stage_id == stage.c.id).where(lead.c.id == lead_id)
    if session.execute(kind).scalar_one() != "on_hold":
        return False
    others = select(activity.c.id).where(
        activity.c.lead_id == lead_id, activity.c.done_at.is_(None), activity.c.id != activity_id
    )
    return session.execute(others.limit(1)).first() is None


def _tell(session: Session, event: str, row: dict[str, Any], by: int | None, now: datetime, **more: Any) -> None:
    data = {"activity_id": row["id"], "type": row["type"], "summary": row["summary"], "user_id": row["user_id"]}
    data |= {"due_on": row["due_on"].isoformat(), **more}
    add_event(session, row["lead_id"], event, data, by, now)
