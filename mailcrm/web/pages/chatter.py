"""Writing on a lead: a message leaves to the customer, a note stays inside."""

from datetime import datetime

from starlette.responses import Response

from mailcrm.crm import chatter, splitting, writing
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.rights import Forbidden, Right, require_lead
from mailcrm.store.engine import Session
from mailcrm.web.lead_reads import lead_of_message
from mailcrm.web.pages.lead import page
from mailcrm.web.visit import Visit


def write_message(visit: Visit) -> Response:
    lead_id, by, text = visit.number("id"), visit.me.id, visit.text("text")
    insists = visit.text("anyway") == "yes"

    def verb(session: Session, lead_id: int, now: datetime) -> Done:
        return writing.write_to_customer(session, lead_id, text, by, now, is_insisted=insists)

    try:
        row_id = visit.perform_on_lead(lead_id, Right.CHANGE_LEADS, verb)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return page(visit, lead_id, "message", e)
    return visit.to(f"/leads/{lead_id}", "sent", f"entry-{row_id}")


def write_note(visit: Visit) -> Response:
    lead_id, by, text = visit.number("id"), visit.me.id, visit.text("text")
    try:
        row_id = visit.perform_on_lead(
            lead_id,
            Right.WRITE_NOTES,
            lambda session, lead_id, now: writing.write_note(session, lead_id, text, by, now),
        )
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return page(visit, lead_id, "note", e)
    return visit.to(f"/leads/{lead_id}", "noted", f"entry-{row_id}")


def split(visit: Visit) -> Response:
    """A message that was placed here by a guess becomes a lead of its own."""
    row_id, by = visit.number("id"), visit.me.id

    def verb(session: Session, now: datetime) -> Done:
        require_lead(session, visit.me.actor, lead_of_message(session, row_id))
        visit.require(Right.CHANGE_LEADS)
        return splitting.split(session, row_id, by, now)

    return visit.to(f"/leads/{visit.perform(verb)}", "split")


def read_mentions(visit: Visit) -> Response:
    """Mark the viewer's own mentions on this lead as read."""
    lead_id, me = visit.number("id"), visit.me.id

    def verb(session: Session, lead_id: int, now: datetime) -> Done:
        chatter.read_mentions(session, lead_id, me, now)
        return Done(lead_id)

    visit.perform_on_lead(lead_id, Right.WRITE_NOTES, verb)
    return visit.to(f"/leads/{lead_id}", "read")
