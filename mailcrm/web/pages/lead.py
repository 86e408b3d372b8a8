"""The page of one lead, and the forms that change the lead itself."""

from datetime import datetime
from typing import Any

from starlette.responses import Response

from mailcrm.crm import leads, participants
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.rights import Forbidden, Right, visible_leads
from mailcrm.crm.stages import Stage, all_stages
from mailcrm.crm.suggestions import suggestion
from mailcrm.crm.writing import Undeliverable
from mailcrm.mail import Event
from mailcrm.notify.people import read_people
from mailcrm.store.engine import Session
from mailcrm.web import typed
from mailcrm.web.board_reads import possible_owners, team_names, user_names
from mailcrm.web.lead_reads import moved_to, read_lead
from mailcrm.web.visit import Visit
from mailcrm.web.wording import ACTIVITY_TYPES, Names


def show(visit: Visit) -> Response:
    return page(visit, visit.number("id"))


def page(visit: Visit, lead_id: int, form: str = "", refused: Refused | None = None) -> Response:
    """The lead; after a refused ``form`` with the reason and everything that was typed."""
    asked = visit.query("before")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    with visit.desk.store.read() as session:
        found = read_lead(session, lead_id, visit.me.id, visible_leads(visit.me.actor), before)
        if found is None:
            return _moved(visit, moved_to(session, lead_id), lead_id)
        stages = {stage.id: stage for stage in all_stages(session)}
        users, teams, owners = user_names(session), team_names(session), possible_owners(session)
        outside = read_people(session, Event("message_out", lead_id), visit.now)
        suggested = suggestion(session, lead_id, visit.planner, visit.now) if not found.activities else None
    return visit.show(
        "lead.html", 422 if refused else 200, page=found, lead=found.row, stages=stages, teams=teams, owners=owners,
        names=Names(users, teams, stages, visit.zone.key), customer=outside.customer, copies=outside.copies, types=ACTIVITY_TYPES,
        is_following=visit.me.id in dict(found.followers), before=before, may_change=visit.me.may(Right.CHANGE_LEADS),
        form=form, refused=refused, may_insist=isinstance(refused, Undeliverable), typed=visit.fields() if refused else {},
        suggested=suggested,
    )  # fmt: skip


def _moved(visit: Visit, to: int | None, lead_id: int) -> Response:
    """A dissolved lead's number leads on to where it went; the page there asks whether it may be seen."""
    if to is None:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    return visit.to(f"/leads/{to}")


def set_fields(visit: Visit) -> Response:
    """Everything on the form in one step: the fields and the tags."""
    lead_id, by = visit.number("id"), visit.me.id
    try:
        changes, tags = _changes(visit), typed.names(visit.text("tags"))

        def verb(session: Session, lead_id: int, now: datetime) -> Done:
            done = leads.set_fields(session, lead_id, changes, by, now)
            return Done(lead_id, (*done.events, *leads.set_tags(session, lead_id, tags, by, now).events))

        visit.perform_on_lead(lead_id, Right.CHANGE_LEADS, verb)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return page(visit, lead_id, "fields", e)
    return visit.to(f"/leads/{lead_id}", "saved")


def _changes(visit: Visit) -> dict[str, Any]:
    team = visit.text("team_id")
    return {
        "title": " ".join(visit.text("title").split())[:500],
        "priority": typed.whole_number(visit.text("priority")) or 0,
        "expected_revenue": typed.amount(visit.text("expected_revenue")),
        "currency": visit.text("currency").strip().upper(),
        "probability": typed.whole_number(visit.text("probability")) or 0,
        "expected_closing": typed.day(visit.text("expected_closing")),
        "source": visit.text("source").strip()[:100],
        "medium": visit.text("medium").strip()[:100],
        "campaign": visit.text("campaign").strip()[:100],
        "team_id": typed.whole_number(team),
    }


def move(visit: Visit) -> Response:
    """Move the card. A lost stage asks why and on hold until when, on a small form of its own."""
    lead_id, by = visit.number("id"), visit.me.id
    back = visit.text("next") or f"/leads/{lead_id}"
    try:
        stage_id = typed.whole_number(visit.text("stage_id")) or 0
        reason, until = visit.text("reason").strip()[:300], typed.day(visit.text("hold_until"))

        def verb(session: Session, lead_id: int, now: datetime) -> Done:
            to = next((stage for stage in all_stages(session) if stage.id == stage_id), None)
            if to is not None and to.kind == "lost" and not reason:
                raise Refused("Say why it was lost.")
            return leads.move_to_stage(session, lead_id, stage_id, by, now, reason=reason, hold_until=until)

        visit.perform_on_lead(lead_id, Right.CHANGE_LEADS, verb)
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return _ask_more(visit, lead_id, e)
    return visit.to(back, "moved")


def _ask_more(visit: Visit, lead_id: int, refused: Refused) -> Response:
    """The form that asks what a move still needs."""
    with visit.desk.store.read() as session:
        found = read_lead(session, lead_id, visit.me.id, visible_leads(visit.me.actor), None)
        stages = all_stages(session)
    if found is None:
        raise NotFound("There is no lead %(id)s.", id=lead_id)
    target = _stage(stages, visit.text("stage_id"))
    return visit.show(
        "stage.html", 422, lead=found.row, stages=stages, target=target, refused=refused, typed=visit.fields(),
        next=visit.text("next"),
    )  # fmt: skip


def _stage(stages: tuple[Stage, ...], asked: str) -> Stage | None:
    return next((stage for stage in stages if str(stage.id) == asked), None)


def assign(visit: Visit) -> Response:
    lead_id, by = visit.number("id"), visit.me.id
    try:
        owner_id = typed.whole_number(visit.text("owner_id"))
        visit.perform_on_lead(
            lead_id, Right.CHANGE_LEADS, lambda session, lead_id, now: leads.assign(session, lead_id, owner_id, by, now)
        )
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return page(visit, lead_id, "owner", e)
    return visit.to(f"/leads/{lead_id}", "saved")


def confirm_person(visit: Visit) -> Response:
    """A person who was unknown on this lead belongs to it."""
    lead_id, participant_id, by = visit.number("id"), visit.number("person"), visit.me.id
    visit.perform_on_lead(
        lead_id,
        Right.CHANGE_LEADS,
        lambda session, lead_id, now: participants.confirm(session, lead_id, participant_id, by, now),
    )
    return visit.to(f"/leads/{lead_id}", "saved", "people")


def set_following(visit: Visit) -> Response:
    """Follow, or stop."""
    lead_id, me = visit.number("id"), visit.me.id
    verb = leads.follow if visit.text("follow") == "yes" else leads.unfollow
    visit.perform_on_lead(lead_id, Right.WRITE_NOTES, lambda session, lead_id, now: verb(session, lead_id, me, now))
    return visit.to(f"/leads/{lead_id}", "saved")
