"""Meetings that the customer was invited to by us (RFC 5546): what is sent when one is planned, moved or called off.

Every change is a mail to the customer like any other, an ``email_out`` on the lead with the calendar beside it, written in the
transaction of the change. The organiser is the lead's sales address, from which the mail comes: mail programs warn of, or ignore,
an invitation whose organiser is not its sender, and the address stays when the meeting is handed to a colleague. The customer's
answer comes back to it and is known by its UID.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, select, update

from mailcrm.address import address_key
from mailcrm.crm.chatter import NewMessage, add_message
from mailcrm.crm.done import Refused
from mailcrm.crm.leads import after_mail_out
from mailcrm.i18n import known_locale, translator
from mailcrm.mail import Event, Invitation, Reason
from mailcrm.notify.invitewords import Kind, invitation_subject, invitation_text
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, lead, meeting, partner, user

LASTS = timedelta(hours=1)  # where nothing else was said


def our_meeting(session: Session, activity_id: int) -> RowMapping | None:
    """The meeting behind an activity, if the customer was invited to it by us."""
    is_ours = (meeting.c.is_ours, meeting.c.cancelled_at.is_(None), activity.c.due_at.is_not(None))
    asked = select(meeting, activity.c.lead_id, activity.c.due_at, activity.c.summary, activity.c.user_id).join(
        activity, activity.c.id == meeting.c.activity_id
    )
    return session.execute(asked.where(activity.c.id == activity_id, *is_ours)).mappings().first()


def moved(session: Session, known: RowMapping, due_at: datetime | None, by: int, now: datetime) -> tuple[Event, ...]:
    """The customer is asked for the new time; what they answered to the old one is past."""
    if due_at is None:
        raise Refused("The customer is invited to this meeting: give a time of day.")
    if due_at <= now:
        raise Refused("The customer is invited to this meeting: give a time to come.")
    ends_at = due_at + (known["ends_at"] - known["due_at"] if known["ends_at"] else LASTS)
    values = {"ends_at": ends_at, "sequence": known["sequence"] + 1, "answers": []}
    session.execute(update(meeting).where(meeting.c.id == known["id"]).values(values))
    return _send(session, {**known, **values, "due_at": due_at}, Kind.MOVED, by, now)


def called_off(session: Session, known: RowMapping, by: int, now: datetime) -> tuple[Event, ...]:
    """Closed, not deleted: an answer that is still on its way must find it. What is past is taken off without a word."""
    values = {"sequence": known["sequence"] + 1, "cancelled_at": now}
    session.execute(update(meeting).where(meeting.c.id == known["id"]).values(values))
    done = {"done_at": now, "done_by_id": by}
    session.execute(update(activity).where(activity.c.id == known["activity_id"]).values(done))
    return _send(session, {**known, **values}, Kind.CALLED_OFF, by, now) if known["due_at"] > now else ()


def _send(session: Session, row: dict[str, Any], kind: Kind, by: int, now: datetime) -> tuple[Event, ...]:
    method = "CANCEL" if kind is Kind.CALLED_OFF else "REQUEST"
    return (send(session, row["lead_id"], invitation_of(row, method), kind, by, now),)


def invitation_of(row: dict[str, Any], method: str = "REQUEST") -> Invitation:
    """What goes along with the mail, as the rows are now."""
    return Invitation(
        method=method,
        uid=row["uid"],
        sequence=row["sequence"],
        summary=row["summary"],
        start=row["due_at"].astimezone(UTC).isoformat(),
        end=row["ends_at"].astimezone(UTC).isoformat(),
        location=row["location"],
    )


def send(session: Session, lead_id: int, invitation: Invitation, kind: Kind, by: int, now: datetime) -> Event:
    """A mail that is about nothing else."""
    text, subject = words_for_customer(session, lead_id, invitation, kind, by)
    new = NewMessage(
        lead_id=lead_id, kind="email_out", author_kind="user", author_user_id=by, at=now, created_at=now,
        subject=subject, text=text, new_text=text, segments=[{"kind": "new", "text": text}], reason=Reason.BY_HAND,
    )  # fmt: skip
    row_id = add_message(session, new)
    after_mail_out(session, lead_id, by, now)
    return Event("message_out", lead_id, message_id=row_id, actor_user_id=by, invitation=invitation, subject=subject)


def words_for_customer(session: Session, lead_id: int, invitation: Invitation, kind: Kind, by: int) -> tuple[str, str]:
    """Text and subject in the customer's language, else the writer's; times in the writer's zone, which is named."""
    asked = select(partner.c.language).join(lead, lead.c.partner_id == partner.c.id).where(lead.c.id == lead_id)
    language = session.execute(asked).scalar()
    writer = session.execute(select(user.c.locale, user.c.time_zone).where(user.c.id == by)).one()
    words = translator(known_locale(language or writer.locale))
    zone = writer.time_zone
    return invitation_text(kind, invitation, words, zone), invitation_subject(kind, invitation, words, zone)


def organizer_key(address: str) -> str:
    return address_key(address)[:320]
