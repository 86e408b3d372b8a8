"""The audit: who did what to people, addresses and keys. Leads have their chatter instead.

``data`` holds ids and settings, never names or addresses of partners, so that erasing a partner need not rewrite it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from mailcrm.store.engine import Session
from mailcrm.store.tables import audit

_INSERT = insert(audit)


def record(
    session: Session, verb: str, object_: str, by: int | None, now: datetime, data: Mapping[str, Any] | None = None
) -> None:
    """Write one row; ``by`` is None for a command on the machine itself."""
    row = {"at": now, "user_id": by, "verb": verb, "object": object_, "data": dict(data or {})}
    session.execute(_INSERT, [row])
