"""What the board and the list of activities show: a constant number of statements, whatever the number of leads.

The board takes three statements for its columns and cards: sums per stage, the first cards of each open column, their tags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, exists, func, or_, select, true

from mailcrm.crm.stages import Stage
from mailcrm.store.engine import Session
from mailcrm.store.tables import activity, inbound, lead, lead_tag, outbox, partner, tag, team, user

PAGE = 50


@dataclass(frozen=True, slots=True)
class Selection:
    """Which leads the board shows. ``owner``: "" everybody's, "none" nobody's, else a user's id. ``next`` "none": open ones
    without a next activity."""

    owner: str = ""
    team_id: int | None = None
    text: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One lead on the board."""

    id: int
    title: str
    partner: str
    company: str
    owner: str
    priority: int
    revenue: Decimal | None
    currency: str
    stage_id: int
    waiting_on: str
    waiting_since: datetime | None
    next_due: date | None
    on_hold_until: date | None
    tags: tuple[str, ...]

    def clock(self, today: date) -> str:
        """The activity clock: late, today, planned or none."""
        if self.next_due is None:
            return "none"
        if self.next_due < today:
            return "late"
        return "today" if self.next_due == today else "planned"


@dataclass(frozen=True, slots=True)
class Column:
    """One stage with its first cards. ``sums`` holds one amount per currency."""

    stage: Stage
    is_open: bool
    count: int
    sums: tuple[tuple[str, Decimal], ...]
    cards: tuple[Card, ...]
    more: int


def read_columns(
    session: Session,
    stages: Sequence[Stage],
    opened: frozenset[int],
    visible: ColumnElement[bool],
    page: int = 1,
) -> list[Column]:
    """The columns of ``stages``; cards only for the ``opened`` ones, ``PAGE`` of each beginning at ``page``."""
    totals = _totals(session, visible)
    cards = _cards(session, opened, visible, page) if opened else {}
    return [_column(stage, totals.get(stage.id, {}), cards.get(stage.id, ()), opened, page) for stage in stages]


def _column(
    stage: Stage,
    totals: Mapping[str, tuple[int, Decimal]],
    cards: Sequence[Card],
    opened: frozenset[int],
    page: int,
) -> Column:
    count = sum(number for number, _ in totals.values())
    sums = tuple((currency, amount) for currency, (_, amount) in sorted(totals.items()) if amount)
    more = max(0, count - (page - 1) * PAGE - len(cards)) if stage.id in opened else 0
    return Column(stage, stage.id in opened, count, sums, tuple(cards), more)


def matching(selection: Selection, visible: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition for the leads of ``selection`` among those the viewer may see."""
    conditions = [visible]
    if selection.owner == "none":
        conditions.append(lead.c.owner_id.is_(None))
    elif selection.owner:
        conditions.append(lead.c.owner_id == int(selection.owner))
    if selection.team_id is not None:
        conditions.append(lead.c.team_id == selection.team_id)
    if selection.text:
        people = select(partner.c.id).where(partner.c.name.icontains(selection.text, autoescape=True))
        conditions.append(
            or_(
                lead.c.title.icontains(selection.text, autoescape=True),
                lead.c.partner_id.in_(people),
                lead.c.company_id.in_(people),
            )
        )
    if selection.next == "none":
        conditions.append(has_no_next_step())
    return and_(true(), *conditions)


def has_no_next_step() -> ColumnElement[bool]:
    """A lead that is open and has nothing planned."""
    planned = activity.alias("planned")
    is_planned = exists().where(planned.c.lead_id == lead.c.id, planned.c.done_at.is_(None))
    return and_(lead.c.outcome.is_(None), ~is_planned)


def _totals(session: Session, where: ColumnElement[bool]) -> dict[int, dict[str, tuple[int, Decimal]]]:
    statement = (
        select(lead.c.stage_id, lead.c.currency, func.count(), func.coalesce(func.sum(lead.c.expected_revenue), 0))
        .where(where)
        .group_by(lead.c.stage_id, lead.c.currency)
    )
    totals: dict[int, dict[str, tuple[int, Decimal]]] = {}
    for stage_id, currency, count, amount in session.execute(statement):
        totals.setdefault(stage_id, {})[currency] = (count, Decimal(amount))
    return totals


def _ranked(where: ColumnElement[bool], opened: frozenset[int]) -> Select[Any]:
    """The leads of the open columns, each with its place: stars first, then what is due next."""
    due = (
        select(activity.c.lead_id, func.min(activity.c.due_on).label("next_due"))
        .where(activity.c.done_at.is_(None))
        .group_by(activity.c.lead_id)
        .subquery("due")
    )
    order = (lead.c.priority.desc(), due.c.next_due.is_(None), due.c.next_due, lead.c.id.desc())
    place = func.row_number().over(partition_by=lead.c.stage_id, order_by=order).label("place")
    return (
        select(lead.c.id, due.c.next_due, place)
        .join_from(lead, due, due.c.lead_id == lead.c.id, isouter=True)
        .where(where, lead.c.stage_id.in_(opened))
    )


def _cards(
    session: Session, opened: frozenset[int], where: ColumnElement[bool], page: int
) -> dict[int, tuple[Card, ...]]:
    ranked = _ranked(where, opened).subquery("ranked")
    company = partner.alias("company")
    statement = (
        select(
            lead.c.id, lead.c.title, lead.c.priority, lead.c.expected_revenue, lead.c.currency, lead.c.stage_id,
            lead.c.waiting_on, lead.c.waiting_since, lead.c.on_hold_until, ranked.c.next_due,
            func.coalesce(partner.c.name, "").label("partner"), func.coalesce(company.c.name, "").label("company"),
            func.coalesce(user.c.name, "").label("owner"),
        )
        .join_from(ranked, lead, lead.c.id == ranked.c.id)
        .join(partner, partner.c.id == lead.c.partner_id, isouter=True)
        .join(company, and_(company.c.id == lead.c.company_id, lead.c.company_id.is_distinct_from(lead.c.partner_id)), isouter=True)
        .join(user, user.c.id == lead.c.owner_id, isouter=True)
        .where(ranked.c.place > (page - 1) * PAGE, ranked.c.place <= page * PAGE)
        .order_by(lead.c.stage_id, ranked.c.place)
    )  # fmt: skip
    rows = session.execute(statement).all()
    tags = _tags(session, [row.id for row in rows])
    cards: dict[int, list[Card]] = {}
    for row in rows:
        cards.setdefault(row.stage_id, []).append(_card(row, tags.get(row.id, ())))
    return {stage_id: tuple(of_stage) for stage_id, of_stage in cards.items()}


def _card(row: Any, tags: tuple[str, ...]) -> Card:
    return Card(
        row.id, row.title, row.partner, row.company, row.owner, row.priority, row.expected_revenue, row.currency,
        row.stage_id, row.waiting_on or "", row.waiting_since, row.next_due, row.on_hold_until, tags,
    )  # fmt: skip


def _tags(session: Session, lead_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    statement = (
        select(lead_tag.c.lead_id, tag.c.name)
        .join_from(lead_tag, tag, tag.c.id == lead_tag.c.tag_id)
        .where(lead_tag.c.lead_id.in_(lead_ids))
        .order_by(tag.c.name)
    )
    found: dict[int, list[str]] = {}
    for lead_id, name in session.execute(statement):
        found.setdefault(lead_id, []).append(name)
    return {lead_id: tuple(names) for lead_id, names in found.items()}


# --- choices ------------------------------------------------------------------------------------------------------------


def user_names(session: Session) -> dict[int, str]:
    """All users, also those no longer active: old events name them."""
    return {row.id: row.name for row in session.execute(select(user.c.id, user.c.name).order_by(user.c.name))}


def possible_owners(session: Session) -> list[tuple[int, str]]:
    """Users who may own a lead."""
    statement = select(user.c.id, user.c.name).where(user.c.is_active.is_(True), user.c.role != "colleague")
    return [(row.id, row.name) for row in session.execute(statement.order_by(user.c.name))]


def team_names(session: Session) -> dict[int, str]:
    return {row.id: row.name for row in session.execute(select(team.c.id, team.c.name).order_by(team.c.name))}


def held_back(session: Session, visible: ColumnElement[bool]) -> int:
    """How many of our own mails may not leave as they are."""
    statement = select(func.count()).select_from(outbox).where(outbox.c.state == "held", visible)
    return session.execute(statement).scalar_one()


def waiting_mail(session: Session) -> dict[str, int]:
    """How many received mails nobody has decided about, by state."""
    statement = (
        select(inbound.c.state, func.count().label("number"))
        .where(inbound.c.state.in_(("held", "triage", "quiet", "buried")))
        .group_by(inbound.c.state)
    )
    return {row.state: row.number for row in session.execute(statement)}


# --- activities ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToDo:
    """An activity in a list, with its lead."""

    id: int
    type: str
    summary: str
    due_on: date
    lead_id: int
    title: str
    partner: str
    owner: str
    due_at: datetime | None


def read_activities(session: Session, user_id: int | None, visible: ColumnElement[bool], page: int) -> list[ToDo]:
    """Open activities of a user, or of everybody, the most overdue first; one more than a page when there are more."""
    statement = (
        select(
            activity.c.id, activity.c.type, activity.c.summary, activity.c.due_on, activity.c.lead_id, lead.c.title,
            func.coalesce(partner.c.name, ""), user.c.name,
            activity.c.due_at,
        )
        .join_from(activity, lead, lead.c.id == activity.c.lead_id)
        .join(partner, partner.c.id == lead.c.partner_id, isouter=True)
        .join(user, user.c.id == activity.c.user_id)
        .where(activity.c.done_at.is_(None), visible)
        .order_by(activity.c.due_on, activity.c.id)
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    )  # fmt: skip
    if user_id is not None:
        statement = statement.where(activity.c.user_id == user_id)
    return [ToDo(*row) for row in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class Idle:
    """An open lead without a next step."""

    id: int
    title: str
    partner: str
    owner: str
    stage_id: int


def count_idle(session: Session, user_id: int | None, visible: ColumnElement[bool]) -> int:
    """How many open leads of a user, or of everybody, have no next step."""
    statement = select(func.count()).select_from(lead).where(*_idle(user_id, visible))
    return session.execute(statement).scalar_one()


def read_idle(session: Session, user_id: int | None, visible: ColumnElement[bool], page: int) -> list[Idle]:
    """Those leads, stars and the longest untouched first; one more than a page when there are more."""
    statement = (
        select(
            lead.c.id, lead.c.title, func.coalesce(partner.c.name, ""), func.coalesce(user.c.name, ""), lead.c.stage_id
        )
        .join_from(lead, partner, partner.c.id == lead.c.partner_id, isouter=True)
        .join(user, user.c.id == lead.c.owner_id, isouter=True)
        .where(*_idle(user_id, visible))
        .order_by(lead.c.priority.desc(), func.coalesce(lead.c.last_message_at, lead.c.created_at), lead.c.id)
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    )
    return [Idle(*row) for row in session.execute(statement)]


def read_done(session: Session, activity_id: int, visible: ColumnElement[bool]) -> Idle | None:
    """The lead of an activity that was done, if it has nothing else planned."""
    statement = (
        select(
            lead.c.id, lead.c.title, func.coalesce(partner.c.name, ""), func.coalesce(user.c.name, ""), lead.c.stage_id
        )
        .join_from(lead, activity, activity.c.lead_id == lead.c.id)
        .join(partner, partner.c.id == lead.c.partner_id, isouter=True)
        .join(user, user.c.id == lead.c.owner_id, isouter=True)
        .where(activity.c.id == activity_id, activity.c.done_at.is_not(None), *_idle(None, visible))
    )
    row = session.execute(statement).first()
    return Idle(*row) if row else None


def _idle(user_id: int | None, visible: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    return [has_no_next_step(), visible, *([lead.c.owner_id == user_id] if user_id is not None else [])]


# --- settings -----------------------------------------------------------------------------------------------------------


def read_settings(session: Session, user_id: int) -> RowMapping:
    """A user's own row."""
    return session.execute(select(user).where(user.c.id == user_id)).mappings().one()
