"""Who may see and do what: the one place that knows roles.

| | colleague | salesperson | manager | admin |
|---|---|---|---|---|
| leads | where owner, follower or mentioned | all | all | all |
| write a note on a lead they see | yes | yes | yes | yes |
| write to customers, change leads and partners | no | yes | yes | yes |
| see inbound and outbox: every decision has a reason they can read | no | yes | yes | yes |
| decide about a colleague's held mail that is not their own | no | no | yes | yes |
| hand over, erase; what stages suggest | no | no | yes | yes |
| users, teams, aliases, keys | no | no | no | yes |

A lead a person may not see does not exist for them: 404, not 403.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, true

from mailcrm.crm.done import NotFound, Refused
from mailcrm.store.engine import Session
from mailcrm.store.tables import follower, lead, mention, moved_lead, partner, user, user_address


@dataclass(frozen=True, slots=True)
class Actor:
    """The user at a door: signed in to the page, or behind an API key."""

    id: int
    name: str
    role: str
    locale: str
    address: str


class Right(StrEnum):
    WRITE_NOTES = "write notes"
    CHANGE_LEADS = "change leads"
    SEE_MAIL = "see what happened to each mail"
    HAND_OVER = "hand over and erase"
    SUGGEST = "change what stages suggest"
    MANAGE = "manage users, teams, aliases and keys"


_ROLES = {
    Right.WRITE_NOTES: frozenset({"colleague", "salesperson", "manager", "admin"}),
    Right.CHANGE_LEADS: frozenset({"salesperson", "manager", "admin"}),
    Right.SEE_MAIL: frozenset({"salesperson", "manager", "admin"}),
    Right.HAND_OVER: frozenset({"manager", "admin"}),
    Right.SUGGEST: frozenset({"manager", "admin"}),
    Right.MANAGE: frozenset({"admin"}),
}


class Forbidden(Refused):
    """The person is known, and their role does not allow it."""


def may(actor: Actor, right: Right) -> bool:
    return actor.role in _ROLES[right]


def require(actor: Actor, right: Right) -> None:
    """Forbidden unless the actor's role gives the right."""
    if not may(actor, right):
        raise Forbidden("Your role does not allow this.")


def may_decide(actor: Actor, author_user_id: int | None) -> bool:
    """Whether the actor decides about a received mail: any but a colleague's is everybody's with the right, and that one its
    writer's, or a manager's."""
    if not may(actor, Right.SEE_MAIL):
        return False
    return author_user_id in (None, actor.id) or may(actor, Right.HAND_OVER)


def sees_all_leads(actor: Actor) -> bool:
    return actor.role != "colleague"


def visible_leads(actor: Actor) -> ColumnElement[bool]:
    """A condition on ``lead``: those the actor may see."""
    if sees_all_leads(actor):
        return true()
    return or_(
        lead.c.owner_id == actor.id,
        exists().where(follower.c.lead_id == lead.c.id, follower.c.user_id == actor.id),
        exists().where(mention.c.lead_id == lead.c.id, mention.c.user_id == actor.id),
    )


def visible_partners(actor: Actor) -> ColumnElement[bool]:
    """A condition on ``partner``: those of leads the actor may see."""
    if sees_all_leads(actor):
        return true()
    of_it = (lead.c.partner_id == partner.c.id) | (lead.c.company_id == partner.c.id)
    return exists().where(of_it, visible_leads(actor))


def require_lead(session: Session, actor: Actor, lead_id: int) -> int:
    """The lead's number; for one that was dissolved into another, that one's. NotFound unless the actor may see it."""
    asked = select(lead.c.id).where(lead.c.id == present_id(lead_id), visible_leads(actor))
    found = session.execute(asked).scalar()
    if found is None:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    return int(found)


def present_id(lead_id: int) -> ColumnElement[int]:
    """Where the lead with this number is now, as a column: a number stays good when its lead was dissolved into another."""
    moved_to = select(moved_lead.c.to_lead_id).where(moved_lead.c.id == lead_id).scalar_subquery()
    return func.coalesce(moved_to, lead_id)


def primary_address(user_id: ColumnElement[Any]) -> ColumnElement[str]:
    """The address that notices to this user go to, as a column."""
    mine = select(user_address.c.address).where(user_address.c.user_id == user_id)
    return mine.order_by(user_address.c.is_primary.desc(), user_address.c.id).limit(1).scalar_subquery()


def actors() -> Select[int, str, str, str, str]:
    """Active users as ``Actor(*row)`` takes them."""
    columns = select(user.c.id, user.c.name, user.c.role, user.c.locale, primary_address(user.c.id))
    return columns.where(user.c.is_active)


def actor(session: Session, user_id: int) -> Actor | None:
    """The active user with this id."""
    row = session.execute(actors().where(user.c.id == user_id)).first()
    return Actor(*row) if row else None
