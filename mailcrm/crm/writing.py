"""Writing on a lead from the page or the API: a note stays inside, a message leaves to the customer."""

from datetime import datetime

from sqlalchemy import select

from mailcrm.address import address_key
from mailcrm.crm.chatter import NewMessage, add_mentions, add_message
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.leads import after_mail_out
from mailcrm.mail import Event, Reason
from mailcrm.notify.people import read_people
from mailcrm.notify.suppress import lift
from mailcrm.store.engine import Session
from mailcrm.store.tables import lead, suppression

_MOST_TEXT = 1_000_000  # characters


def write_note(session: Session, lead_id: int, text: str, by: int, now: datetime) -> Done:
    """An internal note typed by a user; ``@name`` in it mentions people. Never leaves the house."""
    text = _checked(session, lead_id, text)
    new = NewMessage(
        lead_id=lead_id,
        kind="note",
        author_kind="user",
        author_user_id=by,
        at=now,
        created_at=now,
        text=text,
        new_text=text,
        segments=[{"kind": "new", "text": text}],
        reason=Reason.BY_HAND,
    )
    row_id = add_message(session, new)
    add_mentions(session, row_id, lead_id, text, by, now)
    return Done(row_id, (Event("note", lead_id, message_id=row_id, actor_user_id=by),))


class Undeliverable(Refused):
    """Mail to this address came back as undeliverable; it can be sent all the same if the person insists."""


def write_to_customer(
    session: Session, lead_id: int, text: str, by: int, now: datetime, *, is_insisted: bool = False
) -> Done:
    """A mail to the customer typed on the page; leaves through the outbox like a reply by mail.

    Refused where the lead has nobody to write to; Undeliverable for a suppressed address unless ``is_insisted``, which lifts
    the suppression.
    """
    text = _checked(session, lead_id, text)
    check_recipients(session, lead_id, now, is_insisted=is_insisted)
    subject = session.execute(select(lead.c.title).where(lead.c.id == lead_id)).scalar_one()
    new = NewMessage(
        lead_id=lead_id,
        kind="email_out",
        author_kind="user",
        author_user_id=by,
        at=now,
        created_at=now,
        subject=subject,
        text=text,
        new_text=text,
        segments=[{"kind": "new", "text": text}],
        reason=Reason.BY_HAND,
    )
    row_id = add_message(session, new)
    after_mail_out(session, lead_id, by, now)
    return Done(row_id, (Event("message_out", lead_id, message_id=row_id, actor_user_id=by),))


def check_recipients(session: Session, lead_id: int, now: datetime, *, is_insisted: bool = False) -> None:
    """Refused where the lead has nobody to write to, Undeliverable for a suppressed address."""
    people = read_people(session, Event("message_out", lead_id), now)
    if people.customer is None:
        raise Refused("This lead has nobody to write to: give its partner an address.")
    for one in (people.customer, *people.copies):
        key = address_key(one.address)
        if is_insisted:
            lift(session, key)
        elif session.execute(select(suppression.c.id).where(suppression.c.key == key)).first() is not None:
            raise Undeliverable("Mail to %(address)s came back: there is no such address.", address=one.address)


def _checked(session: Session, lead_id: int, text: str) -> str:
    if session.execute(select(lead.c.id).where(lead.c.id == lead_id)).first() is None:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    text = text.replace("\r\n", "\n").replace("\x00", "").encode("utf-8", "replace").decode().strip()
    if not text:
        raise Refused("Write something first.")
    if len(text) > _MOST_TEXT:
        raise Refused("The text is too long.")
    return text
