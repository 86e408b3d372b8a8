"""Partners made by a mail: the person, and their company by domain unless the domain is a mail provider's."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert

from mailcrm.address import address_key
from mailcrm.mail import Address, CompanyFacts, PartnerFacts
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import partner, partner_address
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
    row = {"kind": "person", "name": person_name(address)[:300], "company_id": company_id, "created_at": now}
    person_id = _INSERT.insert(session, row)
    if key:
        named = {
            "partner_id": person_id,
            "address": address.address.strip()[:320],
            "key": key[:320],
            "is_primary": True,
        }
        _INSERT_ADDRESS.run(session, named)
    return Person(person_id, company_id)


def _new_company(session: Session, key: str, now: datetime) -> int | None:
    domain = key.rpartition("@")[2]
    if not domain or "." not in domain or is_free_mail(domain):
        return None
    row = {"kind": "company", "name": company_name(domain)[:300], "domain": domain[:255], "created_at": now}
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
