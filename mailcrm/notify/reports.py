"""What a delivery report says about a mail of ours becomes the state of its recipients.

The caller has tied the report to the row (by return-path, else by Message-ID) and enqueues the events it gets back: *failed*
tells who wrote the mail, *delayed* once and only after four hours, anything else is only shown. A notice tells nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from mailcrm.address import address_key
from mailcrm.mail import Event, NoticeKind, Report, ReportRecipient
from mailcrm.notify.suppress import suppress_if_gone
from mailcrm.store.engine import Session
from mailcrm.store.tables import outbox, outbox_recipient

_AnyRow = Row[*tuple[Any, ...]]
_STATES = {"failed": "bounced", "delayed": "delayed"}


@dataclass(frozen=True, slots=True)
class _Said:
    recipient: _AnyRow
    about: ReportRecipient


def apply_report(
    session: Session, outbox_id: int, report: Report, now: datetime, late_hours: int = 4
) -> tuple[Event, ...]:
    """Record the report on the row's recipients; the events that follow. Repeating a report changes nothing and tells nobody."""
    row = session.execute(select(outbox).where(outbox.c.id == outbox_id)).first()
    if row is None:
        return ()
    known = session.execute(select(outbox_recipient).where(outbox_recipient.c.outbox_id == outbox_id)).all()
    said = [found for about in report.recipients if (found := _recipient(about, known))]
    news = [one for one in said if _is_news(one)]
    for one in news:
        _record(session, one, now)
    _set_row_state(session, outbox_id, [one for one in news if one.about.action == "failed"])
    return _events(session, row, news, now, timedelta(hours=late_hours))


def _recipient(about: ReportRecipient, known: Sequence[_AnyRow]) -> _Said | None:
    """The recipient that is meant; with a single one also under an address that a forwarder gave it."""
    key = address_key(about.address)
    found = next((one for one in known if one.key == key), known[0] if len(known) == 1 else None)
    return _Said(found, about) if found is not None else None


def _is_news(said: _Said) -> bool:
    """A final state stays: a delay reported after the failure says nothing. A second delay may be the one that is late."""
    return said.about.action in _STATES and said.recipient.state not in ("bounced", "failed")


def _record(session: Session, said: _Said, now: datetime) -> None:
    about = said.about
    values = {"state": _STATES[about.action], "code": about.status[:10], "text": about.diagnostic[:500], "at": now}
    session.execute(update(outbox_recipient).where(outbox_recipient.c.id == said.recipient.id).values(**values))
    if about.action == "failed":
        suppress_if_gone(session, said.recipient.key, now)


def _set_row_state(session: Session, outbox_id: int, failed: Sequence[_Said]) -> None:
    if not failed:
        return
    states = session.execute(
        select(outbox_recipient.c.state).where(outbox_recipient.c.outbox_id == outbox_id)
    ).scalars()
    is_lost = all(state in ("bounced", "failed") for state in states)
    leave_queued = outbox.c.state != "queued"  # others are still to be told
    state = "failed" if is_lost else "partly"
    session.execute(update(outbox).where(outbox.c.id == outbox_id, leave_queued).values(state=state))


def _events(session: Session, row: _AnyRow, news: Sequence[_Said], now: datetime, late: timedelta) -> tuple[Event, ...]:
    if row.kind != NoticeKind.CUSTOMER_REPLY:
        return ()
    failed = [one for one in news if one.about.action == "failed"]
    delayed = [one for one in news if one.about.action == "delayed"]
    events = [_told(row, "message_failed", failed)] if failed else []
    is_late = now - (row.first_attempt_at or row.created_at) >= late
    if delayed and is_late and row.late_told_at is None:
        session.execute(update(outbox).where(outbox.c.id == row.id).values(late_told_at=now))
        events.append(_told(row, "message_delayed", delayed))
    return tuple(events)


def _told(row: _AnyRow, kind: str, said: Sequence[_Said]) -> Event:
    detail = "; ".join(f"{o.recipient.address}: {o.about.status} {o.about.diagnostic}".rstrip(": ") for o in said)
    return Event(kind, row.lead_id, message_id=row.message_row_id, outbox_id=row.id, detail=detail[:500])
