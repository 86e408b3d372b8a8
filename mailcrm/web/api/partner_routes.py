"""Routes below /partners: the people and companies we write with."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from mailcrm.crm import partners
from mailcrm.crm.done import Done
from mailcrm.crm.erase import erase
from mailcrm.crm.rights import Actor, Right
from mailcrm.store.engine import Session
from mailcrm.web.api.access import Caller, Calling, refuse_parameters
from mailcrm.web.api.bodies import AddressIn, PartnerChange, PartnerIn
from mailcrm.web.api.named import user_named
from mailcrm.web.api.paging import LARGEST_ID, Page
from mailcrm.web.api.people_reads import PartnerFilter, read_partner, read_partners
from mailcrm.web.api.shapes import PartnerOut

router = APIRouter(prefix="/partners", tags=["partners"])
PartnerId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
_strict = [Depends(refuse_parameters)]


@router.get("")
def list_partners(caller: Calling, asked: Annotated[PartnerFilter, Query()]) -> Page[PartnerOut]:
    """Newest first."""
    with caller.reading() as (session, who):
        return read_partners(session, who, asked)


@router.get("/{partner_id}", dependencies=_strict)
def get_partner(caller: Calling, partner_id: PartnerId) -> PartnerOut:
    return _read_back(caller, partner_id)


@router.post("", status_code=201, dependencies=_strict)
def make_partner(caller: Calling, body: PartnerIn) -> PartnerOut:
    """Add a person or a company."""
    domains = caller.desk.config.mail.domains

    def verb(session: Session, who: Actor, now: datetime) -> Done:
        owner_id = None if body.owner is None else user_named(session, body.owner)
        if body.kind == "company":
            company = partners.NewCompany(body.name, body.domain, owner_id, body.relation, body.language)
            return partners.add_company(session, company, domains, who.id, now)
        person = partners.NewPerson(body.name, body.email, body.company_id, owner_id, body.relation, body.language)
        return partners.add_person(session, person, domains, who.id, now)

    return _read_back(caller, caller.perform(Right.CHANGE_LEADS, verb))


@router.patch("/{partner_id}", dependencies=_strict)
def change_partner(caller: Calling, partner_id: PartnerId, body: PartnerChange) -> PartnerOut:
    """Change the fields given."""
    changes = body.model_dump(exclude_unset=True)

    def verb(session: Session, who: Actor, now: datetime) -> Done:
        if "owner" in changes:
            named = changes.pop("owner")
            changes["owner_id"] = None if named is None else user_named(session, named)
        return partners.set_fields(session, partner_id, changes, who.id, now)

    return _read_back(caller, caller.perform(Right.CHANGE_LEADS, verb))


@router.post("/{partner_id}/addresses", status_code=201, dependencies=_strict)
def add_address(caller: Calling, partner_id: PartnerId, body: AddressIn) -> PartnerOut:
    """One more address of the same person or company."""
    domains = caller.desk.config.mail.domains

    def verb(session: Session, who: Actor, now: datetime) -> Done:
        return partners.add_address(session, partner_id, body.address, domains, who.id, now)

    return _read_back(caller, caller.perform(Right.CHANGE_LEADS, verb))


@router.post("/{partner_id}/erasure", dependencies=_strict)
def erase_partner(caller: Calling, partner_id: PartnerId) -> PartnerOut:
    """Erase for good what identifies the person; leads and values stay. Managers only."""
    caller.perform(Right.HAND_OVER, lambda session, who, now: erase(session, partner_id, who.id, now))
    return _read_back(caller, partner_id)


def _read_back(caller: Caller, partner_id: int) -> PartnerOut:
    with caller.reading() as (session, who):
        return read_partner(session, who, partner_id)
