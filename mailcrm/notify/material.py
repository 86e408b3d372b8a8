"""Reads what the mails of a group of outbox rows are made of; ``compose`` makes the mails from it.

A fixed number of statements for a whole group of notices, and three more for each mail to a customer. Files are read by hash
after the rows, outside any transaction.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, exists, false, func, or_, select, union_all

from mailcrm.address import address_key
from mailcrm.findings import NOTHING_FOUND, Findings, findings_of
from mailcrm.mail import Address, NoticeKind
from mailcrm.notify.excerpt import excerpt
from mailcrm.notify.files import File, carried, is_logo
from mailcrm.notify.letterhead import Letterhead, is_thread_root
from mailcrm.notify.outbox import Outgoing
from mailcrm.notify.people import NOBODY_OUTSIDE, Outside, read_outside
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import (
    activity,
    alias,
    attachment,
    inbound,
    lead,
    meeting,
    message,
    outbox,
    outbox_recipient,
    participant,
    partner,
    partner_address,
    raw,
    stage,
    user,
    user_address,
)

_AnyRow = Row[*tuple[Any, ...]]
_MAX_OTHERS = 5
_MOST_FILES = 500
_MOST_WORDS = 100_000  # characters of one mail of the outside that are compared with what leaves


@dataclass(frozen=True, slots=True)
class NextActivity:
    type: str
    summary: str
    due_on: date
    user_name: str


@dataclass(frozen=True, slots=True)
class OtherLead:
    id: int
    title: str
    stages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Card:
    """A lead as it stands in a notice. ``stages`` names its stage by locale."""

    id: int
    title: str
    base_subject: str
    partner_name: str
    company_name: str
    language: str
    stages: Mapping[str, str]
    value: Decimal | None
    currency: str
    priority: int
    owner_name: str
    sales_address: str
    next_activity: NextActivity | None = None
    others: tuple[OtherLead, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the chatter."""

    id: int
    kind: str
    author: Address
    author_user_id: int | None
    subject: str
    new_text: str
    text: str
    at: datetime
    cc: tuple[Address, ...]
    message_id: str
    reference_ids: tuple[str, ...]
    event: str
    is_unconfirmed: bool = False
    is_guess: bool = False
    files: tuple[File, ...] = ()
    found: Findings = NOTHING_FOUND
    letter_html: str = ""  # what is newly written, as its writer formatted it

    @property
    def words(self) -> str:
        """What was newly written; the whole where nothing was recognised as new.

        A salesperson's answer may be a file alone: what their mail client quoted below it is not theirs to send.
        """
        is_file_alone = bool(self.files) and self.kind != "email_in"
        return self.new_text if self.new_text.strip() or is_file_alone else self.text


@dataclass(frozen=True, slots=True)
class Reader:
    """A user as the reader, or the writer, of a mail."""

    id: int
    name: str
    address: str
    locale: str
    time_zone: str
    role: str = "salesperson"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail as the inbound list has it, with the beginning of its text."""

    id: int
    author: Address
    subject: str
    received_at: datetime
    excerpt: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    subject: str
    recipients: tuple[tuple[str, str], ...]  # address, what was said


@dataclass(frozen=True, slots=True)
class Guarded:
    """What must not be in a mail to the outside (``leak``)."""

    staff_addresses: tuple[str, ...]
    notes: tuple[str, ...]  # and what its activities say
    card_lines: tuple[str, ...]  # of all notices before: the card changes, a quoted notice does not
    customers_words: str  # everything the outside wrote: it knows that already
    people: frozenset[str] = frozenset()  # keys of everybody outside who is on the lead
    files_of_others: tuple[str, ...] = ()  # names of files of this mail that another customer sent us


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail as it came or left, to be sent along as a file."""

    at: datetime
    author: str
    kind: str
    size: int
    raw: bytes = b""
    sha256: str = ""  # of a large one, which is a file


@dataclass(frozen=True, slots=True)
class Written:
    """An entry of a lead's chatter as its history tells it."""

    at: datetime
    author: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """All that one mail is made of."""

    row: Outgoing
    card: Card | None = None
    message: Shown | None = None
    answered: Shown | None = None  # the customer's message that a mail to the customer answers
    outside: Outside = NOBODY_OUTSIDE
    reader: Reader | None = None
    actor: Reader | None = None
    arrived: Arrived | None = None
    undelivered: Undelivered | None = None
    guarded: Guarded | None = None
    contents: Mapping[int, bytes] | None = None  # attachment id -> bytes, of those that go along
    written: tuple[Written, ...] = ()  # all of a lead, for its history
    mails: tuple[KeptMail, ...] = ()  # and its mails as they came and went
    earlier: tuple["Material", ...] = ()  # of the notices that were gathered in this one, oldest first

    @property
    def all(self) -> tuple["Material", ...]:
        """Everything this mail tells of; a list of several leads has nothing of its own."""
        return self.earlier if self.row.kind == NoticeKind.BATCH else (*self.earlier, self)


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_company = partner.alias("company")
_owner = user.alias("owner")
_sales = alias.alias("sales")
_first_alias = select(_sales.c.address).order_by(_sales.c.id).limit(1)
_team_alias = _first_alias.where(_sales.c.team_id == lead.c.team_id).correlate(lead).scalar_subquery()
_any_alias = _first_alias.scalar_subquery()
_LEADS = Prepared(
    select(
        lead,
        stage.c.name_en,
        stage.c.name_fi,
        partner.c.name.label("partner_name"),
        partner.c.language,
        _company.c.name.label("company_name"),
        _owner.c.name.label("owner_name"),
        alias.c.address.label("alias_address"),
        _team_alias.label("team_alias"),
        _any_alias.label("any_alias"),
    )
    .join_from(lead, stage, stage.c.id == lead.c.stage_id)
    .outerjoin(partner, partner.c.id == lead.c.partner_id)
    .outerjoin(_company, _company.c.id == lead.c.company_id)
    .outerjoin(_owner, _owner.c.id == lead.c.owner_id)
    .outerjoin(alias, alias.c.key == lead.c.alias_key)
    .where(lead.c.id.in_(_IDS))
)
_ACTIVITIES = Prepared(
    select(activity.c.lead_id, activity.c.type, activity.c.summary, activity.c.due_on, user.c.name)
    .join(user, user.c.id == activity.c.user_id)
    .where(activity.c.lead_id.in_(_IDS), activity.c.done_at.is_(None))
    .order_by(activity.c.due_on.desc(), activity.c.id.desc())
)
_OPEN_LEADS = Prepared(
    select(lead.c.id, lead.c.partner_id, lead.c.title, stage.c.name_en, stage.c.name_fi)
    .join(stage, stage.c.id == lead.c.stage_id)
    .where(lead.c.partner_id.in_(_IDS), lead.c.outcome.is_(None))
    .order_by(lead.c.id.desc())
    .limit(200)
)
_MESSAGES = Prepared(
    select(message, partner.c.name.label("partner_name"), inbound.c.findings)
    .outerjoin(partner, partner.c.id == message.c.author_partner_id)
    .outerjoin(inbound, inbound.c.id == message.c.inbound_id)
    .where(message.c.id.in_(_IDS))
)
_FILES = Prepared(select(attachment).where(attachment.c.message_id.in_(_IDS)).order_by(attachment.c.id))
_USERS = Prepared(
    select(user.c.id, user.c.name, user.c.locale, user.c.time_zone, user.c.role, user_address.c.address)
    .join(user_address, user_address.c.user_id == user.c.id)
    .where(user.c.id.in_(_IDS))
    .order_by(user_address.c.is_primary, user_address.c.id.desc())
)
_ARRIVED = Prepared(
    select(inbound, raw.c.compressed)
    .outerjoin(raw, raw.c.id == inbound.c.raw_id)
    .where(inbound.c.id.in_(_IDS))
)  # fmt: skip
_UNDELIVERED = Prepared(
    select(
        outbox.c.id,
        outbox.c.subject,
        outbox_recipient.c.address,
        outbox_recipient.c.state,
        outbox_recipient.c.code,
        outbox_recipient.c.text,
    )
    .join(outbox_recipient, outbox_recipient.c.outbox_id == outbox.c.id)
    .where(outbox.c.id.in_(_IDS))
    .order_by(outbox_recipient.c.id)
)
_ANSWERED = Prepared(  # the newest first; who it goes to decides which
    select(message)
    .where(message.c.lead_id == bindparam("lead"), message.c.kind == "email_in", message.c.is_folded == false())
    .order_by(message.c.at.desc(), message.c.id.desc())
    .limit(20)
)
_NOTES = Prepared(
    select(message.c.text, message.c.new_text).where(message.c.lead_id == bindparam("lead"), message.c.kind == "note")
)
_SUMMARIES = Prepared(
    select(activity.c.summary).where(
        activity.c.lead_id == bindparam("lead"),
        activity.c.summary != "",
        ~exists().where(meeting.c.activity_id == activity.c.id, meeting.c.is_ours),  # written for the customer to read
    )
)
_SHOWN_CARDS = Prepared(
    select(outbox.c.params)
    .where(outbox.c.lead_id == bindparam("lead"), outbox.c.user_id.is_not(None), outbox.c.bytes.is_not(None))
    .order_by(outbox.c.id.desc())
    .limit(200)
)
_OUTSIDE_WORDS = Prepared(
    select(
        func.substr(message.c.text, 1, _MOST_WORDS).label("text"),
        func.substr(message.c.new_text, 1, _MOST_WORDS).label("new_text"),
        message.c.subject,
        message.c.to,
        message.c.cc,
    )
    .where(message.c.lead_id == bindparam("lead"), message.c.kind == "email_in")
    .order_by(message.c.id.desc())
    .limit(200)
)
_INSIDE_IDS = Prepared(
    union_all(  # of notices, and of mails that staff wrote to us
        select(outbox.c.message_id).where(outbox.c.lead_id == bindparam("lead"), outbox.c.user_id.is_not(None)),
        select(message.c.message_id).where(
            message.c.lead_id == bindparam("lead"), message.c.kind.in_(("email_out", "note"))
        ),
    )
)
_STAFF = Prepared(select(user_address.c.key))
_PEOPLE = Prepared(
    union_all(
        select(participant.c.key).where(participant.c.lead_id == bindparam("lead")),
        select(partner_address.c.key)
        .join(lead, lead.c.partner_id == partner_address.c.partner_id)
        .where(lead.c.id == bindparam("lead")),
        select(lead.c.reply_to).where(lead.c.id == bindparam("lead")),
    )
)
_theirs, _our_lead = lead.alias("theirs"), lead.alias("our_lead")
_elsewhere, _there = attachment.alias("elsewhere"), message.alias("there")
_is_also = _elsewhere.c.sha256 == attachment.c.sha256
_FILES_OF_OTHERS = Prepared(  # what we sent to anybody, or got from this customer too, is no secret of another's
    select(attachment.c.filename)
    .join(message, message.c.id == attachment.c.message_id)
    .join(_theirs, _theirs.c.id == message.c.lead_id)
    .join(_our_lead, _our_lead.c.id == bindparam("lead"))
    .where(
        attachment.c.sha256.in_(bindparam("hashes", expanding=True)),
        message.c.kind == "email_in",
        _theirs.c.partner_id.is_distinct_from(_our_lead.c.partner_id),
        or_(_theirs.c.company_id.is_(None), _theirs.c.company_id.is_distinct_from(_our_lead.c.company_id)),
        ~exists()
        .select_from(_elsewhere.join(_there, _there.c.id == _elsewhere.c.message_id))
        .where(
            _is_also,
            _there.c.id != bindparam("message"),
            or_(_there.c.kind == "email_out", _there.c.lead_id == bindparam("lead")),
        ),
    )
    .limit(1)
)
_HISTORY = Prepared(
    select(
        message.c.kind,
        message.c.at,
        message.c.author_name,
        message.c.author_address,
        message.c.new_text,
        message.c.text,
        user.c.name.label("user_name"),
        partner.c.name.label("partner_name"),
        raw.c.compressed,
        raw.c.sha256,
        raw.c.size,
        outbox.c.bytes,
    )
    .outerjoin(user, user.c.id == message.c.author_user_id)
    .outerjoin(partner, partner.c.id == message.c.author_partner_id)
    .outerjoin(raw, raw.c.id == message.c.raw_id)
    .outerjoin(outbox, outbox.c.id == message.c.outbox_id)
    .where(message.c.lead_id == bindparam("lead"), message.c.kind != "event")
    .order_by(message.c.at.desc(), message.c.id.desc())
    .limit(500)
)


def read_material(session: Session, rows: Sequence[Outgoing]) -> tuple[Material, ...]:
    """What each row's mail is made of, without the contents of files."""
    carried = [one for row in rows for one in row.carried]
    made = {one.row.id: one for one in _each_material(session, [*rows, *carried])}
    return tuple(replace(made[row.id], earlier=tuple(made[one.id] for one in row.carried)) for row in rows)


def _each_material(session: Session, rows: Sequence[Outgoing]) -> tuple[Material, ...]:
    cards = _cards(session, [row.lead_id for row in rows])
    messages = _messages(session, [row.message_row_id for row in rows])
    outside = read_outside(session, _unique([row.lead_id for row in rows]))
    users = _users(session, [row.user_id for row in rows] + [row.actor_user_id for row in rows])
    arrived = _arrived(session, [row.inbound_id for row in rows if _is_about_arrived(row)])
    undelivered = _undelivered(session, [row.params.get("outbox_id") for row in rows if row.kind == NoticeKind.FAILED])
    made = [
        Material(
            row=row,
            card=cards.get(row.lead_id or 0),
            message=messages.get(row.message_row_id or 0),
            outside=outside.get(row.lead_id or 0, NOBODY_OUTSIDE),
            reader=users.get(row.user_id or 0),
            actor=users.get(row.actor_user_id or 0),
            arrived=arrived.get(row.inbound_id or 0),
            undelivered=undelivered.get(row.params.get("outbox_id") or 0),
        )
        for row in rows
    ]
    return tuple(_completed(session, one) for one in made)


def _completed(session: Session, material: Material) -> Material:
    if material.row.kind in (NoticeKind.CUSTOMER_REPLY, NoticeKind.ACKNOWLEDGEMENT):
        return _for_customer(session, material)
    return _with_history(session, material) if material.row.kind == NoticeKind.HISTORY else material


def _is_about_arrived(row: Outgoing) -> bool:
    """Whether it tells of a mail that is not in the chatter of a lead."""
    return row.kind in (NoticeKind.HELD, NoticeKind.ADMIN, NoticeKind.LOOP) or row.message_row_id is None


def with_contents(material: Material, blobs: Blobs, head: Letterhead) -> Material:
    """The material with the files that go along: to a customer all, to staff what ``files.carried`` allows."""
    if material.earlier:
        return _with_all_contents(material, blobs, head)
    if material.mails:
        return replace(material, mails=_fitting(material.mails, blobs, head.attachment_bytes))
    if material.message is None or not material.message.files:
        return material
    files = material.message.files
    if material.row.kind == NoticeKind.CUSTOMER_REPLY:
        ids = frozenset(file.id for file in files)
    elif material.row.kind in _WITH_FILES and not material.row.params.get("without_attachments"):
        ids = carried(files, head.attachment_bytes)
    else:
        return material
    return replace(material, contents={file.id: blobs.read(file.sha256) for file in files if file.id in ids})


def _with_all_contents(material: Material, blobs: Blobs, head: Letterhead) -> Material:
    """Of a gathered mail: the newest notice's files first, while there is room for all together."""
    left, filled = head.attachment_bytes, []
    for one in reversed((*material.earlier, replace(material, earlier=()))):
        full = with_contents(one, blobs, replace(head, attachment_bytes=left))
        left -= sum(len(content) for content in (full.contents or {}).values())
        filled.append(full)
    own, *earlier = filled
    return replace(own, earlier=tuple(reversed(earlier)))


def _fitting(mails: Sequence[KeptMail], blobs: Blobs, limit: int) -> tuple[KeptMail, ...]:
    """The newest that go along together, in their order."""
    kept: list[KeptMail] = []
    for one in reversed(mails):
        if one.size <= limit:
            kept.append(replace(one, raw=blobs.read(one.sha256)) if one.sha256 else one)
            limit -= one.size
    return tuple(reversed(kept))


_WITH_FILES = (NoticeKind.MESSAGE, NoticeKind.NOTE)


def _unique(ids: Sequence[int | None]) -> list[int]:
    return sorted({one for one in ids if one is not None})


def _cards(session: Session, lead_ids: Sequence[int | None]) -> dict[int, Card]:
    ids = _unique(lead_ids)
    if not ids:
        return {}
    rows = _LEADS.all(session, {"ids": ids})
    activities = {a.lead_id: NextActivity(a.type, a.summary, a.due_on, a.name)
                  for a in _ACTIVITIES.all(session, {"ids": ids})}  # fmt: skip
    others = _OPEN_LEADS.all(session, {"ids": _unique([row.partner_id for row in rows])})
    return {row.id: _card(row, activities.get(row.id), others) for row in rows}


def _card(row: _AnyRow, following: NextActivity | None, others: Sequence[_AnyRow]) -> Card:
    same = [other for other in others if other.partner_id == row.partner_id and other.id != row.id]
    return Card(
        id=row.id,
        title=row.title,
        base_subject=row.base_subject,
        partner_name=row.partner_name or "",
        company_name=row.company_name or "",
        language=row.language or "",
        stages={"en": row.name_en, "fi": row.name_fi},
        value=row.expected_revenue,
        currency=row.currency,
        priority=row.priority,
        owner_name=row.owner_name or "",
        sales_address=row.alias_address or row.team_alias or row.any_alias or "",
        next_activity=following,
        others=tuple(OtherLead(o.id, o.title, {"en": o.name_en, "fi": o.name_fi}) for o in same[:_MAX_OTHERS]),
    )


def _messages(session: Session, message_ids: Sequence[int | None]) -> dict[int, Shown]:
    ids = _unique(message_ids)
    if not ids:
        return {}
    files: dict[int, list[File]] = {}
    for a in _FILES.all(session, {"ids": ids}):
        file = File(a.id, a.filename, a.content_type, a.size, a.sha256, a.is_inline, a.content_id)
        files.setdefault(a.message_id, []).append(file)
    rows = _MESSAGES.all(session, {"ids": ids})
    return {
        row.id: replace(
            _shown(row, tuple(files.get(row.id, ())), row.partner_name or ""), found=findings_of(row.findings)
        )
        for row in rows
    }


def _shown(row: _AnyRow, files: tuple[File, ...] = (), partner_name: str = "") -> Shown:
    return Shown(
        id=row.id,
        kind=row.kind,
        author=Address(row.author_name or partner_name, row.author_address),
        author_user_id=row.author_user_id,
        subject=row.subject,
        new_text=row.new_text,
        text=row.text,
        at=row.at,
        cc=tuple(Address(a.get("name", ""), a.get("address", "")) for a in row.cc),
        message_id=row.message_id,
        reference_ids=tuple(row.reference_ids),
        event=row.event,
        is_unconfirmed=row.is_unconfirmed,
        is_guess=row.is_guess,
        files=files,
        letter_html=row.letter_html,
    )


def _users(session: Session, user_ids: Sequence[int | None]) -> dict[int, Reader]:
    rows = _USERS.all(session, {"ids": _unique(user_ids)})
    return {row.id: Reader(row.id, row.name, row.address, row.locale, row.time_zone, row.role) for row in rows}


def _arrived(session: Session, inbound_ids: Sequence[int | None]) -> dict[int, Arrived]:
    ids = _unique(inbound_ids)
    rows = _ARRIVED.all(session, {"ids": ids}) if ids else []
    return {
        row.id: Arrived(
            id=row.id,
            author=Address(row.from_name, row.from_address),
            subject=row.subject,
            received_at=row.received_at,
            excerpt=excerpt(zlib.decompress(row.compressed)) if row.compressed else "",
        )
        for row in rows
    }


def _undelivered(session: Session, outbox_ids: Sequence[int | None]) -> dict[int, Undelivered]:
    ids = _unique(outbox_ids)
    found: dict[int, Undelivered] = {}
    for row in _UNDELIVERED.all(session, {"ids": ids}) if ids else []:
        before = found.get(row.id, Undelivered(row.subject, ()))
        if row.state in ("failed", "bounced", "deferred", "delayed"):
            said = f"{row.code} {row.text}".strip()
            before = replace(before, recipients=(*before.recipients, (row.address, said)))
        found[row.id] = before
    return found


def _for_customer(session: Session, material: Material) -> Material:
    row = material.row
    before = [_shown(one) for one in _ANSWERED.all(session, {"lead": row.lead_id})]
    answered = _answered(before, row)
    # A note by mail is its words and, apart from them, the whole with what was quoted: a short one is looked for as a whole.
    read = _NOTES.all(session, {"lead": row.lead_id})
    notes = tuple(dict.fromkeys(part for n in read for part in (n.text, n.new_text) if part))
    summaries = tuple(_SUMMARIES.column(session, {"lead": row.lead_id}))
    cards = _SHOWN_CARDS.column(session, {"lead": row.lead_id})
    lines = tuple(dict.fromkeys(line for params in cards for line in params.get("card_lines", ())))
    words = _OUTSIDE_WORDS.all(session, {"lead": row.lead_id})
    known = "\n".join(
        part for w in words for part in (w.subject, w.text, w.new_text, _addresses(w.to), _addresses(w.cc))
    )
    staff = tuple(_STAFF.column(session))
    if answered is not None:
        inside = set(_INSIDE_IDS.column(session, {"lead": row.lead_id}))
        outside_ids = tuple(ref for ref in answered.reference_ids if ref not in inside and not is_thread_root(ref))
        answered = replace(answered, reference_ids=outside_ids)
    people = frozenset(address_key(one) for one in _PEOPLE.column(session, {"lead": row.lead_id}))
    others = _files_of_others(session, material)
    guarded = Guarded(staff, (*notes, *summaries), lines, known, people, others)
    return replace(material, answered=answered, guarded=guarded)


def _files_of_others(session: Session, material: Material) -> tuple[str, ...]:
    """Of the files of this mail, one that only another customer sent us; asked where there are files."""
    files = material.message.files if material.message else ()
    hashes = sorted({file.sha256 for file in files if not is_logo(file)})[:_MOST_FILES]
    if not hashes:
        return ()
    row = material.row
    return tuple(
        _FILES_OF_OTHERS.column(session, {"hashes": hashes, "lead": row.lead_id, "message": row.message_row_id})
    )


def _with_history(session: Session, material: Material) -> Material:
    """All that was written on the lead, oldest first, and the mails of the outside and to it."""
    rows = list(reversed(_HISTORY.all(session, {"lead": material.row.lead_id})))
    written = tuple(Written(r.at, _author_of(r), r.kind, (r.new_text or r.text)[:_MOST_WORDS]) for r in rows)
    mails = [_kept_mail(r) for r in rows if r.kind != "note"]
    return replace(material, written=written, mails=tuple(one for one in mails if one is not None))


def _author_of(row: _AnyRow) -> str:
    return str(row.author_name or row.user_name or row.partner_name or row.author_address.partition("@")[0])


def _kept_mail(row: _AnyRow) -> KeptMail | None:
    if row.kind == "email_out":
        return KeptMail(row.at, _author_of(row), row.kind, len(row.bytes), row.bytes) if row.bytes else None
    if row.sha256 is None:
        return None
    content = zlib.decompress(row.compressed) if row.compressed else b""
    return KeptMail(row.at, _author_of(row), row.kind, row.size, content, "" if content else row.sha256)


def _answered(before: Sequence[Shown], row: Outgoing) -> Shown | None:
    """The newest mail of somebody it goes to; else of anybody confirmed, but nothing of others for a new person."""
    to = {address_key(one.address) for one in row.recipients}
    by_them = [one for one in before if address_key(one.author.address) in to]
    others = [] if row.params.get("only_to_key") else [one for one in before if not one.is_unconfirmed]
    return next(iter(by_them or others), None)


def _addresses(people: Sequence[Mapping[str, str]]) -> str:
    return " ".join(one.get("address", "") for one in people)
