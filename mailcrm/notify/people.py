"""Reads the people of an event: one statement for the users, two more for the outside people of a mail to the customer.

Uses the primary keys and the indexes on lead_id, team_id and user_id; reads nothing that grows with the number of leads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, and_, bindparam, exists, false, func, literal, null, select, union_all

from mailcrm.address import address_key
from mailcrm.mail import Address, Event
from mailcrm.notify.recipients import LeadPeople, Person
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import (
    follower,
    inbound,
    lead,
    mention,
    message,
    outbox,
    participant,
    partner,
    partner_address,
    team_member,
    user,
    user_address,
)

_ABOUT_THE_ACTOR = frozenset(
    {"held", "absence", "reminder", "receipt", "history", "address_claimed", "address_confirmed"}
)  # events whose notice goes to who caused it
_TO_THE_OUTSIDE = frozenset({"message_out", "acknowledged"})
_AnyRow = Row[*tuple[Any, ...]]
_LEAD: BindParameter[Any] = bindparam("lead")
_LEADS: BindParameter[Any] = bindparam("leads", expanding=True)
_ties = union_all(
    select(literal("owner").label("tie"), lead.c.owner_id.label("user_id")).where(lead.c.id == _LEAD),
    select(literal("team"), team_member.c.user_id).where(
        team_member.c.team_id == select(lead.c.team_id).where(lead.c.id == _LEAD).scalar_subquery(),
        team_member.c.takes_leads,
    ),
    select(literal("also_team"), team_member.c.user_id).where(
        team_member.c.team_id.in_(bindparam("also_teams", expanding=True)), team_member.c.takes_leads
    ),
    select(literal("follower"), follower.c.user_id).where(follower.c.lead_id == _LEAD),
    select(literal("mentioned"), mention.c.user_id).where(mention.c.message_id == bindparam("message")),
    select(literal("writer"), user.c.id).where(user.c.id == bindparam("actor")),
    select(literal("writer"), outbox.c.actor_user_id).where(outbox.c.id == bindparam("outbox")),
    select(literal("writer"), inbound.c.author_user_id).where(inbound.c.id == bindparam("inbound")),
    select(literal("manager"), user.c.id).where(user.c.role == "manager"),
    select(literal("admin"), user.c.id).where(user.c.role == "admin"),
).subquery("ties")
_USER_COLUMNS = (
    user.c.id,
    user.c.name,
    user.c.is_active,
    user.c.absent_until,
    user.c.deputy_id,
    user.c.notices,
    user.c.digest,
)
_told = outbox.alias("told")
_is_told = and_(
    _told.c.user_id == user.c.id,
    _told.c.created_at > bindparam("since", type_=_told.c.created_at.type),
    _told.c.kind.in_(("message", "note", "sent", "assigned")),
    _told.c.state != "dropped",
)
_told_at = (
    select(func.max(_told.c.created_at)).where(_is_told, _told.c.lead_id == _LEAD).correlate(user).scalar_subquery()
)
_told_count = select(func.count()).where(_is_told, _told.c.gather.is_(None)).correlate(user).scalar_subquery()
_ADDRESS_COLUMNS = (user_address.c.address, user_address.c.key, user_address.c.is_primary)
_PEOPLE = Prepared(
    select(
        _ties.c.tie, *_USER_COLUMNS, *_ADDRESS_COLUMNS, _told_at.label("told_at"), _told_count.label("told_count")
    ).join_from(_ties.join(user, user.c.id == _ties.c.user_id), user_address, user_address.c.user_id == user.c.id)
)
_EVERY_USER = Prepared(
    select(*_USER_COLUMNS, *_ADDRESS_COLUMNS, null().label("told_at"), literal(0).label("told_count")).join(
        user_address, user_address.c.user_id == user.c.id
    )
)

_last_written_from = (
    select(message.c.author_address)
    .where(
        message.c.lead_id == lead.c.id,
        message.c.kind == "email_in",
        message.c.author_partner_id == lead.c.partner_id,
        message.c.is_unconfirmed == false(),
        message.c.is_folded == false(),
        message.c.author_address != "",
    )
    .order_by(message.c.at.desc(), message.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_any_address = (
    select(partner_address.c.address)
    .where(partner_address.c.partner_id == lead.c.partner_id)
    .order_by(partner_address.c.is_primary.desc(), partner_address.c.id)
    .limit(1)
    .scalar_subquery()
)
_CUSTOMER = Prepared(
    select(
        lead.c.id,
        partner.c.name,
        func.coalesce(func.nullif(lead.c.reply_to, ""), _last_written_from, _any_address, "").label("address"),
    )
    .join_from(lead, partner, partner.c.id == lead.c.partner_id)
    .where(lead.c.id.in_(_LEADS))
)
_COPIES = Prepared(
    select(participant.c.lead_id, participant.c.name, participant.c.address)
    .where(
        participant.c.lead_id.in_(_LEADS),
        participant.c.gets_copies,
        participant.c.is_confirmed,
        ~exists().where(user_address.c.key == participant.c.key),
    )
    .order_by(participant.c.id)
)
_ONE_PARTICIPANT = Prepared(
    select(participant.c.name, participant.c.address).where(
        participant.c.lead_id == _LEAD, participant.c.key == bindparam("key")
    )
)


def read_people(session: Session, event: Event, now: datetime, since: datetime | None = None) -> LeadPeople:
    """Everybody whom ``event`` may concern, as they are now, and what they were told of ``since`` then."""
    rows = _PEOPLE.all(session, {**_binds(event), "since": since or now})
    tied: dict[str, dict[int, list[_AnyRow]]] = {}
    for row in rows:
        tied.setdefault(row.tie, {}).setdefault(row.id, []).append(row)
    found = {tie: tuple(_person(of_one, now) for of_one in by_id.values()) for tie, by_id in tied.items()}
    owner = next(iter(found.get("owner", ())), None)
    customer, copies = _outside(session, event) if event.kind in _TO_THE_OUTSIDE else (None, ())
    admins = found.get("admin", ())
    return LeadPeople(
        owner=owner,
        deputy=_deputy(session, owner.id, now) if owner and owner.is_absent else None,
        team=found.get("team", ()),
        also_teams=found.get("also_team", ()),
        followers=found.get("follower", ()),
        mentioned=found.get("mentioned", ()),
        managers=(*found.get("manager", ()), *admins),
        admins=admins,
        writer=next(iter(found.get("writer", ())), None),
        customer=customer,
        copies=copies,
    )


def _binds(event: Event) -> dict[str, Any]:
    is_about_a_failure = event.kind in ("message_failed", "message_delayed")
    return {
        "lead": event.lead_id,
        "message": event.message_id,
        "also_teams": list(event.also_team_ids),
        "actor": event.actor_user_id if event.kind in _ABOUT_THE_ACTOR else None,
        "outbox": event.outbox_id if is_about_a_failure else None,
        "inbound": event.inbound_id if event.kind == "held" and event.actor_user_id is None else None,
    }


def _person(rows: list[_AnyRow], now: datetime) -> Person:
    first = rows[0]
    primary = next((row.address for row in rows if row.is_primary), first.address)
    is_absent = first.absent_until is not None and first.absent_until > now
    keys = frozenset(row.key for row in rows)
    return Person(
        first.id,
        first.name,
        primary,
        keys,
        is_active=first.is_active,
        is_absent=is_absent,
        wishes=first.notices,
        has_daily_digest=first.digest == "daily",
        told_at=first.told_at,
        told_count=first.told_count,
    )


def _deputy(session: Session, owner_id: int, now: datetime) -> Person | None:
    """The first present and active user along the chain of deputies; None where it ends or comes round."""
    by_id: dict[int, list[_AnyRow]] = {}
    for row in _EVERY_USER.all(session):
        by_id.setdefault(row.id, []).append(row)
    seen = {owner_id}
    here = by_id[owner_id][0].deputy_id
    while here is not None and here not in seen and here in by_id:
        person = _person(by_id[here], now)
        if person.is_active and not person.is_absent:
            return person
        seen.add(here)
        here = by_id[here][0].deputy_id
    return None


def _outside(session: Session, event: Event) -> tuple[Address | None, tuple[Address, ...]]:
    if event.only_to_key:  # a new person: nobody else gets that answer
        one = _ONE_PARTICIPANT.first(session, {"lead": event.lead_id, "key": event.only_to_key})
        return (Address(one.name, one.address) if one else Address("", event.only_to_key)), ()
    outside = read_outside(session, [event.lead_id or 0]).get(event.lead_id or 0, NOBODY_OUTSIDE)
    return outside.customer, outside.copies


@dataclass(frozen=True, slots=True)
class Outside:
    """Whom an answer on a lead goes to: the customer, and the customer's own Cc."""

    customer: Address | None
    copies: tuple[Address, ...]


NOBODY_OUTSIDE = Outside(None, ())


def read_outside(session: Session, lead_ids: Sequence[int]) -> dict[int, Outside]:
    """The people outside of each lead, as an answer written now would reach them."""
    copies: dict[int, list[Address]] = {}
    for row in _COPIES.all(session, {"leads": list(lead_ids)}):
        copies.setdefault(row.lead_id, []).append(Address(row.name, row.address))
    customers = _CUSTOMER.all(session, {"leads": list(lead_ids)})
    return {
        row.id: _as_outside(Address(row.name, row.address), copies.get(row.id, [])) for row in customers if row.address
    }


def _as_outside(customer: Address, copies: list[Address]) -> Outside:
    return Outside(customer, tuple(c for c in copies if address_key(c.address) != address_key(customer.address)))
