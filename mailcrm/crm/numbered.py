"""Carrying out the answer to a digest: each of its numbers by itself, through the same verbs as commands on a lead.

A number means what it meant in the digest that was answered, however long ago; what has become of it since is said in words. One
number that cannot be done stops no other. Nothing here writes to a customer: held mail can be dropped, never sent.

    an activity   done, moved to a day, given to somebody by a name alone
    a mention     done: read; anything done to its lead reads it too
    who waits     done: answered otherwise, by phone say
    a held mail   drop
    anything      every command of a lead; a date alone plans a to-do
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from mailcrm.commands.words import alike
from mailcrm.crm import activities, leaving
from mailcrm.crm.chatter import read_mentions
from mailcrm.crm.commanding import Carried, Given, Run, move
from mailcrm.crm.done import Refused
from mailcrm.crm.leads import settle_turn
from mailcrm.crm.named import user_named
from mailcrm.crm.picture import Step
from mailcrm.crm.rights import Actor, Right, actor, may_decide, require, require_lead
from mailcrm.crm.stages import all_stages
from mailcrm.crm.writing import write_note
from mailcrm.mail import (
    Change,
    Command,
    Decision,
    DigestAnswer,
    Event,
    Fault,
    FaultWhy,
    Numbered,
    Reason,
    RouteKind,
    Verb,
)
from mailcrm.store.engine import Session, savepoint
from mailcrm.store.tables import activity, digest, inbound, lead, mention, outbox, partner, user

_MOST_SHOWN = 10  # numbers that are not there, named one by one
_ABOUT = 60  # characters that say what a number is
_STAGES = frozenset({Verb.WON, Verb.LOST, Verb.CANCEL, Verb.HOLD, Verb.STAGE})
_ALWAYS = frozenset({Verb.NOTE, Verb.MENTION, Verb.FOLLOW, Verb.MUTE, Verb.HISTORY})  # whoever has the lead by now


@dataclass(frozen=True, slots=True)
class Thing:
    """What a number of a digest is, as it stands now."""

    number: int
    kind: str
    id: int
    lead_id: int | None
    about: str
    row: Any


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A digest as it was: its numbers, and when it was made."""

    created_at: datetime
    day: date
    items: dict[int, tuple[str, int]]


def carry_out_answer(session: Session, given: Given, answer: DigestAnswer, now: datetime) -> Carried:
    """Do all that can be done; what cannot stands in ``left_out``, a line for each number."""
    who = actor(session, given.user_id)
    snapshot = _snapshot(session, answer.outbox_id, given.user_id)
    if who is None or snapshot is None:
        return _nothing("Your role does not allow this." if who is None else "This digest is no longer known.")
    work = _Work(session, given, who, snapshot, now)
    for entry in answer.entries:
        work.take(entry)
    for command in answer.commands:
        work.unnumbered(command)
    return work.carried()


def _nothing(why: str) -> Carried:
    return Carried(None, (), [], (), frozenset(), (Fault("", FaultWhy.REFUSED, why),))


def _snapshot(session: Session, outbox_id: int, user_id: int) -> _Snapshot | None:
    asked = select(digest.c.created_at, digest.c.local_date, digest.c.snapshot)
    row = session.execute(asked.where(digest.c.outbox_id == outbox_id, digest.c.user_id == user_id)).first()
    if row is None:
        return None
    items = {one["number"]: (one["kind"], one["id"]) for one in row.snapshot["items"]}
    return _Snapshot(row.created_at, row.local_date, items)


class _Work:
    """One answer on its way through the verbs."""

    def __init__(self, session: Session, given: Given, who: Actor, snapshot: _Snapshot, now: datetime) -> None:
        self.session = session
        self.given = given
        self.who = who
        self.snapshot = snapshot
        self.now = now
        self.changes: list[Change] = []
        self.steps: list[list[Step]] = []
        self.events: list[Event] = []
        self.left_out: list[Fault] = []
        self.asked: set[Verb] = set()

    def carried(self) -> Carried:
        """The last thing first among the steps: of two changes to one field the later is taken back before the earlier."""
        steps = [step for one in reversed(self.steps) for step in one]
        return Carried(
            None, tuple(self.changes), steps, tuple(self.events), frozenset(self.asked), tuple(self.left_out)
        )

    def take(self, entry: Numbered) -> None:
        known = [n for n in entry.numbers if n in self.snapshot.items] if entry.numbers else self._all()
        missing = [n for n in entry.numbers if n not in self.snapshot.items]
        for number in known:
            self._one(number, entry)
        if not entry.numbers and not known:
            self._leave_out(entry.line, Refused("Nothing of that day is left to do."))
        if missing:
            last = max(self.snapshot.items, default=0)
            said = ", ".join(map(str, missing[:_MOST_SHOWN])) + (" …" if len(missing) > _MOST_SHOWN else "")
            self._leave_out(
                entry.line, Refused("That digest ends with %(last)s: no %(numbers)s.", last=last, numbers=said)
            )

    def _all(self) -> list[int]:
        """What was overdue or for that day, and still is the reader's to do: never next week's, never customers."""
        numbers = {row_id: number for number, (kind, row_id) in self.snapshot.items.items() if kind == "activity"}
        asked = select(activity.c.id).where(
            activity.c.id.in_(numbers),
            activity.c.user_id == self.who.id,
            activity.c.done_at.is_(None),
            activity.c.due_on <= self.snapshot.day,
        )
        return sorted(numbers[row_id] for row_id in self.session.execute(asked).scalars())

    def unnumbered(self, command: Command) -> None:
        run = Run(self.session, replace(self.given, lead_id=None), self.who, self.now)
        try:
            with savepoint(self.session, "one_command"):
                run.obey(command)
        except Refused as e:
            self._leave_out(command.line, e)
            return
        self._keep(run, run.changes)
        self.asked |= {command.verb} & {Verb.HELP, Verb.UNDO}

    def _one(self, number: int, entry: Numbered) -> None:
        about = ""
        try:
            with savepoint(self.session, "one_command"):
                thing = _thing(self.session, self.who, number, *self.snapshot.items[number])
                about = thing.about
                self._done(thing, entry)
        except Refused as e:
            words = entry.line if len(entry.numbers) == 1 else f"{number} {_action_of(entry)}"
            line = f"{words} ({about})" if about else words
            if meant := _meant(entry):
                self.left_out.append(Fault(line, FaultWhy.UNKNOWN, meant))
            else:
                self._leave_out(line, e)

    def _done(self, thing: Thing, entry: Numbered) -> None:
        run = Run(
            self.session,
            replace(self.given, lead_id=thing.lead_id, message_row_id=_message_of(thing)),
            self.who,
            self.now,
        )
        _allow(self.session, self.who, thing, entry, self.snapshot.created_at)
        if entry.decision is not None:
            _decided(run, thing, entry.decision)
        elif entry.command is not None:
            _obey(run, thing, entry.command, is_bare=entry.is_bare)
        run.end()
        run.suggest([entry.command.verb] if entry.command else [])
        if thing.kind == "mention":
            _read(run, thing)
        numbered = (("item", str(thing.number)), ("about", thing.about))
        self._keep(run, [replace(one, values=(*one.values, *numbered)) for one in run.changes])
        if entry.command is not None and entry.command.verb is Verb.HISTORY:
            self.asked.add(Verb.HISTORY)

    def _keep(self, run: Run, changes: Iterable[Change]) -> None:
        self.changes += changes
        self.steps.append(run.steps)
        self.events += run.events

    def _leave_out(self, line: str, refused: Refused) -> None:
        values = tuple((name, str(value)[:200]) for name, value in refused.data.items())
        self.left_out.append(Fault(line, FaultWhy.REFUSED, refused.text, values))


def _meant(entry: Numbered) -> str:
    """A command word that a name, which nobody bears, is one letter away from."""
    if not entry.is_bare or entry.command is None or entry.command.verb is not Verb.ASSIGN:
        return ""
    return alike(entry.command.text.split()[0].casefold(), is_short_too=True)


def _action_of(entry: Numbered) -> str:
    """What was to be done, without the numbers."""
    return entry.line.lstrip("0123456789,;&-–— .)#:") if entry.numbers else entry.line


def _message_of(thing: Thing) -> int | None:
    return int(thing.row.message_id) if thing.kind == "mention" else None


# --- what a number is -----------------------------------------------------------------------------------------------------

_NAMED = (lead.c.title, partner.c.name.label("partner_name"))


def _thing(session: Session, who: Actor, number: int, kind: str, row_id: int) -> Thing:
    """What the number means now; Refused if it is gone, or not this person's to see."""
    finder = _FINDERS.get(kind)
    if finder is None:
        raise Refused("This number is there to be read: open it on the page.")
    row = finder(session, row_id)
    if row is None:
        raise Refused("It is no longer there.")
    lead_id = require_lead(session, who, row.lead_id) if row.lead_id is not None else None
    return Thing(number, kind, row_id, lead_id, _about(row), row)


def _about(row: Any) -> str:
    """The customer, else the title, in a few words: enough to know which one it was."""
    said = " ".join(str(row.partner_name or row.title or "").split())
    return said if len(said) <= _ABOUT else said[: _ABOUT - 1] + "…"


def _activity(session: Session, row_id: int) -> Any:
    asked = select(activity, *_NAMED).join(lead, lead.c.id == activity.c.lead_id)
    return session.execute(_with_partner(asked).where(activity.c.id == row_id)).first()


def _mention(session: Session, row_id: int) -> Any:
    asked = select(mention, *_NAMED).join(lead, lead.c.id == mention.c.lead_id)
    return session.execute(_with_partner(asked).where(mention.c.id == row_id)).first()


def _lead(session: Session, row_id: int) -> Any:
    """The lead's own columns are read when it is known where it went: it may have been merged into another."""
    asked = _with_partner(select(lead.c.id.label("lead_id"), *_NAMED)).where(lead.c.id == row_id)
    return session.execute(asked).first() or _Gone(row_id)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A lead that was dissolved into another, perhaps: ``require_lead`` knows."""

    lead_id: int
    title: str = ""
    partner_name: str = ""


def _inbound(session: Session, row_id: int) -> Any:
    asked = select(inbound, inbound.c.subject.label("title"), inbound.c.from_name.label("partner_name"))
    return session.execute(asked.where(inbound.c.id == row_id)).first()


def _outbox(session: Session, row_id: int) -> Any:
    asked = select(outbox.c.state, outbox.c.lead_id, outbox.c.actor_user_id, *_NAMED)
    asked = asked.outerjoin(lead, lead.c.id == outbox.c.lead_id).outerjoin(partner, partner.c.id == lead.c.partner_id)
    return session.execute(asked.where(outbox.c.id == row_id)).first()


def _with_partner(asked: Any) -> Any:
    return asked.outerjoin(partner, partner.c.id == lead.c.partner_id)


_FINDERS: dict[str, Callable[[Session, int], Any]] = {
    "activity": _activity,
    "mention": _mention,
    "lead": _lead,
    "waiting": _lead,
    "idle": _lead,
    "unowned": _lead,
    "inbound": _inbound,
    "outbox": _outbox,
    "bounce": _outbox,
}


# --- may it still be done -------------------------------------------------------------------------------------------------


def _allow(session: Session, who: Actor, thing: Thing, entry: Numbered, since: datetime) -> None:
    """Refused where it went to somebody else, or was closed, since the digest was made."""
    verb = entry.command.verb if entry.command else None
    if thing.lead_id is None or verb in _ALWAYS:
        return
    asked = select(lead.c.owner_id, lead.c.closed_at, lead.c.stage_id, user.c.name).outerjoin(
        user, user.c.id == lead.c.owner_id
    )
    row = session.execute(asked.where(lead.c.id == thing.lead_id)).one()
    is_mine = row.owner_id in (None, who.id)
    if thing.kind in ("waiting", "idle", "unowned") and not is_mine:
        raise Refused("The lead is %(name)s’s by now.", name=row.name)
    if verb in _STAGES and row.closed_at is not None and row.closed_at > since:
        stage = next(one for one in all_stages(session) if one.id == row.stage_id)
        raise Refused("It was closed since: %(name)s.", name=stage.name_fi if who.locale == "fi" else stage.name_en)


# --- doing it -------------------------------------------------------------------------------------------------------------


def _obey(run: Run, thing: Thing, command: Command, *, is_bare: bool) -> None:
    own = _OWN.get((thing.kind, command.verb))
    if own is None and command.verb is Verb.DONE:
        raise Refused("This is no activity: say what to do, such as +2d, a note or a command.")
    if command.verb is Verb.ASSIGN and is_bare and thing.kind == "activity":
        _give(run, thing, command)
    elif own is not None:
        require(run.who, Right.WRITE_NOTES)
        own(run, thing, command)
    elif command.verb is Verb.SNOOZE:
        run.obey(replace(command, verb=Verb.TODO))
    elif command.verb is Verb.NOTE:
        _noted(run, thing, command)
    else:
        run.obey(command)


def _complete(run: Run, thing: Thing, command: Command) -> None:
    _refuse_others(run, thing)
    activities.complete(run.session, thing.id, command.text, run.by, run.now)
    run.changed("done", type=thing.row.type, summary=thing.row.summary)


def _move(run: Run, thing: Thing, command: Command) -> None:
    _refuse_others(run, thing)
    move(run, thing.id, command)
    run.changed("snoozed", type=thing.row.type, summary=thing.row.summary, day=command.day, at=command.at)


def _give(run: Run, thing: Thing, command: Command) -> None:
    """The activity, not its lead: that is what "assign" is for."""
    require(run.who, Right.CHANGE_LEADS)
    _refuse_others(run, thing)
    to = user_named(run.session, command.text)
    activities.give(run.session, thing.id, to.id, run.by, run.now)
    run.changed("given", type=thing.row.type, summary=thing.row.summary, name=to.name)


def _refuse_others(run: Run, thing: Thing) -> None:
    if thing.row.done_at is None and thing.row.user_id != run.by:
        name = run.session.execute(select(user.c.name).where(user.c.id == thing.row.user_id)).scalar_one()
        raise Refused("The activity is %(name)s’s by now.", name=name)


def _noted(run: Run, thing: Thing, command: Command) -> None:
    require(run.who, Right.WRITE_NOTES)
    if thing.lead_id is None:
        raise Refused("This mail belongs to no lead.")
    run.tell(write_note(run.session, thing.lead_id, command.text, run.by, run.now).events)
    run.steps.append({"do": "note", "lead": thing.lead_id})
    run.changed("note")


def _answered(run: Run, thing: Thing, command: Command) -> None:
    """By phone, say: nobody waits any more. What was said of it becomes a note."""
    require(run.who, Right.CHANGE_LEADS)
    asked = select(lead.c.waiting_on, lead.c.waiting_since).where(lead.c.id == run.lead)
    before = run.session.execute(asked).one()
    if before.waiting_on != "us":
        raise Refused("Nobody waits there any more.")
    settle_turn(run.session, run.lead, run.by, run.now)
    run.steps.append({"do": "turn", "lead": run.lead, "since": before.waiting_since.isoformat()})
    run.changed("answered")
    if command.text:
        _noted(run, thing, command)


def _read(run: Run, thing: Thing, command: Command | None = None) -> None:
    """All mentions of this person on the lead are read; said only where that was asked for."""
    asked = select(mention.c.id).where(
        mention.c.lead_id == thing.lead_id, mention.c.user_id == run.by, mention.c.read_at.is_(None)
    )
    ids = list(run.session.execute(asked).scalars())
    if thing.lead_id is not None and read_mentions(run.session, thing.lead_id, run.by, run.now):
        run.steps.append({"do": "mentions", "ids": ids})
    if command is not None:
        run.changed("read")
        if command.text:
            _noted(run, thing, command)


_OWN: dict[tuple[str, Verb], Callable[[Run, Thing, Command], None]] = {
    ("activity", Verb.DONE): _complete,
    ("activity", Verb.SNOOZE): _move,
    ("waiting", Verb.DONE): _answered,
    ("mention", Verb.DONE): _read,
}


def _decided(run: Run, thing: Thing, decision: Decision) -> None:
    """Dropping takes nothing along and can be taken back; what leaves is decided where one sees it."""
    if thing.kind not in ("inbound", "outbox"):
        raise Refused("This is no held mail.")
    if decision is not Decision.DROP:
        raise Refused(
            "Nothing is sent by answering a digest: answer the question about that mail, or decide on the page."
        )
    require(run.who, Right.SEE_MAIL)
    if thing.kind == "outbox":
        if thing.row.actor_user_id != run.by:
            require(run.who, Right.HAND_OVER)
        leaving.drop(run.session, thing.id, run.by, run.now)
        run.steps.append({"do": "drop", "id": thing.id, "lead": thing.lead_id})
    else:
        _dismiss(run, thing)
    run.changed("dropped")


def _dismiss(run: Run, thing: Thing) -> None:
    row = thing.row
    if row.state != "held":
        raise Refused("It was decided already.")
    if not may_decide(run.who, row.author_user_id):
        raise Refused("Only the colleague who wrote it, or a manager, decides about this mail.")
    values = {"route": RouteKind.DISMISSED.value, "reason": Reason.BY_HAND.value, "state": "dismissed"}
    decided = {**values, "decided_at": run.now, "decided_by_id": run.by}
    run.session.execute(update(inbound).where(inbound.c.id == thing.id).values(decided))
    run.steps.append({"do": "dismissed", "id": thing.id, "route": row.route, "reason": row.reason})
