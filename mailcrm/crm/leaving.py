"""The verb on mail that waits to leave: what was held back because it leaks is dropped, never sent as it is (promise 4)."""

from datetime import datetime

from sqlalchemy import select

from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.splitting import give_turn
from mailcrm.notify import outbox
from mailcrm.store.engine import Session
from mailcrm.store.tables import outbox as outbox_table


def drop(session: Session, outbox_id: int, by: int, now: datetime) -> Done:
    """A held mail shall not leave; its lead says so, and whose turn it is follows from what did leave."""
    asked = select(outbox_table.c.state, outbox_table.c.lead_id, outbox_table.c.params)
    row = session.execute(asked.where(outbox_table.c.id == outbox_id).with_for_update()).first()
    if row is None:
        raise NotFound("There is no mail %(id)s.", id=outbox_id)
    if row.state != "held" or not outbox.drop(session, outbox_id, by, now):
        raise Refused("This mail is no longer held.")
    if row.lead_id is not None:
        data = {"outbox_id": outbox_id, "why": row.params.get("held", "")}
        add_event(session, row.lead_id, "mail_dropped", data, by, now)
        give_turn(session, row.lead_id)
    return Done(outbox_id)
