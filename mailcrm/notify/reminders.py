"""Reminders: an activity with a time of day tells its user when that time has come; those with a day alone stand in the digest.

The row says that it was told of, and is marked in the transaction that writes the mail; a second node finds it marked, or its key
taken. After a stop longer than ``LATEST`` the digest tells of what was missed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from mailcrm.mail import Event
from mailcrm.notify.gathering import Posting
from mailcrm.notify.outbox import enqueue
from mailcrm.store.engine import Session, Store
from mailcrm.store.tables import activity, user

LATEST = timedelta(hours=12)
_GROUP = 50  # reminders written in one transaction


def send_due(store: Store, now: datetime, post: Posting) -> int:
    """Write what is due now; how many reminders will leave."""
    with store.read() as session:
        if not _due(session, now):
            return 0
    sent = 0
    while found := store.write(lambda session: _remind(session, now, post)):
        sent += found
    return sent


def _remind(session: Session, now: datetime, post: Posting) -> int:
    rows = _due(session, now, is_locked=True)
    if not rows:
        return 0
    ids = [row.id for row in rows]
    session.execute(update(activity).where(activity.c.id.in_(ids)).values(reminded_at=now))
    enqueue(session, [_event(row) for row in rows], now, post)
    return len(rows)


def _due(session: Session, now: datetime, *, is_locked: bool = False) -> Sequence[Row[*tuple[Any, ...]]]:
    statement = (
        select(
            activity.c.id,
            activity.c.lead_id,
            activity.c.user_id,
            activity.c.type,
            activity.c.due_at,
            activity.c.summary,
        )
        .join(user, user.c.id == activity.c.user_id)
        .where(
            activity.c.done_at.is_(None),
            activity.c.due_at <= now,
            activity.c.due_at > now - LATEST,
            activity.c.due_at >= activity.c.created_at,  # what is planned for a past time is known to whoever plans it
            activity.c.reminded_at.is_(None),
            user.c.is_active,
        )
        .order_by(activity.c.due_at, activity.c.id)
        .limit(_GROUP if is_locked else 1)
    )
    locked = statement.with_for_update(of=activity, skip_locked=True) if is_locked else statement
    return session.execute(locked).all()


def _event(row: Row[*tuple[Any, ...]]) -> Event:
    told = (row.type, row.due_at.isoformat(), row.summary)
    return Event("reminder", row.lead_id, actor_user_id=row.user_id, activity=told, detail=str(row.id))
