"""Moving a chatter entry to another lead: its ids and its notices' reply addresses follow, since both go through its row."""

from datetime import datetime

from sqlalchemy import delete, insert, or_, select, update

from mailcrm.crm.chatter import add_event
from mailcrm.store.engine import Session
from mailcrm.store.tables import (
    activity,
    command_run,
    follower,
    inbound,
    lead,
    lead_tag,
    mention,
    message,
    message_ref,
    moved_lead,
    outbox,
    participant,
    stage_change,
)
from mailcrm.store.upsert import insert_ignore


def move_message(
    session: Session, row_id: int, to_lead_id: int, now: datetime, *, is_opener: bool, by: int | None = None
) -> None:
    """Move one entry. ``is_opener``: it opened the lead it leaves; if nobody did anything there since, that lead is dissolved."""
    from_lead_id = session.execute(select(message.c.lead_id).where(message.c.id == row_id)).scalar_one()
    session.execute(update(message).where(message.c.id == row_id).values(lead_id=to_lead_id))
    session.execute(update(outbox).where(outbox.c.message_row_id == row_id).values(lead_id=to_lead_id))
    _move_refs(session, row_id, to_lead_id)
    _copy_participants(session, from_lead_id, to_lead_id)
    if is_opener and _is_untouched(session, from_lead_id):
        dissolve(session, from_lead_id, to_lead_id, now)
    add_event(session, to_lead_id, "moved_here", {"from_id": from_lead_id, "message_id": row_id}, by, now)


def _is_untouched(session: Session, lead_id: int) -> bool:
    """Whether only rules have written on the lead."""
    by_people = select(message.c.id).where(
        message.c.lead_id == lead_id, or_(message.c.kind != "event", message.c.author_user_id.is_not(None))
    )
    return session.execute(by_people.limit(1)).first() is None


def dissolve(session: Session, lead_id: int, to_lead_id: int, now: datetime) -> None:
    """Take away an empty lead; its number leads to the other one from now on."""
    for table in (outbox, inbound, message_ref):
        session.execute(update(table).where(table.c.lead_id == lead_id).values(lead_id=to_lead_id))
    session.execute(update(command_run).where(command_run.c.lead_id == lead_id).values(lead_id=to_lead_id))
    session.execute(update(moved_lead).where(moved_lead.c.to_lead_id == lead_id).values(to_lead_id=to_lead_id))
    session.execute(update(lead).where(lead.c.follows_lead_id == lead_id).values(follows_lead_id=to_lead_id))
    for child in (lead_tag, stage_change, participant, follower, activity, mention, message):
        session.execute(delete(child).where(child.c.lead_id == lead_id))
    session.execute(delete(lead).where(lead.c.id == lead_id))
    session.execute(insert(moved_lead), {"id": lead_id, "to_lead_id": to_lead_id, "at": now})


def _move_refs(session: Session, row_id: int, to_lead_id: int) -> None:
    mine = select(message_ref.c.ref, message_ref.c.kind).where(message_ref.c.message_id == row_id)
    rows = [{"ref": r.ref, "kind": r.kind, "lead_id": to_lead_id, "message_id": row_id} for r in session.execute(mine)]
    session.execute(message_ref.delete().where(message_ref.c.message_id == row_id))
    insert_ignore(session, message_ref, rows)


def _copy_participants(session: Session, from_lead_id: int, to_lead_id: int) -> None:
    """The people of the mail are people of the new lead too, but never confirmed by being moved."""
    columns = [c for c in participant.c if c.name not in ("id", "lead_id", "is_confirmed", "gets_copies")]
    rows = session.execute(select(*columns).where(participant.c.lead_id == from_lead_id)).mappings()
    fresh = [{**row, "lead_id": to_lead_id, "is_confirmed": False, "gets_copies": False} for row in rows]
    insert_ignore(session, participant, fresh)
