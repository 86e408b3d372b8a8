"""What happened to each mail and why: received and leaving mail as the API shows them, newest first."""

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, exists, select

from mailcrm.address import address_key
from mailcrm.crm.rights import present_id
from mailcrm.store.engine import Session
from mailcrm.store.tables import inbound, outbox, outbox_recipient
from mailcrm.web.api.chatter_reads import read_recipients
from mailcrm.web.api.paging import Id, Page, Paging, Word, page_of
from mailcrm.web.api.shapes import InboundOut, OutboxOut

_SHOWN_IN = [inbound.c[name] for name in InboundOut.model_fields if name != "from_"]
_SHOWN_OUT = [outbox.c[name] for name in OutboxOut.model_fields if name not in ("to", "recipients")]


class InboundFilter(Paging):
    """``from`` is an address; ``message_id`` with or without angle brackets."""

    state: Word | None = None
    lead_id: Id | None = None
    message_id: Word | None = None
    from_: Word | None = Field(None, alias="from")
    route: Word | None = None
    verdict: Word | None = None
    reason: Word | None = None
    received_after: AwareDatetime | None = None


def read_inbound(session: Session, asked: InboundFilter) -> Page[InboundOut]:
    statement = select(*_SHOWN_IN, inbound.c.from_address).where(*_inbound_conditions(asked))
    rows, next_ = page_of(session, statement, asked, [(inbound.c.id, False)])
    items = [InboundOut(**{**row, "from": row["from_address"]}) for row in rows]
    return Page(items=items, next=next_)


def _inbound_conditions(asked: InboundFilter) -> list[ColumnElement[bool]]:
    equal = {name: getattr(asked, name) for name in ("state", "route", "verdict", "reason")}
    found = [inbound.c[name] == value for name, value in equal.items() if value is not None]
    if asked.lead_id is not None:
        found.append(inbound.c.lead_id == present_id(asked.lead_id))
    if asked.message_id is not None:
        found.append(inbound.c.message_id == _bare(asked.message_id))
    if asked.from_ is not None:
        found.append(inbound.c.from_key == address_key(asked.from_))
    if asked.received_after is not None:
        found.append(inbound.c.received_at > asked.received_after)
    return found


class OutboxFilter(Paging):
    """``to`` is an address."""

    state: Word | None = None
    kind: Word | None = None
    lead_id: Id | None = None
    message_id: Word | None = None
    to: Word | None = None
    created_after: AwareDatetime | None = None


def read_outbox(session: Session, asked: OutboxFilter) -> Page[OutboxOut]:
    statement = select(*_SHOWN_OUT).where(*_outbox_conditions(asked))
    rows, next_ = page_of(session, statement, asked, [(outbox.c.id, False)])
    recipients = read_recipients(session, [row["id"] for row in rows])
    items = []
    for row in rows:
        theirs = recipients.get(row["id"], [])
        to = ", ".join(one.address for one in theirs if one.kind == "to")
        items.append(OutboxOut(**row, to=to, recipients=theirs))
    return Page(items=items, next=next_)


def _outbox_conditions(asked: OutboxFilter) -> list[ColumnElement[bool]]:
    equal = {name: getattr(asked, name) for name in ("state", "kind")}
    found = [outbox.c[name] == value for name, value in equal.items() if value is not None]
    if asked.lead_id is not None:
        found.append(outbox.c.lead_id == present_id(asked.lead_id))
    if asked.message_id is not None:
        found.append(outbox.c.message_id == _bare(asked.message_id))
    if asked.to is not None:
        to = outbox_recipient.c.key == address_key(asked.to)
        found.append(exists().where(outbox_recipient.c.outbox_id == outbox.c.id, to))
    if asked.created_after is not None:
        found.append(outbox.c.created_at > asked.created_after)
    return found


def _bare(message_id: str) -> str:
    return message_id.strip().removeprefix("<").removesuffix(">")
