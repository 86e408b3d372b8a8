"""Activities: my list, planning one, finishing one."""

from collections.abc import Sequence
from datetime import date, datetime

from starlette.responses import Response

from mailcrm.crm import activities
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.invitations import NewMeeting, invite
from mailcrm.crm.rights import Forbidden, Right, require, require_lead, visible_leads
from mailcrm.crm.stages import all_stages
from mailcrm.crm.suggestions import suggestions
from mailcrm.store.engine import Session
from mailcrm.web import typed
from mailcrm.web.board_reads import PAGE, Idle, count_idle, read_activities, read_done, read_idle
from mailcrm.web.lead_reads import lead_of_activity
from mailcrm.web.pages.lead import page as lead_page
from mailcrm.web.visit import Visit
from mailcrm.web.wording import ACTIVITY_TYPES


def show(visit: Visit) -> Response:
    """Mine, or everybody's; overdue first. ``?next=none``: the open leads that have nothing planned, to plan it."""
    is_everybodys, shows_idle = visit.query("whose") == "all", visit.query("next") == "none"
    page = visit.page_number()
    with visit.desk.store.read() as session:
        user_id, visible = None if is_everybodys else visit.me.id, visible_leads(visit.me.actor)
        idle = read_idle(session, user_id, visible, page) if shows_idle else []
        found = [] if shows_idle else read_activities(session, user_id, visible, page)
        done = read_done(session, _number(visit.query("done")), visible)
        suggested = suggestions(session, _ids(idle, done), visit.planner, visit.now)
        stages = {stage.id: stage for stage in all_stages(session)}
        idle_count = count_idle(session, user_id, visible)
    return visit.show(
        "activities.html", activities=found[:PAGE], idle=idle[:PAGE], has_more=len(idle or found) > PAGE, page=page,
        is_everybodys=is_everybodys, shows_idle=shows_idle, idle_count=idle_count, suggested=suggested, stages=stages,
        done_lead=done if done and done.id in suggested and visit.me.may(Right.CHANGE_LEADS) else None, types=ACTIVITY_TYPES,
    )  # fmt: skip


def _number(asked: str) -> int:
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0


def _ids(idle: Sequence[Idle], done: Idle | None) -> list[int]:
    return [one.id for one in (*idle, *((done,) if done else ()))]


def schedule(visit: Visit) -> Response:
    lead_id, by = visit.number("id"), visit.me.id
    try:
        due_on = typed.day(visit.text("due_on"))
        if due_on is None:
            raise Refused("Say by which day.")
        asked = _asked(visit, due_on)
        new = activities.NewActivity(
            visit.text("type"),
            due_on,
            visit.text("summary"),
            typed.moment(due_on, visit.text("due_time"), visit.zone),
            typed.whole_number(visit.text("user_id")),
        )
        visit.perform_on_lead(
            lead_id,
            Right.CHANGE_LEADS,
            lambda session, lead_id, now: (
                invite(session, lead_id, asked, new, by, now)
                if asked
                else activities.schedule(session, lead_id, new, by, now)
            ),
        )
    except (NotFound, Forbidden):
        raise
    except Refused as e:
        return lead_page(visit, lead_id, "activity", e)
    here = visit.text("next")
    return visit.to(here or f"/leads/{lead_id}", "invited" if asked else "planned", "" if here else "activities")


def _asked(visit: Visit, on: date) -> NewMeeting | None:
    """The meeting that the customer is to be invited to, if the box was ticked."""
    if not visit.text("invite"):
        return None
    at = typed.moment(on, visit.text("due_time"), visit.zone)
    if visit.text("type") != "meeting":
        raise Refused("The customer can be invited to a meeting only.")
    if at is None:
        raise Refused("The customer is invited to this meeting: give a time of day.")
    return NewMeeting(at, visit.text("summary"), visit.text("place"), typed.whole_number(visit.text("minutes")))


def complete(visit: Visit) -> Response:
    activity_id, feedback, by = visit.number("id"), visit.text("feedback"), visit.me.id

    def verb(session: Session, now: datetime) -> Done:
        _require(visit, session, activity_id)
        return activities.complete(session, activity_id, feedback, by, now)

    visit.perform(verb)
    back = visit.text("next") or "/activities"
    return visit.to(f"{back}{'&' if '?' in back else '?'}done={activity_id}", "done")


def reschedule(visit: Visit) -> Response:
    activity_id, by = visit.number("id"), visit.me.id
    due_on = typed.day(visit.text("due_on"))
    if due_on is None:
        raise Refused("Say by which day.")
    due_at = typed.moment(due_on, visit.text("due_time"), visit.zone)

    def verb(session: Session, now: datetime) -> Done:
        _require(visit, session, activity_id)
        return activities.reschedule(session, activity_id, due_on, due_at, by, now)

    visit.perform(verb)
    return visit.to(visit.text("next") or "/activities", "saved")


def cancel(visit: Visit) -> Response:
    activity_id, by = visit.number("id"), visit.me.id

    def verb(session: Session, now: datetime) -> Done:
        _require(visit, session, activity_id)
        return activities.cancel(session, activity_id, by, now)

    visit.perform(verb)
    return visit.to(visit.text("next") or "/activities", "cancelled")


def _require(visit: Visit, session: Session, activity_id: int) -> None:
    """The viewer may change the lead this activity belongs to."""
    require_lead(session, visit.me.actor, lead_of_activity(session, activity_id))
    require(visit.me.actor, Right.CHANGE_LEADS)
