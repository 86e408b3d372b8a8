"""What the page of one lead shows; a constant number of statements, however long the conversation is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, func, or_, select

from mailcrm.findings import NOTHING_FOUND, Findings, findings_of
from mailcrm.mail import Address
from mailcrm.store.engine import Session
from mailcrm.store.tables import (
    activity,
    attachment,
    follower,
    inbound,
    lead,
    lead_tag,
    meeting,
    mention,
    message,
    moved_lead,
    outbox,
    outbox_recipient,
    participant,
    partner,
    stage,
    tag,
    user,
)

ENTRIES = 100


@dataclass(frozen=True, slots=True)
class File:
    """An attachment to be offered for download."""

    id: int
    filename: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a mail fared at one recipient. ``user`` is set for a notice to one of us."""

    outbox_id: int
    address: str
    user: str
    state: str
    code: str
    text: str
    at: datetime | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Passage:
    """Part of a text, folded or not."""

    is_folded: bool
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the chatter."""

    id: int
    kind: str
    author_kind: str
    author: str
    author_address: str
    subject: str
    at: datetime
    passages: tuple[Passage, ...]
    has_html: bool
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reason: str
    reason_detail: str
    is_folded: bool
    is_unconfirmed: bool
    is_guess: bool
    event: str
    event_data: Mapping[str, Any]
    inbound_id: int | None
    outbox_id: int | None
    found: Findings = NOTHING_FOUND
    files: tuple[File, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    told: tuple[Delivery, ...] = ()

    @property
    def writer(self) -> Address:
        return Address(self.author, self.author_address)


@dataclass(frozen=True, slots=True)
class Planned:
    """An open activity on the lead."""

    id: int
    type: str
    summary: str
    due_on: date
    user: str
    due_at: datetime | None = None
    location: str = ""
    organizer: str = ""
    repeats: str = ""
    answers: tuple[Mapping[str, str], ...] = ()
    is_ours: bool = False  # the customer was invited by us


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody outside who takes part."""

    id: int
    name: str
    address: str
    partner_id: int | None
    is_confirmed: bool
    gets_copies: bool


@dataclass(frozen=True, slots=True)
class OtherLead:
    """Another lead of the same partner or company."""

    id: int
    title: str
    stage_id: int
    owner: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LeadPage:
    """Everything about one lead. ``row`` holds the columns of ``lead`` and the names of its people."""

    row: RowMapping
    tags: tuple[str, ...]
    entries: tuple[Entry, ...]
    has_older: bool
    activities: tuple[Planned, ...]
    followers: tuple[tuple[int, str], ...]
    people: tuple[Person, ...]
    others: tuple[OtherLead, ...]
    unread_mentions: int
    all_tags: tuple[str, ...] = field(default=())


def read_lead(
    session: Session, lead_id: int, viewer_id: int, visible: ColumnElement[bool], before: int | None
) -> LeadPage | None:
    """The lead with the newest entries of its chatter, or those older than entry ``before``; None if it may not be seen."""
    row = _lead_row(session, lead_id, visible)
    if row is None:
        return None
    entries = _entries(session, lead_id, before)
    return LeadPage(
        row,
        tags=tuple(session.execute(_TAGS.where(lead_tag.c.lead_id == lead_id)).scalars()),
        entries=_with_details(session, entries[:ENTRIES][::-1]),
        has_older=len(entries) > ENTRIES,
        activities=_planned(session, lead_id),
        followers=_followers(session, lead_id),
        people=_people(session, lead_id),
        others=_others(session, row, visible),
        unread_mentions=_unread(session, lead_id, viewer_id),
        all_tags=tuple(session.execute(select(tag.c.name).order_by(tag.c.name).limit(500)).scalars()),
    )


_TAGS = select(tag.c.name).join_from(lead_tag, tag, tag.c.id == lead_tag.c.tag_id).order_by(tag.c.name)


def _lead_row(session: Session, lead_id: int, visible: ColumnElement[bool]) -> RowMapping | None:
    company = partner.alias("company")
    statement = (
        select(
            lead,
            func.coalesce(partner.c.name, "").label("partner"),
            func.coalesce(company.c.name, "").label("company"),
            func.coalesce(user.c.name, "").label("owner"),
            stage.c.kind.label("stage_kind"),
        )
        .join_from(lead, stage, stage.c.id == lead.c.stage_id)
        .join(partner, partner.c.id == lead.c.partner_id, isouter=True)
        .join(company, and_(company.c.id == lead.c.company_id, _is_beside_partner()), isouter=True)
        .join(user, user.c.id == lead.c.owner_id, isouter=True)
        .where(lead.c.id == lead_id, visible)
    )
    return session.execute(statement).mappings().first()


def _is_beside_partner() -> ColumnElement[bool]:
    """Whether the lead's company is not its partner itself, as where somebody wrote from the company's own address."""
    return lead.c.company_id.is_distinct_from(lead.c.partner_id)


# --- the chatter --------------------------------------------------------------------------------------------------------


def _entries(session: Session, lead_id: int, before: int | None) -> list[RowMapping]:
    """Newest first, one more than a page when there are older ones."""
    statement = (
        select(
            message.c.id, message.c.kind, message.c.author_kind, message.c.author_name, message.c.author_address,
            message.c.subject, message.c.at, message.c.segments, message.c.text, (message.c.html != "").label("has_html"),
            message.c.to, message.c.cc, message.c.reason, message.c.reason_detail, message.c.is_folded,
            message.c.is_unconfirmed, message.c.is_guess, message.c.event, message.c.event_data, message.c.inbound_id,
            message.c.outbox_id, user.c.name.label("user_name"), partner.c.name.label("partner_name"),
            inbound.c.findings,
        )
        .join_from(message, user, user.c.id == message.c.author_user_id, isouter=True)
        .join(inbound, inbound.c.id == message.c.inbound_id, isouter=True)
        .join(partner, partner.c.id == message.c.author_partner_id, isouter=True)
        .where(message.c.lead_id == lead_id)
        .order_by(message.c.at.desc(), message.c.id.desc())
        .limit(ENTRIES + 1)
    )  # fmt: skip
    if before is not None:
        edge = select(message.c.at).where(message.c.id == before, message.c.lead_id == lead_id).scalar_subquery()
        statement = statement.where(or_(message.c.at < edge, and_(message.c.at == edge, message.c.id < before)))
    return list(session.execute(statement).mappings())


def _with_details(session: Session, rows: Sequence[RowMapping]) -> tuple[Entry, ...]:
    mails = [row["id"] for row in rows if row["kind"] != "event"]
    files, deliveries = _files(session, mails), _deliveries(session, rows)
    return tuple(_entry(row, files, deliveries) for row in rows)


def _entry(row: RowMapping, files: Mapping[int, Sequence[File]], deliveries: Mapping[int, Sequence[Delivery]]) -> Entry:
    about = deliveries.get(row["id"], ())
    return Entry(
        id=row["id"],
        kind=row["kind"],
        author_kind=row["author_kind"],
        author=row["user_name"] or row["author_name"] or row["partner_name"] or row["author_address"],
        author_address=row["author_address"],
        subject=row["subject"],
        at=row["at"],
        passages=passages(row["segments"], row["text"]),
        has_html=bool(row["has_html"]),
        to=_addresses(row["to"]),
        cc=_addresses(row["cc"]),
        reason=row["reason"],
        reason_detail=row["reason_detail"],
        is_folded=row["is_folded"],
        is_unconfirmed=row["is_unconfirmed"],
        is_guess=row["is_guess"],
        event=row["event"],
        event_data=row["event_data"],
        inbound_id=row["inbound_id"],
        outbox_id=row["outbox_id"],
        found=findings_of(row["findings"]),
        files=tuple(files.get(row["id"], ())),
        deliveries=tuple(d for d in about if not d.user),
        told=tuple(d for d in about if d.user),
    )


def passages(segments: Sequence[Mapping[str, str]], text: str) -> tuple[Passage, ...]:
    """The text in the order it was written; what is quoted or signed is folded, a forwarded mail is not."""
    parts = [(s.get("kind", "new"), s.get("text", "").strip("\n")) for s in segments]
    found = tuple(Passage(kind in ("quote", "signature", "footer"), kind, body) for kind, body in parts if body.strip())
    return found or ((Passage(False, "new", text.strip("\n")),) if text.strip() else ())


def _addresses(people: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(
        f"{p['name']} <{p['address']}>" if p.get("name") else p.get("address", "") for p in people if p.get("address")
    )


def _files(session: Session, message_ids: Sequence[int]) -> dict[int, list[File]]:
    statement = (
        select(attachment.c.message_id, attachment.c.id, attachment.c.filename, attachment.c.content_type, attachment.c.size)
        .where(attachment.c.message_id.in_(message_ids))
        .order_by(attachment.c.id)
    )  # fmt: skip
    found: dict[int, list[File]] = {}
    for row in session.execute(statement):
        found.setdefault(row.message_id, []).append(File(row.id, row.filename, row.content_type, row.size))
    return found


def _deliveries(session: Session, rows: Sequence[RowMapping]) -> dict[int, list[Delivery]]:
    """By message: the mails that carry it to the customer or tell of it."""
    ids = [row["id"] for row in rows if row["kind"] != "event"]
    statement = (
        select(
            outbox.c.message_row_id, outbox.c.id, outbox_recipient.c.address, user.c.name, outbox_recipient.c.state,
            outbox_recipient.c.code, outbox_recipient.c.text, outbox_recipient.c.at, outbox.c.next_attempt_at,
        )
        .join_from(outbox, outbox_recipient, outbox_recipient.c.outbox_id == outbox.c.id)
        .join(user, user.c.id == outbox.c.user_id, isouter=True)
        .where(outbox.c.message_row_id.in_(ids))
        .order_by(outbox.c.id, outbox_recipient.c.id)
    )  # fmt: skip
    found: dict[int, list[Delivery]] = {}
    for row in session.execute(statement):
        waits = row.next_attempt_at if row.state in ("queued", "deferred", "delayed") else None
        one = Delivery(row.id, row.address, row.name or "", row.state, row.code, row.text, row.at, waits)
        found.setdefault(row.message_row_id, []).append(one)
    return found


# --- around it ----------------------------------------------------------------------------------------------------------


def _planned(session: Session, lead_id: int) -> tuple[Planned, ...]:
    statement = (
        select(
            activity.c.id, activity.c.type, activity.c.summary, activity.c.due_on, user.c.name, activity.c.due_at,
            func.coalesce(meeting.c.location, ""), func.coalesce(meeting.c.organizer, ""),
            func.coalesce(meeting.c.repeats, ""), meeting.c.answers, meeting.c.is_ours,
        )
        .join_from(activity, user, user.c.id == activity.c.user_id)
        .join(meeting, meeting.c.activity_id == activity.c.id, isouter=True)
        .where(activity.c.lead_id == lead_id, activity.c.done_at.is_(None))
        .order_by(activity.c.due_on, activity.c.id)
    )  # fmt: skip
    return tuple(Planned(*row[:9], tuple(row.answers or ()), bool(row.is_ours)) for row in session.execute(statement))


def _followers(session: Session, lead_id: int) -> tuple[tuple[int, str], ...]:
    statement = (
        select(user.c.id, user.c.name)
        .join_from(follower, user, user.c.id == follower.c.user_id)
        .where(follower.c.lead_id == lead_id)
        .order_by(user.c.name)
    )
    return tuple((row.id, row.name) for row in session.execute(statement))


def _people(session: Session, lead_id: int) -> tuple[Person, ...]:
    statement = (
        select(
            participant.c.id, participant.c.name, participant.c.address, participant.c.partner_id,
            participant.c.is_confirmed, participant.c.gets_copies,
        )
        .where(participant.c.lead_id == lead_id)
        .order_by(participant.c.id)
        .limit(100)
    )  # fmt: skip
    return tuple(Person(*row) for row in session.execute(statement))


def _others(session: Session, row: RowMapping, visible: ColumnElement[bool]) -> tuple[OtherLead, ...]:
    related = [
        column == row[name]
        for name, column in (("partner_id", lead.c.partner_id), ("company_id", lead.c.company_id))
        if row[name] is not None
    ]
    if not related:
        return ()
    statement = (
        select(lead.c.id, lead.c.title, lead.c.stage_id, func.coalesce(user.c.name, ""), lead.c.created_at)
        .join_from(lead, user, user.c.id == lead.c.owner_id, isouter=True)
        .where(lead.c.id != row["id"], or_(*related), visible)
        .order_by(lead.c.id.desc())
        .limit(20)
    )
    return tuple(OtherLead(*found) for found in session.execute(statement))


def _unread(session: Session, lead_id: int, viewer_id: int) -> int:
    statement = select(func.count()).where(
        mention.c.lead_id == lead_id, mention.c.user_id == viewer_id, mention.c.read_at.is_(None)
    )
    return session.execute(statement).scalar_one()


def lead_of_message(session: Session, message_id: int) -> int:
    """The lead a message lies on; 0, which no lead has, when there is no such message."""
    return session.execute(select(message.c.lead_id).where(message.c.id == message_id)).scalar() or 0


def moved_to(session: Session, lead_id: int) -> int | None:
    """The lead that a dissolved one went into."""
    return session.execute(select(moved_lead.c.to_lead_id).where(moved_lead.c.id == lead_id)).scalar()


def lead_of_activity(session: Session, activity_id: int) -> int:
    """The lead an activity belongs to; 0, which no lead has, when there is no such activity."""
    return session.execute(select(activity.c.lead_id).where(activity.c.id == activity_id)).scalar() or 0


def read_html(session: Session, message_id: int, visible: ColumnElement[bool]) -> str:
    """The sanitised HTML of a message on a lead that may be seen; "" when there is none."""
    statement = (
        select(message.c.html)
        .join_from(message, lead, lead.c.id == message.c.lead_id)
        .where(message.c.id == message_id, visible)
    )
    return session.execute(statement).scalar() or ""


def read_attachment(session: Session, attachment_id: int, visible: ColumnElement[bool]) -> tuple[str, str] | None:
    """Name and hash of an attachment on a lead that may be seen."""
    statement = (
        select(attachment.c.filename, attachment.c.sha256)
        .join_from(attachment, message, message.c.id == attachment.c.message_id)
        .join(lead, lead.c.id == message.c.lead_id)
        .where(attachment.c.id == attachment_id, visible)
    )
    row = session.execute(statement).first()
    return (row.filename, row.sha256) if row else None
