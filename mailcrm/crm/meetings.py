"""Meetings that calendar mails plan, move, answer and cancel (RFC 5546), as activities of a lead.

A meeting is known on its lead by UID. Only who invited, or the organiser's house, changes it, and only a person confirmed on the
lead; an older message than the one that was heeded changes nothing. What is not heeded is said in the chatter. Callers hold the
transaction, and have placed the mail on the lead.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, insert, select, update

from mailcrm.address import address_key
from mailcrm.crm.chatter import add_event
from mailcrm.crm.leads import plan
from mailcrm.mail import Address, Meeting
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, lead, meeting, user
from mailcrm.threading.domains import is_free_mail

_ANSWERS = frozenset(("accepted", "declined", "tentative", "delegated"))
_STEPS = {"daily": timedelta(days=1), "weekly": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class CalendarMail:
    """A calendar mail on its lead. ``day`` stands in where the meeting's own start could not be read."""

    lead_id: int
    owner_id: int | None
    meeting: Meeting
    subject: str
    writer: Address
    is_confirmed: bool
    day: date | None = None

    @property
    def writer_key(self) -> str:
        return address_key(self.writer.address)


@dataclass(frozen=True, slots=True)
class _When:
    """A day in the owner's zone, and the moment if a time of day was given."""

    day: date
    at: datetime | None


def heed(session: Session, mail: CalendarMail, now: datetime) -> None:
    """Do what the calendar mail asks for."""
    known = _known(session, mail)
    method = mail.meeting.method
    if method == "CANCEL" or mail.meeting.is_cancelled:
        if known is not None and _heeds(session, mail, known, now):
            _cancel(session, mail, known, now)
    elif method in ("REPLY", "COUNTER"):
        if known is not None:
            _write_answer(session, mail, known, now)
    elif method not in ("DECLINECOUNTER", "REFRESH"):
        _invite(session, mail, known, now)


def _known(session: Session, mail: CalendarMail) -> RowMapping | None:
    """The meeting on this lead with this UID, with its activity."""
    if not mail.meeting.uid:
        return None
    columns = [column for column in meeting.c if column.name != "id"]
    statement = (
        select(meeting.c.id.label("meeting_id"), *columns, activity.c.due_on, activity.c.due_at, activity.c.done_at,
               activity.c.summary, activity.c.user_id)
        .join(activity, activity.c.id == meeting.c.activity_id)
        .where(meeting.c.uid == mail.meeting.uid, activity.c.lead_id == mail.lead_id)
        .order_by(meeting.c.id.desc())
        .limit(1)
    )  # fmt: skip
    return session.execute(statement).mappings().first()


def _heeds(session: Session, mail: CalendarMail, known: RowMapping, now: datetime) -> bool:
    """Whether this mail may change the meeting, and is not older than what was heeded."""
    if not _may_change(mail, known):
        data = {"summary": known["summary"], "name": mail.writer.name, "address": mail.writer.address}
        add_event(session, mail.lead_id, "meeting_not_changed", data, None, now)
        return False
    return bool(mail.meeting.sequence >= known["sequence"])


def _may_change(mail: CalendarMail, known: RowMapping) -> bool:
    if known["is_ours"]:
        return False
    organizer: str = known["organizer_key"]
    domain = mail.writer_key.rpartition("@")[2]
    is_same_house = bool(domain) and domain == organizer.rpartition("@")[2] and not is_free_mail(domain)
    return mail.is_confirmed and (mail.writer_key in (known["inviter_key"], organizer) or is_same_house)


# --- planned and moved --------------------------------------------------------------------------------------------------


def _invite(session: Session, mail: CalendarMail, known: RowMapping | None, now: datetime) -> None:
    if known is None:
        _plan(session, mail, now)
    elif not _heeds(session, mail, known, now):
        return
    elif mail.meeting.of_series_at and not _is_planned_one(session, mail, known):
        _tell(session, mail, known, "meeting_of_series", now, moved_to=mail.meeting.start)
    elif known["cancelled_at"] is None or mail.meeting.sequence > known["sequence"]:
        _move(session, mail, known, now)


def _plan(session: Session, mail: CalendarMail, now: datetime) -> None:
    if mail.owner_id is None:
        return
    found = mail.meeting
    when = _when(session, mail, mail.owner_id, now)
    summary = found.summary or mail.subject
    activity_id = plan(session, mail.lead_id, "meeting", when.day, mail.owner_id, None, now, summary, due_at=when.at)
    if not found.uid:
        return
    organizer = found.organizer or mail.writer
    row = {
        "activity_id": activity_id,
        "uid": found.uid,
        "inviter_key": mail.writer_key[:320],
        "organizer_key": address_key(organizer.address)[:320],
        "answers": [],
        **_details(mail),
    }
    session.execute(insert(meeting), [row])


def _details(mail: CalendarMail) -> dict[str, Any]:
    """What an update may change beside the time."""
    found, organizer = mail.meeting, mail.meeting.organizer or mail.writer
    named = f"{organizer.name} <{organizer.address}>" if organizer.name else organizer.address
    return {
        "sequence": found.sequence,
        "organizer": named[:640],
        "location": found.location[:500],
        "ends_at": _moment(found.end, UTC) if not found.next_start else None,
        "repeats": found.repeats[:20],
    }


def _move(session: Session, mail: CalendarMail, known: RowMapping, now: datetime) -> None:
    """The new time, place and name; a meeting that was called off is on again."""
    when = _when(session, mail, known["user_id"], now)
    is_moved = (when.day, when.at) != (known["due_on"], known["due_at"])
    is_new_place = mail.meeting.location[:500] != known["location"]
    details = _details(mail)
    if mail.meeting.of_series_at:
        details.pop("repeats")  # this one alone was moved
    session.execute(
        update(meeting).where(meeting.c.id == known["meeting_id"]).values({**details, "cancelled_at": None})
    )
    values: dict[str, Any] = {"due_on": when.day, "due_at": when.at}
    if mail.meeting.summary:
        values["summary"] = mail.meeting.summary[:500]
    if known["cancelled_at"] is not None or (is_moved and when.day >= now.date()):
        values |= {"done_at": None, "done_by_id": None}
    session.execute(update(activity).where(activity.c.id == known["activity_id"]).values(values))
    if is_moved or known["cancelled_at"] is not None:
        _tell(session, mail, known, "meeting_moved", now, from_=known, to=when)
    if is_new_place and mail.meeting.location:
        _tell(session, mail, known, "meeting_place", now, location=mail.meeting.location[:500])


def _when(session: Session, mail: CalendarMail, user_id: int, now: datetime) -> _When:
    """When the meeting is, or the next one of a series, in the zone of who has it to do."""
    zone = _zone(session, user_id)
    written = mail.meeting.next_start or mail.meeting.start
    at = _moment(written, zone)
    if at is not None:
        return _When(at.astimezone(zone).date(), at)
    try:
        return _When(date.fromisoformat(written), None)
    except ValueError:
        return _When(mail.day or now.date(), None)


def _moment(written: str, zone: Any) -> datetime | None:
    """A time; one without a zone is meant in ``zone``. None for a whole day."""
    if "T" not in written:
        return None
    try:
        at = datetime.fromisoformat(written)
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(session: Session, user_id: int) -> ZoneInfo:
    return ZoneInfo(session.execute(select(user.c.time_zone).where(user.c.id == user_id)).scalar_one())


# --- answered and cancelled ---------------------------------------------------------------------------------------------


def _write_answer(session: Session, mail: CalendarMail, known: RowMapping, now: datetime) -> None:
    """An answer counts for its writer alone, who must be known on the lead."""
    named = (one for one in mail.meeting.attendees if address_key(one.address) == mail.writer_key)
    said = next(named, None)
    answer = "counter" if mail.meeting.method == "COUNTER" else said.answer if said else ""
    if not mail.is_confirmed or (answer not in _ANSWERS and answer != "counter"):
        return
    name = mail.writer.name or (said.name if said else "")
    one = {"name": name[:300], "address": mail.writer.address[:320], "answer": answer}
    is_earlier = bool(known["is_ours"]) and mail.meeting.sequence < known["sequence"]
    if is_earlier:  # of the time that it was before
        _tell(session, mail, known, "meeting_answered_before", now, name=one["name"], address=one["address"])
        return
    proposed_at = _proposed(session, mail, known) if answer == "counter" else ""
    one |= {"proposed_at": proposed_at} if proposed_at else {}
    others = [a for a in known["answers"] if address_key(a.get("address", "")) != mail.writer_key]
    answers = [*others, one][-200:]
    session.execute(update(meeting).where(meeting.c.id == known["meeting_id"]).values(answers=answers))
    said_so: dict[str, Any] = one
    _tell(session, mail, known, "meeting_answered", now, **said_so)


def _proposed(session: Session, mail: CalendarMail, known: RowMapping) -> str:
    """The moment that a counter proposal names; "" for a day, or for the time that it is anyway."""
    at = _moment(mail.meeting.start, _zone(session, known["user_id"]))
    return at.isoformat() if at is not None and at != known["due_at"] else ""


def _cancel(session: Session, mail: CalendarMail, known: RowMapping, now: datetime) -> None:
    """Closed, not deleted: a late invitation must not plan it again. Of a series the next one is planned instead."""
    if mail.meeting.of_series_at:
        _cancel_one(session, mail, known, now)
        return
    called_off = {"cancelled_at": now, "sequence": mail.meeting.sequence}
    session.execute(update(meeting).where(meeting.c.id == known["meeting_id"]).values(called_off))
    if known["done_at"] is None:
        session.execute(update(activity).where(activity.c.id == known["activity_id"]).values(done_at=now))
        _keep_lead_awake(session, mail.lead_id, known["user_id"], now)
    if known["cancelled_at"] is None:
        _tell(session, mail, known, "meeting_cancelled", now)


def _cancel_one(session: Session, mail: CalendarMail, known: RowMapping, now: datetime) -> None:
    following = _following(known)
    if following is None or not _is_planned_one(session, mail, known):
        _tell(session, mail, known, "meeting_of_series", now, cancelled=mail.meeting.of_series_at)
        return
    moved = {"due_on": following.day, "due_at": following.at}
    session.execute(update(activity).where(activity.c.id == known["activity_id"]).values(moved))
    _tell(session, mail, known, "meeting_moved", now, from_=known, to=following)


def _is_planned_one(session: Session, mail: CalendarMail, known: RowMapping) -> bool:
    """Whether the one of a series that a mail is about is the one that is planned."""
    zone = _zone(session, known["user_id"])
    at = _moment(mail.meeting.of_series_at, zone)
    if at is not None and known["due_at"] is not None:
        return bool(at == known["due_at"])
    return bool(
        known["due_on"].isoformat() == (mail.meeting.of_series_at[:10] if at is None else at.date().isoformat())
    )


def _following(known: RowMapping) -> _When | None:
    """The one after the planned one, by the day or the week; None where the calendar has to be looked at."""
    name, _, every = known["repeats"].partition(":")
    step = _STEPS.get(name)
    if step is None:
        return None
    step *= int(every or 1)
    return _When(known["due_on"] + step, known["due_at"] + step if known["due_at"] else None)


def _keep_lead_awake(session: Session, lead_id: int, user_id: int, now: datetime) -> None:
    """A lead on hold always has a coming activity."""
    until = session.execute(select(lead.c.on_hold_until).where(lead.c.id == lead_id)).scalar()
    if until is None:
        return
    coming = select(activity.c.id).where(activity.c.lead_id == lead_id, activity.c.done_at.is_(None))
    if session.execute(coming.limit(1)).first() is None:
        plan(session, lead_id, "todo", max(until, now.date()), user_id, None, now)


def _tell(
    session: Session,
    mail: CalendarMail,
    known: RowMapping,
    event: str,
    now: datetime,
    *,
    from_: RowMapping | None = None,
    to: _When | None = None,
    **more: Any,
) -> None:
    data: dict[str, Any] = {"activity_id": known["activity_id"], "summary": known["summary"], **more}
    if from_ is not None:
        data |= {"from_due_on": from_["due_on"].isoformat(), "from_due_at": _written(from_["due_at"])}
    if to is not None:
        data |= {"due_on": to.day.isoformat(), "due_at": _written(to.at)}
    add_event(session, mail.lead_id, event, data, None, now)


def _written(at: datetime | None) -> str:
    return at.isoformat() if at is not None else ""
