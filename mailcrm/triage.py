"""What people do with held, quiet, triaged and buried mail; each works on the existing ``inbound`` row, once.

The mail is read again from its stored bytes, outside any transaction; then, in one transaction, the row is locked, seen to be
still undecided, and the route a person chose is applied by the same code that places mail by rule. Promise 4 holds here as
well: what holds a piece of a notice is not sent, whoever asks.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from mailcrm.apply import Arrival, apply
from mailcrm.crm.desk import Desk
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.rights import Right, actor, may_decide, require
from mailcrm.decide import Case, leaking_piece, new_lead_by_hand, sent_by_hand, staff_reply_fault
from mailcrm.ingest.understand import understand
from mailcrm.letter import draft_of
from mailcrm.mail import (
    Address,
    Author,
    AuthorKind,
    AuthResults,
    Door,
    Envelope,
    Facts,
    Intent,
    ParsedMail,
    Reason,
    Route,
    RouteKind,
    Verdict,
)
from mailcrm.notify import outbox
from mailcrm.notify.gathering import posting
from mailcrm.orders import orders_of, without_commands
from mailcrm.reader import configured_spam
from mailcrm.rules import Rules, rules_of
from mailcrm.store.engine import Session
from mailcrm.store.tables import inbound, lead, raw
from mailcrm.threading.lookup import card_lines_on_lead, hashes_on_lead, leads_of, look_up

_UNDECIDED = frozenset({"held", "triage", "quiet", "dismissed"})


@dataclass(frozen=True, slots=True)
class _Kept:
    """A received mail, read again."""

    row: Any
    envelope: Envelope
    mail: ParsedMail
    verdict: Verdict


Choice = Callable[[Session, _Kept, Facts, datetime], Route]


def make_lead(desk: Desk, inbound_id: int, by: int) -> Done:
    """Open a lead for an outsider's mail that the rules kept out."""

    def choose(session: Session, kept: _Kept, facts: Facts, now: datetime) -> Route:
        _refuse_staff(kept)
        return new_lead_by_hand(kept.mail, kept.verdict, facts, rules_of(desk.config), now)

    return _decide(desk, inbound_id, by, choose)


def attach(desk: Desk, inbound_id: int, lead_id: int, by: int) -> Done:
    """Put the mail on a lead: a customer's as their mail, what a colleague forwarded as the mails it holds, else a note."""

    def choose(session: Session, kept: _Kept, facts: Facts, now: datetime) -> Route:
        if session.execute(select(lead.c.id).where(lead.c.id == lead_id)).first() is None:
            raise NotFound("There is no lead %(id)s.", id=lead_id)
        if not _is_staff(kept):
            return Route(RouteKind.APPEND, Reason.BY_HAND, lead_id=lead_id)
        is_forward = facts.about is not None and facts.about.is_forward
        return Route(RouteKind.FORWARD if is_forward else RouteKind.NOTE, Reason.BY_HAND, lead_id=lead_id)

    return _decide(desk, inbound_id, by, choose)


def send(desk: Desk, inbound_id: int, by: int) -> Done:
    """Send a colleague's held mail to the customer. What was meant as a note, or holds a piece of our notice, is refused."""

    def choose(session: Session, kept: _Kept, facts: Facts, now: datetime) -> Route:
        lead_id = _staff_lead(kept)
        if any(token.intent is Intent.DECIDE for token in facts.tokens):
            raise Refused("It answers a question of ours: decide about the mail that waits.")
        if any(token.intent is Intent.NOTE for token in facts.tokens):
            raise Refused("It was written to the address for internal notes: keep it as a note.")
        rules = rules_of(desk.config)
        orders = orders_of(kept.mail, facts.writer, now) if facts.writer else None
        case = Case(kept.mail, kept.verdict, facts, rules, now, orders, is_released=True)
        if inside := sent_by_hand(case, lead_id):
            return inside
        if orders:
            kept = replace(kept, mail=without_commands(kept.mail, orders.text))
        _refuse_leaks(session, kept, facts, rules, lead_id, now)
        is_new_person = kept.row.reason == Reason.NEW_PERSON_REPLY
        key = kept.row.reason_detail if is_new_person else ""
        return Route(
            RouteKind.REPLY,
            Reason.BY_HAND,
            lead_id=lead_id,
            only_to_key=key,
            confirms_key=key,
            orders=orders,
            is_lenient=True,
        )

    return _decide(desk, inbound_id, by, choose)


def keep_as_note(desk: Desk, inbound_id: int, by: int) -> Done:
    """Keep a colleague's held mail on its lead as an internal note."""

    def choose(session: Session, kept: _Kept, facts: Facts, now: datetime) -> Route:
        return Route(RouteKind.NOTE, Reason.BY_HAND, lead_id=_staff_lead(kept))

    return _decide(desk, inbound_id, by, choose)


def dismiss(desk: Desk, inbound_id: int, by: int) -> Done:
    """Not for us: it leaves the lists and stays findable."""
    row = _row(desk, inbound_id)
    if row.state == "buried":
        return _forget_buried(desk, row)

    def choose(session: Session, kept: _Kept, facts: Facts, now: datetime) -> Route:
        return Route(RouteKind.DISMISSED, Reason.BY_HAND, lead_id=kept.row.lead_id)

    return _decide(desk, inbound_id, by, choose)


def replay(desk: Desk, inbound_id: int, by: int) -> Done:
    """Bring a buried mail back with all its tries; its row is taken over when it is processed."""
    row = _row(desk, inbound_id)
    if row.state != "buried":
        raise Refused("Only buried mail can be replayed.")
    if not desk.spool.replay(row.spool_id):
        raise Refused("The buried mail is on another machine, or was brought back already.")
    return Done(inbound_id)


def _forget_buried(desk: Desk, row: Any) -> Done:
    desk.spool.forget_buried(row.spool_id)
    desk.store.write(
        lambda session: session.execute(delete(inbound).where(inbound.c.id == row.id, inbound.c.state == "buried"))
    )
    return Done(row.id)


# --- reading it again ---------------------------------------------------------------------------------------------------


def _row(desk: Desk, inbound_id: int) -> Any:
    with desk.store.read() as session:
        row = session.execute(select(inbound).where(inbound.c.id == inbound_id)).first()
    if row is None:
        raise NotFound("There is no received mail %(id)s.", id=inbound_id)
    return row


def _read_again(desk: Desk, inbound_id: int) -> _Kept:
    row = _row(desk, inbound_id)
    envelope = Envelope(row.mail_from, tuple(row.rcpt_to), row.received_at, Door(row.door), source="stored")
    mail, verdict = understand(raw_bytes(desk, row.raw_id), envelope, configured_spam(desk.config))
    # Who handed it in is not kept: what was believed then counts, and nothing that stands in the mail.
    believed = AuthResults.from_row(row.auth) if row.auth else None
    return _Kept(row, envelope, replace(mail, auth=(), checked=believed), verdict)


def raw_bytes(desk: Desk, raw_id: int | None) -> bytes:
    """A mail as it came; Refused once retention has taken it away."""
    with desk.store.read() as session:
        kept = session.execute(select(raw.c.sha256, raw.c.compressed).where(raw.c.id == raw_id)).first()
    if kept is None:
        raise Refused("The mail itself is no longer kept.")
    try:
        return zlib.decompress(kept.compressed) if kept.compressed is not None else desk.blobs.read(kept.sha256)
    except FileNotFoundError as e:
        raise Refused("The mail itself is no longer kept.") from e


# --- deciding -----------------------------------------------------------------------------------------------------------


def _decide(desk: Desk, inbound_id: int, by: int, choose: Choice) -> Done:
    """Apply what a person chose, if nobody else did since; tell whom it concerns in the same transaction."""
    kept, now = _read_again(desk, inbound_id), desk.now()
    desk.blobs.put_all((a.sha256, a.content) for a in kept.mail.files)

    draft = draft_of(kept.mail) if _is_staff(kept) else None

    def work(session: Session) -> int | None:
        _require_undecided(session, inbound_id)
        _require_allowed(session, kept, by)
        facts = _facts(session, desk, kept, by, now)
        route = choose(session, kept, facts, now)
        arrival = Arrival(
            kept.row.spool_id, kept.envelope, kept.mail, kept.verdict, facts, route, kept.row.raw_id, inbound_id, by,
            tuple(desk.config.mail.domains), draft=draft,
        )  # fmt: skip
        outbox.enqueue(session, apply(session, arrival, now), now, posting(desk.config))
        return session.execute(select(inbound.c.lead_id).where(inbound.c.id == inbound_id)).scalar()

    lead_id = desk.store.write(work)
    desk.wake()
    return Done(lead_id or inbound_id)


def _require_undecided(session: Session, inbound_id: int) -> None:
    state = session.execute(select(inbound.c.state).where(inbound.c.id == inbound_id).with_for_update()).scalar()
    if state not in _UNDECIDED:
        raise Refused("This mail has been decided already.")


def _require_allowed(session: Session, kept: _Kept, by: int) -> None:
    """A colleague's mail is theirs to release, or a manager's."""
    who = actor(session, by)
    if who is None:
        raise Refused("Your role does not allow this.")
    require(who, Right.SEE_MAIL)
    if not may_decide(who, kept.row.author_user_id if _is_staff(kept) else None):
        raise Refused("Only the colleague who wrote it, or a manager, decides about this mail.")


def _facts(session: Session, desk: Desk, kept: _Kept, by: int, now: datetime) -> Facts:
    rules = rules_of(desk.config)
    facts = look_up(session, kept.mail, kept.verdict, kept.envelope, rules, desk.keyring, now, _author(kept, by))
    return replace(facts, past=None)


def _author(kept: _Kept, by: int) -> Author:
    """Whom the person who decides vouches for."""
    row = kept.row
    address = Address(row.from_name, row.from_address)
    if _is_staff(kept):
        return Author(AuthorKind.USER_PROVEN, address, row.author_user_id, f"released by user {by}")
    is_form = kept.mail.from_ is not None and kept.mail.from_.address.lower() != row.from_address.lower()
    return Author(AuthorKind.OUTSIDER, address, is_form=is_form)


def _is_staff(kept: _Kept) -> bool:
    return kept.row.author_user_id is not None and kept.row.author != AuthorKind.MACHINE


def _refuse_staff(kept: _Kept) -> None:
    if _is_staff(kept):
        raise Refused("A colleague's mail opens no lead: attach it to one, or keep it as a note.")


def _staff_lead(kept: _Kept) -> int:
    if not _is_staff(kept):
        raise Refused("This mail is not a colleague's.")
    if kept.row.lead_id is None:
        raise Refused("This mail belongs to no lead yet: attach it to one.")
    return int(kept.row.lead_id)


def _refuse_leaks(session: Session, kept: _Kept, facts: Facts, rules: Rules, lead_id: int, now: datetime) -> None:
    """Nobody can send a notice, a card or an unreadable part to a customer, not even on purpose."""
    lines = card_lines_on_lead(session, lead_id)
    checked = replace(
        facts, sent_hashes=hashes_on_lead(session, lead_id), card_lines=lines, leads=leads_of(session, [lead_id])
    )
    fault = staff_reply_fault(Case(kept.mail, kept.verdict, checked, rules, now))
    if fault is None and not leaking_piece(kept.mail.new_text, lines, rules):
        return
    if fault is not None and fault.reason is Reason.STAFF_REPLY_EMPTY:
        raise Refused("There is nothing newly written in this mail.")
    if fault is not None and fault.reason is Reason.STAFF_REPLY_UNREADABLE_PART:
        raise Refused(
            "It has a part that cannot be looked into (%(part)s): answer again without it.", part=fault.detail
        )
    raise Refused(
        "It still holds a piece of our notice (%(part)s): answer again without it.", part=fault.detail if fault else ""
    )
