"""What to do next once something was done: a suggestion per stage, theirs to change. A person plans it; nothing plans itself.

A stage has at most one suggestion for each kind of activity it may follow, and one for any other. None is made for a lead that has
an open activity or is closed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, func, insert, select, update

from mailcrm.commands.grammar import Place, read_line
from mailcrm.commands.numbered import entries_of
from mailcrm.commands.words import usage
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.mail import ACTIVITY_TYPES, Command, Numbered, Verb
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import activity, lead, stage, stage_suggestion, user
from mailcrm.workdays import WorkingTime, next_working_day

ANY = ""
_MOST_DAYS = 365
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The next step that a lead's stage suggests, on its day."""

    type: str
    day: date
    text_en: str
    text_fi: str

    def text(self, locale: str) -> str:
        return self.text_fi if locale == "fi" else self.text_en


@dataclass(frozen=True, slots=True)
class Rule:
    """Of leads in a stage, after an activity of a kind (``ANY`` for all others): what comes next, in how many working days."""

    stage_id: int
    after_type: str
    next_type: str
    text_en: str
    text_fi: str
    days: int
    id: int = 0


def all_rules(session: Session) -> tuple[Rule, ...]:
    """In the order of the stages, what follows any activity last."""
    columns = [stage_suggestion.c[field.name] for field in fields(Rule)]
    statement = (
        select(*columns)
        .join(stage, stage.c.id == stage_suggestion.c.stage_id)
        .order_by(stage.c.position, stage.c.id, stage_suggestion.c.after_type.desc())
    )
    return tuple(Rule(**row) for row in session.execute(statement).mappings())


# --- suggesting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planner:
    """Whose working days count; ``holidays`` is the house's country, for who has named none."""

    user_id: int
    holidays: str


def suggestion(session: Session, lead_id: int, planner: Planner, now: datetime) -> Suggestion | None:
    """What the lead's stage suggests after what was done on it last."""
    return suggestions(session, [lead_id], planner, now).get(lead_id)


def suggestions(session: Session, lead_ids: Collection[int], planner: Planner, now: datetime) -> dict[int, Suggestion]:
    """The same of many leads, in three statements; the days are counted in the planner's own zone and working days."""
    if not lead_ids:
        return {}
    is_planned = exists().where(activity.c.lead_id == lead.c.id, activity.c.done_at.is_(None))
    asked = select(lead.c.id, lead.c.stage_id, _last_done()).where(
        lead.c.id.in_(lead_ids), lead.c.outcome.is_(None), ~is_planned
    )
    leads = session.execute(asked).all()
    rules = {(rule.stage_id, rule.after_type): rule for rule in all_rules(session)}
    working = _working(session, planner)
    today = now.astimezone(ZoneInfo(working.time_zone)).date()
    found = {one.id: rules.get((one.stage_id, one.last_type or ANY)) or rules.get((one.stage_id, ANY)) for one in leads}
    return {
        lead_id: Suggestion(rule.next_type, working_day_in(today, rule.days, working), rule.text_en, rule.text_fi)
        for lead_id, rule in found.items()
        if rule is not None
    }


def _working(session: Session, planner: Planner) -> WorkingTime:
    columns = (user.c.time_zone, user.c.working_days, user.c.holidays)
    row = session.execute(select(*columns).where(user.c.id == planner.user_id)).one()
    return WorkingTime(row.time_zone, row.working_days, planner.holidays if row.holidays is None else row.holidays)


def _last_done() -> Any:
    done = select(activity.c.type).where(activity.c.lead_id == lead.c.id, activity.c.done_at.is_not(None))
    latest = done.order_by(activity.c.done_at.desc(), activity.c.id.desc()).limit(1)
    return latest.correlate(lead).scalar_subquery().label("last_type")


def working_day_in(today: date, days: int, working: WorkingTime) -> date:
    """The so-manieth working day after today."""
    for _step in range(days):
        today = next_working_day(today, working)
    return today


# --- the rules, theirs to change ----------------------------------------------------------------------------------------


def set_rule(session: Session, rule: Rule, by: int | None, now: datetime) -> Done:
    """Write what a stage suggests after a kind of activity, in place of what it suggested before."""
    values = _checked(session, rule)
    key = {"stage_id": rule.stage_id, "after_type": rule.after_type}
    is_it = [stage_suggestion.c[name] == value for name, value in key.items()]
    known = session.execute(select(stage_suggestion.c.id).where(*is_it)).scalar()
    if known is not None:
        session.execute(update(stage_suggestion).where(stage_suggestion.c.id == known).values(values))
    else:
        known = insert_row(session, insert(stage_suggestion), {**key, **values})
    record(session, "suggestion_set", f"stage {rule.stage_id}", by, now, {**key, **values})
    return Done(known)


def remove_rule(session: Session, rule_id: int, by: int | None, now: datetime) -> Done:
    """The stage suggests nothing there any more."""
    if session.execute(delete(stage_suggestion).where(stage_suggestion.c.id == rule_id)).rowcount != 1:
        raise NotFound("There is no suggestion %(id)s.", id=rule_id)
    record(session, "suggestion_removed", f"suggestion {rule_id}", by, now)
    return Done(rule_id)


def _checked(session: Session, rule: Rule) -> dict[str, Any]:
    if session.execute(select(stage.c.id).where(stage.c.id == rule.stage_id)).first() is None:
        raise NotFound("There is no stage %(id)s.", id=rule.stage_id)
    if rule.next_type not in ACTIVITY_TYPES or rule.after_type not in (ANY, *ACTIVITY_TYPES):
        raise Refused("An activity is one of %(types)s.", types=", ".join(ACTIVITY_TYPES))
    if not 1 <= rule.days <= _MOST_DAYS:
        raise Refused("Say in how many working days: 1 to %(most)s.", most=_MOST_DAYS)
    texts = {"en": rule.text_en, "fi": rule.text_fi}
    kept = {f"text_{locale}": _text(rule.next_type, text, locale) for locale, text in texts.items()}
    return {"next_type": rule.next_type, "days": rule.days, **kept}


def _text(type_: str, text: str, locale: str) -> str:
    """A text that reads the same as part of a command: a receipt offers the whole line."""
    said = " ".join(text.replace("\x00", "").split())[:_MOST_TEXT]
    if not said:
        raise Refused("Say in Finnish and in English what is to be done.")
    word = usage(Verb(type_), locale).word
    line, place = f"/{word} 1.1. {said}", Place(datetime(2030, 6, 1, tzinfo=UTC), "UTC", locale)
    read = read_line(word, f"1.1. {said}", line, place)
    if not isinstance(read, Command) or read.text != said or read.at is not None:
        raise Refused("Begin the text with a word, not with a number or a time: %(said)s.", said=said)
    if not _is_one_entry(line, place):
        raise Refused("In the answer to a digest this would be two commands: %(said)s.", said=said)
    return said


def _is_one_entry(line: str, place: Place) -> bool:
    """Whether it is one thing in the answer to a digest too, where "book, 2 done" is two."""
    entries = list(entries_of(f"1 {line}", place))
    return len(entries) == 1 and isinstance(entries[0], Numbered)


# --- the first ones -----------------------------------------------------------------------------------------------------

SEED: Mapping[str, tuple[tuple[str, str, str, str, int], ...]] = {
    # name_en of the stage: after, next, English, Finnish, working days
    "New": ((ANY, "call", "get in touch with the customer", "ota yhteyttä asiakkaaseen", 1),),
    "Assigned": ((ANY, "call", "get in touch with the customer", "ota yhteyttä asiakkaaseen", 1),),
    "Contacted": ((ANY, "call", "ask how it goes on", "kysy, miten edetään", 3),),
    "Meeting booked": (
        ("meeting", "mail", "send the minutes", "lähetä muistio", 1),
        ("mail", "quote", "make the quote", "tee tarjous", 1),
        (ANY, "call", "confirm the meeting", "vahvista tapaaminen", 2),
    ),
    "Make a quote": (
        ("quote", "call", "ask after the quote", "kysy tarjouksesta", 5),
        (ANY, "quote", "make the quote", "tee tarjous", 1),
    ),
    "Quote sent": ((ANY, "call", "ask after the quote", "kysy tarjouksesta", 5),),
}


def seed_suggestions(session: Session) -> None:
    """What the ten stages suggest in a new house."""
    if session.execute(select(func.count()).select_from(stage_suggestion)).scalar_one():
        return
    ids = {row.name_en: row.id for row in session.execute(select(stage.c.name_en, stage.c.id))}
    names = ("after_type", "next_type", "text_en", "text_fi", "days")
    rows = [
        {"stage_id": ids[stage_name], **dict(zip(names, one, strict=True))}
        for stage_name, seeds in SEED.items()
        if stage_name in ids
        for one in seeds
    ]
    session.execute(insert(stage_suggestion), rows)
