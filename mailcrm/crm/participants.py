"""People outside who take part in a lead: who joins by a mail, and the verb that confirms one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from mailcrm.address import address_key
from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound
from mailcrm.mail import Address
from mailcrm.store.engine import Session
from mailcrm.store.tables import message, participant
from mailcrm.store.upsert import insert_ignore


@dataclass(frozen=True, slots=True)
class Joining:
    """Somebody whom a mail brings to a lead. ``gets_copies``: the customer's side wants them to read the answers."""

    address: Address
    partner_id: int | None = None
    is_confirmed: bool = True
    gets_copies: bool = False


def add_people(session: Session, lead_id: int, people: Iterable[Joining]) -> None:
    """Those who are not on the lead yet; what is known of the others stays."""
    rows = [
        {
            "lead_id": lead_id,
            "address": one.address.address[:320],
            "key": address_key(one.address.address)[:320],
            "name": one.address.name[:300],
            "partner_id": one.partner_id,
            "is_confirmed": one.is_confirmed,
            "gets_copies": one.gets_copies,
        }
        for one in people
    ]
    insert_ignore(session, participant, rows)


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
