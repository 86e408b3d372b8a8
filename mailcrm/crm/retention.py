"""``[retention]`` obeyed, once a day: one small function per rule, each in transactions of at most 500 rows; returns counts.

No file goes inside a transaction. A blob is collected when it is a day old and no row names it: while the file is young, its row
may still be on its way into the database.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select, update

from mailcrm.config import Retention
from mailcrm.crm.desk import Desk
from mailcrm.ingest.spool import Spool
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session, Store
from mailcrm.store.tables import attachment, command_run, inbound, inbound_copy, message, outbox, raw, web_session

_BATCH = 500
_BLOB_AGE = timedelta(hours=24)
_UNDO_DAYS = 7  # what commands did can be taken back for a day; a question about it may come later


def keep_retention(desk: Desk) -> dict[str, int]:
    """Run every rule; returns how many rows or files each took away. Can be run at any time and as often as one likes."""
    now, kept = desk.now(), desk.config.retention
    counts = {name: _repeat(desk.store, rule) for name, rule in _rules(kept, now).items()}
    counts["buried"] = forget_buried(desk.spool, now - timedelta(days=kept.buried_days))
    counts["blobs"] = collect_blobs(desk.store, desk.blobs, now - _BLOB_AGE)
    return counts


def _rules(kept: Retention, now: datetime) -> dict[str, Callable[[Session], int]]:
    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    return {
        "triage": lambda session: drop_inbound(session, ("triage", "dismissed"), before(kept.triage_days)),
        "quiet": lambda session: drop_inbound(session, ("quiet",), before(kept.quiet_days)),
        "raw": lambda session: drop_raw(session, before(kept.raw_days)),
        "sent": lambda session: drop_sent_bytes(session, before(kept.sent_days)),
        "sessions": lambda session: drop_sessions(session, now),
        "undo": lambda session: drop_runs(session, before(_UNDO_DAYS)),
    }


def _repeat(store: Store, rule: Callable[[Session], int]) -> int:
    total = 0
    while count := store.write(rule):
        total += count
    return total


# --- rows; each returns how many it took, 0 when nothing is left ----------------------------------------------------------


def drop_inbound(session: Session, states: tuple[str, ...], before: datetime) -> int:
    """Mails in one of these states with their bytes, unless a message or a mail of ours came of them."""
    asked = select(inbound.c.id, inbound.c.raw_id).where(
        inbound.c.state.in_(states),
        inbound.c.received_at < before,
        ~exists().where(message.c.inbound_id == inbound.c.id),
        ~exists().where(outbox.c.inbound_id == inbound.c.id),
        ~exists().where(command_run.c.inbound_id == inbound.c.id),
    )
    rows = session.execute(asked.limit(_BATCH)).all()
    ids = [row.id for row in rows]
    session.execute(delete(inbound_copy).where(inbound_copy.c.inbound_id.in_(ids)))
    session.execute(delete(inbound).where(inbound.c.id.in_(ids)))
    _drop_unused_raw(session, [row.raw_id for row in rows if row.raw_id is not None])
    return len(ids)


def drop_raw(session: Session, before: datetime) -> int:
    """Mails as they came; what was read from them stays."""
    ids = list(session.execute(select(raw.c.id).where(raw.c.created_at < before).limit(_BATCH)).scalars())
    for table in (message, inbound):
        session.execute(update(table).where(table.c.raw_id.in_(ids)).values(raw_id=None))
    session.execute(delete(raw).where(raw.c.id.in_(ids)))
    return len(ids)


def drop_sent_bytes(session: Session, before: datetime) -> int:
    """Bytes of mails that left or were given up; the row stays, since its token must verify."""
    asked = select(outbox.c.id).where(
        outbox.c.bytes.is_not(None),
        outbox.c.created_at < before,
        outbox.c.state.in_(("sent", "partly", "failed", "dropped")),
    )
    ids = list(session.execute(asked.limit(_BATCH)).scalars())
    session.execute(update(outbox).where(outbox.c.id.in_(ids)).values(bytes=None))
    return len(ids)


def drop_sessions(session: Session, now: datetime) -> int:
    """Sign-ins that have ended."""
    return session.execute(delete(web_session).where(web_session.c.expires_at < now)).rowcount


def drop_runs(session: Session, before: datetime) -> int:
    """How to take back what commands did, long after it could be."""
    return session.execute(delete(command_run).where(command_run.c.at < before)).rowcount


def _drop_unused_raw(session: Session, ids: list[Any]) -> None:
    is_used = [exists().where(table.c.raw_id == raw.c.id) for table in (message, inbound)]
    session.execute(delete(raw).where(raw.c.id.in_(ids), *(~used for used in is_used)))


# --- files --------------------------------------------------------------------------------------------------------------


def forget_buried(spool: Spool, before: datetime) -> int:
    """Mails put aside so long ago that nobody will replay them."""
    old = [entry.id for entry in spool.buried() if entry.buried_at < before]
    for spool_id in old:
        spool.forget_buried(spool_id)
    return len(old)


def collect_blobs(store: Store, blobs: Blobs, before: datetime) -> int:
    """Files that no row names, last stored before ``before``."""
    names = list(blobs.older_than(before))
    count = 0
    for start in range(0, len(names), _BATCH):
        some = names[start : start + _BATCH]
        for sha256 in set(some) - _named(store, some):
            count += _remove_if_old(blobs, sha256, before)
    return count


def _named(store: Store, names: list[str]) -> set[str]:
    with store.read() as session:
        attached = select(attachment.c.sha256).where(attachment.c.sha256.in_(names))
        kept_raw = select(raw.c.sha256).where(raw.c.sha256.in_(names))
        return set(session.execute(attached.union(kept_raw)).scalars())


def _remove_if_old(blobs: Blobs, sha256: str, before: datetime) -> bool:
    """Look again: storing it once more since the list was made has made it young."""
    try:
        is_old = blobs.path(sha256).stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False
    if is_old:
        blobs.remove(sha256)
    return is_old
