"""Addresses we write to no more by ourselves; a person's own mail to one is held with "send anyway".

An address is suppressed when reports tied to two of our mails within seven days say that it does not exist: 5.1.1, 5.1.2 or 5.1.10.
Never for 4.x, 5.2.x or 5.7.x, which a full mailbox or a policy gives, and never a user's own address.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from mailcrm.store.engine import Session
from mailcrm.store.tables import outbox_recipient, suppression, user_address
from mailcrm.store.upsert import insert_ignore

NO_SUCH_ADDRESS = ("5.1.1", "5.1.2", "5.1.10")
WITHIN = timedelta(days=7)
_MAILS = 2


def suppress_if_gone(session: Session, key: str, now: datetime) -> bool:
    """Suppress the address if its bounces, as recorded on the recipients, say so; True if it is suppressed now."""
    bounces = select(func.count(outbox_recipient.c.outbox_id.distinct())).where(
        outbox_recipient.c.key == key,
        outbox_recipient.c.state == "bounced",
        outbox_recipient.c.code.in_(NO_SUCH_ADDRESS),
        outbox_recipient.c.at > now - WITHIN,
    )
    if session.execute(bounces).scalar_one() < _MAILS:
        return False
    if session.execute(select(user_address.c.id).where(user_address.c.key == key)).first():
        return False
    insert_ignore(session, suppression, [{"key": key, "reason": "two mails came back: no such address", "at": now}])
    return True


def lift(session: Session, key: str) -> bool:
    """A person says that the address works again; False if it was not suppressed."""
    return session.execute(delete(suppression).where(suppression.c.key == key)).rowcount == 1
