"""Routes below /activities: everybody's next steps, and what becomes of one."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from mailcrm.crm import activities
from mailcrm.crm.done import Done
from mailcrm.crm.rights import Actor, Right
from mailcrm.store.engine import Session
from mailcrm.web.api.access import Caller, Calling, refuse_parameters
from mailcrm.web.api.bodies import FeedbackIn, MoveIn
from mailcrm.web.api.paging import LARGEST_ID, Page
from mailcrm.web.api.people_reads import ActivityFilter, read_activities, read_activity
from mailcrm.web.api.shapes import ActivityOut

router = APIRouter(prefix="/activities", tags=["activities"])
ActivityId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
_strict = [Depends(refuse_parameters)]


@router.get("")
def list_activities(caller: Calling, asked: Annotated[ActivityFilter, Query()]) -> Page[ActivityOut]:
    """By due date; ``state`` is open unless said otherwise, ``user`` an id or address."""
    with caller.reading() as (session, who):
        return read_activities(session, who, asked)


@router.get("/{activity_id}", dependencies=_strict)
def get_activity(caller: Calling, activity_id: ActivityId) -> ActivityOut:
    with caller.reading() as (session, who):
        return read_activity(session, who, activity_id)


@router.post("/{activity_id}/done", dependencies=_strict)
def complete(caller: Calling, activity_id: ActivityId, body: FeedbackIn) -> ActivityOut:
    """It is done; ``feedback`` says what came of it."""
    return _changed(
        caller, activity_id, lambda session, by, now: activities.complete(session, activity_id, body.feedback, by, now)
    )


@router.post("/{activity_id}/due", dependencies=_strict)
def reschedule(caller: Calling, activity_id: ActivityId, body: MoveIn) -> ActivityOut:
    """Move it to another day."""
    return _changed(
        caller,
        activity_id,
        lambda session, by, now: activities.reschedule(session, activity_id, body.due_on, body.due_at, by, now),
    )


@router.delete("/{activity_id}", status_code=204, dependencies=_strict)
def cancel(caller: Calling, activity_id: ActivityId) -> None:
    """Take it off the list without having done it."""
    _perform(caller, activity_id, lambda session, by, now: activities.cancel(session, activity_id, by, now))


_Verb = Callable[[Session, int, datetime], Done]


def _changed(caller: Caller, activity_id: int, verb: _Verb) -> ActivityOut:
    _perform(caller, activity_id, verb)
    with caller.reading() as (session, who):
        return read_activity(session, who, activity_id)


def _perform(caller: Caller, activity_id: int, verb: _Verb) -> None:
    def on_a_visible_lead(session: Session, who: Actor, now: datetime) -> Done:
        read_activity(session, who, activity_id)
        return verb(session, who.id, now)

    caller.perform(Right.CHANGE_LEADS, on_a_visible_lead)
