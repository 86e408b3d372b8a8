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
from functools import cache
from ipaddress import ip_address, ip_network
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, insert, select

from mailcrm.address import address_key
from mailcrm.store.engine import Session, Store
from mailcrm.store.tables import user, user_address, web_session

_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # OWASP's second choice, 25 ms
_AT_ONE_TIME = threading.Semaphore(2)  # 19 MB and a core each

_PER_ACCOUNT = 10
_PER_NETWORK = 50
_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in, and how they read."""

    id: int
    name: str
    role: str
    locale: str
    zone: ZoneInfo
    session_id: int
    csrf: str


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


def hash_password(password: str) -> str:
    """The hash to store for a new password."""
    with _AT_ONE_TIME:
        return _HASHER.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one hashed as ``stored``; as slow when there is none."""
    with _AT_ONE_TIME:
        try:
            return _HASHER.verify(stored or _hash_of_nobody(), password) and bool(stored)
        except (VerifyMismatchError, InvalidHashError):
            return False


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_hex(16))


def user_with_password(store: Store, address: str, password: str) -> int | None:
    """The active user with this address and password."""
    key = address_key(address)
    statement = (
        select(user.c.id, user.c.password_hash)
        .join(user_address, user_address.c.user_id == user.c.id)
        .where(user_address.c.key == key, user.c.is_active)
    )
    with store.read() as session:
        row = session.execute(statement).first()
    if not is_password(row.password_hash if row else None, password):
        return None
    return int(row.id) if row else None


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


def close_other_sessions(session: Session, user_id: int, but_id: int) -> None:
    """After a change of password every other browser has to sign in again."""
    session.execute(delete(web_session).where(web_session.c.user_id == user_id, web_session.c.id != but_id))


_VIEWER = select(
    user.c.id, user.c.name, user.c.role, user.c.locale, user.c.time_zone, web_session.c.id.label("session_id"), web_session.c.csrf
).join(web_session, web_session.c.user_id == user.c.id)  # fmt: skip


def viewer(session: Session, cookie: str, now: datetime) -> Viewer | None:
    """Who the cookie belongs to; None when it is unknown, over, or its user no longer active."""
    statement = _VIEWER.where(
        web_session.c.hash == _hash(cookie), web_session.c.expires_at > now, user.c.is_active.is_(True)
    )
    row = session.execute(statement).first()
    if row is None:
        return None
    locale = row.locale if row.locale in ("en", "fi") else "en"
    return Viewer(row.id, row.name, row.role, locale, ZoneInfo(row.time_zone), row.session_id, row.csrf)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()
