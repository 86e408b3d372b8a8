"""Notices that waited for each other become one mail, in the transaction of the claim.

The mail is that of the newest notice, so that an answer to it answers all of them; of several leads, or of notes and mail from
outside together, it is a list in a row of its own. The other rows are dropped with the number of the row that tells of them:
nothing is told twice whatever dies afterwards, and what a dead process had in hand is made again from the same rows. Where that
mail cannot be made, each of them leaves alone: one that is broken takes no other with it.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, exists, insert, or_, select, update

from mailcrm.address import address_key
from mailcrm.mail import NoticeKind
from mailcrm.notify.gathering import GATHERED
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import outbox, outbox_recipient

_AnyRow = Row[*tuple[Any, ...]]
_MOST = 50  # notices in one mail; the rest is the next
_PENDING = Prepared(
    select(outbox)
    .where(
        outbox.c.gather.in_(bindparam("keys", expanding=True)),
        outbox.c.state == "queued",
        outbox.c.bytes.is_(None),
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < bindparam("now")),
    )
    .order_by(outbox.c.id)
    .with_for_update(skip_locked=True)
)
_CARRIED = Prepared(
    select(outbox).where(outbox.c.carried_by.in_(bindparam("ids", expanding=True))).order_by(outbox.c.id)
)
_CARRY = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("b_id"), outbox.c.state == "queued")
    .values(
        state="dropped", carried_by=bindparam("b_by"), params=bindparam("b_params"), claimed_by="", lease_until=None
    )
)
_CARRY_ON = Prepared(
    update(outbox).where(outbox.c.carried_by == bindparam("b_id")).values(carried_by=bindparam("b_by"))
)
_DROP_RECIPIENTS = Prepared(
    update(outbox_recipient).where(outbox_recipient.c.outbox_id == bindparam("b_id")).values(state="dropped")
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows to take, and for those that tell of more, the rows that they tell of."""

    rows: tuple[_AnyRow, ...]
    carried: Mapping[int, tuple[_AnyRow, ...]]


def gather(session: Session, due: Sequence[_AnyRow], now: datetime) -> Gathered:
    """The due rows with those that wait under the same name made one; most due rows wait for nobody."""
    unmade = [row for row in due if row.bytes is None]
    keys = sorted({row.gather for row in unmade if row.gather})
    rows = tuple(due)
    if keys:
        waiting = _PENDING.all(session, {"keys": keys, "now": now})
        leaders = [_made_one(session, group, now) for group in _groups(waiting, rows)]
        gone = {row.id for row in waiting}
        rows = (*(row for row in due if row.id not in gone), *leaders)
    ids = [row.id for row in rows if row.bytes is None and (row.gather or row.kind == NoticeKind.BATCH)]
    carried: dict[int, tuple[_AnyRow, ...]] = {}
    for row in _CARRIED.all(session, {"ids": ids}) if ids else ():
        carried[row.carried_by] = (*carried.get(row.carried_by, ()), row)
    return Gathered(rows, carried)


def _groups(waiting: Sequence[_AnyRow], due: Sequence[_AnyRow]) -> list[list[_AnyRow]]:
    """What goes as one mail: of one lead, or of one person; only where one of them is due."""
    groups: dict[tuple[str, int | None], list[_AnyRow]] = {}
    for row in waiting:
        lead_id = None if row.gather.startswith("all:") else row.lead_id
        groups.setdefault((row.gather, lead_id), []).append(row)
    are_due = {row.id for row in due}
    return [group[:_MOST] for group in groups.values() if any(row.id in are_due for row in group[:_MOST])]


def _made_one(session: Session, group: list[_AnyRow], now: datetime) -> _AnyRow:
    """The row whose mail tells of all of them."""
    if len(group) == 1:
        return group[0]
    leader = group[-1] if _is_one_conversation(group) else _list_row(session, group, now)
    carried = [row for row in group if row.id != leader.id]
    _CARRY.run_all(session, [_carried_values(row, leader.id) for row in carried])
    _DROP_RECIPIENTS.run_all(session, [{"b_id": row.id} for row in carried])
    _CARRY_ON.run_all(session, [{"b_id": row.id, "b_by": leader.id} for row in carried])
    return leader


def _carried_values(row: _AnyRow, by: int) -> dict[str, Any]:
    return {"b_id": row.id, "b_by": by, "b_params": {**row.params, "skipped": GATHERED, "carried_by": by}}


def _is_one_conversation(group: Sequence[_AnyRow]) -> bool:
    """Whether one answer answers all of them."""
    is_of_one_lead = group[0].lead_id is not None and len({row.lead_id for row in group}) == 1
    return is_of_one_lead and len({_side(row.kind) for row in group}) == 1


def _side(kind: str) -> str:
    """Where an answer goes: to the customer, into the lead, or elsewhere."""
    if kind in (NoticeKind.MESSAGE, NoticeKind.SENT, NoticeKind.ASSIGNED):
        return "customer"
    return "note" if kind == NoticeKind.NOTE else kind


def _list_row(session: Session, group: Sequence[_AnyRow], now: datetime) -> _AnyRow:
    first = group[0]
    values = {
        "kind": NoticeKind.BATCH.value,
        "dedupe_key": f"batch:{first.id}",
        "message_id": f"{secrets.token_hex(16)}@{first.message_id.rpartition('@')[2]}",
        "reply_nonce": secrets.token_bytes(16),
        "user_id": first.user_id,
        "params": {"why": "gathered"},
        "next_attempt_at": now,
        "created_at": now,
    }
    key = session.execute(insert(outbox).values(values)).inserted_primary_key
    row_id = int(key[0]) if key else 0
    to = session.execute(
        select(outbox_recipient.c.address, outbox_recipient.c.name).where(outbox_recipient.c.outbox_id == group[-1].id)
    ).one()
    who = {"outbox_id": row_id, "address": to.address, "name": to.name, "key": address_key(to.address), "kind": "to"}
    session.execute(insert(outbox_recipient).values(who))
    return session.execute(select(outbox).where(outbox.c.id == row_id)).one()


_APART = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("b_id"), outbox.c.state == "dropped")
    .values(
        state="queued", carried_by=None, gather=None, params=bindparam("b_params"), next_attempt_at=bindparam("b_now")
    )
)
_RECIPIENTS_AGAIN = Prepared(
    update(outbox_recipient).where(outbox_recipient.c.outbox_id == bindparam("b_id")).values(state="queued", at=None)
)


def part_again(session: Session, row_id: int, now: datetime) -> None:
    """The mail of this row cannot be made: what it was to tell of leaves apart, each in its own mail; a list tells nothing then."""
    carried = _CARRIED.all(session, {"ids": [row_id]})
    if not carried:
        return
    again = [
        {"b_id": row.id, "b_params": _without(row.params, "skipped", "carried_by"), "b_now": now} for row in carried
    ]
    _APART.run_all(session, again)
    _RECIPIENTS_AGAIN.run_all(session, [{"b_id": row.id} for row in carried])
    session.execute(update(outbox).where(outbox.c.id == row_id).values(gather=None))
    drop_empty_lists(session, [row_id])


def drop_empty_lists(session: Session, row_ids: Sequence[int]) -> None:
    """Those of the rows that are lists of nothing by now do not leave."""
    told = outbox.alias("told")
    is_empty = ~exists().where(told.c.carried_by == outbox.c.id)
    these = select(outbox.c.id).where(
        outbox.c.id.in_(row_ids), outbox.c.kind == NoticeKind.BATCH, outbox.c.state == "queued", is_empty
    )
    ids = list(session.execute(these).scalars())
    freed = {"state": "dropped", "claimed_by": "", "lease_until": None}
    session.execute(update(outbox).where(outbox.c.id.in_(ids)).values(freed))
    session.execute(update(outbox_recipient).where(outbox_recipient.c.outbox_id.in_(ids)).values(state="dropped"))


def _without(params: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in names}
