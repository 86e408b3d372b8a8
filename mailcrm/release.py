"""A colleague answered our question with one word: the held mail leaves, is dropped, or stays inside as a note.

What leaves goes without the lines that were not understood. The mail is read again before the transaction that places the answer
(``read_ahead``). Only its own writer can decide so, once, and only on the lead it was held on; what speaks against "send" by now
(somebody else answered, unless that was the question; a piece of our notice in it) holds it again.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from mailcrm.address import TokenClaim, read_token, verify_token
from mailcrm.apply import Arrival, apply
from mailcrm.decide import LATE, decide_released, kept_inside
from mailcrm.ingest.classify import SpamValues
from mailcrm.ingest.understand import understand
from mailcrm.letter import Draft, draft_of
from mailcrm.mail import (
    Address,
    Author,
    AuthorKind,
    AuthResults,
    Change,
    Decision,
    Door,
    Envelope,
    Event,
    FaultWhy,
    Intent,
    ParsedMail,
    Reason,
    Route,
    RouteKind,
    Verdict,
)
from mailcrm.notify.excerpt import excerpt
from mailcrm.rules import Rules
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session
from mailcrm.store.keyring import Keyring
from mailcrm.store.tables import inbound, outbox, raw
from mailcrm.threading.lookup import look_up

_BY_WORD = frozenset({Reason.COMMAND_NOT_UNDERSTOOD, Reason.STAFF_NOT_PROVEN, *LATE})
_QUESTION = select(inbound, outbox.c.reply_nonce).join(outbox, outbox.c.inbound_id == inbound.c.id)
_MOST_SHOWN = 262_144  # bytes; of a larger mail the question quotes nothing


@dataclass(frozen=True, slots=True)
class Waiting:
    """A held mail, read again."""

    envelope: Envelope
    content: bytes
    mail: ParsedMail
    verdict: Verdict
    draft: Draft


@dataclass(frozen=True, slots=True)
class Releasing:
    """What reading and deciding again needs. ``waiting``: what was read ahead, by the id of its inbound row."""

    rules: Rules
    keyring: Keyring
    blobs: Blobs
    spam: SpamValues | None = None
    waiting: Mapping[int, Waiting] = field(default_factory=dict)


def read_ahead(session: Session, recipients: Sequence[str], needs: Releasing) -> dict[int, Waiting]:
    """Read what the questions are about that a mail to these recipients may answer, and store its files; before the transaction."""
    found: dict[int, Waiting] = {}
    for claim in _questions(recipients):
        row = session.execute(_QUESTION.where(outbox.c.id == claim.outbox_id)).first()
        if row is None or row.id in found or row.state != "held":
            continue
        if not verify_token(claim, row.reply_nonce, needs.keyring.keys):
            continue
        if waiting := _read_again(session, row, needs):
            found |= {row.id: waiting, **read_ahead(session, waiting.envelope.rcpt_to, needs)}
    return found


def is_answering(recipients: Sequence[str]) -> bool:
    """Whether one of them says it is the address for the answer to a question of ours."""
    return bool(_questions(recipients))


def _questions(recipients: Sequence[str]) -> list[TokenClaim]:
    claims = (read_token(address) for address in recipients)
    return [claim for claim in claims if claim is not None and claim.intent is Intent.DECIDE]


def release(session: Session, answer: Arrival, needs: Releasing, now: datetime) -> tuple[Event, ...]:
    """Place the mail that the answered question was about; whom to tell."""
    user_id = answer.facts.author.user_id
    row = _held(session, answer.route.question_id or 0, user_id)
    waiting = (needs.waiting.get(row.id) or _read_again(session, row, needs)) if row is not None else None
    if row is None or waiting is None:
        return (_told(answer, user_id, "It was decided already."),)
    envelope, content, mail, verdict = waiting.envelope, waiting.content, waiting.mail, waiting.verdict
    mail = replace(mail, auth=(), checked=AuthResults.from_row(row.auth) if row.auth else None)
    is_vouched = row.reason == Reason.STAFF_NOT_PROVEN and answer.route.decision is not Decision.DROP
    if is_vouched and not is_all_shown(mail, content):
        return (_told(answer, user_id, "It holds more than the question showed: decide on the page."),)
    proof = row.author_proof or f"released by mail, {answer.facts.author.proof}"
    author = Author(AuthorKind.USER_PROVEN, Address(row.from_name, row.from_address), user_id, proof)
    facts = look_up(session, mail, verdict, envelope, needs.rules, needs.keyring, now, author)
    read = (mail, verdict, facts, needs.rules, now)
    match answer.route.decision:
        case Decision.DROP:
            route = Route(RouteKind.DISMISSED, Reason.RELEASED_BY_MAIL, lead_id=row.lead_id)
        case Decision.NOTE if row.lead_id is not None:
            route = kept_inside(*read, row.lead_id)
        case _:
            route = decide_released(*read, is_late_allowed=row.reason in LATE)
    if row.lead_id is not None and route.lead_id != row.lead_id:
        return (_told(answer, user_id, "It does not belong to this lead any more: decide on the page."),)
    domains = tuple(sorted(needs.rules.domains))
    held = Arrival(
        row.spool_id, envelope, mail, verdict, facts, route, row.raw_id, row.id, user_id, domains, draft=waiting.draft
    )  # fmt: skip
    events = apply(session, held, now)
    if route.kind is RouteKind.RELEASE:  # an answer of theirs that had come without proof itself
        return (*events, *release(session, held, needs, now))
    return events


def is_all_shown(mail: ParsedMail, content: bytes) -> bool:
    """Whether the question quoted all that would leave: nobody vouches for what they have not seen."""
    if mail.files or len(content) > _MOST_SHOWN:
        return False
    shown, text = (" ".join(part.split()) for part in (excerpt(content), mail.new_text))
    return text in shown


def _held(session: Session, question_id: int, user_id: int | None) -> Any:
    asked = select(inbound).join(outbox, outbox.c.inbound_id == inbound.c.id).where(outbox.c.id == question_id)
    row = session.execute(asked.with_for_update(of=inbound)).first()
    if row is None or row.author_user_id != user_id or row.author == AuthorKind.MACHINE:
        return None
    return row if row.state == "held" and row.reason in _BY_WORD else None


def _read_again(session: Session, row: Any, needs: Releasing) -> Waiting | None:
    content = _raw(session, row.raw_id, needs.blobs)
    if content is None:
        return None
    envelope = Envelope(row.mail_from, tuple(row.rcpt_to), row.received_at, Door(row.door), source="stored")
    mail, verdict = understand(content, envelope, needs.spam)
    needs.blobs.put_all((a.sha256, a.content) for a in mail.files)
    return Waiting(envelope, content, mail, verdict, draft_of(mail))


def _raw(session: Session, raw_id: int | None, blobs: Blobs) -> bytes | None:
    kept = session.execute(select(raw.c.sha256, raw.c.compressed).where(raw.c.id == raw_id)).first()
    if kept is None:
        return None
    try:
        return zlib.decompress(kept.compressed) if kept.compressed is not None else blobs.read(kept.sha256)
    except FileNotFoundError:
        return None


def _told(answer: Arrival, user_id: int | None, why: str) -> Event:
    values = (("line", ""), ("why", FaultWhy.REFUSED.value), ("detail", why))
    inbound_id = answer.inbound_id
    return Event("receipt", answer.route.lead_id, inbound_id=inbound_id, actor_user_id=user_id,
                 changes=(Change("fault", values),), detail=answer.spool_id)  # fmt: skip
