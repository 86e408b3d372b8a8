"""Empties the outbox: claim → render and store the bytes → hand to the relay → record the result.

    claimed (committed) → rendered → bytes recorded (committed) → sent → result recorded (committed)

The attempt and the next one are committed before the peer is called. A crash between the peer's 250 and our commit repeats the mail
with the same Message-ID and bytes, which is all that SMTP allows; a database that is away at that moment is waited for. A mail that
cannot be rendered waits, is tried five times and then failed with its reason; it stops no other. Before a mail leaves the house
``leak`` looks at it once more.

A round writes once for three groups of mails: what was answered, what was made and what is taken next. Then one group is sent while
the next is made.
"""

import logging
import queue
import smtplib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from mailcrm.address import address_key
from mailcrm.config import Config
from mailcrm.crash import reached
from mailcrm.mail import Permanent, Temporary
from mailcrm.notify.cardtext import all_card_lines
from mailcrm.notify.compose import Composed, compose
from mailcrm.notify.composer import FEW, Composer, Draft, composer, may_go_apart
from mailcrm.notify.gathering import Posting, posting
from mailcrm.notify.leak import Forbidden, leak
from mailcrm.notify.letterhead import Letterhead, letterhead, reply_token_of, sender_of
from mailcrm.notify.material import Material, read_material, with_contents
from mailcrm.notify.outbox import (
    Bytes,
    Outgoing,
    Patience,
    RecipientResult,
    Result,
    claim,
    hold,
    mark_rendered,
    mark_result,
    mark_unrendered,
    take_back,
    without_attachments,
)
from mailcrm.notify.relay import Answer, Relay, RelaySettings, is_too_large
from mailcrm.notify.render import Templates
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session, Store
from mailcrm.store.faults import in_a_line, is_away
from mailcrm.store.keyring import Keyring

log = logging.getLogger(__name__)
_MOST_IN_HAND = 40_000_000  # bytes of mails made and not sent; above it no more are taken
GROUP = 40  # rows claimed in one transaction
IDLE_SECONDS = 1.0  # between two looks at the outbox when nobody wakes us
AWAY_SECONDS = 5.0  # and while the database is away


@dataclass(frozen=True, slots=True)
class DeliverSettings:
    """What delivery needs of the configuration. ``process`` is the stable name of this node: a restart frees its claims."""

    process: str
    head: Letterhead
    patience: Patience
    connections: int = 2
    post: Posting = field(kw_only=True)


def deliver_settings(config: Config, keyring: Keyring, process: str) -> DeliverSettings:
    patience = Patience(config.notify.late_hours, config.notify.give_up_hours)
    head = letterhead(config, keyring)
    return DeliverSettings(process, head, patience, config.relay.connections, post=posting(config))


def relay_settings(config: Config) -> RelaySettings:
    """The relay as configured; its password is read from the file now."""
    r = config.relay
    password = config.path(r.password_file).read_text("utf-8").strip() if r.password_file else ""
    authority = str(config.path(r.ca_file)) if r.ca_file else ""
    hello = config.mail.domains[0]
    return RelaySettings(r.host, r.port, r.tls, r.user, password, r.timeout_seconds, hello, authority)


@dataclass(frozen=True, slots=True)
class _Ready:
    row: Outgoing
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Made:
    row: Outgoing
    mail: Composed | None
    fault: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    row: Outgoing
    answers: dict[str, Answer]


@dataclass(frozen=True, slots=True)
class _Hand:
    """What is in hand between two rounds: answered and not recorded, made and not stored, stored before and not sent again."""

    answered: tuple[_Outcome, ...] = ()
    made: tuple[_Made, ...] = ()
    known: tuple[_Ready, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.answered or self.made or self.known)

    @property
    def size(self) -> int:
        return sum(len(one.mail.raw) for one in self.made if one.mail) + sum(len(one.raw) for one in self.known)


class Deliverer:
    """Delivers from one store: ``run`` until ``stop``, ``wake`` it when something was enqueued; or ``run_once``."""

    def __init__(
        self,
        store: Store,
        settings: DeliverSettings,
        clock: Callable[[], datetime],
        blobs: Blobs,
        relay: Callable[[], Relay],
        composing: Composer | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._blobs = blobs
        self._templates = Templates()
        self._composing = composing or composer(settings.head, 0)
        self._relays: queue.SimpleQueue[Relay] = queue.SimpleQueue()
        self._all_relays = [relay() for _ in range(settings.connections)]
        for one in self._all_relays:
            self._relays.put(one)
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix="relay")
        self._woken = threading.Event()
        self._is_stopping = False
        self._hand = _Hand()
        self._has_unsent = (
            True  # claims of ours that reached no peer: by an earlier process, or before the database went away
        )

    def run(self) -> None:
        """Deliver until ``stop``. What an earlier process of this name had in hand is taken up first."""
        while not self._is_stopping:
            self._woken.clear()
            try:
                if self._has_unsent:
                    self._take_up()
                pause = 0.0 if self._round(GROUP) or self._hand else IDLE_SECONDS
            except Exception as e:  # a database away for a moment must not end delivery
                pause = AWAY_SECONDS if is_away(e) else IDLE_SECONDS
                if is_away(e):
                    log.warning("nothing is delivered while the database is away: %s", in_a_line(e))
                else:
                    log.exception("delivery stopped short and goes on")
            if pause:
                self._woken.wait(pause)
        try:
            self._finish()
        except Exception:
            log.exception("what was in hand is taken up at the next start")

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """End ``run`` after the mails in hand."""
        self._is_stopping = True
        self._woken.set()

    def close(self) -> None:
        """Close the connections; after ``run`` has returned."""
        self._pool.shutdown(wait=True)
        for relay in self._all_relays:
            relay.close()

    def run_once(self) -> int:
        """Make one attempt for up to ``GROUP`` due mails; how many were taken."""
        count = self._round(GROUP)
        self._finish()
        return count

    def _finish(self) -> None:
        """To the end with what is in hand; nothing new is taken."""
        while self._hand:
            self._round(0)

    # one round

    def _round(self, limit: int) -> int:
        """Record what was answered, store what was made, take up to ``limit``; then send the one while the other is made.

        All that is written is one transaction: on SQLite each waits until a batch of arriving mail is placed. How many were taken.
        """
        hand, self._hand, self._has_unsent = self._hand, _Hand(), True
        rows, stored = self._exchanged(hand, 0 if hand.size > _MOST_IN_HAND else limit)
        ready = [*hand.known, *stored]
        sending = [self._pool.submit(self._hand_over, group) for group in self._shared(ready)]
        try:
            made = self._all_made([row for row in rows if row.bytes is None])
        finally:  # what the peer has taken is never forgotten
            self._hand = _Hand(answered=tuple(outcome for one in sending for outcome in one.result()))
        if made:
            reached("deliver.rendered")
        if sending:
            reached("deliver.sent")
        known = tuple(_Ready(row, row.bytes) for row in rows if row.bytes is not None)
        self._hand = replace(self._hand, made=tuple(made), known=known)
        self._has_unsent = False
        return len(rows)

    def _exchanged(self, hand: "_Hand", limit: int) -> tuple[Sequence[Outgoing], list[_Ready]]:
        """The rows taken, and those of the mails made that may leave now."""

        def work(session: Session) -> Sequence[Outgoing]:
            if hand.answered:
                self._record(session, hand.answered)
            self._record_made(session, hand.made)
            return self._claim(session, limit)

        made: Sequence[_Made] = hand.made
        try:
            rows = self._store.write(work)
        except Exception as e:  # one of them, or the database: each for itself says which
            self._record_all(hand.answered)
            if is_away(e):  # whether it took the rows nobody knows: all that is not answered is taken up again
                raise
            made = self._stored(hand.made) if hand.made else ()
            rows = self._store.write(lambda session: self._claim(session, limit))
        if hand.answered:
            reached("deliver.recorded")
        if hand.made or hand.known:
            reached("deliver.attempt_recorded")
        if rows:
            reached("deliver.claimed")
        return rows, [_Ready(one.row, one.mail.raw) for one in made if one.mail is not None and not one.fault]

    def _claim(self, session: Session, limit: int) -> Sequence[Outgoing]:
        s = self._settings
        return claim(session, s.process, limit, self._clock(), s.patience.give_up_hours) if limit else ()

    def _take_up(self) -> None:
        """After a round that stopped short, and at the start: what was answered is recorded, all else is due at once."""
        self._record_all(self._hand.answered)
        self._hand = _Hand()
        self._store.write(lambda session: take_back(session, self._settings.process, self._clock()))

    # make

    def _stored(self, made: Sequence["_Made"]) -> list["_Made"]:
        """All recorded together; if the database refuses, one by one, and only the refused one waits."""
        try:
            self._store.write(lambda session: self._record_made(session, made))
        except Exception as e:
            if is_away(e):
                raise
            if len(made) == 1:
                log.exception("outbox row %d cannot be stored", made[0].row.id)
                refused = _Made(made[0].row, None, f"{type(e).__name__}: cannot be stored")
                self._store.write(lambda session: self._record_made(session, [refused]))
                return []
            return [stored for one in made for stored in self._stored([one])]
        return list(made)

    def _all_made(self, rows: Sequence[Outgoing]) -> list["_Made"]:
        """Read together; if one cannot be read, one by one, and only that one waits."""
        if not rows:
            return []
        try:
            materials = self._material(rows)
        except Exception as e:
            if is_away(e):
                raise
            if len(rows) == 1:
                log.exception("outbox row %d cannot be read", rows[0].id)
                return [_Made(rows[0], None, f"{type(e).__name__}: cannot be read")]
            return [made for row in rows for made in self._all_made([row])]
        apart = [material for material in materials if may_go_apart(material)] if self._composing.is_apart else []
        if len(apart) <= FEW:
            return [self._made(material) for material in materials]
        begun = self._composing.start([Draft(material, self._clock()) for material in apart])
        here = {one.row.id: self._made(one) for one in materials if not may_go_apart(one)}
        there = {one.row.id: self._as_made(one, mail) for one, mail in zip(apart, begun.answers(), strict=True)}
        return [here.get(one.row.id) or there[one.row.id] for one in materials]

    def _material(self, rows: Sequence[Outgoing]) -> Sequence[Material]:
        with self._store.read() as session:
            return read_material(session, rows)

    def _made(self, material: Material) -> "_Made":
        head = self._settings.head
        try:
            full = with_contents(material, self._blobs, head)
            mail = compose(full, head, self._templates, self._clock())
        except Exception as e:  # noqa: BLE001 -- one mail that cannot be made must not stop the others
            return self._as_made(material, e)
        return self._as_made(full, mail)

    def _as_made(self, material: Material, mail: Composed | Exception) -> "_Made":
        if isinstance(mail, Exception):
            log.error("outbox row %d cannot be rendered", material.row.id, exc_info=mail)
            return _Made(material.row, None, f"{type(mail).__name__}: {mail}"[:500])
        return _Made(material.row, mail, self._leak(material, mail))

    def _leak(self, material: Material, mail: Composed) -> str:
        guarded, head = material.guarded, self._settings.head
        if guarded is None or material.card is None:
            return ""
        token = reply_token_of(head, material.row, material.card.sales_address)
        host = urlsplit(head.public_url).netloc
        lines = (*all_card_lines(material.card), *guarded.card_lines)
        staff, notes, known = guarded.staff_addresses, guarded.notes, guarded.customers_words
        forbidden = Forbidden(token, staff, host, lines, notes, known, head.domains)
        if (
            material.row.params.get("released_by") is None
        ):  # whom it goes to and whose file it holds, a person may decide
            outside = (one.address for one in material.row.recipients if address_key(one.address) not in guarded.people)
            forbidden = replace(forbidden, strangers=tuple(outside), files_of_others=guarded.files_of_others)
        return leak(mail.raw, forbidden)

    def _record_made(self, session: Session, made: Sequence["_Made"]) -> None:
        now, post = self._clock(), self._settings.post
        fine = [(one.row, one.mail) for one in made if one.mail is not None and not one.fault]
        mark_rendered(session, [Bytes(row, mail.subject, mail.raw, mail.card_lines) for row, mail in fine])
        for one in made:
            if one.mail is None:
                mark_unrendered(session, one.row, one.fault, now, post)
            elif one.fault:
                hold(session, one.row, one.fault, now, post)

    # send

    def _shared(self, ready: Sequence[_Ready]) -> list[list[_Ready]]:
        """One group per connection, so that a group's mails go one after the other over one of them."""
        count = self._settings.connections
        return [group for group in (list(ready[i::count]) for i in range(count)) if group]

    def _hand_over(self, group: Sequence[_Ready]) -> list["_Outcome"]:
        relay = self._relays.get()
        try:
            return self._sent(relay, group)
        finally:
            self._relays.put(relay)

    def _sent(self, relay: Relay, group: Sequence[_Ready]) -> list["_Outcome"]:
        """When nobody answers, the rest of the group is not dialled for: all of it waits."""
        outcomes = []
        unreachable: Temporary | None = None
        for ready in group:
            if unreachable is not None:
                outcomes.append(_all(ready.row, Answer("deferred", "4.4.1", str(unreachable))))
                continue
            try:
                answers = relay.send(self._sender(ready.row), [one.address for one in ready.row.pending], ready.raw)
                outcomes.append(_Outcome(ready.row, answers))
            except Permanent as e:
                outcomes.append(_all(ready.row, Answer("failed", e.code, e.text)))
            except Temporary as e:
                outcomes.append(_all(ready.row, Answer("deferred", "4.4.1", str(e))))
                unreachable = e if _is_unreachable(e) else None
            except Exception as e:  # one mail must not make the answers to the others forgotten
                log.exception("outbox row %d cannot be handed over", ready.row.id)
                outcomes.append(_all(ready.row, Answer("deferred", "", f"{type(e).__name__}: cannot be handed over")))
        return outcomes

    def _sender(self, row: Outgoing) -> str:
        return sender_of(self._settings.head, row)

    # record

    def _record_all(self, outcomes: Sequence["_Outcome"]) -> None:
        """What the peer took must be written down, or it would be sent again: a database that is away is waited for."""
        if not outcomes:
            return
        while True:
            try:
                self._store.write(lambda session: self._record(session, outcomes))
            except Exception as e:
                if not is_away(e):
                    self._record_each(outcomes, e)
                    return
                log.warning("what %d mails were answered waits for the database (%s)", len(outcomes), type(e).__name__)
                if self._is_stopping:
                    raise
                self._woken.wait(IDLE_SECONDS)
                self._woken.clear()
            else:
                return

    def _record_each(self, outcomes: Sequence["_Outcome"], cause: Exception) -> None:
        """One result that cannot be recorded must not keep the others; its own claim ends with its lease."""
        if len(outcomes) == 1:
            log.error("the result of outbox row %d cannot be recorded", outcomes[0].row.id, exc_info=cause)
            return
        for one in outcomes:
            self._record_all([one])

    def _record(self, session: Session, outcomes: Sequence["_Outcome"]) -> None:
        now = self._clock()
        smaller = [one for one in outcomes if _may_shrink(one)]
        for one in smaller:
            without_attachments(session, one.row, now)
        results = [_result(one) for one in outcomes if one not in smaller]
        mark_result(session, results, now, self._settings.patience, self._settings.post)


def _all(row: Outgoing, answer: Answer) -> _Outcome:
    return _Outcome(row, {one.address: answer for one in row.pending})


def _is_unreachable(error: Temporary) -> bool:
    """Whether even the connection failed; a connection lost inside one mail says nothing about the next."""
    cause = error.__cause__
    is_inside = isinstance(cause, smtplib.SMTPException) and not isinstance(cause, smtplib.SMTPConnectError)
    return isinstance(cause, OSError) and not is_inside


def _may_shrink(outcome: _Outcome) -> bool:
    is_notice = outcome.row.user_id is not None
    is_first = not outcome.row.params.get("without_attachments")
    return is_notice and is_first and any(is_too_large(answer) for answer in outcome.answers.values())


def _result(outcome: _Outcome) -> Result:
    by_key = {address_key(address): answer for address, answer in outcome.answers.items()}
    tried = [(one, by_key[address_key(one.address)]) for one in outcome.row.pending]
    return Result(outcome.row, tuple(RecipientResult(one.id, a.state, a.code, a.text) for one, a in tried))
