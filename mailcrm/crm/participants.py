"""The verb on people outside who take part in a lead."""

from datetime import datetime

from sqlalchemy import select, update

from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound
from mailcrm.store.engine import Session
from mailcrm.store.tables import message, participant


def confirm(session: Session, lead_id: int, participant_id: int, by: int, now: datetime) -> Done:
    """Say that this person belongs to the lead: from now on their mails count as known here. Twice is once."""
    asked = select(participant).where(participant.c.id == participant_id, participant.c.lead_id == lead_id)
    row = session.execute(asked.with_for_update()).mappings().first()
    if row is None:
        raise NotFound("There is no such person on this lead.")
    if row["is_confirmed"]:
        return Done(lead_id)
    session.execute(update(participant).where(participant.c.id == participant_id).values(is_confirmed=True))
    theirs = (message.c.lead_id == lead_id, message.c.author_address == row["address"], message.c.is_unconfirmed)
    session.execute(update(message).where(*theirs).values(is_unconfirmed=False))
    add_event(session, lead_id, "person_confirmed", {"name": row["name"], "address": row["address"]}, by, now)
    return Done(lead_id)
