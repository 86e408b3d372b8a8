"""Addresses as people type them: checked, and whose they are already.

An address belongs to at most one of: a user, an alias, a partner. The unique keys of the three tables cannot say that together, so
every verb that adds one asks here first.
"""

from collections.abc import Collection

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import literal, select, union_all

from mailcrm.address import address_key, domain_key
from mailcrm.config import Mail
from mailcrm.crm.done import Refused, Taken
from mailcrm.store.engine import Session
from mailcrm.store.tables import alias, partner_address, user_address

_OWNERS = {"user": user_address, "alias": alias, "partner": partner_address}


def checked(address: str) -> tuple[str, str]:
    """The address as written, and its key; Refused if it is none. Nothing is asked of the network."""
    text = address.strip()
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise Refused("%(address)s is not an e-mail address.", address=text) from None
    return text, address_key(text)


def refuse_taken(session: Session, key: str) -> None:
    """Refused if the address is a user's, an alias or a partner's already."""
    asked = union_all(*(select(literal(name)).where(table.c.key == key) for name, table in _OWNERS.items()))
    owner = session.execute(asked).scalars().first()
    if owner == "user":
        raise Taken("%(address)s is a user's address.", address=key)
    if owner == "alias":
        raise Taken("%(address)s is one of our aliases.", address=key)
    if owner == "partner":
        raise Taken("%(address)s is a partner's address.", address=key)


def is_ours(key: str, domains: Collection[str]) -> bool:
    """Whether the address lies inside one of our catch-all domains."""
    return domain_key(key.rpartition("@")[2]) in domains


def refuse_staff_inside(key: str, mail: Mail) -> None:
    """Refused if mail to this user would come back to us: the mailbox must lie outside the catch-all domains."""
    routed = {address_key(address) for address in mail.staff_routes}
    if is_ours(key, mail.domains) and key not in routed:
        raise Refused(
            "%(address)s lies in a catch-all domain, so its mail would come back here: list it in mail.staff_routes"
            " if it is routed elsewhere.",
            address=key,
        )
