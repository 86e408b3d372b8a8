"""What the lists and pages of received and leaving mail show; a constant number of statements for each.

Of a stored mail are shown its header lines, the first text and the first HTML.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, func, or_, select, true

from mailcrm.crm.rights import Actor
from mailcrm.ingest.headers import headers_written
from mailcrm.ingest.parts import bodies_of
from mailcrm.ingest.tree import guarded_tree, leaves_of
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Session
from mailcrm.store.tables import inbound, inbound_copy, lead, message, outbox, outbox_recipient, raw, user

PAGE = 50
STATES = ("held", "triage", "quiet", "buried", "dismissed", "done")
_MOST_SHOWN = 200_000  # characters of a stored mail's text


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail as stored, for reading: header lines as they are, decoded text and HTML, names of its files."""

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    files: tuple[str, ...]


def read_inbound_list(session: Session, state: str, text: str, page: int) -> Sequence[RowMapping]:
    """Received mails, newest first; one more than a page when there are more."""
    statement = (
        select(*_INBOUND, lead.c.title.label("lead_title"))
        .join_from(inbound, lead, lead.c.id == inbound.c.lead_id, isouter=True)
        .where(_inbound_state(state), _inbound_text(text))
        .order_by(inbound.c.received_at.desc(), inbound.c.id.desc())
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    )
    return session.execute(statement).mappings().all()


_INBOUND = (
    inbound.c.id, inbound.c.received_at, inbound.c.from_name, inbound.c.from_address, inbound.c.subject, inbound.c.author,
    inbound.c.verdict, inbound.c.verdict_reason, inbound.c.route, inbound.c.reason, inbound.c.reason_detail,
    inbound.c.state, inbound.c.lead_id, inbound.c.copies, inbound.c.author_user_id,
)  # fmt: skip


def _inbound_state(state: str) -> ColumnElement[bool]:
    return inbound.c.state == state if state else true()


def _inbound_text(text: str) -> ColumnElement[bool]:
    if not text:
        return true()
    columns = (inbound.c.subject, inbound.c.from_address, inbound.c.from_name)
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def state_counts(session: Session) -> dict[str, int]:
    """How many received mails are in each state."""
    statement = select(inbound.c.state, func.count().label("number")).group_by(inbound.c.state)
    return {row.state: row.number for row in session.execute(statement)}


def read_inbound(session: Session, inbound_id: int) -> RowMapping | None:
    """One received mail with the text we show, its stored bytes and the names around it."""
    author = user.alias("author")
    statement = (
        select(
            inbound, lead.c.title.label("lead_title"), user.c.name.label("decided_by"),
            author.c.name.label("author_user"), raw.c.sha256, raw.c.compressed,
            message.c.id.label("entry_id"), (message.c.html != "").label("has_html"),
        )
        .join_from(inbound, lead, lead.c.id == inbound.c.lead_id, isouter=True)
        .join(user, user.c.id == inbound.c.decided_by_id, isouter=True)
        .join(author, author.c.id == inbound.c.author_user_id, isouter=True)
        .join(raw, raw.c.id == inbound.c.raw_id, isouter=True)
        .join(message, message.c.id == inbound.c.message_row_id, isouter=True)
        .where(inbound.c.id == inbound_id)
    )  # fmt: skip
    return session.execute(statement).mappings().first()


def read_copies(session: Session, inbound_id: int) -> Sequence[RowMapping]:
    """The other copies of a received mail."""
    statement = select(inbound_copy).where(inbound_copy.c.inbound_id == inbound_id).order_by(inbound_copy.c.id)
    return session.execute(statement.limit(100)).mappings().all()


# --- leaving ------------------------------------------------------------------------------------------------------------


def visible_outbox(actor: Actor) -> ColumnElement[bool]:
    """Everybody with the right sees mail to customers; mail to staff holds reply addresses made for one person."""
    if actor.role in ("manager", "admin"):
        return true()
    return or_(outbox.c.user_id.is_(None), outbox.c.user_id == actor.id)


def read_outbox_list(
    session: Session, state: str, kind: str, text: str, visible: ColumnElement[bool], page: int
) -> Sequence[RowMapping]:
    """Leaving mails, newest first; one more than a page when there are more."""
    statement = (
        select(
            outbox.c.id, outbox.c.kind, outbox.c.subject, outbox.c.state, outbox.c.attempts, outbox.c.next_attempt_at,
            outbox.c.created_at, outbox.c.sent_at, outbox.c.params, outbox.c.lead_id, lead.c.title.label("lead_title"),
        )
        .join_from(outbox, lead, lead.c.id == outbox.c.lead_id, isouter=True)
        .where(visible, outbox.c.state == state if state else true(), _outbox_kind(kind), _outbox_text(text))
        .order_by(outbox.c.id.desc())
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE)
    )  # fmt: skip
    return session.execute(statement).mappings().all()


def _outbox_kind(kind: str) -> ColumnElement[bool]:
    if kind == "customer":
        return outbox.c.user_id.is_(None)
    return outbox.c.user_id.is_not(None) if kind == "staff" else true()


def _outbox_text(text: str) -> ColumnElement[bool]:
    if not text:
        return true()
    to = select(outbox_recipient.c.outbox_id).where(outbox_recipient.c.address.icontains(text, autoescape=True))
    return or_(outbox.c.subject.icontains(text, autoescape=True), outbox.c.id.in_(to))


def read_outbox(session: Session, outbox_id: int, visible: ColumnElement[bool]) -> RowMapping | None:
    """One leaving mail with its bytes."""
    statement = (
        select(outbox, lead.c.title.label("lead_title"))
        .join_from(outbox, lead, lead.c.id == outbox.c.lead_id, isouter=True)
        .where(outbox.c.id == outbox_id, visible)
    )
    return session.execute(statement).mappings().first()


def read_recipients(session: Session, outbox_ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    """The recipients of leaving mails, by mail."""
    statement = (
        select(outbox_recipient)
        .where(outbox_recipient.c.outbox_id.in_(outbox_ids))
        .order_by(outbox_recipient.c.kind.desc(), outbox_recipient.c.id)
    )
    found: dict[int, list[RowMapping]] = {}
    for row in session.execute(statement).mappings():
        found.setdefault(row["outbox_id"], []).append(row)
    return found


# --- stored bytes -------------------------------------------------------------------------------------------------------


def raw_bytes(row: RowMapping, blobs: Blobs) -> bytes | None:
    """The mail as it came; None when it is no longer kept."""
    if row["compressed"] is not None:
        return zlib.decompress(row["compressed"])
    if row["sha256"] is None:
        return None
    try:
        return blobs.read(row["sha256"])
    except FileNotFoundError:
        return None


def stored_mail(content: bytes) -> StoredMail:
    """Read for showing, within the limits that arriving mail is read with; what cannot be read is left out, nothing is raised."""
    defects: list[str] = []
    try:
        message, _unread = guarded_tree(content, defects)
        bodies = bodies_of(leaves_of(message, defects), defects)
        fields = headers_written(message)[:200]
    except Exception:  # noqa: BLE001 - the email package raises many things on hostile mail, and its page must open all the same
        return StoredMail((), "", "", ())
    return StoredMail(
        tuple((name, value[:2000]) for name, value in fields),
        text=next(iter(bodies.text), "")[:_MOST_SHOWN],
        html=next(iter(bodies.html), "")[:_MOST_SHOWN],
        files=tuple(leaf.filename or leaf.content_type for leaf in bodies.attached[:200]),
    )
