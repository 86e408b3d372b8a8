"""The verbs on users: add, change, deactivate, and their addresses.

Deactivating a user ends their sessions, API keys, reply tokens and waiting notices in the same commit; removing an address ends the
tokens that were sent to it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, update

from mailcrm.address import address_key
from mailcrm.config import Mail
from mailcrm.crm.addresses import checked, refuse_staff_inside, refuse_taken
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.notify.withheld import stop_notices, tell_without_digest
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import address_claim, api_key, outbox, outbox_recipient, user, user_address, web_session
from mailcrm.workdays import is_country

ROLES = ("salesperson", "manager", "admin", "colleague")
DIGESTS = ("daily", "weekly", "off")


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be added. ``password_hash`` is from ``passwords.password_hash``; None: cannot sign in to the page."""

    name: str
    address: str
    role: str = "salesperson"
    locale: str = "en"
    time_zone: str = "Europe/Helsinki"
    working_days: str = "12345"
    digest_at: str = "07:30"
    receipts: str = "all"
    digest: str = "daily"
    digest_day: str = "1"
    holidays: str | None = None
    password_hash: str | None = None


def add_user(session: Session, new: NewUser, mail: Mail, by: int | None, now: datetime) -> Done:
    """Add a user with their first address."""
    values = {name: getattr(new, name) for name in new.__dataclass_fields__ if name != "address"}
    values["name"] = " ".join(new.name.split())[:200]
    _check_settings(values)
    row = {**values, "created_at": now}
    user_id = insert_row(session, insert(user), row)
    _add_address(session, user_id, new.address, mail, is_primary=True)
    record(session, "add_user", f"user {user_id}", by, now, {"role": new.role})
    return Done(user_id)


_SETTINGS = {
    "name", "role", "locale", "time_zone", "working_days", "digest_at", "receipts", "deputy_id", "absent_until",
    "digest", "digest_day", "holidays",
}  # fmt: skip
_WHICH_DAYS = {"digest", "digest_day", "working_days", "holidays"}


def set_user_fields(session: Session, user_id: int, changes: Mapping[str, Any], by: int | None, now: datetime) -> Done:
    """Change a user's settings: name, role, locale, time zone, working days, holidays, digest, absence and deputy.

    Where other days have a digest from now on, none is due for a time before: nothing of the past is missed by it.
    """
    if unknown := set(changes) - _SETTINGS:
        raise Refused("%(names)s cannot be changed here.", names=", ".join(sorted(unknown)))
    _existing(session, user_id)
    _check_settings(changes)
    if changes.get("deputy_id") == user_id:
        raise Refused("Nobody is their own deputy.")
    if changes.get("digest", "daily") != "daily":
        tell_without_digest(session, user_id, now)
    if changes:
        values = dict(changes) | ({"digest_since": now} if _has_other_days(session, user_id, changes) else {})
        session.execute(update(user).where(user.c.id == user_id).values(values))
        record(session, "set_user_fields", f"user {user_id}", by, now, {"names": sorted(changes)})
    return Done(user_id)


def _has_other_days(session: Session, user_id: int, changes: Mapping[str, Any]) -> bool:
    named = sorted(_WHICH_DAYS & set(changes))
    if not named:
        return False
    row = session.execute(select(*(user.c[name] for name in named)).where(user.c.id == user_id)).mappings().one()
    return any(row[name] != changes[name] for name in named)


def set_digest(
    session: Session, user_id: int, how_often: str, by: int | None, now: datetime, weekday: str = ""
) -> Done:
    """How often the digest comes: daily, weekly or off; ``weekday`` of a weekly one, "" leaves it as it is."""
    changes = {"digest": how_often} | ({"digest_day": weekday} if weekday else {})
    return set_user_fields(session, user_id, changes, by, now)


def set_password(session: Session, user_id: int, password_hash: str | None, by: int | None, now: datetime) -> Done:
    """Store the hash made by ``passwords.password_hash``; whoever is signed in with the old password is signed out."""
    _existing(session, user_id)
    session.execute(update(user).where(user.c.id == user_id).values(password_hash=password_hash))
    session.execute(delete(web_session).where(web_session.c.user_id == user_id))
    record(session, "set_password", f"user {user_id}", by, now)
    return Done(user_id)


def set_calendar_key(session: Session, user_id: int, hash_: str | None, by: int | None, now: datetime) -> Done:
    """Give the user's calendar feed a new address, by the hash of its key; None ends it. The one before works no more."""
    _existing(session, user_id)
    session.execute(update(user).where(user.c.id == user_id).values(calendar_key_hash=hash_))
    record(session, "set_calendar_key", f"user {user_id}", by, now, {"ended": hash_ is None})
    return Done(user_id)


def add_address(session: Session, user_id: int, address: str, mail: Mail, by: int | None, now: datetime) -> Done:
    """Give a user one more address they write from, on the word of whoever runs this house (else see ``claims``)."""
    _existing(session, user_id)
    _add_address(session, user_id, address, mail, is_primary=False)
    record(session, "add_user_address", f"user {user_id}", by, now, {"address": address.strip()})
    return Done(user_id)


def make_primary(session: Session, user_id: int, address: str, by: int | None, now: datetime) -> Done:
    """From now on notices go to this one of the user's addresses."""
    if address_key(address) not in _addresses(session, user_id):
        raise NotFound("%(address)s is not an address of this user.", address=address)
    _set_primary(session, user_id, address_key(address))
    record(session, "make_primary", f"user {user_id}", by, now, {"address": address})
    return Done(user_id)


def remove_address(session: Session, user_id: int, address: str, by: int | None, now: datetime) -> Done:
    """Take an address away; reply tokens sent to it end. The last address stays, since a user is written to."""
    have = _addresses(session, user_id)
    key = address_key(address)
    if key not in have:
        raise NotFound("%(address)s is not an address of this user.", address=address)
    if len(have) == 1:
        raise Refused("This is the user's only address.")
    session.execute(delete(user_address).where(user_address.c.key == key))
    if have.pop(key):
        _set_primary(session, user_id, next(iter(have)))
    sent_to_it = select(outbox_recipient.c.outbox_id).where(outbox_recipient.c.key == key)
    _retire_tokens(session, user_id, outbox.c.id.in_(sent_to_it))
    record(session, "remove_user_address", f"user {user_id}", by, now, {"address": address})
    return Done(user_id)


def deactivate_user(session: Session, user_id: int, by: int | None, now: datetime) -> Done:
    """Nobody signs in, writes by token or is chosen as owner under this user any more. Their leads stay: see ``handover``."""
    _existing(session, user_id)
    session.execute(update(user).where(user.c.id == user_id).values(is_active=False))
    _retire_tokens(session, user_id)
    stop_notices(session, user_id)
    session.execute(delete(web_session).where(web_session.c.user_id == user_id))
    session.execute(delete(address_claim).where(address_claim.c.user_id == user_id))
    keys = update(api_key).where(api_key.c.user_id == user_id, api_key.c.revoked_at.is_(None))
    session.execute(keys.values(revoked_at=now))
    record(session, "deactivate_user", f"user {user_id}", by, now)
    return Done(user_id)


def activate_user(session: Session, user_id: int, by: int | None, now: datetime) -> Done:
    """Let a deactivated user work again; tokens and keys of before stay ended."""
    _existing(session, user_id)
    session.execute(update(user).where(user.c.id == user_id).values(is_active=True))
    record(session, "activate_user", f"user {user_id}", by, now)
    return Done(user_id)


def wants_receipts(session: Session, user_id: int) -> bool:
    """Whether they want to be told what their commands changed, or only what could not be done."""
    return session.execute(select(user.c.receipts).where(user.c.id == user_id)).scalar() == "all"


def addresses_of(session: Session, user_id: int) -> tuple[str, ...]:
    """The user's addresses, the one that notices go to first."""
    asked = select(user_address.c.address).where(user_address.c.user_id == user_id)
    return tuple(session.execute(asked.order_by(user_address.c.is_primary.desc(), user_address.c.id)).scalars())


def user_by_address(session: Session, address: str) -> int | None:
    """The id of the active user with this address."""
    asked = (
        select(user.c.id)
        .join(user_address, user_address.c.user_id == user.c.id)
        .where(user_address.c.key == address_key(address), user.c.is_active)
    )
    return session.execute(asked).scalar_one_or_none()


def password_of(session: Session, address: str) -> tuple[int, str | None] | None:
    """The id and password hash of the active user with this address, for ``passwords.is_right``."""
    asked = (
        select(user.c.id, user.c.password_hash)
        .join(user_address, user_address.c.user_id == user.c.id)
        .where(user_address.c.key == address_key(address), user.c.is_active)
    )
    row = session.execute(asked).first()
    return (row.id, row.password_hash) if row else None


# --- parts --------------------------------------------------------------------------------------------------------------


def _existing(session: Session, user_id: int) -> None:
    if session.execute(select(user.c.id).where(user.c.id == user_id).with_for_update()).first() is None:
        raise NotFound("There is no user %(id)s.", id=user_id)


def _check_settings(values: Mapping[str, Any]) -> None:
    if "name" in values and not values["name"].strip():
        raise Refused("A user needs a name.")
    if "role" in values and values["role"] not in ROLES:
        raise Refused("A role is one of %(roles)s.", roles=", ".join(ROLES))
    if "locale" in values and values["locale"] not in ("fi", "en"):
        raise Refused("A locale is fi or en.")
    if "working_days" in values and not re.fullmatch(r"1?2?3?4?5?6?7?", values["working_days"]):
        raise Refused("Working days are written as 12345: Monday is 1.")
    if "receipts" in values and values["receipts"] not in ("all", "errors"):
        raise Refused("Receipts of commands are all or errors.")
    if "time_zone" in values:
        _check_zone(values["time_zone"])
    _check_digest(values)


def _check_digest(values: Mapping[str, Any]) -> None:
    if "digest_at" in values and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", values["digest_at"]):
        raise Refused("The time of the digest is written as 07:30.")
    if "digest" in values and values["digest"] not in DIGESTS:
        raise Refused("A digest is daily, weekly or off.")
    if "digest_day" in values and not re.fullmatch(r"[1-7]", values["digest_day"]):
        raise Refused("The day of a weekly digest is 1 to 7: Monday is 1.")
    if values.get("holidays") and not is_country(values["holidays"]):
        raise Refused("The public holidays of %(country)s are not known.", country=values["holidays"])


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refused("%(zone)s is not a time zone such as Europe/Helsinki.", zone=name) from None


def _add_address(session: Session, user_id: int, address: str, mail: Mail, *, is_primary: bool) -> None:
    text, key = checked(address)
    refuse_staff_inside(key, mail)
    refuse_taken(session, key)
    row = {"user_id": user_id, "address": text, "key": key, "is_primary": is_primary}
    session.execute(insert(user_address), [row])


def _addresses(session: Session, user_id: int) -> dict[str, bool]:
    asked = select(user_address.c.key, user_address.c.is_primary).where(user_address.c.user_id == user_id)
    return {row.key: row.is_primary for row in session.execute(asked.order_by(user_address.c.id))}


def _set_primary(session: Session, user_id: int, key: str) -> None:
    mine = update(user_address).where(user_address.c.user_id == user_id)
    session.execute(mine.values(is_primary=user_address.c.key == key))


def _retire_tokens(session: Session, user_id: int, *which: Any) -> None:
    session.execute(update(outbox).where(outbox.c.user_id == user_id, *which).values(is_token_retired=True))
