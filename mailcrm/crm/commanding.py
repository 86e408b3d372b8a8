"""Carrying out the commands of a mail: every one through a verb, all of them or, unless released, none.

``carry_out`` runs inside the transaction that places the mail. It answers what was changed, in values that the receipt words in
its reader's language; how to take it back (``undoing``); whom to tell; and the lead that the rest of the mail belongs to, since a
command may split it off, merge it or open a new one. A verb that says no stops everything: ``NotDone`` names the line and why.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from mailcrm.commands.notice_words import ALL
from mailcrm.crm import activities, leads
from mailcrm.crm.absence import go_away
from mailcrm.crm.by_hand import Customer, add_lead
from mailcrm.crm.done import Refused
from mailcrm.crm.invitations import NewMeeting, plan_invited
from mailcrm.crm.invited import our_meeting, send, words_for_customer
from mailcrm.crm.leads import NewLead
from mailcrm.crm.merging import merge
from mailcrm.crm.named import stage_named, user_named
from mailcrm.crm.notices import as_far_as_possible, set_notices
from mailcrm.crm.picture import Picture, Step, picture, plain, steps
from mailcrm.crm.rights import Actor, Right, actor, require, require_lead
from mailcrm.crm.splitting import split_off
from mailcrm.crm.stages import Stage, all_stages
from mailcrm.crm.suggestions import Planner, suggestion
from mailcrm.crm.undoing import latest_run, run_of_receipt, undo
from mailcrm.crm.writing import write_note
from mailcrm.findings import findings_of
from mailcrm.mail import Address, Change, Command, Event, Fault, FaultWhy, Invitation, Verb, Writer
from mailcrm.notify.invitewords import Kind
from mailcrm.store.engine import Session, savepoint
from mailcrm.store.tables import activity, inbound, lead, lead_tag, meeting, outbox, partner, tag, user
from mailcrm.wishes import Level, Topic

_FOR_EVERYBODY = frozenset(
    {
        Verb.NOTE,
        Verb.MENTION,
        Verb.FOLLOW,
        Verb.MUTE,
        Verb.AWAY,
        Verb.NOTIFY,
        Verb.HISTORY,
        Verb.HELP,
        Verb.UNDO,
        Verb.DONE,
        Verb.SNOOZE,
    }
)


@dataclass(frozen=True, slots=True)
class Given:
    """What the commands are about. ``message_row_id`` is the message that the answered notice told of."""

    user_id: int
    writer: Writer
    lead_id: int | None
    message_row_id: int | None = None
    may_leave: bool = False  # mail to the customer
    notice_id: int | None = None  # the outbox row of that notice
    customer: Address | None = None  # of a new lead: who wrote the forwarded mail, or is named in the text
    subject: str = ""  # of the mail, without prefixes
    domains: Collection[str] = ()
    has_text: bool = False  # for the customer
    is_lenient: bool = False
    holidays: str = ""  # the house's country


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of the commands."""

    lead_id: int | None
    changes: tuple[Change, ...]
    steps: list[Step]
    events: tuple[Event, ...]
    asked: frozenset[Verb]  # help, history and undo answer even those who want no receipts
    left_out: tuple[Fault, ...] = ()
    invitation: Invitation | None = None  # that goes along with the text
    along: str = ""  # what is said of it below the text


class NotDone(Exception):
    """A verb said no; nothing may stay of what was done before it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.line)
        self.fault = fault


def carry_out(session: Session, given: Given, commands: Collection[Command], now: datetime) -> Carried:
    """Obey the commands in their order; NotDone at the first that cannot be, or, leniently, leave those out."""
    who = actor(session, given.user_id)
    if who is None:
        raise NotDone(Fault("", FaultWhy.REFUSED, "Your role does not allow this."))
    run = Run(session, given, who, now)
    left_out = [fault for command in commands if (fault := _obeyed(run, command)) is not None]
    run.end()
    run.suggest([command.verb for command in commands])
    events = tuple(run.events)
    asked = frozenset(command.verb for command in commands) & {Verb.HELP, Verb.HISTORY, Verb.UNDO}
    return Carried(
        run.lead_id, tuple(run.changes), run.steps, events, asked, tuple(left_out), run.invitation, run.along
    )


def _obeyed(run: "Run", command: Command) -> Fault | None:
    before = run.state()
    try:
        with savepoint(run.session, "one_command"):
            run.obey(command)
    except Refused as e:
        values = tuple((name, str(value)[:200]) for name, value in e.data.items())
        fault = Fault(command.line, FaultWhy.REFUSED, e.text, values)
        if not run.given.is_lenient:
            raise NotDone(fault) from e
        run.restore(before)
        return fault
    return None


class Run:
    """One mail's commands on their way through the verbs."""

    def __init__(self, session: Session, given: Given, who: Actor, now: datetime) -> None:
        self.session = session
        self.given = given
        self.who = who
        self.by = who.id
        self.now = now
        self.lead_id: int | None = None
        self.changes: list[Change] = []
        self.steps: list[Step] = []
        self.events: list[Event] = []
        self.invitation: Invitation | None = None
        self.along = ""
        self._before: Picture | None = None
        if given.lead_id is not None:
            self.begin(require_lead(session, who, given.lead_id))

    @property
    def lead(self) -> int:
        if self.lead_id is None:
            raise Refused("This mail belongs to no lead.")
        return self.lead_id

    def begin(self, lead_id: int) -> None:
        """From here on it is about this lead."""
        self.lead_id = lead_id
        self._before = picture(self.session, lead_id)

    def end(self) -> None:
        """What was changed on the lead until here can be taken back."""
        if self.lead_id is not None and self._before is not None:
            self.steps += steps(self.lead_id, self._before, picture(self.session, self.lead_id))
        self._before = None

    def suggest(self, verbs: Collection[Verb]) -> None:
        """After something was done and nothing is planned: what the lead's stage suggests."""
        if Verb.DONE not in verbs or self.lead_id is None:
            return
        found = suggestion(self.session, self.lead_id, Planner(self.by, self.given.holidays), self.now)
        if found is not None:
            self.changed("suggested", type=found.type, day=found.day, en=found.text_en, fi=found.text_fi)

    def state(self) -> "_State":
        return _State(self.lead_id, self._before, tuple(self.changes), tuple(self.steps), tuple(self.events))

    def restore(self, state: "_State") -> None:
        """As it was before a command that turned out impossible half-way."""
        self.lead_id, self._before = state.lead_id, state.before
        self.changes, self.steps, self.events = list(state.changes), list(state.steps), list(state.events)

    def forget(self) -> None:
        """What is taken back now is not taken back again; the lead may have been dissolved by it."""
        self._before = None
        if self.lead_id is not None:
            self.lead_id = require_lead(self.session, self.who, self.lead_id)

    def obey(self, command: Command) -> None:
        require(self.who, Right.WRITE_NOTES if command.verb in _FOR_EVERYBODY else Right.CHANGE_LEADS)
        if command.verb.needs_lead and self.lead_id is None:
            raise Refused("This mail belongs to no lead.")
        _VERBS[command.verb](self, command)

    def changed(self, what: str, **values: object) -> None:
        said = tuple((name, "" if value is None else str(value)) for name, value in values.items())
        self.changes.append(Change(what, said))

    def tell(self, events: Collection[Event]) -> None:
        self.events += events


@dataclass(frozen=True, slots=True)
class _State:
    lead_id: int | None
    before: Picture | None
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    events: tuple[Event, ...]


# --- stage, owner, value --------------------------------------------------------------------------------------------------


def _stage_of(run: Run, kind: str) -> Stage:
    found = next((stage for stage in all_stages(run.session) if stage.kind == kind), None)
    if found is None:
        raise Refused("There is no such stage.")
    return found


def _moved(run: Run, stage: Stage, **more: Any) -> None:
    run.tell(leads.move_to_stage(run.session, run.lead, stage.id, run.by, run.now, **more).events)
    until = more.get("hold_until")
    values = {"en": stage.name_en, "fi": stage.name_fi}
    run.changed("stage", **values, reason=more.get("reason", ""), until=until.isoformat() if until else "")


def _won(run: Run, command: Command) -> None:
    _moved(run, _stage_of(run, "won"))
    if command.amount is not None:
        _value(run, command)


def _lost(run: Run, command: Command) -> None:
    _moved(run, _stage_of(run, "lost"), reason=command.text)


def _cancel(run: Run, command: Command) -> None:
    _moved(run, _stage_of(run, "cancelled"), reason=command.text)


def _hold(run: Run, command: Command) -> None:
    _moved(run, _stage_of(run, "on_hold"), hold_until=command.day)


def _stage(run: Run, command: Command) -> None:
    to = stage_named(run.session, command.text)
    if to.kind == "lost":
        raise Refused("Say why it was lost.")
    if to.kind == "on_hold":
        raise Refused("On hold needs a date: until when?")
    _moved(run, to)


def _assign(run: Run, command: Command) -> None:
    _given_to(run, user_named(run.session, command.text).id)


def _take(run: Run, command: Command) -> None:
    _given_to(run, run.by)


def _given_to(run: Run, user_id: int) -> None:
    run.tell(leads.assign(run.session, run.lead, user_id, run.by, run.now).events)
    run.changed("owner", name=run.session.execute(select(user.c.name).where(user.c.id == user_id)).scalar_one())


def _stars(run: Run, command: Command) -> None:
    leads.set_fields(run.session, run.lead, {"priority": command.number}, run.by, run.now)
    run.changed("stars", number=command.number)


def _value(run: Run, command: Command) -> None:
    changes: dict[str, Any] = {"expected_revenue": command.amount}
    if command.currency:
        changes["currency"] = command.currency
    leads.set_fields(run.session, run.lead, changes, run.by, run.now)
    kept = run.session.execute(select(lead.c.currency).where(lead.c.id == run.lead)).scalar_one()
    run.changed("value", amount=command.amount, currency=kept)


def _close(run: Run, command: Command) -> None:
    leads.set_fields(run.session, run.lead, {"expected_closing": command.day}, run.by, run.now)
    run.changed("close", day=command.day)


# --- tags, followers, people ----------------------------------------------------------------------------------------------


def _tag(run: Run, command: Command) -> None:
    have = _tags(run)
    known = {name.casefold() for name in have}
    leads.set_tags(
        run.session, run.lead, [*have, *(n for n in command.names if n.casefold() not in known)], run.by, run.now
    )
    run.changed("tags", names=", ".join(command.names))


def _untag(run: Run, command: Command) -> None:
    have = _tags(run)
    gone = {name.casefold() for name in command.names}
    missing = [name for name in command.names if name.casefold() not in {h.casefold() for h in have}]
    if missing:
        raise Refused("The lead has no tag %(name)s.", name=missing[0])
    leads.set_tags(run.session, run.lead, [name for name in have if name.casefold() not in gone], run.by, run.now)
    run.changed("untagged", names=", ".join(command.names))


def _tags(run: Run) -> list[str]:
    asked = select(tag.c.name).join(lead_tag, lead_tag.c.tag_id == tag.c.id).where(lead_tag.c.lead_id == run.lead)
    return list(run.session.execute(asked).scalars())


def _follow(run: Run, command: Command) -> None:
    leads.follow(run.session, run.lead, run.by, run.now)
    run.changed("following")


def _mute(run: Run, command: Command) -> None:
    owner_id = run.session.execute(select(lead.c.owner_id).where(lead.c.id == run.lead)).scalar()
    if owner_id == run.by:
        raise Refused("The lead is yours: its owner hears of every mail. Assign it to somebody first.")
    leads.unfollow(run.session, run.lead, run.by, run.now)
    run.changed("muted")


def _mention(run: Run, command: Command) -> None:
    people = [user_named(run.session, name) for name in command.names]
    text = " ".join(f"@{one.name}" for one in people)
    run.tell(write_note(run.session, run.lead, text, run.by, run.now).events)
    run.changed("mentioned", names=", ".join(one.name for one in people))


# --- activities -----------------------------------------------------------------------------------------------------------


def _plan(run: Run, command: Command) -> None:
    if command.day is None:
        raise Refused("Say when.")
    new = activities.NewActivity(command.verb.value, command.day, command.text, command.at)
    activities.schedule(run.session, run.lead, new, run.by, run.now)
    run.changed("planned", type=command.verb.value, day=command.day, at=command.at, summary=command.text[:200])


def _invite(run: Run, command: Command) -> None:
    """With the text of the mail if there is one, else in a mail of its own."""
    if command.at is None or command.day is None:
        raise Refused("Say when.")
    require_way_out(run)
    new = NewMeeting(command.at, command.text, command.place, command.number)
    planned = activities.NewActivity("meeting", command.day, command.text, command.at)
    _id, invitation = plan_invited(run.session, run.lead, new, planned, run.by, run.now)
    if run.given.has_text and run.invitation is None:
        run.invitation = invitation
        run.along, _subject = words_for_customer(run.session, run.lead, invitation, Kind.INVITED, run.by)
    else:
        run.tell([send(run.session, run.lead, invitation, Kind.INVITED, run.by, run.now)])
    run.changed("invited", type="meeting", day=command.day, at=command.at, summary=command.text[:200])


def require_way_out(run: Run) -> None:
    """Mail to the customer is sent by an answer to the customer's mail alone: no other address permits it."""
    if not run.given.may_leave:
        raise Refused("This would send mail to the customer: write it in an answer to their mail, or use the page.")


def move(run: Run, activity_id: int, command: Command) -> None:
    """Move an activity; what tells the customer needs a way out."""
    if command.day is None:
        raise Refused("Say when.")
    if our_meeting(run.session, activity_id) is not None:
        require_way_out(run)
    done = activities.reschedule(run.session, activity_id, command.day, command.at, run.by, run.now)
    run.tell(done.events)


def _done(run: Run, command: Command) -> None:
    row = _open_activity(run, command.number)
    activities.complete(run.session, row.id, command.text, run.by, run.now)
    run.changed("done", type=row.type, summary=row.summary)


def _snooze(run: Run, command: Command) -> None:
    row = _open_activity(run, None)
    move(run, row.id, command)
    run.changed("snoozed", type=row.type, summary=row.summary, day=command.day, at=command.at)


def _open_activity(run: Run, number: int | None) -> Any:
    """The how-manieth of the lead's open activities, as they come due; without a number the one that the answered notice told of,
    else the writer's own next, else the next."""
    if number is None and (meant := _reminded_of(run) or _meeting_of(run)) is not None:
        return meant
    asked = select(activity).where(activity.c.lead_id == run.lead, activity.c.done_at.is_(None))
    rows = run.session.execute(asked.order_by(activity.c.due_on, activity.c.id)).all()
    if not rows:
        raise Refused("Nothing is planned on this lead.")
    if number is None:
        return next((row for row in rows if row.user_id == run.by), rows[0])
    if not 1 <= number <= len(rows):
        raise Refused("Only %(count)s are planned on this lead.", count=len(rows))
    return rows[number - 1]


def _reminded_of(run: Run) -> Any:
    """The activity that the answered notice reminded of, as long as it lies on this lead."""
    params = run.session.execute(select(outbox.c.params).where(outbox.c.id == run.given.notice_id)).scalar() or {}
    if params.get("event") != "reminder":
        return None
    asked = select(activity).where(activity.c.id == int(params["detail"]), activity.c.lead_id == run.lead)
    return run.session.execute(asked).first()


def _meeting_of(run: Run) -> Any:
    """The meeting that the answered mail is about: the customer proposes another time, say."""
    found = run.session.execute(
        select(inbound.c.findings).where(
            inbound.c.message_row_id == run.given.message_row_id, inbound.c.lead_id == run.lead
        )
    ).scalar()
    said = findings_of(found).meeting if found else None
    if said is None or not said.uid:
        return None
    of_it = select(activity).join(meeting, meeting.c.activity_id == activity.c.id)
    open_ones = of_it.where(meeting.c.uid == said.uid, activity.c.lead_id == run.lead, activity.c.done_at.is_(None))
    return run.session.execute(open_ones.limit(1)).first()


# --- leads among each other -----------------------------------------------------------------------------------------------


def _merge(run: Run, command: Command) -> None:
    run.end()
    gone = run.lead
    into = require_lead(run.session, run.who, command.number or 0)
    asked = select(lead.c.partner_id).where(lead.c.id.in_((gone, into)))
    people = set(run.session.execute(asked).scalars())
    _done_merge, step = merge(run.session, gone, into, run.by, run.now)
    if run.given.has_text and len(people) > 1:
        raise Refused("These leads are two people's: merge them in a mail without text, or it reaches the other one.")
    run.steps.append(step)
    run.begin(into)
    run.changed("merged", id=gone, into=into)


def _split(run: Run, command: Command) -> None:
    row_id = run.given.message_row_id
    if row_id is None:
        raise Refused("This mail answers no message that could be split off.")
    run.end()
    from_id = run.lead
    done = split_off(run.session, row_id, run.by, run.now)
    run.tell(done.events)
    run.steps.append({"do": "split", "lead": done.id, "from": from_id, "message": row_id})
    run.begin(done.id)
    run.changed("split", id=done.id)


def _new(run: Run, command: Command) -> None:
    customer = run.given.customer
    if customer is None:
        raise Refused("Name the customer's address.")
    run.end()
    title = _without_address(command.text, customer) or run.given.subject or customer.name or customer.address
    new = NewLead(title=title, partner_id=None, owner_id=run.by, base_subject=title)
    who = Customer(address=customer.address, name=customer.name)
    done = add_lead(run.session, new, who, run.given.domains, run.by, run.now)
    run.steps.append({"do": "new", "lead": done.id})
    run.tell(done.events)
    run.begin(done.id)
    name = select(partner.c.name).join(lead, lead.c.partner_id == partner.c.id).where(lead.c.id == done.id)
    run.changed("new", id=done.id, title=title[:200], name=run.session.execute(name).scalar())


def _without_address(text: str, customer: Address) -> str:
    words = [word for word in text.split() if customer.address.casefold() not in word.casefold()]
    said = " ".join(words)
    return (said.replace(customer.name, "") if customer.name and said != customer.name else said).strip(" ,;:<>\"'")[
        :500
    ]


def _history(run: Run, command: Command) -> None:
    run.events.append(Event("history", run.lead, actor_user_id=run.by, detail=run.now.isoformat()))
    run.changed("history")


# --- the writer -----------------------------------------------------------------------------------------------------------


def _away(run: Run, command: Command) -> None:
    """Away through the named day, in the writer's own zone."""
    if command.day is None:
        raise Refused("Say when.")
    deputy = user_named(run.session, command.text) if command.text else None
    asked = select(user.c.absent_until, user.c.absent_by, user.c.deputy_id).where(user.c.id == run.by)
    before = plain(run.session.execute(asked).one()._asdict())
    go_away(run.session, run.by, command.day, run.by, run.now, deputy.id if deputy else None)
    after = plain(run.session.execute(asked).one()._asdict())
    run.steps.append({"do": "away", "user": run.by, "before": before, "after": after})
    run.changed("away", day=command.day, deputy=deputy.name if deputy else "")


def _notify(run: Run, command: Command) -> None:
    """How notices of a topic reach the writer from now on; of all topics, as far as it is possible for each."""
    named, level = command.names[0], Level(command.names[1])
    asked = select(user.c.notices).where(user.c.id == run.by)
    before = run.session.execute(asked).scalar_one()
    levels = as_far_as_possible(level) if named == ALL else {Topic(named): level}
    set_notices(run.session, run.by, levels, run.by, run.now)
    after = run.session.execute(asked).scalar_one()
    earlier = next((step for step in run.steps if step["do"] == "notices"), None)
    if earlier is not None:  # of two lines the first knows how it was
        run.steps.remove(earlier)
        before = earlier["before"]
    run.steps.append({"do": "notices", "user": run.by, "before": before, "after": after})
    for topic, chosen in levels.items():
        run.changed("notices", topic=topic.value, level=chosen.value)


def _undo(run: Run, command: Command) -> None:
    """The run of the receipt that was answered (``number``), else what the writer last did here."""
    if command.number is not None:
        run_id = run_of_receipt(run.session, command.number)
    else:
        run_id = latest_run(run.session, run.lead_id, run.by, run.now)
    if run_id is None:
        raise Refused("There is nothing of yours to take back here.")
    changes, events = undo(run.session, run_id, run.by, run.now)
    run.changes += changes
    run.tell(events)
    run.forget()


def _help(run: Run, command: Command) -> None:
    run.changed("help")


_VERBS: dict[Verb, Callable[[Run, Command], None]] = {
    Verb.WON: _won,
    Verb.LOST: _lost,
    Verb.CANCEL: _cancel,
    Verb.HOLD: _hold,
    Verb.STAGE: _stage,
    Verb.ASSIGN: _assign,
    Verb.TAKE: _take,
    Verb.TAG: _tag,
    Verb.UNTAG: _untag,
    Verb.STARS: _stars,
    Verb.VALUE: _value,
    Verb.CLOSE: _close,
    Verb.CALL: _plan,
    Verb.MEETING: _plan,
    Verb.INVITE: _invite,
    Verb.MAIL: _plan,
    Verb.QUOTE: _plan,
    Verb.TODO: _plan,
    Verb.DONE: _done,
    Verb.SNOOZE: _snooze,
    Verb.MENTION: _mention,
    Verb.FOLLOW: _follow,
    Verb.MUTE: _mute,
    Verb.MERGE: _merge,
    Verb.SPLIT: _split,
    Verb.AWAY: _away,
    Verb.NOTIFY: _notify,
    Verb.HISTORY: _history,
    Verb.NEW: _new,
    Verb.UNDO: _undo,
    Verb.HELP: _help,
}
