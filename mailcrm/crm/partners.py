"""The verbs on partners that people use: add a person or a company, their addresses, owner, relation and language.

Own addresses are never partners: a user's, an alias, or anything in one of our domains is refused.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select, update

from mailcrm.address import address_key, domain_key
from mailcrm.crm.addresses import checked, is_ours, refuse_taken
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused, Taken
from mailcrm.lookalike import company_key, name_key
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import partner, partner_address, user

RELATIONS = ("prospect", "customer", "former", "supplier", "partner")


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person; the name may be empty, then the local part of the address stands in."""

    name: str
    address: str
    company_id: int | None = None
    owner_id: int | None = None
    relation: str = "prospect"
    language: str = ""


@dataclass(frozen=True, slots=True)
class NewCompany:
    """A company; ``domain`` lets its people be recognised and may be empty."""

    name: str
    domain: str = ""
    owner_id: int | None = None
    relation: str = "prospect"
    language: str = ""


def add_person(session: Session, new: NewPerson, domains: Collection[str], by: int | None, now: datetime) -> Done:
    """Add a person with their first address. ``domains`` are our own."""
    text, key = _checked_outside(session, new.address, domains)
    if new.company_id is not None:
        _check_company(session, new.company_id)
    values = {"name": " ".join(new.name.split())[:300] or key.partition("@")[0], "company_id": new.company_id}
    values |= {"owner_id": new.owner_id, "relation": new.relation, "language": new.language}
    _check_fields(session, values)
    row = {"kind": "person", "created_at": now, "name_key": name_key(str(values["name"])), **values}
    partner_id = insert_row(session, insert(partner), row)
    _insert_address(session, partner_id, text, key, is_primary=True)
    record(session, "add_person", f"partner {partner_id}", by, now)
    return Done(partner_id)


def add_company(session: Session, new: NewCompany, domains: Collection[str], by: int | None, now: datetime) -> Done:
    """Add a company. ``domains`` are our own."""
    domain = domain_key(new.domain) or None
    if domain in domains:
        raise Refused("%(domain)s is our own domain.", domain=domain)
    if domain and session.execute(select(partner.c.id).where(partner.c.domain == domain)).first():
        raise Taken("There is a company with the domain %(domain)s already.", domain=domain)
    values = {"name": " ".join(new.name.split())[:300] or domain or "", "owner_id": new.owner_id}
    values |= {"relation": new.relation, "language": new.language}
    _check_fields(session, values)
    key = company_key(str(values["name"]))
    row = {"kind": "company", "domain": domain, "created_at": now, "name_key": key, **values}
    partner_id = insert_row(session, insert(partner), row)
    record(session, "add_company", f"partner {partner_id}", by, now)
    return Done(partner_id)


def add_address(
    session: Session, partner_id: int, address: str, domains: Collection[str], by: int | None, now: datetime
) -> Done:
    """Add one more address of a partner."""
    _existing(session, partner_id)
    text, key = _checked_outside(session, address, domains)
    has_one = select(partner_address.c.id).where(
        partner_address.c.partner_id == partner_id, partner_address.c.is_primary
    )
    _insert_address(session, partner_id, text, key, is_primary=session.execute(has_one).first() is None)
    record(session, "add_partner_address", f"partner {partner_id}", by, now)
    return Done(partner_id)


def remove_address(session: Session, partner_id: int, address: str, by: int | None, now: datetime) -> Done:
    """Take an address away; if it was the primary one, the oldest other becomes it."""
    _existing(session, partner_id)
    mine = partner_address.c.partner_id == partner_id
    gone = delete(partner_address).where(mine, partner_address.c.key == address_key(address))
    if session.execute(gone).rowcount == 0:
        raise NotFound("%(address)s is not an address of this partner.", address=address)
    left = session.execute(
        select(partner_address.c.id, partner_address.c.is_primary).where(mine).order_by(partner_address.c.id)
    ).all()
    if left and not any(row.is_primary for row in left):
        session.execute(update(partner_address).where(partner_address.c.id == left[0].id).values(is_primary=True))
    record(session, "remove_partner_address", f"partner {partner_id}", by, now)
    return Done(partner_id)


_EDITABLE = {"name", "owner_id", "relation", "language", "company_id", "industry", "revenue", "phone"}


def set_fields(session: Session, partner_id: int, changes: Mapping[str, Any], by: int | None, now: datetime) -> Done:
    """Change what is known about a partner: name, owner, relation, language, company, industry, revenue, phone."""
    if unknown := set(changes) - _EDITABLE:
        raise Refused("%(names)s cannot be changed here.", names=", ".join(sorted(unknown)))
    kind = _existing(session, partner_id)
    _check_fields(session, changes)
    if changes.get("company_id") is not None:
        if changes["company_id"] == partner_id:
            raise Refused("A company does not belong to itself.")
        _check_company(session, changes["company_id"])
    if changes:
        compared = company_key if kind == "company" else name_key
        keys = {"name_key": compared(changes["name"])} if "name" in changes else {}
        session.execute(update(partner).where(partner.c.id == partner_id).values({**changes, **keys}))
        data = {"names": sorted(changes), "owner_id": changes.get("owner_id")}
        record(session, "set_partner_fields", f"partner {partner_id}", by, now, data)
    return Done(partner_id)


def partner_by_address(session: Session, address: str) -> int | None:
    """The id of the partner with this address."""
    asked = select(partner_address.c.partner_id).where(partner_address.c.key == address_key(address))
    return session.execute(asked).scalar_one_or_none()


def _checked_outside(session: Session, address: str, domains: Collection[str]) -> tuple[str, str]:
    text, key = checked(address)
    if is_ours(key, domains):
        raise Refused("%(address)s is one of our own addresses.", address=text)
    refuse_taken(session, key)
    return text, key


def _check_fields(session: Session, values: Mapping[str, Any]) -> None:
    if "name" in values and not values["name"].strip():
        raise Refused("A partner needs a name.")
    if "relation" in values and values["relation"] not in RELATIONS:
        raise Refused("A relation is one of %(relations)s.", relations=", ".join(RELATIONS))
    if values.get("language") and not (values["language"].isalpha() and len(values["language"]) in (2, 3)):
        raise Refused("A language is two letters such as fi.")
    if len(values.get("phone") or "") > 60:
        raise Refused("The phone number is too long.")
    revenue = values.get("revenue")
    if revenue is not None and not (Decimal(0) <= revenue < Decimal(10) ** 13):
        raise Refused("Revenue must be a positive amount.")
    if values.get("owner_id") is not None:
        _check_owner(session, values["owner_id"])


def _check_owner(session: Session, user_id: int) -> None:
    row = session.execute(select(user.c.is_active, user.c.role).where(user.c.id == user_id)).first()
    if row is None or not row.is_active:
        raise Refused("This user is not active.")
    if row.role == "colleague":
        raise Refused("A colleague cannot look after a partner.")


def _check_company(session: Session, company_id: int) -> None:
    kind = session.execute(select(partner.c.kind).where(partner.c.id == company_id)).scalar_one_or_none()
    if kind != "company":
        raise Refused("There is no company %(id)s.", id=company_id)


def _existing(session: Session, partner_id: int) -> str:
    """Lock the partner; its kind."""
    asked = select(partner.c.erased_at, partner.c.kind).where(partner.c.id == partner_id).with_for_update()
    row = session.execute(asked).first()
    if row is None:
        raise NotFound("There is no partner %(id)s.", id=partner_id)
    if row.erased_at is not None:
        raise Refused("This partner has been erased.")
    return str(row.kind)


def _insert_address(session: Session, partner_id: int, text: str, key: str, *, is_primary: bool) -> None:
    row = {"partner_id": partner_id, "address": text, "key": key, "is_primary": is_primary}
    session.execute(insert(partner_address), [row])
