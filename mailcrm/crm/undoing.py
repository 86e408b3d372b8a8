"""Taking back what the commands of one mail changed, within a day: exactly those changes that nobody changed since.

The inverse of every change is a step of its ``command_run`` (``picture.steps``, and a few that reach beyond one lead). What left
the house, and what somebody was told, cannot be taken back; what was changed since stays, and is named.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select, update

from mailcrm.crm.chatter import add_event
from mailcrm.crm.done import Refused
from mailcrm.crm.invited import our_meeting
from mailcrm.crm.leads import follow, set_fields, set_tags, unfollow
from mailcrm.crm.merging import unmerge
from mailcrm.crm.moving import dissolve, move_message
from mailcrm.crm.picture import Step, plain
from mailcrm.crm.splitting import give_turn
from mailcrm.crm.stages import all_stages
from mailcrm.mail import Change, Event, RouteKind
from mailcrm.notify.outbox import hold_again
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import (
    activity,
    command_run,
    follower,
    inbound,
    lead,
    lead_tag,
    mention,
    message,
    outbox,
    stage_change,
    tag,
    user,
)

UNDO_WITHIN = timedelta(days=1)
_TIMES = ("closed_at", "due_at", "done_at")
_DAYS = ("on_hold_until", "expected_closing", "due_on")


def record_run(
    session: Session, inbound_id: int | None, user_id: int, lead_id: int | None, steps: list[Step], now: datetime
) -> int | None:
    """Remember how to take back what commands changed; None if they changed nothing."""
    if not steps:
        return None
    row = {"inbound_id": inbound_id, "user_id": user_id, "lead_id": lead_id, "at": now, "steps": steps}
    return insert_row(session, command_run.insert(), row)


def run_of_receipt(session: Session, outbox_id: int) -> int | None:
    """The run whose receipt this outbox row is."""
    params = session.execute(select(outbox.c.params).where(outbox.c.id == outbox_id)).scalar()
    found = (params or {}).get("run_id")
    return int(found) if found else None


def latest_run(session: Session, lead_id: int | None, user_id: int, now: datetime) -> int | None:
    """What this user last did by commands, on this lead, not taken back and not too long ago."""
    asked = select(command_run.c.id).where(
        command_run.c.user_id == user_id, command_run.c.undone_at.is_(None), command_run.c.at > now - UNDO_WITHIN
    )
    if lead_id is not None:
        asked = asked.where(command_run.c.lead_id == lead_id)
    return session.execute(asked.order_by(command_run.c.id.desc()).limit(1)).scalar()


def undo(session: Session, run_id: int, by: int, now: datetime) -> tuple[tuple[Change, ...], tuple[Event, ...]]:
    """Take a run back, once: what was done in words, and whom to tell."""
    run = session.execute(select(command_run).where(command_run.c.id == run_id).with_for_update()).first()
    if run is None or run.user_id != by:
        raise Refused("There is nothing of yours to take back here.")
    if run.undone_at is not None:
        raise Refused("It was taken back already.")
    if now - run.at > UNDO_WITHIN:
        raise Refused("It is more than a day ago: change it by hand.")
    session.execute(update(command_run).where(command_run.c.id == run_id).values(undone_at=now))
    back = _Back(session, by, now)
    if session.execute(select(inbound.c.route).where(inbound.c.id == run.inbound_id)).scalar() == RouteKind.REPLY:
        back.changes.append(Change("stays_sent"))
    for step in _in_order(run.steps):
        back.take(step)
    return tuple(back.changes), tuple(back.events)


def _in_order(steps: list[Step]) -> list[Step]:
    """The last thing first; of one picture the fields first, since a lead on hold keeps its activity."""
    order = {"merge": 0, "split": 1, "fields": 2, "tags": 3, "followers": 3, "activity": 4, "away": 5, "new": 6}
    return sorted(steps, key=lambda step: order.get(step["do"], 9))


class _Back:
    """Goes through the steps of one run."""

    def __init__(self, session: Session, by: int, now: datetime) -> None:
        self.session = session
        self.by = by
        self.now = now
        self.changes: list[Change] = []
        self.events: list[Event] = []

    def take(self, step: Step) -> None:
        if not _TAKE[step["do"]](self, step):
            self.changes.append(Change("kept", (("name", _named(step)),)))

    def done(self, what: str, **values: object) -> bool:
        self.changes.append(Change(f"back_{what}", tuple((name, str(value)) for name, value in values.items())))
        return True

    def lead_row(self, lead_id: int) -> dict[str, Any] | None:
        row = self.session.execute(select(lead).where(lead.c.id == lead_id).with_for_update()).mappings().first()
        return dict(row) if row else None


def _named(step: Step) -> str:
    return str(step["key"]) if step["do"] == "fields" else str(step["do"])


def _fields(back: _Back, step: Step) -> bool:
    row, key = back.lead_row(step["lead"]), step["key"]
    if row is None or plain({key: row[key]})[key] != step["after"][key]:
        return False
    if key == "stage_id" and plain({"d": row["on_hold_until"]})["d"] != step["after"]["on_hold_until"]:
        return False
    values = _typed(step["before"])
    if key == "stage_id":
        return _stage(back, step, values)
    if key == "owner_id":
        return _owner(back, step, values)
    set_fields(back.session, step["lead"], values, back.by, back.now)
    return back.done("field", name=key, value=step["before"][key] if step["before"][key] is not None else "")


def _stage(back: _Back, step: Step, values: dict[str, Any]) -> bool:
    session, lead_id = back.session, step["lead"]
    from_id, to_id = step["after"]["stage_id"], values["stage_id"]
    session.execute(update(lead).where(lead.c.id == lead_id).values(values))
    change = {"lead_id": lead_id, "from_stage_id": from_id, "to_stage_id": to_id, "at": back.now}
    session.execute(stage_change.insert(), [{**change, "by_user_id": back.by, "reason": "undone"}])
    add_event(session, lead_id, "stage", {"from_id": from_id, "to_id": to_id, "reason": "undone"}, back.by, back.now)
    names = {stage.id: stage for stage in all_stages(session)}
    to = names[to_id]
    return back.done("stage", en=to.name_en, fi=to.name_fi)


def _owner(back: _Back, step: Step, values: dict[str, Any]) -> bool:
    session, lead_id, owner_id = back.session, step["lead"], values["owner_id"]
    session.execute(update(lead).where(lead.c.id == lead_id).values(values))
    data = {"from_id": step["after"]["owner_id"], "to_id": owner_id}
    add_event(session, lead_id, "owner", data, back.by, back.now, "by_hand")
    if owner_id not in (None, back.by):
        back.events.append(Event("event_assigned", lead_id, actor_user_id=back.by, detail=str(owner_id)))
    name = session.execute(select(user.c.name).where(user.c.id == owner_id)).scalar() if owner_id else ""
    return back.done("owner", name=name or "")


def _tags(back: _Back, step: Step) -> bool:
    asked = select(tag.c.name).join(lead_tag, lead_tag.c.tag_id == tag.c.id).where(lead_tag.c.lead_id == step["lead"])
    have = set(back.session.execute(asked).scalars())
    wanted = (have - set(step["added"])) | set(step["removed"])
    if back.lead_row(step["lead"]) is None or wanted == have:
        return False
    set_tags(back.session, step["lead"], sorted(wanted), back.by, back.now)
    return back.done("tags", names=", ".join(sorted(wanted)))


def _followers(back: _Back, step: Step) -> bool:
    if back.lead_row(step["lead"]) is None:
        return False
    here = set(back.session.execute(select(follower.c.user_id).where(follower.c.lead_id == step["lead"])).scalars())
    for user_id in set(step["added"]) & here:
        unfollow(back.session, step["lead"], user_id, back.now)
    for user_id in set(step["removed"]) - here:
        follow(back.session, step["lead"], user_id, back.now)
    return back.done("followers")


def _activity(back: _Back, step: Step) -> bool:
    session = back.session
    row = session.execute(select(activity).where(activity.c.id == step["id"]).with_for_update()).mappings().first()
    after, before = step["after"], step["before"]
    if row is None or plain({name: row[name] for name in after}) != after:
        return False
    data = {"activity_id": step["id"], "type": row["type"], "summary": row["summary"], "user_id": row["user_id"]}
    if our_meeting(session, step["id"]) is not None and (before is None or _is_moved(before, after)):
        back.changes.append(Change("stays_invited"))
        return True
    if before is None:
        session.execute(delete(activity).where(activity.c.id == step["id"]))
        data["due_on"] = row["due_on"].isoformat()
        add_event(session, row["lead_id"], "activity_cancelled", data, back.by, back.now)
        return back.done("activity_gone", type=row["type"], summary=row["summary"])
    session.execute(update(activity).where(activity.c.id == step["id"]).values(_typed(before)))
    event = "activity_reopened" if after["done_at"] and not before["done_at"] else "activity_rescheduled"
    data |= {"due_on": before["due_on"], "from_due_on": after["due_on"]}
    add_event(session, row["lead_id"], event, data, back.by, back.now)
    return back.done("activity", type=row["type"], summary=row["summary"], day=before["due_on"])


def _is_moved(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return any(before[name] != after[name] for name in ("due_on", "due_at"))


def _away(back: _Back, step: Step) -> bool:
    session = back.session
    row = session.execute(
        select(user.c.absent_until, user.c.absent_by, user.c.deputy_id).where(user.c.id == step["user"])
    ).one()
    if plain(row._asdict()) != step["after"]:
        return False
    values = {
        "absent_until": datetime.fromisoformat(at) if (at := step["before"]["absent_until"]) else None,
        "absent_by": step["before"]["absent_by"],
        "deputy_id": step["before"]["deputy_id"],
    }
    session.execute(update(user).where(user.c.id == step["user"]).values(values))
    return back.done("away")


def _notices(back: _Back, step: Step) -> bool:
    kept = back.session.execute(select(user.c.notices).where(user.c.id == step["user"])).scalar_one()
    if kept != step["after"]:
        return False
    back.session.execute(update(user).where(user.c.id == step["user"]).values(notices=step["before"]))
    return back.done("notices")


def _merge(back: _Back, step: Step) -> bool:
    return unmerge(back.session, step, back.by, back.now) and back.done("merge", id=step["lead"])


def _split(back: _Back, step: Step) -> bool:
    """The message goes home, if it still lies where it was split off to; a lead without messages is dissolved."""
    session = back.session
    lies_on = session.execute(select(message.c.lead_id).where(message.c.id == step["message"])).scalar()
    if lies_on != step["lead"] or back.lead_row(step["from"]) is None:
        return False
    move_message(session, step["message"], step["from"], back.now, is_opener=False, by=back.by)
    others = select(message.c.id).where(message.c.lead_id == step["lead"], message.c.kind != "event").limit(1)
    if session.execute(others).first() is None:
        dissolve(session, step["lead"], step["from"], back.now)
    else:
        give_turn(session, step["lead"])
    give_turn(session, step["from"])
    return back.done("split", id=step["from"])


def _new(back: _Back, step: Step) -> bool:
    """A lead that was opened is cancelled, unless the customer wrote on it meanwhile."""
    row = back.lead_row(step["lead"])
    wrote = select(message.c.id).where(message.c.lead_id == step["lead"], message.c.kind.in_(("email_in", "email_out")))
    if row is None or row["outcome"] is not None or back.session.execute(wrote.limit(1)).first() is not None:
        return False
    cancelled = next(stage for stage in all_stages(back.session) if stage.kind == "cancelled")
    values = {"stage_id": cancelled.id, "outcome": "cancelled", "closed_at": back.now, "on_hold_until": None}
    before = {"lead": step["lead"], "after": {"stage_id": row["stage_id"]}}
    values |= {"previous_stage_id": row["stage_id"], "lost_reason": ""}
    return _stage(back, before, values)


def _note(back: _Back, step: Step) -> bool:
    """Colleagues have read it."""
    back.changes.append(Change("stays_written"))
    return True


def _turn(back: _Back, step: Step) -> bool:
    """The customer waits again, if no mail came or went since."""
    row = back.lead_row(step["lead"])
    if row is None or row["waiting_on"] is not None:
        return False
    values = {"waiting_on": "us", "waiting_since": datetime.fromisoformat(step["since"])}
    back.session.execute(update(lead).where(lead.c.id == step["lead"]).values(values))
    add_event(back.session, step["lead"], "turn_unsettled", {}, back.by, back.now)
    return back.done("turn")


def _mentions(back: _Back, step: Step) -> bool:
    back.session.execute(update(mention).where(mention.c.id.in_(step["ids"])).values(read_at=None))
    return back.done("mentions")


def _drop(back: _Back, step: Step) -> bool:
    if not hold_again(back.session, step["id"]):
        return False
    if step["lead"] is not None:
        give_turn(back.session, step["lead"])
    return back.done("dropped")


def _dismissed(back: _Back, step: Step) -> bool:
    values = {"route": step["route"], "reason": step["reason"], "state": "held", "decided_by_id": None}
    here = (inbound.c.id == step["id"], inbound.c.state == "dismissed", inbound.c.decided_by_id == back.by)
    if not back.session.execute(update(inbound).where(*here).values(values)).rowcount:
        return False
    return back.done("dropped")


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """As the table takes them, from what JSON kept."""
    typed = dict(values)
    for name in values:
        if values[name] is None:
            continue
        if name in _TIMES:
            typed[name] = datetime.fromisoformat(values[name])
        elif name in _DAYS:
            typed[name] = date.fromisoformat(values[name])
        elif name == "expected_revenue":
            typed[name] = Decimal(values[name])
    return typed


_TAKE: dict[str, Callable[[_Back, Step], bool]] = {
    "fields": _fields,
    "tags": _tags,
    "followers": _followers,
    "activity": _activity,
    "away": _away,
    "notices": _notices,
    "merge": _merge,
    "split": _split,
    "new": _new,
    "note": _note,
    "turn": _turn,
    "mentions": _mentions,
    "drop": _drop,
    "dismissed": _dismissed,
}
