"""Leads as the API shows them: three statements for a page of any length, and those that find what a filter names."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, RowMapping, Select, exists, func, or_, select

from mailcrm.address import address_key
from mailcrm.crm.done import NotFound
from mailcrm.crm.rights import Actor, present_id, primary_address, visible_leads
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, lead, lead_tag, partner, partner_address, stage, tag, team, user
from mailcrm.web.api.named import stages_named, team_named, user_named
from mailcrm.web.api.paging import Id, Page, Paging, Word, page_of
from mailcrm.web.api.shapes import LeadOut, LeadPartner, NextActivity, Person, StageOut
from mailcrm.web.board_reads import has_no_next_step

_MOST_TERMS = 8


class LeadFilter(Paging):
    """What ``GET /leads`` can be asked for; all given ones must hold. ``next=none``: open ones with nothing planned."""

    partner_email: Word | None = None
    q: Word | None = None
    stage: Word | None = None
    owner: Word | None = None
    team: Word | None = None
    outcome: Word | None = None
    tag: Word | None = None
    source: Word | None = None
    next: Literal["none"] | None = None
    partner_id: Id | None = None
    created_after: AwareDatetime | None = None
    updated_after: AwareDatetime | None = None


def read_leads(session: Session, who: Actor, asked: LeadFilter) -> Page[LeadOut]:
    """One page of the leads the actor may see, newest first."""
    statement = _statement(who.locale).where(visible_leads(who), *_conditions(session, asked))
    rows, next_ = page_of(session, statement, asked, [(lead.c.id, False)])
    return Page(items=_shaped(session, rows), next=next_)


def read_lead(session: Session, who: Actor, lead_id: int) -> LeadOut:
    """One lead; the number of one that was dissolved into another shows the other."""
    statement = _statement(who.locale).where(visible_leads(who), lead.c.id == present_id(lead_id))
    shaped = _shaped(session, session.execute(statement).mappings().all())
    if not shaped:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    return shaped[0]


def partner_email(partner_id: ColumnElement[Any]) -> ColumnElement[str]:
    """The address we write to this partner at, as a column."""
    theirs = select(partner_address.c.address).where(partner_address.c.partner_id == partner_id)
    return theirs.order_by(partner_address.c.is_primary.desc(), partner_address.c.id).limit(1).scalar_subquery()


def matches(text: str, columns: Sequence[Any], *more: Any) -> list[ColumnElement[bool]]:
    """Each word of ``text`` stands in one of the columns, whatever its case.

    SQLite folds only ASCII by itself, so the usual spellings of a word are asked for one by one.
    """
    conditions = []
    for word in text.split()[:_MOST_TERMS]:
        spelled = dict.fromkeys((word, word.lower(), word.upper(), word.title()))
        found = [column.icontains(one, autoescape=True) for column in columns for one in spelled]
        conditions.append(or_(*found, *(make(word.lower()) for make in more)))
    return conditions


# --- the statement ------------------------------------------------------------------------------------------------------

_previous = stage.alias("previous_stage")
_company = partner.alias("company")


def _statement(locale: str) -> Select[Any]:
    name = "name_fi" if locale == "fi" else "name_en"
    return (
        select(
            lead,
            stage.c[name].label("stage_name"),
            stage.c.kind.label("stage_kind"),
            _previous.c[name].label("previous_name"),
            _previous.c.kind.label("previous_kind"),
            user.c.name.label("owner_name"),
            primary_address(lead.c.owner_id).label("owner_email"),
            team.c.name.label("team_name"),
            partner.c.name.label("partner_name"),
            partner_email(lead.c.partner_id).label("partner_email"),
            _company.c.name.label("company_name"),
        )
        .join(stage, stage.c.id == lead.c.stage_id)
        .outerjoin(_previous, _previous.c.id == lead.c.previous_stage_id)
        .outerjoin(user, user.c.id == lead.c.owner_id)
        .outerjoin(team, team.c.id == lead.c.team_id)
        .outerjoin(partner, partner.c.id == lead.c.partner_id)
        .outerjoin(_company, _company.c.id == partner.c.company_id)
    )


def _conditions(session: Session, asked: LeadFilter) -> list[ColumnElement[bool]]:
    found = [*_people_conditions(session, asked), *_plain_conditions(asked)]
    if asked.stage is not None:
        found.append(lead.c.stage_id.in_(stages_named(session, asked.stage)))
    if asked.q:
        found.extend(matches(asked.q, (lead.c.title, partner.c.name), _has_address_like))
    return found


def _people_conditions(session: Session, asked: LeadFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.partner_email is not None:
        of_key = select(partner_address.c.partner_id).where(partner_address.c.key == address_key(asked.partner_email))
        found.append(lead.c.partner_id.in_(of_key))
    if asked.partner_id is not None:
        found.append(lead.c.partner_id == asked.partner_id)
    if asked.owner == "none":
        found.append(lead.c.owner_id.is_(None))
    elif asked.owner is not None:
        found.append(lead.c.owner_id == user_named(session, asked.owner))
    if asked.team is not None:
        found.append(lead.c.team_id == team_named(session, asked.team))
    return found


def _plain_conditions(asked: LeadFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.outcome is not None:
        found.append(lead.c.outcome.is_(None) if asked.outcome == "none" else lead.c.outcome == asked.outcome)
    if asked.source is not None:
        found.append(lead.c.source == asked.source)
    if asked.next is not None:
        found.append(has_no_next_step())
    if asked.tag is not None:
        tagged = exists().where(lead_tag.c.lead_id == lead.c.id, lead_tag.c.tag_id == tag.c.id)
        found.append(tagged.where(tag.c.name == asked.tag))
    if asked.created_after is not None:
        found.append(lead.c.created_at > asked.created_after)
    if asked.updated_after is not None:
        found.append(func.coalesce(lead.c.last_message_at, lead.c.created_at) > asked.updated_after)
    return found


def _has_address_like(word: str) -> ColumnElement[bool]:
    theirs = partner_address.c.partner_id == lead.c.partner_id
    return exists().where(theirs, partner_address.c.key.contains(word, autoescape=True))


# --- the shape ----------------------------------------------------------------------------------------------------------


def _shaped(session: Session, rows: Sequence[RowMapping]) -> list[LeadOut]:
    ids = [row["id"] for row in rows]
    tags, coming = _tags(session, ids), _next_activities(session, ids)
    return [_lead_out(row, tags.get(row["id"], []), coming.get(row["id"])) for row in rows]


def _tags(session: Session, lead_ids: list[int]) -> dict[int, list[str]]:
    statement = select(lead_tag.c.lead_id, tag.c.name).join(tag, tag.c.id == lead_tag.c.tag_id)
    found: dict[int, list[str]] = {}
    for row in session.execute(statement.where(lead_tag.c.lead_id.in_(lead_ids)).order_by(tag.c.name)):
        found.setdefault(row.lead_id, []).append(row.name)
    return found


def _next_activities(session: Session, lead_ids: list[int]) -> dict[int, NextActivity]:
    place = func.row_number().over(
        partition_by=activity.c.lead_id, order_by=(activity.c.due_on, activity.c.due_at, activity.c.id)
    )
    is_open = activity.c.lead_id.in_(lead_ids) & activity.c.done_at.is_(None)
    ranked = select(activity, place.label("place")).where(is_open).subquery()
    statement = (
        select(ranked, user.c.name, primary_address(ranked.c.user_id).label("email"))
        .join(user, user.c.id == ranked.c.user_id)
        .where(ranked.c.place == 1)
    )
    return {row["lead_id"]: _next_activity(row) for row in session.execute(statement).mappings()}


def _next_activity(row: RowMapping) -> NextActivity:
    who = Person(id=row["user_id"], name=row["name"], email=row["email"])
    return NextActivity(id=row["id"], type=row["type"], summary=row["summary"], due_on=row["due_on"], user=who)


_COPIED = (
    "id", "title", "owner_reason", "priority", "source", "medium", "campaign", "currency", "probability", "expected_closing",
    "created_at", "last_message_at", "waiting_on", "waiting_since", "on_hold_until", "outcome", "lost_reason",
    "follows_lead_id",
)  # fmt: skip


def _lead_out(row: RowMapping, tags: list[str], coming: NextActivity | None) -> LeadOut:
    stage_, previous, who, with_ = _stage(row), None, None, None
    if row["previous_stage_id"] is not None:
        previous = StageOut(id=row["previous_stage_id"], name=row["previous_name"], kind=row["previous_kind"])
    if row["owner_id"] is not None:
        who = Person(id=row["owner_id"], name=row["owner_name"], email=row["owner_email"])
    if row["partner_id"] is not None:
        with_ = LeadPartner(
            id=row["partner_id"], name=row["partner_name"], email=row["partner_email"], company=row["company_name"]
        )
    copied = {name: row[name] for name in _COPIED}
    if row["outcome"] == "won":
        copied["probability"] = 100  # what a person typed stays in the row, for a lead that opens again
    return LeadOut(
        **copied,
        stage=stage_,
        previous_stage=previous,
        owner=who,
        team=row["team_name"],
        partner=with_,
        tags=tags,
        next_activity=coming,
        expected_revenue=row["expected_revenue"],
    )


def _stage(row: RowMapping) -> StageOut:
    return StageOut(id=row["stage_id"], name=row["stage_name"], kind=row["stage_kind"])
