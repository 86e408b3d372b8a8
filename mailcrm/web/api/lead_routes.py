"""Routes below /leads: read, make, change, write on, move, give away."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from mailcrm.crm import activities, by_hand, leads, writing
from mailcrm.crm.done import Done
from mailcrm.crm.rights import Actor, Right
from mailcrm.store.engine import Session
from mailcrm.web.api.access import Caller, Calling, refuse_parameters
from mailcrm.web.api.bodies import ActivityIn, LeadChange, LeadIn, MessageIn, OwnerIn, StageIn, TextIn
from mailcrm.web.api.chatter_reads import MessageFilter, read_message, read_messages
from mailcrm.web.api.lead_reads import LeadFilter, read_lead, read_leads
from mailcrm.web.api.named import stage_named, team_named, user_named
from mailcrm.web.api.paging import LARGEST_ID, Page
from mailcrm.web.api.people_reads import ActivityFilter, read_activities, read_activity
from mailcrm.web.api.shapes import ActivityOut, LeadOut, MessageOut

router = APIRouter(prefix="/leads", tags=["leads"])
LeadId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
_strict = [Depends(refuse_parameters)]


@router.get("")
def list_leads(caller: Calling, asked: Annotated[LeadFilter, Query()]) -> Page[LeadOut]:
    """Newest first. ``stage``: id, name in either language or kind; ``owner``: id, address or ``none``; ``q``: words of the
    title or of the customer's name or address."""
    with caller.reading() as (session, who):
        return read_leads(session, who, asked)


@router.get("/{lead_id}", dependencies=_strict)
def get_lead(caller: Calling, lead_id: LeadId) -> LeadOut:
    with caller.reading() as (session, who):
        return read_lead(session, who, lead_id)


@router.post("", status_code=201, dependencies=_strict)
def make_lead(caller: Calling, body: LeadIn) -> LeadOut:
    """A lead that no mail brought."""
    config = caller.desk.config

    def verb(session: Session, who: Actor, now: datetime) -> Done:
        new = leads.NewLead(
            title=body.title,
            partner_id=None,
            owner_id=None if body.owner is None else user_named(session, body.owner),
            team_id=None if body.team is None else team_named(session, body.team),
            source=body.source,
            medium=body.medium,
            campaign=body.campaign,
            tags=body.tags,
            currency=body.currency or config.company.currency,
            expected_revenue=body.expected_revenue,
            priority=body.priority,
        )
        customer = by_hand.Customer(body.partner_id, body.partner_email.strip(), body.partner_name)
        return by_hand.add_lead(session, new, customer, config.mail.domains, who.id, now)

    return _read_back(caller, caller.perform(Right.CHANGE_LEADS, verb))


@router.patch("/{lead_id}", dependencies=_strict)
def change_lead(caller: Calling, lead_id: LeadId, body: LeadChange) -> LeadOut:
    """Change the fields given."""
    changes = body.model_dump(exclude_unset=True)
    tags = changes.pop("tags", None)

    def verb(session: Session, lead_id: int, who: Actor, now: datetime) -> Done:
        _name_team(session, changes)
        if tags is not None:
            leads.set_tags(session, lead_id, tags, who.id, now)
        return leads.set_fields(session, lead_id, changes, who.id, now)

    caller.perform_on_lead(Right.CHANGE_LEADS, lead_id, verb)
    return _read_back(caller, lead_id)


def _name_team(session: Session, changes: dict[str, Any]) -> None:
    if "team" in changes:
        named = changes.pop("team")
        changes["team_id"] = None if named is None else team_named(session, named)


@router.post("/{lead_id}/stage", dependencies=_strict)
def move_lead(caller: Calling, lead_id: LeadId, body: StageIn) -> LeadOut:
    """Move the card to another stage."""

    def verb(session: Session, lead_id: int, who: Actor, now: datetime) -> Done:
        to = stage_named(session, body.stage)
        return leads.move_to_stage(session, lead_id, to, who.id, now, reason=body.reason, hold_until=body.hold_until)

    caller.perform_on_lead(Right.CHANGE_LEADS, lead_id, verb)
    return _read_back(caller, lead_id)


@router.post("/{lead_id}/owner", dependencies=_strict)
def give_lead(caller: Calling, lead_id: LeadId, body: OwnerIn) -> LeadOut:
    """Give the lead to a user, or with null to nobody."""

    def verb(session: Session, lead_id: int, who: Actor, now: datetime) -> Done:
        to = None if body.owner is None else user_named(session, body.owner)
        return leads.assign(session, lead_id, to, who.id, now)

    caller.perform_on_lead(Right.CHANGE_LEADS, lead_id, verb)
    return _read_back(caller, lead_id)


def _read_back(caller: Caller, lead_id: int) -> LeadOut:
    with caller.reading() as (session, who):
        return read_lead(session, who, lead_id)


# --- chatter ------------------------------------------------------------------------------------------------------------


@router.get("/{lead_id}/messages")
def list_messages(caller: Calling, lead_id: LeadId, asked: Annotated[MessageFilter, Query()]) -> Page[MessageOut]:
    """The chatter, oldest first: mails in and out, notes, events."""
    with caller.reading() as (session, who):
        return read_messages(session, who, lead_id, asked)


@router.post("/{lead_id}/messages", status_code=201, dependencies=_strict)
def write_message(caller: Calling, lead_id: LeadId, body: MessageIn) -> MessageOut:
    """A mail to the customer."""

    def verb(session: Session, lead_id: int, who: Actor, now: datetime) -> Done:
        return writing.write_to_customer(session, lead_id, body.text, who.id, now, is_insisted=body.anyway)

    return _read_entry(caller, caller.perform_on_lead(Right.CHANGE_LEADS, lead_id, verb))


@router.post("/{lead_id}/notes", status_code=201, dependencies=_strict)
def write_note(caller: Calling, lead_id: LeadId, body: TextIn) -> MessageOut:
    """An internal note; ``@name`` in it mentions a user."""

    def verb(session: Session, lead_id: int, who: Actor, now: datetime) -> Done:
        return writing.write_note(session, lead_id, body.text, who.id, now)

    return _read_entry(caller, caller.perform_on_lead(Right.WRITE_NOTES, lead_id, verb))


def _read_entry(caller: Caller, message_id: int) -> MessageOut:
    with caller.reading() as (session, _who):
        return read_message(session, message_id)


# --- activities ---------------------------------------------------------------------------------------------------------


@router.get("/{lead_id}/activities")
def list_activities(caller: Calling, lead_id: LeadId, asked: Annotated[ActivityFilter, Query()]) -> Page[ActivityOut]:
    """What is planned on this lead, by due date; ``state=all`` also what is done."""
    with caller.reading() as (session, who):
        return read_activities(session, who, asked, lead_id)


@router.post("/{lead_id}/activities", status_code=201, dependencies=_strict)
def schedule_activity(caller: Calling, lead_id: LeadId, body: ActivityIn) -> ActivityOut:
    """Plan a next step."""

    def verb(session: Session, lead_id: int, who: Actor, now: datetime) -> Done:
        user_id = None if body.user is None else user_named(session, body.user)
        new = activities.NewActivity(body.type, body.due_on, body.summary, body.due_at, user_id)
        return activities.schedule(session, lead_id, new, who.id, now)

    activity_id = caller.perform_on_lead(Right.CHANGE_LEADS, lead_id, verb)
    with caller.reading() as (session, who):
        return read_activity(session, who, activity_id)
