"""Taking a message that was placed by a guess out of its lead: it becomes a lead of its own."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update

from mailcrm.address import address_key
from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.leads import NewLead, after_mail_in, create_lead
from mailcrm.crm.moving import move_message
from mailcrm.mail import Event, Reason, RouteKind
from mailcrm.store.engine import Session
from mailcrm.store.tables import inbound, lead, message, outbox, participant
from mailcrm.subject import base_subject


def split(session: Session, row_id: int, by: int, now: datetime) -> Done:
    """Open a lead for a guessed message: same partner, owner, team and alias; returns the new lead's id.

    Once: afterwards the message is no guess. The owner is told unless they did it themselves.
    """
    return _split(session, _guessed(session, row_id), by, now)


def split_off(session: Session, row_id: int, by: int, now: datetime) -> Done:
    """The same for any mail of the customer that is not the only one of its lead: a person says that it is another matter."""
    entry = _entry(session, row_id)
    if entry["kind"] != "email_in":
        raise Refused("Only a customer's mail becomes a lead of its own.")
    mails = (message.c.lead_id == entry["lead_id"], message.c.kind == "email_in", message.c.id != row_id)
    if session.execute(select(message.c.id).where(*mails).limit(1)).first() is None:
        raise Refused("It is the only mail of the customer on this lead.")
    return _split(session, entry, by, now)


def _split(session: Session, entry: dict[str, Any], by: int, now: datetime) -> Done:
    row_id = entry["id"]
    old = session.execute(select(lead).where(lead.c.id == entry["lead_id"]).with_for_update()).mappings().one()
    lead_id = create_lead(session, _new_lead(entry, dict(old)), by, now)
    move_message(session, row_id, lead_id, now, is_opener=False, by=by)
    session.execute(update(message).where(message.c.id == row_id).values(is_guess=False, reason=Reason.BY_HAND))
    decided = {"lead_id": lead_id, "is_new_lead": True, "route": RouteKind.NEW_LEAD, "reason": Reason.BY_HAND}
    decided |= {"reason_detail": "", "decided_at": now, "decided_by_id": by}
    session.execute(update(inbound).where(inbound.c.message_row_id == row_id).values(decided))
    _keep_confirmed(session, old["id"], lead_id, entry["author_address"])
    after_mail_in(session, lead_id, entry["at"])
    give_turn(session, old["id"])
    add_event(session, old["id"], "split_off", {"to_id": lead_id, "message_id": row_id}, by, now)
    if old["owner_id"] in (None, by):
        return Done(lead_id)
    return Done(lead_id, (Event("event_assigned", lead_id, actor_user_id=by, detail=str(old["owner_id"])),))


def _guessed(session: Session, row_id: int) -> dict[str, Any]:
    row = _entry(session, row_id)
    if not row["is_guess"]:
        raise Refused("This message was not placed by a guess, or has been split off already.")
    return row


def _entry(session: Session, row_id: int) -> dict[str, Any]:
    row = session.execute(select(message).where(message.c.id == row_id).with_for_update()).mappings().first()
    if row is None:
        raise NotFound("There is no message %(id)s.", id=row_id)
    return dict(row)


def _new_lead(entry: dict[str, Any], old: dict[str, Any]) -> NewLead:
    title, _had_prefix = base_subject(entry["subject"])
    return NewLead(
        title=title or old["title"],
        base_subject=title,
        partner_id=entry["author_partner_id"] or old["partner_id"],
        company_id=old["company_id"],
        owner_id=old["owner_id"],
        owner_reason=old["owner_reason"],
        team_id=old["team_id"],
        source=old["source"],
        medium=old["medium"],
        campaign=old["campaign"],
        alias_key=old["alias_key"],
        reply_to=old["reply_to"],
        currency=old["currency"],
    )


def _keep_confirmed(session: Session, old_id: int, new_id: int, address: str) -> None:
    """Who wrote the message is on the new lead what they were on the old one."""
    key = address_key(address)
    was = select(participant.c.is_confirmed).where(participant.c.lead_id == old_id, participant.c.key == key)
    if session.execute(was).scalar():
        theirs = update(participant).where(participant.c.lead_id == new_id, participant.c.key == key)
        session.execute(theirs.values(is_confirmed=True))


def give_turn(session: Session, lead_id: int) -> None:
    """Whose turn it is, by the mails that lie on the lead now: ours since the first one unanswered, else theirs.

    A mail of ours that a person dropped never reached them.
    """
    is_dropped = message.c.outbox_id.in_(select(outbox.c.id).where(outbox.c.state == "dropped"))
    counts = [
        message.c.lead_id == lead_id,
        message.c.is_folded.is_(False),
        or_(message.c.outbox_id.is_(None), ~is_dropped),
    ]
    answered_at = session.execute(select(func.max(message.c.at)).where(*counts, message.c.kind == "email_out")).scalar()
    came = select(func.min(message.c.at), func.max(message.c.at)).where(*counts, message.c.kind == "email_in")
    first, last = session.execute(came if answered_at is None else came.where(message.c.at > answered_at)).one()
    values: dict[str, Any] = {"waiting_on": None, "waiting_since": None, "last_message_at": last or answered_at}
    if first is not None:
        values |= {"waiting_on": "us", "waiting_since": first}
    elif answered_at is not None:
        values |= {"waiting_on": "them", "waiting_since": answered_at}
    session.execute(update(lead).where(lead.c.id == lead_id).values(values))
