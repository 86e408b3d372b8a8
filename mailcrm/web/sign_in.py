"""Sign-in by password, and the sessions it opens: server-side rows that can be ended.

The cookie is a random id; the table holds only its SHA-256. An unknown address costs the same hash as a known one. Attempts are
limited per account and per network address; the limits live in the process and are forgotten at a restart.
"""

import hashlib
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert

from mailcrm.crm.passwords import is_right
from mailcrm.crm.people import password_of
from mailcrm.crm.rights import Actor, Right, actors, may
from mailcrm.i18n import known_locale
from mailcrm.store.engine import Session, Store
from mailcrm.store.tables import user, web_session

_PER_ACCOUNT = 10
_PER_NETWORK = 50
_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in, and how they read."""

    actor: Actor
    zone: ZoneInfo
    session_id: int
    csrf: str

    @property
    def id(self) -> int:
        return self.actor.id

    @property
    def locale(self) -> str:
        return known_locale(self.actor.locale)

    def may(self, right: Right) -> bool:
        return may(self.actor, right)


class Attempts:
    """Counts failed sign-ins; ``is_open`` answers whether one more may be tried."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def is_open(self, account: str, peer: str, now: datetime) -> bool:
        with self._lock:
            by_account, by_network = (self._count(key, now) for key in _keys(account, peer))
        return by_account < _PER_ACCOUNT and by_network < _PER_NETWORK

    def failed(self, account: str, peer: str, now: datetime) -> None:
        with self._lock:
            if len(self._failed) > 10_000:
                self._forget(now)
            for key in _keys(account, peer):
                self._failed.setdefault(key, deque(maxlen=_PER_NETWORK)).append(now)

    def _count(self, key: str, now: datetime) -> int:
        times = self._failed.get(key, deque())
        while times and times[0] < now - _WINDOW:
            times.popleft()
        return len(times)

    def _forget(self, now: datetime) -> None:
        for key in [k for k in self._failed if not self._count(k, now)]:
            del self._failed[key]


def _keys(account: str, peer: str) -> tuple[str, str]:
    return f"account {hashlib.sha256(account.encode()).hexdigest()}", f"network {_network(peer)}"


def _network(peer: str) -> str:
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return str(ip_network(f"{address}/{32 if address.version == 4 else 64}", strict=False))


def user_with_password(store: Store, address: str, password: str) -> int | None:
    """The active user with this address and password; an unknown one takes as long."""
    with store.read() as session:
        found = password_of(session, address)
    is_theirs = is_right(password, found[1] if found else None)
    return found[0] if found and is_theirs else None


def open_session(session: Session, user_id: int, now: datetime, days: int) -> str:
    """Write a session row; returns the cookie's value. Sessions past their end are cleared on the way."""
    value = secrets.token_urlsafe(32)
    session.execute(delete(web_session).where(web_session.c.expires_at < now))
    row = {
        "hash": _hash(value),
        "user_id": user_id,
        "csrf": secrets.token_urlsafe(32),
        "created_at": now,
        "expires_at": now + timedelta(days=days),
    }
    session.execute(insert(web_session), [row])
    return value


def close_session(session: Session, session_id: int) -> None:
    session.execute(delete(web_session).where(web_session.c.id == session_id))


_VIEWER = (
    actors()
    .add_columns(user.c.time_zone, web_session.c.id.label("session_id"), web_session.c.csrf)
    .join(web_session, web_session.c.user_id == user.c.id)
)


def viewer(session: Session, cookie: str, now: datetime) -> Viewer | None:
    """Who the cookie belongs to; None when it is unknown, over, or its user no longer active."""
    statement = _VIEWER.where(web_session.c.hash == _hash(cookie), web_session.c.expires_at > now)
    row = session.execute(statement).first()
    return Viewer(Actor(*row[:5]), ZoneInfo(row.time_zone), row.session_id, row.csrf) if row else None


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()
