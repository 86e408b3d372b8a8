"""The outbox: one row per mail, one row per recipient. Written in the transaction of the change, emptied by ``deliver``.

    queued --claim--> queued, claimed --result--> sent | partly | failed | queued again, later
       held (a leak was found) --release--> queued          held --drop--> dropped
       queued, gathered with others --claim of the first that is due--> dropped, told of in the mail of another row

``enqueue`` is idempotent by ``dedupe_key``. ``claim`` counts the attempt and sets the next one, so that a mail that kills the
process is counted too; a claim ends with its result, its lease, or ``take_back`` when a process of the same name starts again.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailcrm.address import address_key
from mailcrm.mail import Address, Event, NoticeKind
from mailcrm.notify.backoff import next_attempt_at
from mailcrm.notify.bundles import gather, part_again
from mailcrm.notify.gathering import Posting, leaving
from mailcrm.notify.people import read_people
from mailcrm.notify.recipients import Notice, recipients
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import inbound, message, message_ref, outbox, outbox_recipient
from mailcrm.store.upsert import insert_ignore

LEASE = timedelta(minutes=60)  # longer than two groups of mails at the slowest peer: one is sent while the next waits
RENDER_TRIES = 5
QUESTIONS_PER_HOUR = 1  # to one user about one lead, or about mails of no lead
QUESTIONS_PER_DAY = 10  # to one user

_ADD = {
    "sqlite": Prepared(sqlite.insert(outbox).on_conflict_do_nothing().returning(outbox.c.id, outbox.c.dedupe_key)),
    "postgresql": Prepared(
        postgresql.insert(outbox).on_conflict_do_nothing().returning(outbox.c.id, outbox.c.dedupe_key)
    ),
}
_ADD_RECIPIENT = Prepared(insert(outbox_recipient))
_CARRIED_BY = Prepared(
    update(message).where(message.c.id == bindparam("b_message")).values(outbox_id=bindparam("b_outbox"))
)
_ASKED = Prepared(update(inbound).where(inbound.c.id == bindparam("b_inbound")).values(asked_at=bindparam("b_now")))
_QUESTIONS = Prepared(
    select(
        func.count(),
        func.count().filter(
            and_(
                outbox.c.lead_id.is_not_distinct_from(bindparam("lead", type_=outbox.c.lead_id.type)),
                outbox.c.created_at > bindparam("hour_ago"),
            )
        ),
    ).where(
        outbox.c.user_id == bindparam("user"),
        outbox.c.kind == NoticeKind.HELD,
        outbox.c.created_at > bindparam("day_ago"),
    )
)


# --- remember -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Draft:
    event: Event
    notice: Notice
    row: dict[str, Any]


def enqueue(session: Session, events: Sequence[Event], now: datetime, post: Posting) -> int:
    """Write a row for everybody the events concern; the number of mails that will leave. Repeating it adds nothing."""
    since = now - post.windows.burst
    drafts = [
        _draft(event, notice, now, post)
        for event in _not_told_twice(events)
        for notice in recipients(event, read_people(session, event, now, since))
        if _may_ask(session, event, notice, now)
    ]
    return len(add(session, drafts, now)) if drafts else 0


def _not_told_twice(events: Sequence[Event]) -> list[Event]:
    """Without "this lead is yours" where the same transaction tells the owner of the mail that made it theirs."""
    written_to = {event.lead_id for event in events if event.kind == "message_in"}
    return [event for event in events if event.kind != "event_assigned" or event.lead_id not in written_to]


def _may_ask(session: Session, event: Event, notice: Notice, now: datetime) -> bool:
    if notice.kind != NoticeKind.HELD or notice.person is None:
        return True
    hour_ago, day_ago = now - timedelta(hours=1), now - timedelta(days=1)
    binds = {"user": notice.person.id, "lead": event.lead_id, "hour_ago": hour_ago, "day_ago": day_ago}
    row = _QUESTIONS.one(session, binds)
    is_asked_now = (
        event.later is not None or row[1] < QUESTIONS_PER_HOUR
    )  # only proven mail is late: nobody can ask in their name
    return bool(row[0] < QUESTIONS_PER_DAY and is_asked_now)


def _draft(event: Event, notice: Notice, now: datetime, post: Posting) -> _Draft:
    how = leaving(event, notice, now, post.windows)
    row = {
        "kind": notice.kind.value,
        "dedupe_key": _dedupe_key(event, notice, now)[:200],
        "message_id": f"{secrets.token_hex(16)}@{post.domain}",
        "reply_nonce": secrets.token_bytes(16),
        "lead_id": event.lead_id,
        "message_row_id": event.message_id,
        "inbound_id": event.inbound_id,
        "user_id": notice.person.id if notice.person else None,
        "actor_user_id": event.actor_user_id,
        "params": _params(event, notice, how.skipped),
        "state": "dropped" if how.skipped else "queued",
        "next_attempt_at": how.at,
        "created_at": now,
        "gather": how.gather,
    }
    return _Draft(event, notice, row)


def _params(event: Event, notice: Notice, skipped: str) -> dict[str, Any]:
    kept = {key: value for key in _KEPT if (value := getattr(event, key))}
    if event.changes:
        kept["changes"] = [{"what": one.what, **dict(one.values)} for one in event.changes]
    if event.invitation is not None:
        kept["invitation"] = asdict(event.invitation)
    if event.later is not None:
        later = event.later
        kept["later"] = {"user_id": later.user_id, "name": later.name, "at": later.at.isoformat(), "text": later.text}
    return {**kept, "event": event.kind, "why": notice.why, **({"skipped": skipped} if skipped else {})}


_KEPT = (
    "is_new_lead",
    "is_closed_lead",
    "is_unconfirmed",
    "is_staff_token_misused",
    "reason",
    "detail",
    "outbox_id",
    "deputy",
    "activity",
    "only_to_key",
    "run_id",
    "subject",
)


def _dedupe_key(event: Event, notice: Notice, now: datetime) -> str:
    who = notice.person.id if notice.person else 0
    match notice.kind:
        case NoticeKind.CUSTOMER_REPLY:
            return f"customer_reply:{event.message_id}"
        case NoticeKind.FAILED:
            return f"{event.kind}:{event.outbox_id}:{who}:{event.detail}"
        case NoticeKind.HELD:
            return f"held:{event.inbound_id or f'outbox {event.outbox_id}'}:{who}:{event.reason}"
        case NoticeKind.RECEIPT | NoticeKind.HISTORY:
            return f"{notice.kind}:{event.lead_id}:{event.inbound_id}:{who}:{event.detail}"
        case NoticeKind.LOOP:
            return f"loop:{now.date()}:{who}:{event.detail}"
        case NoticeKind.REMINDER:
            return f"reminder:{event.detail}:{event.activity[1]}:{who}"
        case NoticeKind.ADDRESS:
            return f"{event.kind}:{who}:{event.detail[:100]}:{now.isoformat()}"
        case NoticeKind.ABSENCE:
            return f"absence:{event.actor_user_id}:{event.detail}:{who}"
        case NoticeKind.ASSIGNED:
            return f"assigned:{event.lead_id}:{who}:{event.message_id or now.isoformat()}"
    return f"{notice.kind}:{event.message_id or f'inbound {event.inbound_id}'}:{who}"


def add(session: Session, drafts: Sequence[_Draft], now: datetime) -> dict[str, int]:
    """Insert the rows that are not there yet; dedupe key -> id of those that will leave."""
    ids = _inserted(session, [draft.row for draft in drafts])
    fresh = [(ids[draft.row["dedupe_key"]], draft) for draft in drafts if draft.row["dedupe_key"] in ids]
    if not fresh:
        return {}
    _ADD_RECIPIENT.run_all(session, [row for row_id, draft in fresh for row in _recipient_rows(row_id, draft)])
    leaving = [(row_id, draft) for row_id, draft in fresh if draft.row["state"] == "queued"]
    _remember_ids(session, leaving)
    asked = [draft for _, draft in leaving if draft.notice.kind == NoticeKind.HELD and draft.event.inbound_id]
    for draft in asked:
        _ASKED.run(session, {"b_inbound": draft.event.inbound_id, "b_now": now})
    return {draft.row["dedupe_key"]: row_id for row_id, draft in leaving}


def _inserted(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Dedupe key -> id of the rows that are new, in one statement; mostly it is one row, and that is quicker alone."""
    insert_new = _ADD[session.dialect.name]
    added = insert_new.all(session, rows[0]) if len(rows) == 1 else session.execute(insert_new.statement, rows).all()
    return {key: row_id for row_id, key in added}


def _recipient_rows(row_id: int, draft: _Draft) -> list[dict[str, Any]]:
    def row(kind: str, who: Address) -> dict[str, Any]:
        key = address_key(who.address) or who.address.casefold()
        named = {"address": who.address, "name": who.name[:300], "key": key, "kind": kind}
        return {"outbox_id": row_id, "state": draft.row["state"], **named}

    return [row("to", who) for who in draft.notice.to] + [row("cc", who) for who in draft.notice.cc]


def _remember_ids(session: Session, leaving: Sequence[tuple[int, _Draft]]) -> None:
    """Our Message-IDs lead back to the lead, and a mail to the customer to the message it carries."""
    refs = [
        {"ref": draft.row["message_id"], "lead_id": draft.event.lead_id, "message_id": draft.event.message_id, "kind": "ours"}
        for _, draft in leaving
        if draft.event.lead_id is not None
    ]  # fmt: skip
    insert_ignore(session, message_ref, refs)
    for row_id, draft in leaving:
        if draft.notice.kind == NoticeKind.CUSTOMER_REPLY:
            _CARRIED_BY.run(session, {"b_message": draft.event.message_id, "b_outbox": row_id})


# --- claim --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recipient:
    id: int
    address: str
    name: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the outbox as claimed. ``recipients`` are all of them; ``pending`` those still to be told."""

    id: int
    kind: NoticeKind
    dedupe_key: str
    message_id: str
    reply_nonce: bytes
    lead_id: int | None
    message_row_id: int | None
    inbound_id: int | None
    user_id: int | None
    actor_user_id: int | None
    params: Mapping[str, Any]
    bytes: bytes | None
    attempts: int
    created_at: datetime
    first_attempt_at: datetime
    late_told_at: datetime | None
    recipients: tuple[Recipient, ...]
    carried: tuple["Outgoing", ...] = ()  # notices that this mail tells of too, oldest first

    @property
    def pending(self) -> tuple[Recipient, ...]:
        return tuple(one for one in self.recipients if one.state in ("queued", "deferred"))


_DUE = Prepared(
    select(outbox)
    .where(
        outbox.c.state == "queued",
        outbox.c.next_attempt_at <= bindparam("now"),
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < bindparam("now")),
    )
    .order_by(outbox.c.next_attempt_at, outbox.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("b_id"), outbox.c.attempts == bindparam("b_seen"), outbox.c.state == "queued")
    .values(
        claimed_by=bindparam("b_process"),
        lease_until=bindparam("b_lease"),
        attempts=bindparam("b_seen") + 1,
        first_attempt_at=bindparam("b_first"),
        next_attempt_at=bindparam("b_next"),
    )
)
_RECIPIENTS = Prepared(
    select(outbox_recipient)
    .where(outbox_recipient.c.outbox_id.in_(bindparam("ids", expanding=True)))
    .order_by(outbox_recipient.c.id)
)


def claim(session: Session, process: str, limit: int, now: datetime, give_up_hours: int = 48) -> tuple[Outgoing, ...]:
    """Take up to ``limit`` due rows for ``process``, oldest first; the attempt and the next one are recorded with it."""
    due = _DUE.all(session, {"now": now, "limit": limit})
    if not due:
        return ()
    gathered = gather(session, due, now)
    taken = [row for row in gathered.rows if _take(session, row, process, now, give_up_hours)]
    by_row: dict[int, list[Recipient]] = {}
    for one in _RECIPIENTS.all(session, {"ids": [row.id for row in taken]}):
        by_row.setdefault(one.outbox_id, []).append(Recipient(one.id, one.address, one.name, one.kind, one.state))
    return tuple(
        replace(
            _outgoing(row, tuple(by_row.get(row.id, ())), now),
            carried=tuple(_outgoing(one, (), now) for one in gathered.carried.get(row.id, ())),
        )
        for row in taken
    )


def _take(session: Session, row: Row[Any], process: str, now: datetime, give_up_hours: int) -> bool:
    first = row.first_attempt_at or now
    following = next_attempt_at(row.attempts + 1, first, now, give_up_hours) or now
    values = {"b_id": row.id, "b_seen": row.attempts, "b_process": process, "b_lease": now + LEASE}
    return _CLAIM.run(session, {**values, "b_first": first, "b_next": following}) == 1


def _outgoing(row: Row[Any], to: tuple[Recipient, ...], now: datetime) -> Outgoing:
    return Outgoing(
        id=row.id,
        kind=NoticeKind(row.kind),
        dedupe_key=row.dedupe_key,
        message_id=row.message_id,
        reply_nonce=row.reply_nonce,
        lead_id=row.lead_id,
        message_row_id=row.message_row_id,
        inbound_id=row.inbound_id,
        user_id=row.user_id,
        actor_user_id=row.actor_user_id,
        params=row.params,
        bytes=row.bytes,
        attempts=row.attempts + 1,
        created_at=row.created_at,
        first_attempt_at=row.first_attempt_at or now,
        late_told_at=row.late_told_at,
        recipients=to,
    )


def take_back(session: Session, process: str, now: datetime) -> int:
    """Free what an earlier process of this name had claimed, due at once; for the start, before the first ``claim``."""
    freed = (
        update(outbox)
        .where(outbox.c.state == "queued", outbox.c.claimed_by == process, outbox.c.lease_until.is_not(None))
        .values(claimed_by="", lease_until=None, next_attempt_at=now)
    )
    return session.execute(freed).rowcount


_STORE_BYTES = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("b_id"), outbox.c.bytes.is_(None))
    .values(bytes=bindparam("b_bytes"), subject=bindparam("b_subject"), params=bindparam("b_params"))
)


@dataclass(frozen=True, slots=True)
class Bytes:
    """A mail as made. ``card_lines`` are kept with the row: an answer that holds one of them does not leave."""

    row: Outgoing
    subject: str
    raw: bytes
    card_lines: tuple[str, ...] = ()


def mark_rendered(session: Session, rendered: Sequence[Bytes]) -> None:
    """Store subject and bytes of mails made for the first time; they never change afterwards."""
    rows = [
        {
            "b_id": one.row.id,
            "b_subject": one.subject[:1000],
            "b_bytes": one.raw,
            "b_params": {**one.row.params, **({"card_lines": list(one.card_lines)} if one.card_lines else {})},
        }
        for one in rendered
    ]
    if rows:
        _STORE_BYTES.run_all(session, rows)


# --- results ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """What the peer said about one recipient: sent, deferred or failed, with code and text."""

    recipient_id: int
    state: str
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one attempt. ``outgoing`` is the row as claimed, ``recipients`` those that were tried."""

    outgoing: Outgoing
    recipients: tuple[RecipientResult, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a mail is tried, and when its writer is told."""

    late_hours: int = 4
    give_up_hours: int = 48


_IS_PENDING = or_(outbox_recipient.c.state == "queued", outbox_recipient.c.state == "deferred")
_SET_RECIPIENT = Prepared(
    update(outbox_recipient)
    .where(outbox_recipient.c.id == bindparam("b_id"), _IS_PENDING)
    .values(state=bindparam("b_state"), code=bindparam("b_code"), text=bindparam("b_text"), at=bindparam("b_at"))
)
_SET_ROW = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        claimed_by="",
        lease_until=None,
        sent_at=bindparam("b_sent"),
        late_told_at=bindparam("b_late"),
    )
)


def mark_result(
    session: Session, results: Sequence[Result], now: datetime, patience: Patience, post: Posting
) -> tuple[Event, ...]:
    """Record what became of each recipient; the writer of a mail to the customer is told in the same transaction.

    Returns the events told of, each also enqueued here.
    """
    ends = [_end(result, now, patience) for result in results]
    answers = [_recipient_values(answer, now) for end in ends for answer in end.answers]
    if answers:
        _SET_RECIPIENT.run_all(session, answers)
    if ends:
        _SET_ROW.run_all(session, [_row_values(end, now) for end in ends])
    events = tuple(event for end in ends for event in end.events)
    enqueue(session, events, now, post)
    return events


@dataclass(frozen=True, slots=True)
class _End:
    row_id: int
    state: str
    answers: tuple[RecipientResult, ...]
    events: tuple[Event, ...]
    late_told_at: datetime | None


def _end(result: Result, now: datetime, patience: Patience) -> _End:
    row = result.outgoing
    is_over = next_attempt_at(row.attempts, row.first_attempt_at, now, patience.give_up_hours) is None
    answers = tuple(_given_up(answer) if is_over else answer for answer in result.recipients)
    answered = {answer.recipient_id: answer.state for answer in answers}
    state = _row_state([answered.get(one.id, one.state) for one in row.recipients])
    events = _failures(row, answers)
    is_late = (
        row.kind == NoticeKind.CUSTOMER_REPLY
        and row.late_told_at is None
        and now - row.first_attempt_at >= timedelta(hours=patience.late_hours)
        and any(answer.state == "deferred" for answer in answers)
    )
    if is_late:
        events = (*events, _told(row, "message_delayed", [a for a in answers if a.state == "deferred"]))
    return _End(row.id, state, answers, events, now if is_late else row.late_told_at)


def _given_up(answer: RecipientResult) -> RecipientResult:
    return replace(answer, state="failed") if answer.state == "deferred" else answer


def _row_state(states: Sequence[str]) -> str:
    """Queued while anybody is still to be told; what was learned later of a sent one (bounced) still counts as sent."""
    if any(state in ("queued", "deferred") for state in states):
        return "queued"
    failed = [state for state in states if state == "failed"]
    if not failed:
        return "sent"
    return "failed" if len(failed) == len(states) else "partly"


def _failures(row: Outgoing, answers: Sequence[RecipientResult]) -> tuple[Event, ...]:
    """A notice to staff that failed tells nobody: that would be a notice about a notice."""
    failed = [answer for answer in answers if answer.state == "failed"]
    if not failed or row.kind != NoticeKind.CUSTOMER_REPLY:
        return ()
    return (_told(row, "message_failed", failed),)


def _told(row: Outgoing, kind: str, answers: Sequence[RecipientResult]) -> Event:
    addresses = {one.id: one.address for one in row.recipients}
    said = "; ".join(f"{addresses[a.recipient_id]}: {a.code} {a.text}".rstrip(": ") for a in answers)
    return Event(kind, row.lead_id, message_id=row.message_row_id, outbox_id=row.id, detail=said[:500])


def _recipient_values(answer: RecipientResult, now: datetime) -> dict[str, Any]:
    values = {"b_id": answer.recipient_id, "b_state": answer.state, "b_code": answer.code[:10]}
    return {**values, "b_text": answer.text[:500], "b_at": now}


def _row_values(end: _End, now: datetime) -> dict[str, Any]:
    sent_at = now if end.state in ("sent", "partly") else None
    return {"b_id": end.row_id, "b_state": end.state, "b_sent": sent_at, "b_late": end.late_told_at}


# --- what stops a mail, and what a person may do about it ---------------------------------------------------------------


def mark_unrendered(session: Session, row: Outgoing, why: str, now: datetime, post: Posting) -> None:
    """A mail that could not be made: again later, failed with its reason after five tries. What it told of besides leaves apart."""
    state = "failed" if row.attempts >= RENDER_TRIES else "deferred"
    answers = tuple(RecipientResult(one.id, state, "", why) for one in row.pending)
    mark_result(session, [Result(row, answers)], now, Patience(), post)
    part_again(session, row.id, now)


def hold(session: Session, row: Outgoing, why: str, now: datetime, post: Posting) -> None:
    """Keep back a mail that must not leave as it is; its writer is asked."""
    _change(session, row.id, {**row.params, "held": why}, "held")
    event = Event(
        "held", row.lead_id, row.message_row_id, outbox_id=row.id, actor_user_id=row.actor_user_id, detail=why
    )
    enqueue(session, [event], now, post)


def without_attachments(session: Session, row: Outgoing, now: datetime) -> None:
    """The peer found a notice too large: make it again without attachments, at once."""
    session.execute(update(outbox).where(outbox.c.id == row.id).values(bytes=None, next_attempt_at=now))
    _change(session, row.id, {**row.params, "without_attachments": True}, "queued")


def release(session: Session, outbox_id: int, by_user_id: int, now: datetime) -> bool:
    """A person sends a held mail after all; False if it is not held."""
    row = session.execute(select(outbox.c.params, outbox.c.state).where(outbox.c.id == outbox_id)).first()
    if row is None or row.state != "held":
        return False
    session.execute(update(outbox).where(outbox.c.id == outbox_id).values(next_attempt_at=now, first_attempt_at=None))
    _change(session, outbox_id, {**row.params, "released_by": by_user_id}, "queued")
    return True


def drop(session: Session, outbox_id: int, by_user_id: int, now: datetime) -> bool:
    """A person decides that a mail shall not leave; False if it has left or was dropped."""
    row = session.execute(select(outbox.c.params, outbox.c.state).where(outbox.c.id == outbox_id)).first()
    if row is None or row.state not in ("held", "queued"):
        return False
    _change(session, outbox_id, {**row.params, "dropped_by": by_user_id}, "dropped")
    pending = and_(outbox_recipient.c.outbox_id == outbox_id, _IS_PENDING)
    session.execute(update(outbox_recipient).where(pending).values(state="dropped", at=now))
    return True


def hold_again(session: Session, outbox_id: int) -> bool:
    """A mail that was held and dropped is held once more; False if it is not dropped, or its bytes are gone."""
    asked = select(outbox.c.params, outbox.c.state, outbox.c.bytes.is_not(None).label("is_kept"))
    row = session.execute(asked.where(outbox.c.id == outbox_id)).first()
    if row is None or row.state != "dropped" or not row.is_kept:
        return False
    _change(session, outbox_id, {key: value for key, value in row.params.items() if key != "dropped_by"}, "held")
    theirs = and_(outbox_recipient.c.outbox_id == outbox_id, outbox_recipient.c.state == "dropped")
    session.execute(update(outbox_recipient).where(theirs).values(state="queued", at=None))
    return True


def forget_sent(session: Session, before: datetime) -> int:
    """Retention: remove the bytes of mails that left before then; the rows and their tokens stay."""
    old = and_(outbox.c.state.in_(("sent", "partly", "failed", "dropped")), outbox.c.created_at < before)
    return session.execute(update(outbox).where(old, outbox.c.bytes.is_not(None)).values(bytes=None)).rowcount


def _change(session: Session, outbox_id: int, params: Mapping[str, Any], state: str) -> None:
    freed = {"claimed_by": "", "lease_until": None}
    session.execute(update(outbox).where(outbox.c.id == outbox_id).values(params=params, state=state, **freed))
