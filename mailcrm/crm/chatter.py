"""The chatter: the only writers of ``message`` rows. Notes, mails and facts, newest last."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from mailcrm.mail import Address, Attachment
from mailcrm.store.engine import Session
from mailcrm.store.prepared import Prepared
from mailcrm.store.tables import attachment, mention, message, user

_INSERT = Prepared(insert(message))
_INSERT_ATTACHMENT = Prepared(insert(attachment))
_INSERT_MENTION = Prepared(insert(mention))


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A chatter entry to be written. ``at`` sorts it; the author of kind user and partner has an id where one is known."""

    lead_id: int
    kind: str
    author_kind: str
    at: datetime
    created_at: datetime
    author_user_id: int | None = None
    author_partner_id: int | None = None
    author_name: str = ""
    author_address: str = ""
    subject: str = ""
    text: str = ""
    new_text: str = ""
    segments: Sequence[Mapping[str, str]] = ()
    html: str = ""
    letter_html: str = ""
    message_id: str = ""
    reference_ids: Sequence[str] = ()
    to: Sequence[Mapping[str, str]] = ()
    cc: Sequence[Mapping[str, str]] = ()
    date_written: str = ""
    reason: str = ""
    reason_detail: str = ""
    is_folded: bool = False
    is_unconfirmed: bool = False
    is_guess: bool = False
    event: str = ""
    event_data: Mapping[str, Any] | None = None
    inbound_id: int | None = None
    raw_id: int | None = None


def add_message(session: Session, new: NewMessage) -> int:
    """Write one entry; returns its row id."""
    row = {name: getattr(new, name) for name in new.__dataclass_fields__}
    for name in ("segments", "reference_ids", "to", "cc"):
        row[name] = list(row[name])
    row["event_data"] = dict(new.event_data or {})
    row["subject"] = new.subject[:1000]
    row["reason_detail"] = new.reason_detail[:500]
    row["date_written"] = new.date_written[:100]
    row["message_id"] = new.message_id[:1000]
    return _INSERT.insert(session, row)


def named(addresses: Sequence[Address]) -> list[dict[str, str]]:
    """Mailboxes as an entry keeps them."""
    return [{"name": a.name[:300], "address": a.address[:320]} for a in addresses[:500]]


def add_files(session: Session, row_id: int, files: Sequence[Attachment]) -> None:
    """The files of an entry; their contents are kept by hash."""
    rows = [
        {
            "message_id": row_id,
            "sha256": part.sha256,
            "filename": part.filename[:300],
            "content_type": part.content_type[:200],
            "size": part.size,
            "content_id": part.content_id[:300],
            "is_inline": part.is_inline,
        }
        for part in files
    ]
    _INSERT_ATTACHMENT.run_all(session, rows)


def add_event(
    session: Session, lead_id: int, event: str, data: Mapping[str, Any], by: int | None, now: datetime, reason: str = ""
) -> int:
    """Write a fact about the lead; the page words it in the reader's language from ``event`` and ``data``."""
    return add_message(
        session,
        NewMessage(
            lead_id=lead_id,
            kind="event",
            author_kind="user" if by else "system",
            author_user_id=by,
            at=now,
            created_at=now,
            event=event,
            event_data=data,
            reason=reason,
        ),
    )


# --- mentions -----------------------------------------------------------------------------------------------------------

_AT = re.compile(r"(?<![\w.@])@(?=\w)")


@dataclass(frozen=True, slots=True)
class Named:
    """A user as they can be mentioned."""

    id: int
    name: str


def mentioned(text: str, people: Sequence[Named]) -> tuple[int, ...]:
    """Ids of the users named by ``@Full Name`` or ``@First`` in ``text``, in order; a first name of two people names neither."""
    found = []
    by_length = sorted(people, key=lambda p: -len(p.name))
    firsts = [p.name.split()[0].casefold() for p in people if p.name.split()]
    for at in _AT.finditer(text):
        rest = " ".join(text[at.end() : at.end() + 200].split()).casefold()
        full = next((p.id for p in by_length if _begins_with(rest, p.name.casefold())), None)
        first = next(
            (
                p.id
                for p in people
                if p.name.split()
                and firsts.count(p.name.split()[0].casefold()) == 1
                and _begins_with(rest, p.name.split()[0].casefold())
            ),
            None,
        )
        found.append(full or first)
    return tuple(dict.fromkeys(i for i in found if i is not None))


def _begins_with(rest: str, name: str) -> bool:
    return bool(name) and rest.startswith(name) and not rest[len(name) : len(name) + 1].isalnum()


def add_mentions(
    session: Session, row_id: int, lead_id: int, text: str, by: int | None, now: datetime
) -> tuple[int, ...]:
    """Write a mention for every active user named in ``text`` except the writer; returns their ids."""
    if "@" not in text:
        return ()
    people = [Named(*row) for row in session.execute(select(user.c.id, user.c.name).where(user.c.is_active))]
    ids = tuple(i for i in mentioned(text, people) if i != by)
    if ids:
        rows = [{"message_id": row_id, "lead_id": lead_id, "user_id": i, "created_at": now} for i in ids]
        _INSERT_MENTION.run_all(session, rows)
    return ids


def read_mentions(session: Session, lead_id: int, user_id: int, now: datetime) -> int:
    """Mark this user's mentions on the lead as read; returns how many were new."""
    statement = (
        update(mention)
        .where(mention.c.lead_id == lead_id, mention.c.user_id == user_id, mention.c.read_at.is_(None))
        .values(read_at=now)
    )
    return session.execute(statement).rowcount


def message_count(session: Session, lead_id: int) -> int:
    """How many entries the chatter of a lead has."""
    return session.execute(select(func.count()).select_from(message).where(message.c.lead_id == lead_id)).scalar_one()
