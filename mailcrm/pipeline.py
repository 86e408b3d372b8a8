"""One mail's walk, and a batch of them. Read this first.

    understand(raw, envelope) -> (mail, verdict)       pure; may run in a process pool
    Verifier.results(mails)                            SPF, DKIM, DMARC where no relay of ours looked; waits for DNS, so before it
    process_one(session, ...)                          facts -> route -> rows and events -> notices, in one transaction
    Worker.run_batch(limit)                            claims from the spool, one savepoint a mail, one commit a batch

``run_batch`` removes a spool entry only after the commit. A mail that fails alone is tried again later and buried after five
tries, with its traceback; the others of its batch are not touched by it. What is no mail's fault (the database or the disk is
away, two workers met) spends no try.
"""

import hashlib
import logging
import traceback
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from mailcrm import crash
from mailcrm.acknowledge import acknowledged
from mailcrm.address import address_key, read_token
from mailcrm.apart import Begun
from mailcrm.apply import Arrival, apply, join_teams, move_to_lead
from mailcrm.commands.reading import looks_commanding
from mailcrm.commands.when import warm
from mailcrm.decide import decide
from mailcrm.ingest.classify import SpamValues
from mailcrm.ingest.spool import BuriedEntry, Spool, SpoolEntry, retry_delay
from mailcrm.ingest.understand import understand
from mailcrm.letter import Draft, draft_of
from mailcrm.mail import (
    AuthorKind,
    Door,
    Envelope,
    Event,
    Facts,
    Intent,
    MailKind,
    ParsedMail,
    Reason,
    Route,
    RouteKind,
    Verdict,
)
from mailcrm.notify import outbox
from mailcrm.notify.gathering import Posting
from mailcrm.proof.verifier import ToCheck, Verifier
from mailcrm.reader import Reader, Understood
from mailcrm.release import Releasing, Waiting, is_answering, read_ahead, release
from mailcrm.rules import Rules, is_public
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session, Store, has_ended, remembering, savepoint
from mailcrm.store.faults import is_away, is_conflict
from mailcrm.store.keyring import Keyring
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import inbound, inbound_copy
from mailcrm.store.tables import raw as raw_table
from mailcrm.threading.lookup import lock_keys, look_up, remember_people, staff_among, take_locks, whose_proof_matters

__all__ = ["Entry", "Places", "Worker", "process_one", "understand"]

log = logging.getLogger(__name__)

_RAW_IN_ROW = 256 * 1024  # larger mails are blobs
_MOST_AT_ONCE = 40_000_000  # bytes of mail read and placed together
_AWAY_SECONDS = 5.0  # until what waits for the database or the disk is tried again
_INSERT_RAW = Prepared(insert(raw_table))


@dataclass(frozen=True, slots=True)
class Places:
    """What placing needs besides the mail and the session."""

    rules: Rules
    keyring: Keyring
    post: Posting
    blobs: Blobs
    spam: SpamValues | None = None  # the header map, where the configuration adds to it

    @property
    def own_domains(self) -> tuple[str, ...]:
        return tuple(sorted(self.rules.domains))

    @property
    def releasing(self) -> Releasing:
        return Releasing(self.rules, self.keyring, self.blobs, self.spam)


@dataclass(frozen=True, slots=True)
class Entry:
    """A mail on its way: its spool id, how it came, its bytes as kept."""

    spool_id: str
    envelope: Envelope
    raw: "KeptRaw"
    waiting: Mapping[int, Waiting] = field(default_factory=dict)  # what it may release, read ahead
    draft: Draft | None = None  # of a colleague's mail that may leave for a customer


@dataclass(frozen=True, slots=True)
class KeptRaw:
    """The raw bytes as they are stored: compressed up to 256 KB, above that only the name of the blob."""

    sha256: str
    size: int
    compressed: bytes | None


def process_one(
    session: Session, entry: Entry, mail: ParsedMail, verdict: Verdict, places: Places, now: datetime
) -> Route:
    """Place one mail: look up, decide, apply, remember whom to tell. Everything in the caller's transaction."""
    facts = look_up(session, mail, verdict, entry.envelope, places.rules, places.keyring, now)
    route = decide(mail, verdict, facts, places.rules, now)
    raw_id = None if route.kind is RouteKind.DUPLICATE else _keep_raw(session, entry.raw, now)
    arrival = Arrival(
        entry.spool_id, entry.envelope, mail, verdict, facts, route, raw_id,
        own_domains=places.own_domains, holidays=places.rules.holidays, draft=entry.draft,
    )  # fmt: skip
    needs = replace(places.releasing, waiting=entry.waiting)
    events = _placed(session, arrival, needs, now)
    if route.kind is RouteKind.DUPLICATE:
        events = _decide_again(session, arrival, places, needs, now)
    events = (*events, *acknowledged(session, arrival, events, places.rules, now))
    outbox.enqueue(session, events, now, places.post)
    return route


def _placed(session: Session, arrival: Arrival, needs: Releasing, now: datetime) -> tuple[Event, ...]:
    """Its own rows; and where it answers a question, what it says about the mail that waits."""
    events = apply(session, arrival, now)
    if arrival.route.kind is not RouteKind.RELEASE:
        return events
    return (*events, *release(session, arrival, needs, now))


def _keep_raw(session: Session, kept: KeptRaw, now: datetime) -> int:
    row = {"sha256": kept.sha256, "size": kept.size, "compressed": kept.compressed, "created_at": now}
    return _INSERT_RAW.insert(session, row)


# --- stronger evidence --------------------------------------------------------------------------------------------------

_OPEN_QUESTIONS = frozenset(
    {
        Reason.STAFF_NOT_PROVEN,
        Reason.CUSTOMER_OR_NOTE,
        Reason.FORWARD_OR_COPY,
        Reason.FORWARD_WITHOUT_SENDER,
        Reason.FORWARD_OF_OURS,
        Reason.FORWARD_OF_SEVERAL,
        Reason.UNKNOWN_LOCAL_PART,
        Reason.NOTHING_FITS,
        Reason.LOOP_OWN_MAIL,
        Reason.LOOP_RECEIVED,
    }
)
_ON_A_LEAD = frozenset({RouteKind.NEW_LEAD, RouteKind.APPEND})


def _decide_again(
    session: Session, arrival: Arrival, places: Places, needs: Releasing, now: datetime
) -> tuple[Event, ...]:
    """Another copy of a known mail: does it bring a token, another team's alias or the first proof of its author?

    What a person decided by hand stays. Proof and permission must have come with one copy: somebody else's copy of a
    salesperson's mail can add restrictions, never a way out.
    """
    past = arrival.facts.past
    if past is None or past.decided_by_id is not None:
        return ()
    envelope = replace(arrival.envelope, rcpt_to=_recipients_of_all(arrival))
    facts = look_up(session, arrival.mail, arrival.verdict, envelope, places.rules, places.keyring, now)
    # Fields that make a mail machine's or spam are no part of what it is known by: a quiet copy must not hide the true one.
    is_open = past.reason in _OPEN_QUESTIONS or past.state == "quiet"
    facts = replace(facts, past=None, recents=facts.recents if past.state == "quiet" else ())
    route = decide(arrival.mail, arrival.verdict, facts, places.rules, now)
    again = replace(arrival, facts=facts, route=route, inbound_id=past.inbound_id)
    if is_open and route.kind not in (RouteKind.HOLD, RouteKind.TRIAGE, RouteKind.QUIET):
        return _placed(session, _with_first_raw(session, again), needs, now)
    if past.route in _ON_A_LEAD and _is_moved(route, facts) and route.lead_id is not None:
        return move_to_lead(session, past.inbound_id, route.lead_id, now)
    if past.route == RouteKind.NEW_LEAD and route.kind is RouteKind.NEW_LEAD:
        return join_teams(session, again, past.inbound_id, now)
    return ()


def _is_moved(route: Route, facts: Facts) -> bool:
    """Whether a token that came with a copy names the mail's true lead: only one on which its writer is known.

    Who has somebody else's mail could otherwise send it to their own lead, and be answered with it.
    """
    return route.kind is RouteKind.APPEND and bool(facts.tokens) and not route.is_unconfirmed


def _recipients_of_all(arrival: Arrival) -> tuple[str, ...]:
    """Recipients of all copies that count together.

    For a user's mail: those of the proven copies, and from the others only note addresses, which restrict.
    """
    past, own = arrival.facts.past, arrival.envelope.rcpt_to
    if past is None:
        return own
    if arrival.facts.author.kind not in (AuthorKind.USER_PROVEN, AuthorKind.USER_CLAIMED):
        return tuple(dict.fromkeys((*past.rcpt_to, *own)))
    proven = own if arrival.facts.author.kind is AuthorKind.USER_PROVEN else ()
    notes = [a for a in (*past.rcpt_to, *own) if (claim := read_token(a)) and claim.intent is Intent.NOTE]
    return tuple(dict.fromkeys((*past.proven_rcpt_to, *proven, *notes)))


def _with_first_raw(session: Session, arrival: Arrival) -> Arrival:
    """The entry belongs to the raw mail that came first."""
    statement = select(inbound.c.raw_id, inbound.c.spool_id).where(inbound.c.id == arrival.inbound_id)
    row = session.execute(statement).one()
    return replace(arrival, raw_id=row.raw_id)


# --- a batch ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """An entry with what was read in it."""

    spooled: SpoolEntry
    entry: Entry
    mail: ParsedMail
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Group:
    """Claimed mails that are read and placed together; ``size`` is that of their files."""

    claimed: tuple[SpoolEntry, ...]
    size: int

    @property
    def is_fresh(self) -> bool:
        """Whether none of them was tried before."""
        return all(spooled.attempts == 1 for spooled in self.claimed)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A group that is being read."""

    group: _Group
    raws: tuple[bytes, ...]
    reading: Begun[Understood]


def _may_leave(item: _Read) -> bool:
    """Whether it is addressed as an answer that we carry on, and holds more than text."""
    claims = (read_token(address) for address in item.spooled.envelope.rcpt_to)
    is_answer = any(claim is not None and claim.intent is Intent.REPLY for claim in claims)
    return is_answer and bool(item.mail.html_raw or item.mail.attachments)


def _with(item: _Read, waiting: Mapping[int, Waiting], draft: Draft | None) -> _Read:
    return replace(item, entry=replace(item.entry, waiting=waiting, draft=draft))


class Worker:
    """Takes mail from the spool to the outbox. One thread calls ``run_batch``.

    While it places one group, the reading processes read the next: of mails that were never tried, and of no more than memory
    holds. Mails are placed in the order in which they were claimed.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        blobs: Blobs,
        places: Places,
        now: Callable[[], datetime],
        reader: Reader,
        wake_deliver: Callable[[], None] = lambda: None,
        verifier: Verifier | None = None,
    ) -> None:
        self.store = store
        self.spool = spool
        self.blobs = blobs
        self.places = places
        self.now = now
        self.reader = reader
        self.wake_deliver = wake_deliver
        self.verifier = verifier or Verifier()
        self._claimed: deque[_Group] = deque()
        self._ahead: _Begun | None = None
        self._shown_count = -1  # of what the spool put aside; at the start, all of it is looked at

    def run_batch(self, limit: int = 50) -> int:
        """Process up to ``limit`` waiting mails; returns how many. A database that is away loses nothing."""
        begun, self._ahead = self._ahead or self._begin(limit), None
        self._show_put_aside()
        if begun is None:
            return 0
        if self.reader.is_apart and begun.group.is_fresh:
            self._ahead = self._begin(limit, _MOST_AT_ONCE - begun.group.size)
        self._run_group(begun)
        return len(begun.group.claimed)

    def put_back(self) -> None:
        """Let go of what was claimed and not yet worked on; at the end. No try is spent."""
        ahead, self._ahead = self._ahead, None
        for group in (*((ahead.group,) if ahead else ()), *self._claimed):
            for spooled in group.claimed:
                self.spool.put_back(spooled)
        self._claimed.clear()

    def give_back(self) -> None:
        """After a batch that stopped short: everything claimed waits again, and what was read of it is forgotten."""
        self._ahead = None
        self._claimed.clear()
        self.spool.give_back_mine()

    def _begin(self, limit: int, room: int | None = None) -> _Begun | None:
        """Have the next group read; None if nothing waits, or if it must not be read ahead of one that leaves ``room``."""
        if not self._claimed:
            self._claimed.extend(_by_size(self.spool.claim(limit)))
        if not self._claimed:
            return None
        if room is not None and (self._claimed[0].size > room or not self._claimed[0].is_fresh):
            return None
        group = self._claimed.popleft()
        raws = tuple(spooled.read() for spooled in group.claimed)
        mails = [(raw, spooled.envelope) for raw, spooled in zip(raws, group.claimed, strict=True)]
        return _Begun(group, raws, self.reader.start(mails))

    def _run_group(self, begun: _Begun) -> None:
        read = self._with_proof(self._understand_all(begun), begun)
        if any(looks_commanding(item.mail.new_text.lstrip()[:2]) or _answers_digest(item) for item in read):
            warm()  # the words for dates, outside the transaction
        try:
            self._store_blobs(read)
            read = self._prepared(read)
        except OSError as e:  # the disk, no mail: nothing was begun
            self._put_back([r.spooled for r in read], e)
            return
        crash.reached("work.blobs_stored")
        failed = self._placed(read)
        crash.reached("work.committed")
        lost = {r.spooled.id for r, _ in failed}
        self.spool.done([r.spooled for r in read if r.spooled.id not in lost])
        crash.reached("work.done")
        for item, error in failed:
            self._failed(item.spooled, error)
        self.wake_deliver()

    # understanding, outside any transaction

    def _understand_all(self, begun: _Begun) -> list[_Read]:
        read: list[_Read] = []
        for spooled, raw, answer in zip(begun.group.claimed, begun.raws, begun.reading.answers(), strict=True):
            if isinstance(answer, Exception):
                self._failed(spooled, answer)
            else:
                read.append(_Read(spooled, Entry(spooled.id, spooled.envelope, _kept(raw)), *answer))
        return read

    def _with_proof(self, read: list[_Read], begun: _Begun) -> list[_Read]:
        """Where nobody of ours received a mail before us, and proof makes a difference, it is looked for here."""
        raws = {spooled.id: raw for spooled, raw in zip(begun.group.claimed, begun.raws, strict=True)}
        wanted = [r for r in self._first_received(read) if r.mail.from_ is not None]
        checks = [
            ToCheck(raws[r.spooled.id], r.spooled.envelope, r.mail.from_.domain, is_public(r.spooled.envelope.peer))
            for r in wanted
            if r.mail.from_
        ]
        found = dict(zip((r.spooled.id for r in wanted), self.verifier.results(checks) if checks else (), strict=True))
        kept: list[_Read] = []
        for item in read:
            answer = found.get(item.spooled.id)
            if isinstance(answer, Exception):
                self._failed(item.spooled, answer)
            else:
                kept.append(replace(item, mail=replace(item.mail, checked=answer)) if answer else item)
        return kept

    def _first_received(self, read: Sequence[_Read]) -> list[_Read]:
        """Those that we check. While the database is away, all that may need it are."""
        ours = [r for r in read if self.places.rules.is_first_hop(r.spooled.envelope)]
        if not ours:
            return []
        keys = {r.spooled.id: address_key(r.mail.from_.address) if r.mail.from_ else "" for r in ours}
        try:
            with self.store.read() as session:
                known = whose_proof_matters(session, keys.values())
        except SQLAlchemyError:
            return ours
        return [r for r in ours if keys[r.spooled.id] in known or self._may_be_acknowledged(r)]

    def _may_be_acknowledged(self, item: _Read) -> bool:
        return bool(self.places.rules.acknowledge_after) and item.verdict.kind is MailKind.HUMAN

    def _store_blobs(self, read: Sequence[_Read]) -> None:
        parts = [(a.sha256, a.content) for r in read for a in r.mail.files]
        raws = [(r.entry.raw.sha256, r.spooled.read()) for r in read if r.entry.raw.compressed is None]
        self.blobs.put_all([*parts, *raws])

    def _prepared(self, read: Sequence[_Read]) -> list[_Read]:
        """With what takes long and is known before: mails that an answer of ours may release, letters that may leave."""
        answering = {r.spooled.id for r in read if is_answering(r.spooled.envelope.rcpt_to)}
        writing = {r.spooled.id: address_key(r.mail.from_.address) for r in read if r.mail.from_ and _may_leave(r)}
        if not answering and not writing:
            return list(read)
        try:
            with self.store.read() as session:
                staff = staff_among(session, writing.values()) if writing else frozenset()
                waiting = {r.spooled.id: self._waiting(session, r) for r in read if r.spooled.id in answering}
        except SQLAlchemyError:  # the database is away: placing will say so
            return list(read)
        letters = {r.spooled.id: draft_of(r.mail) for r in read if writing.get(r.spooled.id) in staff}
        return [_with(r, waiting.get(r.spooled.id, {}), letters.get(r.spooled.id)) for r in read]

    def _waiting(self, session: Session, item: _Read) -> Mapping[int, Waiting]:
        return read_ahead(session, item.spooled.envelope.rcpt_to, self.places.releasing)

    # placing, inside one transaction

    def _placed(self, read: Sequence[_Read]) -> list[tuple[_Read, Exception]]:
        """Place them together, else one by one; those that failed. Who met another worker looks again at once, alone."""
        try:
            failed = self.store.write(lambda session: self._place_all(session, read))
        except Exception as e:  # noqa: BLE001 -- the worker loop: a batch that cannot be committed is tried one by one
            log.warning("a batch of %d could not be committed (%s); one by one", len(read), type(e).__name__)
            failed = self._one_by_one(read)
        met = [item for item, error in failed if is_conflict(error)]
        return [(item, error) for item, error in failed if not is_conflict(error)] + self._one_by_one(met)

    def _place_all(self, session: Session, read: Sequence[_Read]) -> list[tuple[_Read, Exception]]:
        crash.reached("work.begun")
        take_locks(session, (key for r in read for key in lock_keys(r.mail, r.spooled.envelope)))
        failed: list[tuple[_Read, Exception]] = []
        with remembering(session):
            remember_people(session, (r.mail for r in read))
            for item in read:
                try:
                    with savepoint(session):
                        process_one(session, item.entry, item.mail, item.verdict, self.places, self.now())
                except Exception as e:  # the worker loop: its savepoint is rolled back, the others stay
                    if is_away(e) or has_ended(session):
                        raise  # nothing of the batch is written: all of it is tried again
                    failed.append((item, e))
        crash.reached("work.before_commit")
        return failed

    def _one_by_one(self, read: Sequence[_Read]) -> list[tuple[_Read, Exception]]:
        failed: list[tuple[_Read, Exception]] = []
        for item in read:
            try:
                failed += self.store.write(lambda session, item=item: self._place_all(session, [item]))  # type: ignore[misc]
            except Exception as e:  # noqa: BLE001 -- the worker loop
                failed.append((item, e))
        return failed

    # what fails

    def _failed(self, spooled: SpoolEntry, error: Exception) -> None:
        text = "".join(traceback.format_exception(error))
        delay = retry_delay(spooled.attempts)
        if is_away(error):
            self._put_back([spooled], error)
        elif delay is not None:
            self.spool.retry(spooled, delay)
            log.warning("%s failed (%s), tried again in %.0f s", spooled.id, type(error).__name__, delay)
        else:
            self._bury(spooled, _in_words(error), text)

    def _put_back(self, spooled: Sequence[SpoolEntry], error: Exception) -> None:
        for one in spooled:
            self.spool.put_back(one, _AWAY_SECONDS)
        log.warning("%d mails wait: the database or the disk is away (%s)", len(spooled), type(error).__name__)

    def _bury(self, spooled: SpoolEntry, reason: str, text: str) -> None:
        """The row first: killed between the two, the mail comes back, is put aside by the spool, and has its row."""
        try:
            self.store.write(lambda s: write_buried(s, spooled.id, spooled.envelope, reason, self.now()))
        except SQLAlchemyError as e:
            self._put_back([spooled], e)
            return
        self.spool.bury(spooled, reason, text)
        log.error("%s buried: %s", spooled.id, reason)

    def _show_put_aside(self) -> None:
        """What the spool had to put aside without us (an unreadable file, a mail that ends the process) gets its row too."""
        count = self.spool.put_aside_count
        if count == self._shown_count:
            return
        put_aside = self.spool.buried()
        try:
            if put_aside:
                self.store.write(lambda session: write_missing_buried(session, put_aside, self.now()))
        except SQLAlchemyError as e:
            log.warning("what was put aside cannot be shown yet (%s)", type(e).__name__)
            return
        self._shown_count = count


def _answers_digest(item: _Read) -> bool:
    """Whether the mail may answer a digest, or the receipt about such an answer."""
    claims = map(read_token, item.entry.envelope.rcpt_to)
    return any(claim is not None and claim.intent in (Intent.DIGEST, Intent.UNDO) for claim in claims)


def _in_words(error: Exception) -> str:
    """Without the statement and its values, which SQLAlchemy adds: they hold what the mail holds, and this goes to the log."""
    cause = getattr(error, "orig", None) or error
    return f"{type(error).__name__}: {str(cause).partition(chr(10))[0]}"[:300]


def _by_size(claimed: Sequence[SpoolEntry]) -> list[_Group]:
    """In groups that memory holds: a mail being read takes several times its size, and 25 of the largest would end the process."""
    groups: list[_Group] = []
    for spooled in claimed:
        size = spooled.path.stat().st_size
        if groups and groups[-1].size + size <= _MOST_AT_ONCE:
            groups[-1] = _Group((*groups[-1].claimed, spooled), groups[-1].size + size)
        else:
            groups.append(_Group((spooled,), size))
    return groups


def _kept(raw: bytes) -> KeptRaw:
    sha256 = hashlib.sha256(raw).hexdigest()
    return KeptRaw(sha256, len(raw), zlib.compress(raw, 1) if len(raw) <= _RAW_IN_ROW else None)


def write_buried(session: Session, spool_id: str, envelope: Envelope, reason: str, now: datetime) -> None:
    """Show a buried mail on the page: a row that replay takes over. One that was placed before keeps its row."""
    row = {
        "content_key": f"buried:{spool_id}"[:80],
        "spool_id": spool_id,
        "received_at": envelope.received_at,
        "door": envelope.door.value,
        "mail_from": envelope.mail_from[:320],
        "rcpt_to": list(envelope.rcpt_to),
        "from_address": envelope.mail_from[:320],
        "from_key": address_key(envelope.mail_from)[:320],
        "route": RouteKind.BURIED.value,
        "reason": Reason.BURIED.value,
        "reason_detail": reason,
        "state": "buried",
        "decided_at": now,
        "defects": [],
    }
    known = session.execute(select(inbound.c.id, inbound.c.state).where(inbound.c.spool_id == spool_id)).first()
    if known is None:
        session.execute(insert(inbound), row)
    elif known.state == "buried":
        session.execute(update(inbound).where(inbound.c.id == known.id).values(reason_detail=reason, decided_at=now))


def write_missing_buried(session: Session, put_aside: Sequence[BuriedEntry], now: datetime) -> None:
    """Rows for those that have none, neither buried nor placed."""
    for entry in put_aside:
        known = select(inbound.c.id).where(inbound.c.spool_id == entry.id)
        copy = select(inbound_copy.c.id).where(inbound_copy.c.spool_id == entry.id)
        if session.execute(known.union_all(copy)).first() is None:
            envelope = entry.envelope or Envelope("", (), entry.buried_at, Door.SMTP)
            write_buried(session, entry.id, envelope, entry.reason[:500], now)
