"""Handing over: everything one user looks after becomes another's, in one logged step."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from mailcrm.crm.audit import record
from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.mail import Reason
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, alias, follower, lead, partner, user


def handover(session: Session, from_id: int, to_id: int, by: int | None, now: datetime) -> Done:
    """Move partners, open leads, open activities, follows and own aliases. Each lead says so in its chatter; no notice per lead."""
    _check(session, from_id, to_id)
    counts = {
        "partners": _give_partners(session, from_id, to_id),
        "leads": _give_leads(session, from_id, to_id, by, now),
        "activities": _give_activities(session, from_id, to_id),
        "follows": _give_follows(session, from_id, to_id),
        "aliases": _give_aliases(session, from_id, to_id),
    }
    record(session, "handover", f"user {from_id}", by, now, {"to_id": to_id, "counts": counts})
    return Done(to_id)


def _check(session: Session, from_id: int, to_id: int) -> None:
    if from_id == to_id:
        raise Refused("These are the same user.")
    asked = select(user.c.id, user.c.is_active, user.c.role).where(user.c.id.in_((from_id, to_id)))
    found = {row.id: row for row in session.execute(asked)}
    if missing := {from_id, to_id} - set(found):
        raise NotFound("There is no user %(id)s.", id=min(missing))
    if not found[to_id].is_active:
        raise Refused("This user is not active.")
    if found[to_id].role == "colleague":
        raise Refused("A colleague can be mentioned but cannot own a lead.")


def _give_partners(session: Session, from_id: int, to_id: int) -> int:
    return session.execute(update(partner).where(partner.c.owner_id == from_id).values(owner_id=to_id)).rowcount


def _give_leads(session: Session, from_id: int, to_id: int, by: int | None, now: datetime) -> int:
    asked = select(lead.c.id).where(lead.c.owner_id == from_id, lead.c.outcome.is_(None)).with_for_update()
    lead_ids = session.execute(asked).scalars().all()
    reason = str(Reason.BY_HAND)
    session.execute(
        update(lead)
        .where(lead.c.owner_id == from_id, lead.c.outcome.is_(None))
        .values(owner_id=to_id, owner_reason=reason)
    )
    for lead_id in lead_ids:
        add_event(session, lead_id, "owner", {"from_id": from_id, "to_id": to_id, "handover": True}, by, now, reason)
    return len(lead_ids)


def _give_activities(session: Session, from_id: int, to_id: int) -> int:
    mine = update(activity).where(activity.c.user_id == from_id, activity.c.done_at.is_(None))
    return session.execute(mine.values(user_id=to_id)).rowcount


def _give_follows(session: Session, from_id: int, to_id: int) -> int:
    theirs = set(session.execute(select(follower.c.lead_id).where(follower.c.user_id == to_id)).scalars())
    mine = session.execute(select(follower.c.lead_id).where(follower.c.user_id == from_id)).scalars().all()
    session.execute(delete(follower).where(follower.c.user_id == from_id))
    new = [{"lead_id": lead_id, "user_id": to_id} for lead_id in mine if lead_id not in theirs]
    if new:
        session.execute(insert(follower), new)
    return len(mine)


def _give_aliases(session: Session, from_id: int, to_id: int) -> int:
    return session.execute(update(alias).where(alias.c.owner_id == from_id).values(owner_id=to_id)).rowcount
