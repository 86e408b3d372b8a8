"""API keys: each acts as one user. The key is shown once; only its SHA-256 is stored, enough since it holds 256 random bits."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.crm.rights import Actor, actors
from mailcrm.store.engine import Session, insert_row
from mailcrm.store.tables import api_key, user

_PREFIX = "mailcrm_"  # lets secret scanners recognise a key that strayed into a repository
_USE_NOTED_EVERY = timedelta(days=1)


def new_key() -> str:
    """A key as its user will write it."""
    return _PREFIX + secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def add_api_key(session: Session, user_id: int, name: str, hash_: str, by: int | None, now: datetime) -> Done:
    """Store a key made by ``new_key`` for a user; ``name`` says what it is for."""
    active = session.execute(select(user.c.is_active).where(user.c.id == user_id)).scalar_one_or_none()
    if active is None:
        raise NotFound("There is no user %(id)s.", id=user_id)
    if not active:
        raise Refused("This user is not active.")
    row = {"user_id": user_id, "name": name.strip()[:100], "hash": hash_, "created_at": now}
    key_id = insert_row(session, insert(api_key), row)
    record(session, "add_api_key", f"api_key {key_id}", by, now, {"user_id": user_id})
    return Done(key_id)


def revoke_api_key(session: Session, key_id: int, by: int | None, now: datetime) -> Done:
    """End a key at once."""
    ended = update(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None)).values(revoked_at=now)
    if session.execute(ended).rowcount == 0:
        raise NotFound("There is no key %(id)s.", id=key_id)
    record(session, "revoke_api_key", f"api_key {key_id}", by, now)
    return Done(key_id)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Whom a valid key acts as, and whether its use today should be noted."""

    actor: Actor
    is_unnoted: bool


def use_key(session: Session, key: str, now: datetime) -> KeyUse | None:
    """The active user behind a key; None for a key that is unknown or revoked, or of a deactivated user."""
    asked = (
        actors()
        .add_columns(api_key.c.last_used_at)
        .join(api_key, api_key.c.user_id == user.c.id)
        .where(api_key.c.hash == key_hash(key), api_key.c.revoked_at.is_(None))
    )
    row = session.execute(asked).first()
    if row is None:
        return None
    *who, last = row
    return KeyUse(Actor(*who), last is None or last < now - _USE_NOTED_EVERY)


def note_use(session: Session, key: str, now: datetime) -> None:
    """Remember that the key was used, so that forgotten ones can be found."""
    session.execute(update(api_key).where(api_key.c.hash == key_hash(key)).values(last_used_at=now))
