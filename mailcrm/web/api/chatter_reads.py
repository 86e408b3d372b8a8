"""A lead's chatter as the API shows it, oldest first: three statements for a page of any length."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, select

from mailcrm.crm.done import NotFound
from mailcrm.crm.rights import Actor, primary_address, require_lead, visible_leads
from mailcrm.store.engine import Session
from mailcrm.store.tables import attachment, lead, message, outbox, outbox_recipient, partner, user
from mailcrm.web.api.lead_reads import partner_email
from mailcrm.web.api.paging import Page, Paging, Word, page_of
from mailcrm.web.api.shapes import AttachmentOut, Delivery, MessageAuthor, MessageOut, RecipientOut


class MessageFilter(Paging):
    kind: Word | None = None


def read_messages(session: Session, who: Actor, lead_id: int, asked: MessageFilter) -> Page[MessageOut]:
    lead_id = require_lead(session, who, lead_id)
    statement = _statement().where(message.c.lead_id == lead_id)
    if asked.kind is not None:
        statement = statement.where(message.c.kind == asked.kind)
    rows, next_ = page_of(session, statement, asked, [(message.c.at, True), (message.c.id, True)])
    return Page(items=_shaped(session, rows), next=next_)


def read_message(session: Session, message_id: int) -> MessageOut:
    """One entry; the caller has seen to it that its lead may be seen."""
    rows = session.execute(_statement().where(message.c.id == message_id)).mappings().all()
    return _shaped(session, rows)[0]


def read_attachment(session: Session, who: Actor, attachment_id: int) -> RowMapping:
    """The row of an attachment on a lead the actor may see."""
    statement = (
        select(attachment)
        .join(message, message.c.id == attachment.c.message_id)
        .join(lead, lead.c.id == message.c.lead_id)
        .where(attachment.c.id == attachment_id, visible_leads(who))
    )
    row = session.execute(statement).mappings().first()
    if row is None:
        raise NotFound("There is no attachment %(id)s.", id=attachment_id)
    return row


def read_recipients(session: Session, outbox_ids: Sequence[int]) -> dict[int, list[RecipientOut]]:
    """What became of each recipient, by mail."""
    statement = select(outbox_recipient).where(outbox_recipient.c.outbox_id.in_(outbox_ids))
    found: dict[int, list[RecipientOut]] = {}
    for row in session.execute(statement.order_by(outbox_recipient.c.id)).mappings():
        copied = {name: row[name] for name in RecipientOut.model_fields}
        found.setdefault(row["outbox_id"], []).append(RecipientOut(**copied))
    return found


def _statement() -> Select[Any]:
    return (
        select(
            message,
            user.c.name.label("user_name"),
            primary_address(message.c.author_user_id).label("user_email"),
            partner.c.name.label("partner_name"),
            partner_email(message.c.author_partner_id).label("partner_email"),
            outbox.c.state.label("outbox_state"),
        )
        .outerjoin(user, user.c.id == message.c.author_user_id)
        .outerjoin(partner, partner.c.id == message.c.author_partner_id)
        .outerjoin(outbox, outbox.c.id == message.c.outbox_id)
    )


def _shaped(session: Session, rows: Sequence[RowMapping]) -> list[MessageOut]:
    files = _attachments(session, [row["id"] for row in rows])
    outbox_ids = [row["outbox_id"] for row in rows if row["outbox_id"] is not None]
    recipients = read_recipients(session, outbox_ids)
    return [_message_out(row, files.get(row["id"], []), recipients.get(row["outbox_id"], [])) for row in rows]


def _attachments(session: Session, message_ids: list[int]) -> dict[int, list[AttachmentOut]]:
    statement = select(attachment).where(attachment.c.message_id.in_(message_ids)).order_by(attachment.c.id)
    found: dict[int, list[AttachmentOut]] = {}
    for row in session.execute(statement).mappings():
        shaped = AttachmentOut(
            filename=row["filename"],
            content_type=row["content_type"],
            size=row["size"],
            url=f"/api/v1/attachments/{row['id']}",
            is_inline=row["is_inline"],
        )
        found.setdefault(row["message_id"], []).append(shaped)
    return found


_COPIED = (
    "id", "kind", "subject", "text", "new_text", "html", "at", "reason", "reason_detail", "message_id", "event", "event_data",
    "is_folded", "is_unconfirmed", "is_guess",
)  # fmt: skip


def _message_out(row: RowMapping, files: list[AttachmentOut], recipients: list[RecipientOut]) -> MessageOut:
    delivery = None
    if row["kind"] == "email_out" and row["outbox_state"] is not None:
        delivery = Delivery(state=row["outbox_state"], recipients=recipients)
    copied = {name: row[name] for name in _COPIED}
    return MessageOut(**copied, author=_author(row), attachments=files, delivery=delivery)


def _author(row: RowMapping) -> MessageAuthor:
    kind = row["author_kind"]
    name = row["author_name"] or row[f"{kind}_name"] if kind in ("user", "partner") else row["author_name"]
    email = row["author_address"] or (row[f"{kind}_email"] if kind in ("user", "partner") else None)
    return MessageAuthor(kind=kind, name=name or "", email=email or None)
