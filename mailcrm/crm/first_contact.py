"""Partners made by a mail: the person, and their company by domain unless the domain is a mail provider's.

A function's address (info@, noreply@) at a company's domain belongs to the company: no person is made of it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from mailcrm.address import address_key
from mailcrm.lookalike import company_key, name_key
from mailcrm.mail import Address, CompanyFacts, FormFields, PartnerFacts
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import partner, partner_address
from mailcrm.threading.author import is_shared
from mailcrm.threading.domains import is_free_mail, organisational

_INSERT = Prepared(insert(partner))
_INSERT_ADDRESS = Prepared(insert(partner_address))


@dataclass(frozen=True, slots=True)
class Person:
    """A partner and the company they belong to."""

    id: int
    company_id: int | None


def ensure_person(
    session: Session, address: Address, known: PartnerFacts | None, company: CompanyFacts | None, now: datetime
) -> Person:
    """The partner with this address: the one that was looked up, else a new person (and company) of the language unknown."""
    if known is not None:
        return Person(known.id, known.company_id)
    key = address_key(address.address)
    company_id = company.id if company else _new_company(session, key, now)
    if company_id is not None and is_shared(address.address):
        _add_address(session, company_id, address, is_primary=company is None)
        return Person(company_id, company_id)
    name = person_name(address)[:300]
    row = {"kind": "person", "name": name, "name_key": name_key(name), "company_id": company_id, "created_at": now}
    person_id = _INSERT.insert(session, row)
    if key:
        _add_address(session, person_id, address, is_primary=True)
    return Person(person_id, company_id)


def _add_address(session: Session, partner_id: int, address: Address, *, is_primary: bool) -> None:
    text, key = address.address.strip()[:320], address_key(address.address)[:320]
    row = {"partner_id": partner_id, "address": text, "key": key, "is_primary": is_primary}
    _INSERT_ADDRESS.run(session, row)


def _new_company(session: Session, key: str, now: datetime) -> int | None:
    domain = key.rpartition("@")[2]
    if not domain or "." not in domain or is_free_mail(domain):
        return None
    name = company_name(domain)[:300]
    row = {"kind": "company", "name": name, "name_key": company_key(name), "domain": domain[:255], "created_at": now}
    return _INSERT.insert(session, row)


# --- what a form says of who filled it in -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filled:
    """What of a person was empty and is now known. ``company`` is its name."""

    phone: str = ""
    company: str = ""


def fill_from_form(session: Session, person: Person, form: FormFields, now: datetime) -> tuple[Person, Filled]:
    """Phone and company of the person as the form has them, where nothing was known; what a person typed stays."""
    phone, company = " ".join(form.phone.split())[:60], " ".join(form.company.split())[:300]
    row = session.execute(
        select(partner.c.kind, partner.c.phone, partner.c.company_id).where(partner.c.id == person.id)
    )
    known = row.one()
    if known.kind == "company":
        return person, Filled()
    values: dict[str, object] = {"phone": phone} if phone and not known.phone else {}
    if company and known.company_id is None:
        values["company_id"] = _company_named(session, company, now)
    if not values:
        return person, Filled()
    session.execute(update(partner).where(partner.c.id == person.id).values(values))
    is_new_company = "company_id" in values
    filled = Filled(phone if "phone" in values else "", company if is_new_company else "")
    return (Person(person.id, int(str(values["company_id"]))) if is_new_company else person), filled


def _company_named(session: Session, name: str, now: datetime) -> int:
    """The company of this name, made if there is none."""
    is_it = (partner.c.kind == "company", partner.c.name_key == company_key(name), partner.c.erased_at.is_(None))
    found = session.execute(select(partner.c.id).where(*is_it).order_by(partner.c.id).limit(1)).scalar()
    if found is not None:
        return int(found)
    row = {"kind": "company", "name": name, "name_key": company_key(name), "domain": None, "created_at": now}
    return _INSERT.insert(session, row)


def person_name(address: Address) -> str:
    """The display name; without one the local part as a name (``carol.smith`` -> ``Carol Smith``)."""
    if address.name.strip():
        return address.name.strip()
    words = address.local.partition("+")[0].replace(".", " ").replace("_", " ").split()
    return " ".join(w.capitalize() for w in words) or address.address or "—"


def company_name(domain: str) -> str:
    """A readable name from a domain (``mail.acme.co.uk`` -> ``Acme``); people may rename it."""
    return organisational(domain).partition(".")[0].capitalize()
