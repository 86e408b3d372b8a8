"""Routes for what rarely changes: users, teams, stages, tags, aliases. Read only; the commands change them."""

from typing import Annotated

from fastapi import APIRouter, Query

from mailcrm.web.api.access import Calling
from mailcrm.web.api.paging import Page, Paging
from mailcrm.web.api.people_reads import read_aliases, read_stages, read_tags, read_teams, read_users
from mailcrm.web.api.shapes import AliasOut, StageRow, TagOut, TeamOut, UserOut

router = APIRouter(tags=["settings"])


@router.get("/users")
def list_users(caller: Calling, asked: Annotated[Paging, Query()]) -> Page[UserOut]:
    with caller.reading() as (session, _who):
        return read_users(session, asked)


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
