"""The digest: one row per user and local date, written together with its mail; nothing to say, no mail.

``send_due`` reads who is due, gathers each one's content in a read-only session and writes row and mail in one transaction; the
unique key on (user, local date) makes it once, whoever runs it and however often: who finds the row there, or has to wait for
another node that is writing it, writes no mail. ``build`` takes a constant number of statements per user. Times are in
``timetable``, what a section shows in ``digest_sections``.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from mailcrm.address import address_key
from mailcrm.config import Config
from mailcrm.i18n import format_date, translator
from mailcrm.mail import NoticeKind
from mailcrm.notify.compose import Composed, compose
from mailcrm.notify.digest_content import Content, ReaderOf, Rules, rules_of
from mailcrm.notify.digest_sections import read_content
from mailcrm.notify.letterhead import Letterhead
from mailcrm.notify.material import Material, Reader
from mailcrm.notify.outbox import Outgoing, Recipient
from mailcrm.notify.render import Templates
from mailcrm.notify.timetable import LOOK_BACK_DAYS, Due, Schedule, due
from mailcrm.store.engine import Session, Store
from mailcrm.store.tables import digest, outbox, outbox_recipient, user, user_address
from mailcrm.store.upsert import insert_first, insert_ignore

_AnyRow = Row[*tuple[Any, ...]]
_GROUP = 20  # digests written in one transaction
_MOST_UNSENT = 300  # days looked back for why there was none
_HAVE_COME = ("sent", "empty")
_NOTHING: dict[str, Any] = {"items": [], "counts": {}}
_SCHEDULES = select(user).where(user.c.is_active, user.c.digest != "off").order_by(user.c.id)
_READERS = (
    select(user, user_address.c.address)
    .join(user_address, user_address.c.user_id == user.c.id)
    .order_by(user_address.c.is_primary, user_address.c.id.desc())
)


@dataclass(frozen=True, slots=True)
class _Ready:
    user_id: int
    address: str
    name: str
    local_date: date | None  # None: only missed ones
    missed: tuple[date, ...]
    away: tuple[date, ...]
    content: Content | None


def send_due(store: Store, now: datetime, config: Config) -> int:
    """Write what is due now; how many digests will leave."""
    rules, domain = rules_of(config), config.mail.domains[0]
    with store.read() as session:
        dues = due(read_schedules(session, now, rules.holidays), now, rules.latest)
    by_user: dict[int, list[Due]] = {}
    for one in dues:
        by_user.setdefault(one.user_id, []).append(one)
    sent = 0
    waiting = list(by_user.items())
    for start in range(0, len(waiting), _GROUP):
        with store.read() as session:
            ready = [_gathered(session, user_id, of_one, now, rules) for user_id, of_one in waiting[start:][:_GROUP]]
        sent += store.write(lambda session, ready=ready: sum(_write(session, one, now, domain) for one in ready))  # type: ignore[misc]
    return sent


def send_one(store: Store, user_id: int, day: date, now: datetime, config: Config) -> str:
    """Write one person's digest of ``day`` now: "sent", "empty", or "already" where that date has its row."""
    with store.read() as session:
        known = select(digest.c.id).where(digest.c.user_id == user_id, digest.c.local_date == day)
        if session.execute(known).first() is not None:
            return "already"
        ready = _gathered(session, user_id, [Due(user_id, day, is_missed=False)], now, rules_of(config))
    sent = store.write(lambda session: _write(session, ready, now, config.mail.domains[0]))
    return "sent" if sent else "empty"


def read_schedules(session: Session, now: datetime, holidays: str) -> tuple[Schedule, ...]:
    """When each active user gets a digest, and which local dates of the last days have their row; ``holidays``: the house's."""
    since = (now - timedelta(days=LOOK_BACK_DAYS + 2)).date()
    rows = session.execute(
        select(digest.c.user_id, digest.c.local_date, digest.c.state).where(digest.c.local_date >= since)
    ).all()
    done: dict[int, set[date]] = {}
    sent: dict[int, set[date]] = {}
    for row in rows:
        done.setdefault(row.user_id, set()).add(row.local_date)
        if row.state in _HAVE_COME:
            sent.setdefault(row.user_id, set()).add(row.local_date)
    return tuple(
        _schedule(one, holidays, frozenset(done.get(one.id, ())), frozenset(sent.get(one.id, ())))
        for one in session.execute(_SCHEDULES)
    )


def _schedule(row: _AnyRow, holidays: str, done: frozenset[date], sent: frozenset[date]) -> Schedule:
    return Schedule(
        user_id=row.id,
        time_zone=row.time_zone,
        working_days=row.working_days,
        digest_at=row.digest_at,
        since=max(row.created_at, row.digest_since or row.created_at),
        done=done,
        how_often=row.digest,
        weekday=row.digest_day,
        holidays=holidays if row.holidays is None else row.holidays,
        sent=sent,
        away_until=row.absent_until,
    )


def build(session: Session, user_id: int, now: datetime, rules: Rules) -> Content:
    """What the digest of this user would say now; raises LookupError for an unknown user."""
    return read_content(session, _reader(session, user_id), now, rules)


def preview(
    session: Session, user_id: int, now: datetime, rules: Rules, head: Letterhead, templates: Templates
) -> Composed | None:
    """The digest as it would be sent now, without writing anything; None where there is nothing to say."""
    reader = _reader(session, user_id)
    content = read_content(session, reader, now, rules)
    if content.is_empty:
        return None
    to = Recipient(0, reader.address, reader.name, "to", "queued")
    row = Outgoing(
        id=0,
        kind=NoticeKind.DIGEST,
        dedupe_key="",
        message_id=f"preview@{head.domain}",
        reply_nonce=bytes(16),
        lead_id=None,
        message_row_id=None,
        inbound_id=None,
        user_id=user_id,
        actor_user_id=None,
        params={"digest": content.as_json(), "why": "digest"},
        bytes=None,
        attempts=0,
        created_at=now,
        first_attempt_at=now,
        late_told_at=None,
        recipients=(to,),
    )
    person = Reader(reader.id, reader.name, reader.address, reader.locale, reader.time_zone)
    return compose(Material(row, reader=person), head, templates, now)


def _reader(session: Session, user_id: int) -> ReaderOf:
    rows = session.execute(_READERS.where(user.c.id == user_id)).all()
    if not rows:
        raise LookupError(f"there is no user {user_id}")
    row = rows[-1]  # the primary address comes last
    return ReaderOf(
        row.id, row.name, row.address, row.role, row.locale, row.time_zone, row.working_days, row.holidays, row.digest
    )


def _gathered(session: Session, user_id: int, dues: Sequence[Due], now: datetime, rules: Rules) -> _Ready:
    reader = _reader(session, user_id)
    missed = tuple(one.local_date for one in dues if one.is_missed)
    away = tuple(one.local_date for one in dues if one.is_away)
    to_send = next((one.local_date for one in reversed(dues) if not one.is_missed and not one.is_away), None)
    content = None
    if to_send is not None:
        before = _unsent_before(session, user_id, to_send)
        content = read_content(session, reader, now, rules).with_missed(
            _said_of({*before["missed"], *missed}, {*before["away"], *away}, reader.locale)
        )
    return _Ready(user_id, reader.address, reader.name, to_send, missed, away, content)


def _unsent_before(session: Session, user_id: int, day: date) -> dict[str, set[date]]:
    """The dates that were missed, or nobody was there to read, since the last digest that was sent or had nothing to say."""
    rows = session.execute(
        select(digest.c.local_date, digest.c.state)
        .where(digest.c.user_id == user_id, digest.c.local_date < day)
        .order_by(digest.c.local_date.desc())
        .limit(_MOST_UNSENT)
    ).all()
    found: dict[str, set[date]] = {"missed": set(), "away": set()}
    for row in rows:
        if row.state in _HAVE_COME:
            break
        found[row.state].add(row.local_date)
    return found


def _said_of(missed: set[date], away: set[date], locale: str) -> str:
    """Why there was none before, in a sentence each."""
    return " ".join(line for line in (_missed_line(missed, locale), _away_line(away, locale)) if line)


def _away_line(days: set[date], locale: str) -> str:
    if not days:
        return ""
    words = translator(locale)
    first, last = format_date(min(days), locale), format_date(max(days), locale)
    span = first if first == last else f"{first} – {last}"
    return words.gettext("You were away (%(days)s): this digest covers that time too.") % {"days": span}


def _missed_line(days: set[date], locale: str) -> str:
    if not days:
        return ""
    words = translator(locale)
    named = ", ".join(format_date(day, locale) for day in sorted(days)[-LOOK_BACK_DAYS:])
    said = words.ngettext("The digest of %(days)s was not sent.", "The digests of %(days)s were not sent.", len(days))
    return said % {"days": named}


def _write(session: Session, ready: _Ready, now: datetime, domain: str) -> int:
    """Row and mail, or the row alone; 1 if a mail will leave. A row that is there already keeps its mail."""
    row = {"user_id": ready.user_id, "created_at": now}
    unsent = [*((day, "missed") for day in ready.missed), *((day, "away") for day in ready.away)]
    insert_ignore(session, digest, [{**row, "local_date": day, "state": s, "snapshot": _NOTHING} for day, s in unsent])
    if ready.local_date is None or ready.content is None:
        return 0
    content = ready.content
    state = "empty" if content.is_empty else "sent"
    today = {**row, "local_date": ready.local_date, "state": state, "snapshot": content.snapshot()}
    digest_id = insert_first(session, digest, today)
    if digest_id is None or content.is_empty:
        return 0
    outbox_id = _add_mail(session, ready, content.as_json(), now, domain)
    session.execute(update(digest).where(digest.c.id == digest_id).values(outbox_id=outbox_id))
    return 1


def _add_mail(session: Session, ready: _Ready, content: Mapping[str, Any], now: datetime, domain: str) -> int:
    values = {
        "kind": NoticeKind.DIGEST.value,
        "dedupe_key": f"digest:{ready.local_date}:{ready.user_id}",
        "message_id": f"{secrets.token_hex(16)}@{domain}",
        "reply_nonce": secrets.token_bytes(16),
        "user_id": ready.user_id,
        "params": {"digest": content, "why": "digest"},
        "next_attempt_at": now.astimezone(UTC),
        "created_at": now.astimezone(UTC),
    }
    key = session.execute(insert(outbox).values(values)).inserted_primary_key
    outbox_id = int(key[0]) if key else 0
    to = {"outbox_id": outbox_id, "address": ready.address, "name": ready.name, "key": address_key(ready.address)}
    session.execute(insert(outbox_recipient).values({**to, "kind": "to"}))
    return outbox_id
