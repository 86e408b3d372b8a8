"""The verbs on a lead: make it, move it, give it to somebody, change what is known about it.

Every change writes its chatter event; ``outcome`` always agrees with the kind of the stage. Callers hold the transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.stages import Stage, all_stages, first_open, stage_after_event
from mailcrm.mail import Event, Reason
from mailcrm.store.engine import Session, insert_row, remembered
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import UTCDateTime, activity, follower, lead, lead_tag, stage_change, tag, user

_INSERT = Prepared(insert(lead))
_INSERT_STAGE_CHANGE = Prepared(insert(stage_change))


@dataclass(frozen=True, slots=True)
class NewLead:
    """A lead to be made. ``title`` is the subject as people read it."""

    title: str
    partner_id: int | None
    company_id: int | None = None
    base_subject: str = ""
    owner_id: int | None = None
    owner_reason: str = ""
    team_id: int | None = None
    source: str = ""
    medium: str = ""
    campaign: str = ""
    tags: Sequence[str] = ()
    alias_key: str = ""
    reply_to: str = ""
    currency: str = "EUR"
    expected_revenue: Decimal | None = None
    priority: int = 0
    follows_lead_id: int | None = None
    waiting_since: datetime | None = None  # the customer's mail that made it waits for us since then


def create_lead(session: Session, new: NewLead, by: int | None, now: datetime) -> int:
    """Make a lead in the first open stage, or the one that "owner set" leads to; returns its id."""
    stages = all_stages(session)
    start = first_open(stages)
    owned = stage_after_event(stages, start.id, "owner_set") if new.owner_id else None
    row = {name: getattr(new, name) for name in new.__dataclass_fields__ if name != "tags"}
    row["title"] = (new.title.strip() or "—")[:500]
    row["base_subject"] = new.base_subject[:500]
    row |= {"stage_id": (owned or start).id, "created_at": now, "last_message_at": new.waiting_since}
    row["waiting_on"] = "us" if new.waiting_since else None
    lead_id = _INSERT.insert(session, row)
    changes: list[dict[str, Any]] = [_stage_change(lead_id, None, start, by, now, "")]
    if owned:
        changes.append(_stage_change(lead_id, start, owned, None, now, "owner_set"))
    _INSERT_STAGE_CHANGE.run_all(session, changes)
    if new.tags:
        _link_tags(session, lead_id, new.tags)
    add_event(session, lead_id, "lead_created", _created_data(new), by, now, new.owner_reason)
    return lead_id


def _created_data(new: NewLead) -> dict[str, Any]:
    data: dict[str, Any] = {"owner_id": new.owner_id}
    if new.follows_lead_id:
        data["follows_lead_id"] = new.follows_lead_id
    return data


def _stage_change(
    lead_id: int, from_: Stage | None, to: Stage, by: int | None, now: datetime, reason: str
) -> dict[str, Any]:
    return {
        "lead_id": lead_id,
        "from_stage_id": from_.id if from_ else None,
        "to_stage_id": to.id,
        "at": now,
        "by_user_id": by,
        "reason": reason,
    }


def move_to_stage(
    session: Session,
    lead_id: int,
    stage_id: int,
    by: int | None,
    now: datetime,
    *,
    reason: str = "",
    hold_until: date | None = None,
) -> Done:
    """Move the card. ``reason`` is the lost reason for a lost stage; ``hold_until`` is required for on hold.

    On hold always has a coming activity: one is made for the owner (or who moves it) when there is none.
    """
    stages = {s.id: s for s in all_stages(session)}
    to = stages.get(stage_id)
    if to is None:
        raise Refused("There is no such stage.")
    row = _locked(session, lead_id)
    if row["stage_id"] == stage_id and not (to.kind == "on_hold" and hold_until):
        return Done(lead_id)
    if to.kind == "on_hold" and hold_until is None:
        raise Refused("On hold needs a date: until when?")
    if hold_until is not None and hold_until <= now.date():
        raise Refused("The date must be in the future.")
    from_ = stages[row["stage_id"]]
    values: dict[str, Any] = {
        "stage_id": to.id,
        "outcome": to.kind if to.kind in ("won", "lost", "cancelled") else None,
        "on_hold_until": hold_until if to.kind == "on_hold" else None,
        "closed_at": now if to.kind in ("won", "lost", "cancelled") else None,
        "lost_reason": reason[:300] if to.kind == "lost" else "",
    }
    if from_.kind == "open":
        values["previous_stage_id"] = from_.id
    session.execute(update(lead).where(lead.c.id == lead_id).values(values))
    _INSERT_STAGE_CHANGE.run_all(session, [_stage_change(lead_id, from_, to, by, now, reason[:300])])
    if to.kind == "on_hold" and hold_until is not None:
        _ensure_activity(session, lead_id, row["owner_id"] or by, hold_until, by, now)
    add_event(session, lead_id, "stage", {"from_id": from_.id, "to_id": to.id, "reason": reason[:300]}, by, now)
    return Done(lead_id)


def _ensure_activity(
    session: Session, lead_id: int, user_id: int | None, due_on: date, by: int | None, now: datetime
) -> None:
    if user_id is None:
        raise Refused("On hold needs somebody who wakes it: set an owner first.")
    coming = select(activity.c.id).where(
        activity.c.lead_id == lead_id, activity.c.done_at.is_(None), activity.c.due_on >= due_on
    )
    if session.execute(coming.limit(1)).first() is None:
        plan(session, lead_id, "todo", due_on, user_id, by, now)


def plan(
    session: Session,
    lead_id: int,
    type_: str,
    due_on: date,
    user_id: int,
    by: int | None,
    now: datetime,
    summary: str = "",
    due_at: datetime | None = None,
) -> int:
    """Write an activity that a rule asked for, with its event; returns its id."""
    row = {
        "lead_id": lead_id,
        "user_id": user_id,
        "type": type_,
        "summary": summary[:500],
        "due_on": due_on,
        "due_at": due_at,
        "created_at": now,
        "created_by_id": by,
    }
    activity_id = insert_row(session, insert(activity), row)
    data = {
        "activity_id": activity_id,
        "type": type_,
        "due_on": due_on.isoformat(),
        "user_id": user_id,
        "summary": summary[:500],
    }
    add_event(session, lead_id, "activity_scheduled", data, by, now)
    return activity_id


def restore(session: Session, lead_id: int, by: int | None, now: datetime, *, reason: str = "") -> Done:
    """Back to the last open stage: out of lost, cancelled, won or on hold."""
    row = _locked(session, lead_id)
    stages = all_stages(session)
    known = {s.id: s for s in stages if s.kind == "open"}
    target = known.get(row["previous_stage_id"] or 0) or first_open(stages)
    return move_to_stage(session, lead_id, target.id, by, now, reason=reason)


_STAGE_OF = Prepared(select(lead.c.stage_id).where(lead.c.id == bindparam("lead")))


def apply_stage_event(session: Session, lead_id: int, event: str, now: datetime) -> bool:
    """Let ``owner_set`` or ``first_mail_out`` move the lead one stage forward, if its stage is the one just before."""
    current = _STAGE_OF.scalar(session, {"lead": lead_id})
    target = stage_after_event(all_stages(session), current, event)
    if target is None:
        return False
    move_to_stage(session, lead_id, target.id, None, now, reason=event)
    return True


def assign(
    session: Session, lead_id: int, user_id: int | None, by: int | None, now: datetime, reason: str = Reason.BY_HAND
) -> Done:
    """Make ``user_id`` the owner (None: nobody). The new owner is told unless they did it themselves."""
    row = _locked(session, lead_id)
    if row["owner_id"] == user_id:
        return Done(lead_id)
    if user_id is not None:
        active = session.execute(select(user.c.is_active, user.c.role).where(user.c.id == user_id)).first()
        if active is None or not active.is_active:
            raise Refused("This user is not active.")
        if active.role == "colleague":
            raise Refused("A colleague can be mentioned but cannot own a lead.")
    session.execute(update(lead).where(lead.c.id == lead_id).values(owner_id=user_id, owner_reason=str(reason)))
    add_event(session, lead_id, "owner", {"from_id": row["owner_id"], "to_id": user_id}, by, now, str(reason))
    if user_id is None:
        return Done(lead_id)
    apply_stage_event(session, lead_id, "owner_set", now)
    return Done(lead_id, (Event("event_assigned", lead_id, actor_user_id=by, detail=str(user_id)),))


_EDITABLE = {
    "title", "priority", "expected_revenue", "currency", "probability", "expected_closing", "source", "medium", "campaign",
    "team_id",
}  # fmt: skip


def set_fields(session: Session, lead_id: int, changes: Mapping[str, Any], by: int | None, now: datetime) -> Done:
    """Change fields a person may type; one event names what changed. Raises Refused on a value that does not fit."""
    unknown = set(changes) - _EDITABLE
    if unknown:
        raise Refused("%(names)s cannot be changed here.", names=", ".join(sorted(unknown)))
    _check_fields(changes)
    row = _locked(session, lead_id)
    changed = {name: value for name, value in changes.items() if row[name] != value}
    if not changed:
        return Done(lead_id)
    session.execute(update(lead).where(lead.c.id == lead_id).values(changed))
    data = {name: [_plain(row[name]), _plain(value)] for name, value in changed.items()}
    add_event(session, lead_id, "fields", data, by, now)
    return Done(lead_id)


def _check_fields(changes: Mapping[str, Any]) -> None:
    if "title" in changes and not str(changes["title"]).strip():
        raise Refused("A lead needs a title.")
    if "priority" in changes and changes["priority"] not in (0, 1, 2, 3):
        raise Refused("Stars are 0 to 3.")
    if "probability" in changes and not 0 <= int(changes["probability"]) <= 100:
        raise Refused("Probability is 0 to 100 per cent.")
    value = changes.get("expected_revenue")
    if value is not None and not (Decimal(0) <= value < Decimal(10) ** 13):
        raise Refused("Expected revenue must be a positive amount.")
    if "currency" in changes and not (len(changes["currency"]) == 3 and changes["currency"].isupper()):
        raise Refused("A currency is three letters such as EUR.")


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, str)) else str(value)


def set_tags(session: Session, lead_id: int, names: Sequence[str], by: int | None, now: datetime) -> Done:
    """Make ``names`` the lead's tags; new names become tags."""
    _locked(session, lead_id)
    wanted = sorted({" ".join(n.split())[:100] for n in names if n.strip()}, key=str.casefold)
    have = session.execute(
        select(tag.c.name).join(lead_tag, lead_tag.c.tag_id == tag.c.id).where(lead_tag.c.lead_id == lead_id)
    ).scalars()
    before = sorted(have, key=str.casefold)
    if before == wanted:
        return Done(lead_id)
    session.execute(delete(lead_tag).where(lead_tag.c.lead_id == lead_id))
    _link_tags(session, lead_id, wanted)
    add_event(session, lead_id, "tags", {"from": before, "to": wanted}, by, now)
    return Done(lead_id)


_TAGS = Prepared(select(tag.c.id, tag.c.name).where(tag.c.name.in_(bindparam("names", expanding=True))))
_INSERT_TAG = Prepared(insert(tag))
_INSERT_LEAD_TAG = Prepared(insert(lead_tag))


def _link_tags(session: Session, lead_id: int, names: Sequence[str]) -> None:
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return
    known = remembered(
        session,
        ("tags", *wanted),
        lambda: {row.name: row.id for row in _TAGS.all(session, {"names": wanted})},
        lambda found: len(found) == len(wanted),  # a tag that one mail makes may be rolled back with it
    )
    made = {name: _INSERT_TAG.insert(session, {"name": name}) for name in wanted if name not in known}
    by_name = {**known, **made}
    _INSERT_LEAD_TAG.run_all(session, [{"lead_id": lead_id, "tag_id": by_name[name]} for name in wanted])


def follow(session: Session, lead_id: int, user_id: int, now: datetime) -> Done:
    """Make a user a follower; following twice is following once."""
    _locked(session, lead_id)
    row = {"lead_id": lead_id, "user_id": user_id}
    here = select(follower.c.user_id).where(follower.c.lead_id == lead_id, follower.c.user_id == user_id)
    if session.execute(here).first() is None:
        session.execute(insert(follower), [row])
        add_event(session, lead_id, "follower", {"user_id": user_id}, user_id, now)
    return Done(lead_id)


def unfollow(session: Session, lead_id: int, user_id: int, now: datetime) -> Done:
    """Stop following."""
    theirs = delete(follower).where(follower.c.lead_id == lead_id, follower.c.user_id == user_id)
    if session.execute(theirs).rowcount:
        add_event(session, lead_id, "unfollowed", {"user_id": user_id}, user_id, now)
    return Done(lead_id)


_TURN_IS_THEIRS = Prepared(
    update(lead)
    .where(lead.c.id == bindparam("b_id"))
    .values(waiting_on="them", waiting_since=bindparam("b_now"), last_message_at=bindparam("b_now"))
)
_TURN_IS_OURS = Prepared(
    update(lead)
    .where(lead.c.id == bindparam("b_id"))
    .values(
        waiting_on="us",
        waiting_since=case(
            (lead.c.waiting_on == "us", lead.c.waiting_since), else_=bindparam("b_now", type_=UTCDateTime)
        ),
        last_message_at=bindparam("b_now", type_=UTCDateTime),
    )
)


def after_mail_out(session: Session, lead_id: int, by: int | None, now: datetime) -> None:
    """What a mail to the customer changes: the turn is theirs, and a first one moves the stage."""
    _TURN_IS_THEIRS.run(session, {"b_id": lead_id, "b_now": now})
    apply_stage_event(session, lead_id, "first_mail_out", now)


def after_mail_in(session: Session, lead_id: int, now: datetime) -> None:
    """What a customer's mail changes: the turn is ours, since the first mail that waits."""
    _TURN_IS_OURS.run(session, {"b_id": lead_id, "b_now": now})


def settle_turn(session: Session, lead_id: int, by: int, now: datetime) -> Done:
    """The customer was answered in another way, by phone say: nobody waits until the next mail."""
    _locked(session, lead_id)
    session.execute(update(lead).where(lead.c.id == lead_id).values(waiting_on=None, waiting_since=None))
    add_event(session, lead_id, "turn_settled", {}, by, now)
    return Done(lead_id)


def set_tags_also(session: Session, lead_id: int, names: Sequence[str], now: datetime) -> None:
    """Add tags without taking any away."""
    have = session.execute(
        select(tag.c.name).join(lead_tag, lead_tag.c.tag_id == tag.c.id).where(lead_tag.c.lead_id == lead_id)
    ).scalars()
    set_tags(session, lead_id, [*have, *names], None, now)


_LOCKED = Prepared(select(lead).where(lead.c.id == bindparam("lead")).with_for_update())


def _locked(session: Session, lead_id: int) -> dict[str, Any]:
    """The lead's row, locked on PostgreSQL against a second writer."""
    row = _LOCKED.first(session, {"lead": lead_id})
    if row is None:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    return dict(row._asdict())
