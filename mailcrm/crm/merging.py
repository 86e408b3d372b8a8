"""Merging a lead into another, and taking that back.

All that lies on the lead moves; its number leads to the other one from then on, in links, in reply addresses and in the API. Only
leads of one customer or of one company are merged: an answer written on one must not reach somebody of the other.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.moving import dissolve
from mailcrm.crm.picture import Step, plain
from mailcrm.crm.splitting import give_turn
from mailcrm.store.engine import Session
from mailcrm.store.tables import (
    UTCDateTime,
    activity,
    follower,
    inbound,
    lead,
    lead_tag,
    mention,
    message,
    message_ref,
    moved_lead,
    outbox,
    participant,
    stage_change,
)
from mailcrm.store.upsert import insert_ignore

_MOST = 2_000  # messages; a lead with more is not merged by a line in a mail
_CHUNK = 500
_MOVED: tuple[Table, ...] = (message, outbox, inbound, activity, mention)
_LINKS: tuple[Table, ...] = (follower, lead_tag, participant)


def merge(session: Session, lead_id: int, into_id: int, by: int, now: datetime) -> tuple[Done, Step]:
    """Merge ``lead_id`` into ``into_id``; also how to take it back."""
    if lead_id == into_id:
        raise Refused("A lead is not merged into itself.")
    rows = {row["id"]: dict(row) for row in _locked(session, lead_id, into_id)}
    if into_id not in rows or lead_id not in rows:
        raise NotFound("There is no lead %(id)s.", id=into_id if into_id not in rows else lead_id)
    _refuse_another_customer(rows[lead_id], rows[into_id])
    step = _step(session, rows[lead_id], into_id)
    if len(step["message"]) > _MOST:
        raise Refused("This lead has too many messages to be merged.")
    for table in _MOVED:
        session.execute(update(table).where(table.c.lead_id == lead_id).values(lead_id=into_id))
    _copy_links(session, lead_id, into_id)
    _move_refs(session, lead_id, into_id)
    session.execute(
        update(lead).where(lead.c.id == into_id, lead.c.follows_lead_id == lead_id).values(follows_lead_id=None)
    )
    dissolve(session, lead_id, into_id, now)
    give_turn(session, into_id)
    add_event(session, into_id, "merged", {"from_id": lead_id, "title": rows[lead_id]["title"]}, by, now)
    return Done(into_id), step


def _locked(session: Session, *ids: int) -> Any:
    asked = select(lead).where(lead.c.id.in_(ids)).order_by(lead.c.id).with_for_update()
    return session.execute(asked).mappings().all()


def _refuse_another_customer(one: dict[str, Any], other: dict[str, Any]) -> None:
    is_same_person = one["partner_id"] is not None and one["partner_id"] == other["partner_id"]
    is_same_company = one["company_id"] is not None and one["company_id"] == other["company_id"]
    if not is_same_person and not is_same_company:
        raise Refused("Lead %(id)s is another customer's: they are not merged.", id=other["id"])


def _step(session: Session, row: dict[str, Any], into_id: int) -> Step:
    lead_id = row["id"]
    step: Step = {"do": "merge", "lead": lead_id, "into": into_id, "row": plain(row)}
    for table in _MOVED:
        step[table.name] = list(session.execute(select(table.c.id).where(table.c.lead_id == lead_id)).scalars())
    for table in (*_LINKS, stage_change):
        rows = session.execute(select(table).where(table.c.lead_id == lead_id)).mappings()
        step[table.name] = [plain({k: v for k, v in dict(r).items() if k != "id"}) for r in rows]
    step["added"] = {
        "follower": _new_in(session, follower, "user_id", lead_id, into_id),
        "lead_tag": _new_in(session, lead_tag, "tag_id", lead_id, into_id),
        "participant": _new_in(session, participant, "key", lead_id, into_id),
    }
    return step


def _new_in(session: Session, table: Table, column: str, lead_id: int, into_id: int) -> list[Any]:
    """What the other lead gets by the merge and did not have."""
    have = set(session.execute(select(table.c[column]).where(table.c.lead_id == into_id)).scalars())
    return sorted(set(session.execute(select(table.c[column]).where(table.c.lead_id == lead_id)).scalars()) - have)


def _copy_links(session: Session, lead_id: int, into_id: int) -> None:
    for table in _LINKS:
        rows = session.execute(select(table).where(table.c.lead_id == lead_id)).mappings()
        fresh = [{**{k: v for k, v in dict(row).items() if k != "id"}, "lead_id": into_id} for row in rows]
        insert_ignore(session, table, fresh)


def _move_refs(session: Session, from_id: int, to_id: int, messages: list[int] | None = None) -> None:
    mine = message_ref.c.lead_id == from_id
    for some in _chunks(messages) if messages is not None else [None]:
        wanted = mine if some is None else mine & message_ref.c.message_id.in_(some)
        rows = session.execute(
            select(message_ref.c.ref, message_ref.c.kind, message_ref.c.message_id).where(wanted)
        ).all()
        session.execute(delete(message_ref).where(wanted))
        insert_ignore(
            session,
            message_ref,
            [{"ref": r.ref, "kind": r.kind, "lead_id": to_id, "message_id": r.message_id} for r in rows],
        )


def _chunks(ids: list[int]) -> list[list[int]]:
    return [ids[n : n + _CHUNK] for n in range(0, len(ids), _CHUNK)]


# --- back ---------------------------------------------------------------------------------------------------------------


def unmerge(session: Session, step: Step, by: int, now: datetime) -> bool:
    """Take a merge back; False if either lead is no longer as it was left."""
    lead_id, into_id = step["lead"], step["into"]
    gone = session.execute(select(moved_lead.c.to_lead_id).where(moved_lead.c.id == lead_id)).scalar()
    if gone != into_id or not _locked(session, into_id):
        return False
    session.execute(delete(moved_lead).where(moved_lead.c.id == lead_id))
    session.execute(insert(lead), [_typed(lead, step["row"])])
    for table in _MOVED:
        for some in _chunks(step[table.name]):
            mine = update(table).where(table.c.id.in_(some), table.c.lead_id == into_id)
            session.execute(mine.values(lead_id=lead_id))
    _move_refs(session, into_id, lead_id, step["message"])
    for table, column in ((follower, "user_id"), (lead_tag, "tag_id"), (participant, "key")):
        added = table.c[column].in_(step["added"][table.name])
        session.execute(delete(table).where(table.c.lead_id == into_id, added))
    for table in (*_LINKS, stage_change):
        if step[table.name]:
            session.execute(insert(table), [_typed(table, row) for row in step[table.name]])
    give_turn(session, into_id)
    add_event(session, into_id, "unmerged", {"to_id": lead_id}, by, now)
    add_event(session, lead_id, "unmerged_from", {"from_id": into_id}, by, now)
    return True


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """As the table takes it, from what JSON kept."""
    return {name: _of_column(table.c[name].type, value) for name, value in row.items()}


def _of_column(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UTCDateTime):
        return datetime.fromisoformat(value)
    wanted = kind.python_type
    if isinstance(value, str) and wanted is not str:
        return wanted.fromisoformat(value) if hasattr(wanted, "fromisoformat") else wanted(value)
    return value
