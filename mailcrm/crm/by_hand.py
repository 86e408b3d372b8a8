"""A lead made by a person, not by a mail: on the page or through the API."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.leads import NewLead, create_lead
from mailcrm.crm.partners import NewPerson, add_person, partner_by_address
from mailcrm.mail import Event, Reason
from mailcrm.store.engine import Session
from mailcrm.store.tables import partner, user


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom the lead is with: a known partner by id, or an address, known or not. ``name`` is for a new person."""

    partner_id: int | None = None
    address: str = ""
    name: str = ""


def add_lead(
    session: Session, new: NewLead, customer: Customer, domains: Collection[str], by: int, now: datetime
) -> Done:
    """Make a lead; its customer is added when we do not know the address. The owner is told unless they made it themselves."""
    if not new.title.strip():
        raise Refused("A lead needs a title.")
    if new.owner_id is not None:
        _check_owner(session, new.owner_id)
    partner_id = _customer_id(session, customer, domains, by, now)
    company_id = _company_of(session, partner_id) if partner_id is not None else None
    known = replace(new, partner_id=partner_id, company_id=company_id)
    known = replace(known, owner_reason=str(Reason.BY_HAND) if new.owner_id else "")
    lead_id = create_lead(session, known, by, now)
    if new.owner_id is None or new.owner_id == by:
        return Done(lead_id)
    return Done(lead_id, (Event("event_assigned", lead_id, actor_user_id=by, detail=str(new.owner_id)),))


def _check_owner(session: Session, user_id: int) -> None:
    row = session.execute(select(user.c.is_active, user.c.role).where(user.c.id == user_id)).first()
    if row is None or not row.is_active:
        raise Refused("This user is not active.")
    if row.role == "colleague":
        raise Refused("A colleague can be mentioned but cannot own a lead.")


def _customer_id(session: Session, customer: Customer, domains: Collection[str], by: int, now: datetime) -> int | None:
    if customer.partner_id is not None:
        return customer.partner_id
    if not customer.address:
        return None
    known = partner_by_address(session, customer.address)
    if known is not None:
        return known
    company_id = _company_by_domain(session, customer.address.rpartition("@")[2])
    return add_person(session, NewPerson(customer.name, customer.address, company_id), domains, by, now).id


def _company_by_domain(session: Session, domain: str) -> int | None:
    asked = select(partner.c.id).where(partner.c.domain == domain.lower())
    return session.execute(asked).scalar_one_or_none()


def _company_of(session: Session, partner_id: int) -> int | None:
    row = session.execute(select(partner.c.company_id).where(partner.c.id == partner_id)).first()
    if row is None:
        raise NotFound("There is no partner %(id)s.", id=partner_id)
    return None if row.company_id is None else int(row.company_id)
