"""The verbs on teams and aliases: who is in a team, and which address feeds it with what source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from mailcrm.address import address_key
from mailcrm.crm.addresses import checked, refuse_taken
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused, Taken
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import alias, team, team_member, user

RULES = ("round_robin", "least_loaded", "nobody")


def add_team(session: Session, name: str, rule: str, by: int | None, now: datetime) -> Done:
    """Add a team; ``rule`` says who gets a lead that nobody owns."""
    name = " ".join(name.split())[:200]
    if not name:
        raise Refused("A team needs a name.")
    _check_rule(rule)
    if session.execute(select(team.c.id).where(team.c.name == name)).first():
        raise Taken("There is a team %(name)s already.", name=name)
    team_id = insert_row(session, insert(team), {"name": name, "rule": rule})
    record(session, "add_team", f"team {team_id}", by, now, {"name": name, "rule": rule})
    return Done(team_id)


def set_rule(session: Session, team_id: int, rule: str, by: int | None, now: datetime) -> Done:
    """Change how a team's leads find their owner."""
    _check_rule(rule)
    _existing(session, team, team_id)
    session.execute(update(team).where(team.c.id == team_id).values(rule=rule))
    record(session, "set_rule", f"team {team_id}", by, now, {"rule": rule})
    return Done(team_id)


def add_member(session: Session, team_id: int, user_id: int, takes_leads: bool, by: int | None, now: datetime) -> Done:
    """Put a user into a team, or change whether they are given its leads. A colleague owns no leads."""
    _existing(session, team, team_id)
    role = session.execute(select(user.c.role).where(user.c.id == user_id)).scalar_one_or_none()
    if role is None:
        raise NotFound("There is no user %(id)s.", id=user_id)
    if role == "colleague" and takes_leads:
        raise Refused("A colleague can be mentioned but cannot own a lead.")
    session.execute(delete(team_member).where(_membership(team_id, user_id)))
    session.execute(insert(team_member), [{"team_id": team_id, "user_id": user_id, "takes_leads": takes_leads}])
    record(session, "add_member", f"team {team_id}", by, now, {"user_id": user_id, "takes_leads": takes_leads})
    return Done(team_id)


def remove_member(session: Session, team_id: int, user_id: int, by: int | None, now: datetime) -> Done:
    """Take a user out of a team; their leads stay theirs."""
    session.execute(delete(team_member).where(_membership(team_id, user_id)))
    record(session, "remove_member", f"team {team_id}", by, now, {"user_id": user_id})
    return Done(team_id)


@dataclass(frozen=True, slots=True)
class NewAlias:
    """An address that customers write to. It lies in one of our domains, or is routed to us from anywhere."""

    address: str
    team_id: int
    owner_id: int | None = None
    source: str = ""
    medium: str = ""
    campaign: str = ""
    tags: Sequence[str] = ()


def add_alias(session: Session, new: NewAlias, by: int | None, now: datetime) -> Done:
    """Add an alias; every lead that comes to it gets its team, source and tags."""
    address, key = checked(new.address)
    refuse_taken(session, key)
    _existing(session, team, new.team_id)
    if new.owner_id is not None:
        _existing(session, user, new.owner_id)
    tags = list(dict.fromkeys(" ".join(name.split())[:100] for name in new.tags if name.strip()))
    row: dict[str, Any] = {
        "address": address,
        "key": key,
        "team_id": new.team_id,
        "owner_id": new.owner_id,
        "tags": tags,
    }
    row |= {name: getattr(new, name).strip()[:100] for name in ("source", "medium", "campaign")}
    alias_id = insert_row(session, insert(alias), row)
    record(session, "add_alias", f"alias {alias_id}", by, now, {"address": address, "team_id": new.team_id})
    return Done(alias_id)


def remove_alias(session: Session, address: str, by: int | None, now: datetime) -> Done:
    """Take an alias away; mail to it is from now on mail to an unknown local part."""
    found = session.execute(select(alias.c.id).where(alias.c.key == address_key(address))).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no alias %(address)s.", address=address)
    session.execute(delete(alias).where(alias.c.id == found))
    record(session, "remove_alias", f"alias {found}", by, now, {"address": address})
    return Done(found)


def team_by_name(session: Session, name: str) -> int | None:
    """The id of the team with this name, however its case is written."""
    wanted = " ".join(name.split()).casefold()
    rows = session.execute(select(team.c.id, team.c.name))
    return next((row.id for row in rows if row.name.casefold() == wanted), None)


def _check_rule(rule: str) -> None:
    if rule not in RULES:
        raise Refused("A rule is one of %(rules)s.", rules=", ".join(RULES))


def _existing(session: Session, table: Table, row_id: int) -> None:
    if session.execute(select(table.c.id).where(table.c.id == row_id)).first() is None:
        raise NotFound("There is no %(what)s %(id)s.", what=table.name, id=row_id)


def _membership(team_id: int, user_id: int) -> Any:
    return (team_member.c.team_id == team_id) & (team_member.c.user_id == user_id)
