"""Partners, activities, and what rarely changes (users, teams, stages, tags, aliases) as the API shows them."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from sqlalchemy import ColumnElement, RowMapping, Select, exists, select

from mailcrm.address import address_key
from mailcrm.crm.done import NotFound
from mailcrm.crm.rights import Actor, primary_address, require_lead, visible_leads, visible_partners
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, alias, lead, partner, partner_address, stage, tag, team, team_member, user
from mailcrm.web.api.lead_reads import matches
from mailcrm.web.api.named import user_named
from mailcrm.web.api.paging import Id, Page, Paging, Word, page_of
from mailcrm.web.api.shapes import (
    ActivityOut,
    AliasOut,
    PartnerOut,
    Person,
    StageRow,
    TagOut,
    TeamMember,
    TeamOut,
    UserOut,
)


def _person(row: RowMapping, id_: str, name: str, email: str) -> Person | None:
    return None if row[id_] is None else Person(id=row[id_], name=row[name], email=row[email])


# --- partners -----------------------------------------------------------------------------------------------------------

_company = partner.alias("company")


class PartnerFilter(Paging):
    q: Word | None = None
    email: Word | None = None
    kind: Word | None = None
    relation: Word | None = None
    owner: Word | None = None
    company_id: Id | None = None


def read_partners(session: Session, who: Actor, asked: PartnerFilter) -> Page[PartnerOut]:
    """Partners the actor may see, newest first: two statements."""
    statement = _partner_statement().where(visible_partners(who), *_partner_conditions(session, asked))
    rows, next_ = page_of(session, statement, asked, [(partner.c.id, False)])
    return Page(items=_partners_out(session, rows), next=next_)


def read_partner(session: Session, who: Actor, partner_id: int) -> PartnerOut:
    statement = _partner_statement().where(visible_partners(who), partner.c.id == partner_id)
    shaped = _partners_out(session, session.execute(statement).mappings().all())
    if not shaped:
        raise NotFound("There is no partner %(id)s.", id=partner_id)
    return shaped[0]


def _partner_statement() -> Select[Any]:
    return (
        select(
            partner,
            _company.c.name.label("company"),
            user.c.name.label("owner_name"),
            primary_address(partner.c.owner_id).label("owner_email"),
        )
        .outerjoin(_company, _company.c.id == partner.c.company_id)
        .outerjoin(user, user.c.id == partner.c.owner_id)
    )


def _partner_conditions(session: Session, asked: PartnerFilter) -> list[ColumnElement[bool]]:
    equal = {name: getattr(asked, name) for name in ("kind", "relation", "company_id")}
    found = [partner.c[name] == value for name, value in equal.items() if value is not None]
    if asked.email is not None:
        found.append(_has_address(partner_address.c.key == address_key(asked.email)))
    if asked.owner is not None:
        found.append(partner.c.owner_id == user_named(session, asked.owner))
    if asked.q:
        found.extend(matches(asked.q, (partner.c.name,), _has_address_like))
    return found


def _has_address_like(word: str) -> ColumnElement[bool]:
    return _has_address(partner_address.c.key.contains(word, autoescape=True))


def _has_address(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(partner_address.c.partner_id == partner.c.id, condition)


_COPIED = ("id", "kind", "name", "company_id", "company", "domain", "relation", "language", "industry", "revenue", "phone",
           "created_at", "erased_at")  # fmt: skip


def _partners_out(session: Session, rows: Sequence[RowMapping]) -> list[PartnerOut]:
    ids = [row["id"] for row in rows]
    statement = select(partner_address.c.partner_id, partner_address.c.address)
    statement = statement.where(partner_address.c.partner_id.in_(ids))
    addresses: dict[int, list[str]] = {}
    for row in session.execute(statement.order_by(partner_address.c.is_primary.desc(), partner_address.c.id)):
        addresses.setdefault(row.partner_id, []).append(row.address)
    return [_partner_out(row, addresses.get(row["id"], [])) for row in rows]


def _partner_out(row: RowMapping, addresses: list[str]) -> PartnerOut:
    owner = _person(row, "owner_id", "owner_name", "owner_email")
    email = addresses[0] if addresses else None
    return PartnerOut(**{name: row[name] for name in _COPIED}, email=email, addresses=addresses, owner=owner)


# --- activities ---------------------------------------------------------------------------------------------------------


class ActivityFilter(Paging):
    """``state`` is open unless said otherwise."""

    user: Word | None = None
    state: Literal["open", "done", "all"] = "open"
    type: Word | None = None
    due_before: date | None = None
    due_after: date | None = None


def read_activities(
    session: Session, who: Actor, asked: ActivityFilter, lead_id: int | None = None
) -> Page[ActivityOut]:
    """Activities on leads the actor may see, by due date: one statement."""
    if lead_id is not None:
        lead_id = require_lead(session, who, lead_id)
    statement = _activity_statement().where(visible_leads(who), *_activity_conditions(session, asked))
    if lead_id is not None:
        statement = statement.where(activity.c.lead_id == lead_id)
    rows, next_ = page_of(session, statement, asked, [(activity.c.due_on, True), (activity.c.id, True)])
    return Page(items=[_activity_out(row) for row in rows], next=next_)


def read_activity(session: Session, who: Actor, activity_id: int) -> ActivityOut:
    statement = _activity_statement().where(visible_leads(who), activity.c.id == activity_id)
    row = session.execute(statement).mappings().first()
    if row is None:
        raise NotFound("There is no activity %(id)s.", id=activity_id)
    return _activity_out(row)


def _activity_statement() -> Select[Any]:
    email = primary_address(activity.c.user_id).label("user_email")
    return (
        select(activity, lead.c.title.label("lead_title"), user.c.name.label("user_name"), email)
        .join(lead, lead.c.id == activity.c.lead_id)
        .join(user, user.c.id == activity.c.user_id)
    )


def _activity_conditions(session: Session, asked: ActivityFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.state != "all":
        found.append(activity.c.done_at.is_(None) if asked.state == "open" else activity.c.done_at.is_not(None))
    if asked.user is not None:
        found.append(activity.c.user_id == user_named(session, asked.user))
    if asked.type is not None:
        found.append(activity.c.type == asked.type)
    if asked.due_before is not None:
        found.append(activity.c.due_on < asked.due_before)
    if asked.due_after is not None:
        found.append(activity.c.due_on > asked.due_after)
    return found


def _activity_out(row: RowMapping) -> ActivityOut:
    who = Person(id=row["user_id"], name=row["user_name"], email=row["user_email"])
    return ActivityOut(**{name: row[name] for name in ActivityOut.model_fields if name != "user"}, user=who)


# --- what rarely changes ------------------------------------------------------------------------------------------------


def read_users(session: Session, asked: Paging) -> Page[UserOut]:
    statement = select(user, primary_address(user.c.id).label("email"))
    rows, next_ = page_of(session, statement, asked, [(user.c.id, True)])
    return Page(items=[UserOut(**{name: row[name] for name in UserOut.model_fields}) for row in rows], next=next_)


def read_teams(session: Session, asked: Paging) -> Page[TeamOut]:
    rows, next_ = page_of(session, select(team), asked, [(team.c.id, True)])
    members: dict[int, list[TeamMember]] = {}
    statement = (
        select(team_member, user.c.id, user.c.name, primary_address(user.c.id).label("email"))
        .join(user, user.c.id == team_member.c.user_id)
        .where(team_member.c.team_id.in_([row["id"] for row in rows]), user.c.is_active)
    )
    for row in session.execute(statement.order_by(user.c.id)).mappings():
        shaped = TeamMember(**{name: row[name] for name in TeamMember.model_fields})
        members.setdefault(row["team_id"], []).append(shaped)
    items = [
        TeamOut(id=row["id"], name=row["name"], rule=row["rule"], members=members.get(row["id"], [])) for row in rows
    ]
    return Page(items=items, next=next_)


def read_stages(session: Session, who: Actor, asked: Paging) -> Page[StageRow]:
    statement = select(stage, stage.c["name_fi" if who.locale == "fi" else "name_en"].label("name"))
    rows, next_ = page_of(session, statement, asked, [(stage.c.position, True), (stage.c.id, True)])
    return Page(items=[StageRow(**{name: row[name] for name in StageRow.model_fields}) for row in rows], next=next_)


def read_tags(session: Session, asked: Paging) -> Page[TagOut]:
    rows, next_ = page_of(session, select(tag), asked, [(tag.c.name, True), (tag.c.id, True)])
    return Page(items=[TagOut(**row) for row in rows], next=next_)


def read_aliases(session: Session, asked: Paging) -> Page[AliasOut]:
    statement = (
        select(alias, team.c.name.label("team"), user.c.name.label("owner_name"))
        .add_columns(primary_address(alias.c.owner_id).label("owner_email"))
        .join(team, team.c.id == alias.c.team_id)
        .outerjoin(user, user.c.id == alias.c.owner_id)
    )
    rows, next_ = page_of(session, statement, asked, [(alias.c.id, True)])
    copied = [name for name in AliasOut.model_fields if name != "owner"]
    items = [
        AliasOut(**{name: row[name] for name in copied}, owner=_person(row, "owner_id", "owner_name", "owner_email"))
        for row in rows
    ]
    return Page(items=items, next=next_)
