"""Notices that have not left when their reader's circumstances change: nobody is told who has gone, and nothing kept is lost."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from mailcrm.notify.gathering import IN_DIGEST
from mailcrm.store.engine import Session
from mailcrm.store.tables import digest, message_ref, outbox, outbox_recipient
from mailcrm.store.upsert import insert_ignore

_LOOK_BACK = timedelta(days=30)  # as the digest's


def stop_notices(session: Session, user_id: int) -> None:
    """What waits for somebody who was deactivated does not leave."""
    waiting = select(outbox.c.id).where(outbox.c.user_id == user_id, outbox.c.state == "queued")
    ids = list(session.execute(waiting).scalars())
    freed = {"state": "dropped", "claimed_by": "", "lease_until": None}
    session.execute(update(outbox).where(outbox.c.id.in_(ids)).values(freed))
    theirs = outbox_recipient.c.outbox_id.in_(ids), outbox_recipient.c.state.in_(("queued", "deferred"))
    session.execute(update(outbox_recipient).where(*theirs).values(state="dropped"))


def tell_without_digest(session: Session, user_id: int, now: datetime) -> None:
    """What was kept for the next digest is told gathered, now that there is none the next working day."""
    before = session.execute(
        select(func.max(digest.c.created_at)).where(digest.c.user_id == user_id, digest.c.state.in_(("sent", "empty")))
    ).scalar()
    since = max(before or now - _LOOK_BACK, now - _LOOK_BACK)
    rows = session.execute(
        select(outbox.c.id, outbox.c.params, outbox.c.message_id, outbox.c.lead_id, outbox.c.message_row_id).where(
            outbox.c.user_id == user_id,
            outbox.c.state == "dropped",
            outbox.c.created_at > since,
            outbox.c.params["skipped"].as_string() == IN_DIGEST,
        )
    ).all()
    for row in rows:
        params = {name: value for name, value in row.params.items() if name != "skipped"}
        again = {"state": "queued", "gather": f"all:{user_id}", "params": params, "next_attempt_at": now}
        session.execute(update(outbox).where(outbox.c.id == row.id).values(again))
        to = outbox_recipient.c.outbox_id == row.id
        session.execute(update(outbox_recipient).where(to).values(state="queued"))
    refs = [
        {"ref": row.message_id, "lead_id": row.lead_id, "message_id": row.message_row_id, "kind": "ours"}
        for row in rows
        if row.lead_id is not None
    ]
    insert_ignore(session, message_ref, refs)
