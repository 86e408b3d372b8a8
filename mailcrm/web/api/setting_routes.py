"""Routes for what rarely changes: users, teams, stages, tags, aliases. Read only, but for one's own addresses."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from mailcrm.crm.claims import claim_address
from mailcrm.crm.done import Done
from mailcrm.crm.rights import Actor, Right
from mailcrm.store.engine import Session
from mailcrm.web.api.access import Calling, refuse_parameters
from mailcrm.web.api.bodies import AddressIn
from mailcrm.web.api.paging import Page, Paging
from mailcrm.web.api.people_reads import read_aliases, read_stages, read_tags, read_teams, read_users
from mailcrm.web.api.shapes import AliasOut, ClaimOut, StageRow, TagOut, TeamOut, UserOut

router = APIRouter(tags=["settings"])


@router.get("/users")
def list_users(caller: Calling, asked: Annotated[Paging, Query()]) -> Page[UserOut]:
    with caller.reading() as (session, _who):
        return read_users(session, asked)


@router.post("/me/addresses", status_code=202, dependencies=[Depends(refuse_parameters)])
def add_address(caller: Calling, body: AddressIn) -> ClaimOut:
    """Ask one more address of one's own, by mail, whether it is; it acts as the user once that is answered."""
    mail = caller.desk.config.mail

    def verb(session: Session, who: Actor, now: datetime) -> Done:
        return claim_address(session, who.id, body.address, mail, who.id, now)

    caller.perform(Right.WRITE_NOTES, verb)
    return ClaimOut(address=body.address, state="asked")


@router.get("/teams")
def list_teams(caller: Calling, asked: Annotated[Paging, Query()]) -> Page[TeamOut]:
    with caller.reading() as (session, _who):
        return read_teams(session, asked)


@router.get("/stages")
def list_stages(caller: Calling, asked: Annotated[Paging, Query()]) -> Page[StageRow]:
    """In the order of the board."""
    with caller.reading() as (session, who):
        return read_stages(session, who, asked)


@router.get("/tags")
def list_tags(caller: Calling, asked: Annotated[Paging, Query()]) -> Page[TagOut]:
    with caller.reading() as (session, _who):
        return read_tags(session, asked)


@router.get("/aliases")
def list_aliases(caller: Calling, asked: Annotated[Paging, Query()]) -> Page[AliasOut]:
    with caller.reading() as (session, _who):
        return read_aliases(session, asked)
